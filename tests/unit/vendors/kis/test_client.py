from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker_client.errors import (
    AuthenticationFailed,
    RateLimited,
    TaskExpired,
    Unsupported,
    VendorRejected,
    VendorUnavailable,
)
from broker_server.vendors.http import HttpResponse
from tests.support.fake_time import START
from tests.support.kis_server import Bench, Step, broken, make_bench, ok, refusal, token

PRICE = ok({"stck_prpr": "70000", "prdy_vrss": "100", "prdy_vrss_sign": "5", "prdy_ctrt": "0.14"})
HOLDING = {"pdno": "005930", "prdt_name": "삼성전자", "hldg_qty": "1"}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


def read(bench: Bench, *steps: Step, **more: Any) -> Any:
    bench.kis.on("inquire-price", *steps)
    (row,) = bench.outcome("kis.get-current-price", ticker="005930", **more).rows
    return row


def tries(bench: Bench) -> int:
    return len(bench.kis.calls("inquire-price"))


def test_a_call_carries_key_token_and_tr_id(bench: Bench) -> None:
    read(bench, PRICE)
    (request,) = bench.kis.calls("inquire-price")
    assert request.method == "GET"
    assert request.query == {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}
    assert request.headers["authorization"] == "Bearer token-1"
    assert request.headers["tr_id"] == "FHKST01010100"
    assert request.headers["custtype"] == "P"
    assert request.headers["tr_cont"] == ""
    assert {"appkey", "appsecret"} <= request.headers.keys()


@pytest.mark.parametrize(
    "fault",
    [
        broken(bytes_left=True),
        broken(bytes_left=False),
        HttpResponse(502, {}, b"<html>"),
        refusal("EGW00202", "", 500),
        refusal("EGW00201", "", 500),
        refusal("EGW00215", "", 500),
        refusal("EGW00123", "", 500),
    ],
    ids=lambda fault: repr(fault)[:60],
)
def test_a_passing_fault_is_repeated(bench: Bench, fault: Step) -> None:
    assert read(bench, fault, PRICE).price == 70000
    assert tries(bench) == 2


@pytest.mark.parametrize(
    ("fault", "error", "attempts"),
    [
        (broken(bytes_left=True), VendorUnavailable, 3),
        (HttpResponse(503, {}, b""), VendorUnavailable, 3),
        (refusal("EGW00302", "", 500), VendorUnavailable, 3),
        (refusal("EGW00201", "", 500), RateLimited, 6),
        (refusal("EGW00121", "", 500), AuthenticationFailed, 2),
        (refusal("EGW00103", "", 500), AuthenticationFailed, 1),
        (refusal("EGW00213", "모의투자 TR 이 아닙니다.", 500), Unsupported, 1),
        (refusal("OPSQ2001", "INVALID"), VendorRejected, 1),
        (refusal("APBK0656", "해당종목정보가 없습니다."), VendorRejected, 1),
        (HttpResponse(200, {}, b"{"), VendorUnavailable, 1),
        (HttpResponse(404, {}, b"not here"), VendorUnavailable, 1),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_lasting_fault_ends_in_its_error(
    bench: Bench, fault: Step, error: type[Exception], attempts: int
) -> None:
    with pytest.raises(error):
        read(bench, fault)
    assert tries(bench) == attempts


def test_a_token_is_renewed_once_and_then_used(bench: Bench) -> None:
    bench.kis.on("tokenP", token("old"), token("new"))
    read(bench, refusal("EGW00123", "", 500), PRICE)
    assert [call.headers["authorization"] for call in bench.kis.calls("inquire-price")] == [
        "Bearer old",
        "Bearer new",
    ]


def test_a_read_is_not_repeated_past_its_deadline(bench: Bench) -> None:
    def slow(request: object) -> HttpResponse:
        bench.clock.advance(60)
        return refusal("EGW00202", "", 500)

    with pytest.raises(TaskExpired):
        read(bench, slow, deadline=START + timedelta(seconds=30))
    assert tries(bench) == 1


def page(number: int, more: str, key: str) -> HttpResponse:
    return ok(
        output1=[{**HOLDING, "pdno": f"{number:06d}"}],
        output2=[{"dnca_tot_amt": "5"}],
        ctx_area_fk100="12345678^01^N^         ",
        ctx_area_nk100=key,
        headers={"tr_cont": more},
    )


def test_pages_are_read_to_the_end_with_their_keys_untouched(bench: Bench) -> None:
    key = "  005930^  "
    bench.kis.on("inquire-balance", page(1, "F", key), page(2, "M", "next"), page(3, "E", ""))
    outcome = bench.outcome("kis.get-balance")
    assert [holding.ticker for holding in outcome.rows[0].holdings] == ["000001", "000002", "000003"]
    assert outcome.truncated is None
    first, second, third = bench.kis.calls("inquire-balance")
    assert [call.headers["tr_cont"] for call in (first, second, third)] == ["", "N", "N"]
    assert (first.query["CTX_AREA_FK100"], first.query["CTX_AREA_NK100"]) == ("", "")
    assert second.query["CTX_AREA_FK100"] == "12345678^01^N^         "
    assert second.query["CTX_AREA_NK100"] == key
    assert third.query["CTX_AREA_NK100"] == "next"
    assert bench.progress == [(1, None), (2, None), (3, None)]


def test_a_page_without_a_key_to_go_on_is_reported_as_truncation(bench: Bench) -> None:
    bench.kis.on("inquire-balance", page(1, "M", "same"), page(2, "M", "same"))
    outcome = bench.outcome("kis.get-balance")
    assert len(outcome.rows[0].holdings) == 2
    assert outcome.truncated
    assert "no key" in outcome.truncated


def test_endless_pages_stop_and_say_so(bench: Bench) -> None:
    count = [0]

    def endless(request: object) -> HttpResponse:
        count[0] += 1
        return page(count[0], "M", str(count[0]))

    bench.kis.on("inquire-balance", endless)
    outcome = bench.outcome("kis.get-balance")
    assert count[0] == 100
    assert outcome.truncated == "stopped after 100 pages; ask for a shorter period"


def test_a_fault_on_a_later_page_does_not_return_half_a_list(bench: Bench) -> None:
    bench.kis.on("inquire-balance", page(1, "M", "k"), refusal("APBK0012", "계좌"))
    with pytest.raises(VendorRejected):
        bench.outcome("kis.get-balance")


def test_no_secret_reaches_a_message_or_a_log(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for fault in (broken(bytes_left=True), refusal("EGW00103", "bad key"), HttpResponse(200, {}, b"{")):
        with pytest.raises((VendorUnavailable, AuthenticationFailed)) as caught:
            read(bench, fault)
        shown.append(str(caught.value))
    config = bench.vendor._config
    output = "".join([*shown, *capsys.readouterr(), repr(config), str(bench.vendor.status())])
    for secret in (config.app_key, config.app_secret):
        assert secret.get_secret_value() not in output
    assert "token-1" not in output
    assert "12345678" not in str(bench.vendor.status())
