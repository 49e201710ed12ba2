"""What the answers of KOSCOM's gateway come to: repeated, refused with a code of the contract, or told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from broker_client.errors import (
    AuthenticationFailed,
    RateLimited,
    TaskFailed,
    Unsupported,
    VendorRejected,
    VendorUnavailable,
)
from broker_server.vendors.http import ExchangeFailed, HttpResponse
from broker_server.vendors.koscom.errors import Meaning, error_for, meaning_of
from broker_server.vendors.koscom.tables import load_data
from tests.support.kis_server import reply
from tests.support.koscom_rest import API_KEY, PRICE, Bench, make_bench, quota, result

PATH = "/realtime/kospi/stocks/005930/price"
LOST = ExchangeFailed("the connection broke", bytes_left=True)
GOOD = result(PRICE)
BUSY = {"message": "API rate limit exceeded"}


def price(bench: Bench, *steps: Any) -> Any:
    if steps:
        bench.koscom.on(PATH, *steps)
    return bench.call("get-current-price", ticker="005930", market="kospi")[0].price


@pytest.mark.parametrize(
    "fault",
    [
        LOST,
        reply({"message": "An invalid response was received from the upstream server"}, 502),
        HttpResponse(503, {}, b"<html>"),
        reply({"message": "Request Timeout"}, 408),
        reply({"jsonrpc": "2.0", "error": {"code": 10080, "message": "서버 시스템 에러 입니다"}}),
    ],
)
def test_a_fault_is_repeated_twice(fault: Any) -> None:
    bench = make_bench()
    assert price(bench, fault, fault, GOOD) == 38_600
    assert len(bench.paths) == 3
    with pytest.raises(VendorUnavailable, match="try again later"):
        price(bench, fault)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (
            reply({"message": "Invalid authentication credentials"}, 401),
            AuthenticationFailed,
            "KOSCOM_API_KEY",
        ),
        (reply({"message": "No API key found in request"}, 401), AuthenticationFailed, "No API key found"),
        (reply({"message": "You cannot consume this service"}, 403), AuthenticationFailed, "contract"),
        (reply({"message": "no Route matched with those values"}, 404), Unsupported, "KOSCOM_API_VERSION"),
        (reply({"error": "당일 종가 제공 시간이 아닙니다."}, 400), VendorUnavailable, "종가 제공 시간"),
        (reply({"error": "something else"}, 400), VendorRejected, "something else"),
        (
            reply({"error": {"code": 10070, "message": "고객정보"}}, 200),
            AuthenticationFailed,
            "10070 고객정보",
        ),
        (reply({"category": "c", "code": "E1", "message": "m", "description": "d"}), VendorRejected, "E1 m"),
        (reply({"code": 10010, "message": "데이터가 존재 하지 않습니다"}), VendorRejected, "10010"),
        (HttpResponse(405, {}, b""), VendorRejected, "HTTP 405"),
        (HttpResponse(200, {}, b"<html>"), VendorUnavailable, "no JSON object"),
        (HttpResponse(200, {}, b"[]"), VendorUnavailable, "no JSON object"),
        (reply({"jsonrpc": "2.0", "result": "ok"}), VendorUnavailable, "result is no object"),
    ],
)
def test_refusals_have_a_code_of_the_contract(answer: Any, error: type[TaskFailed], words: str) -> None:
    with pytest.raises(error, match=words) as failure:
        price(make_bench(), answer)
    assert failure.value.vendor == "koscom"
    assert API_KEY not in str(failure.value)


def test_the_words_of_koscom_travel_untouched() -> None:
    text = "종목코드가  존재 하지 않습니다"
    with pytest.raises(TaskFailed) as failure:
        price(make_bench(), reply({"error": {"code": 10040, "message": text}}))
    assert (failure.value.vendor_code, failure.value.vendor_message) == ("10040", text)


def test_every_documented_code_has_a_meaning() -> None:
    for code, text in load_data("fields.json")["errors"]["market"].items():
        meaning = meaning_of(code, text)
        assert meaning is not Meaning.REFUSED, code
        assert meaning is Meaning.FINISHED or code in str(error_for(code, text))


def test_a_finished_query_with_data_is_no_failure() -> None:
    body = {"jsonrpc": "2.0", "error": {"code": 20130, "message": "조회가 완료되었습니다"}, "result": PRICE}
    assert price(make_bench(), reply(body)) == 38_600


def test_a_limit_that_is_not_the_days_is_waited_for() -> None:
    bench = make_bench()
    assert price(bench, reply(BUSY, 429), GOOD) == 38_600
    assert bench.clock.monotonic() >= 1.0
    with pytest.raises(RateLimited, match="KOSCOM_RATE_LIMIT"):
        price(bench, reply(BUSY, 429))


def test_the_quota_of_the_day_is_kept() -> None:
    bench = make_bench()
    price(bench, result(PRICE, **quota(2)), result(PRICE, **quota(1)), result(PRICE, **quota(0)))
    assert bench.vendor.status()["quota"] == {
        "limit_per_day": 1000,
        "remaining": 2,
        "kept_from_bulk_reads": 50,
        "resets_at": "2026-11-21T09:00:00+09:00",
    }
    price(bench)
    price(bench)
    with pytest.raises(RateLimited, match=r"all of 1,000 calls are used; .* 2026-11-21 09:00 in Korea"):
        price(bench)
    assert len(bench.paths) == 3


def test_bulk_reads_stop_before_quotes_do() -> None:
    bench = make_bench()
    price(bench, result(PRICE, **quota(50)), GOOD)
    with pytest.raises(RateLimited, match="the last 50 of 1,000 calls are kept for quotes"):
        bench.call("query", table="price", arguments={"market": "kospi", "code": "005930"})
    assert price(bench) == 38_600
    assert len(bench.paths) == 2


def test_the_count_begins_anew_at_the_opening_bell() -> None:
    bench = make_bench()
    price(bench, result(PRICE, **quota(0)), GOOD)
    with pytest.raises(RateLimited):
        price(bench)
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    bench.clock.advance((midnight - bench.clock.now()).total_seconds())
    assert price(bench) == 38_600
    assert bench.vendor.status()["quota"]["remaining"] is None


def test_a_used_up_count_is_looked_at_again_after_a_minute() -> None:
    bench = make_bench()
    price(bench, result(PRICE, **quota(0)), result(PRICE, **quota(700)), GOOD)
    bench.clock.advance(61)
    assert price(bench) == 38_600
    assert bench.vendor.status()["quota"]["remaining"] == 700


def test_the_refusal_for_the_quota_is_not_repeated() -> None:
    bench = make_bench()
    headers = {name.replace("_", "-"): value for name, value in quota(0).items()}
    with pytest.raises(RateLimited, match="quota of the day"):
        price(bench, reply(BUSY, 429, headers))
    assert len(bench.paths) == 1


def test_calls_that_come_to_nothing_give_their_slot_back() -> None:
    bench = make_bench()
    price(bench, result(PRICE, **quota(3)), LOST, LOST, GOOD)
    price(bench)
    assert bench.vendor.status()["quota"]["remaining"] == 3


def test_nothing_is_asked_once_it_is_closed() -> None:
    bench = make_bench()
    bench.koscom.on(PATH, GOOD)
    bench.vendor.close()
    with pytest.raises(VendorUnavailable, match="stopping"):
        price(bench)
