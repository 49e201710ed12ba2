"""Queries against a scripted server: what is repeated, and in what each fault ends."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from broker_client.errors import (
    AuthenticationFailed,
    InvalidParameters,
    RateLimited,
    TaskExpired,
    Unsupported,
    VendorRejected,
    VendorUnavailable,
)
from broker_server.core.methods import Lane
from broker_server.vendors.http import HttpResponse
from broker_server.vendors.kiwoom.backend import Page
from tests.support.fake_time import START
from tests.support.kis_server import Step, broken
from tests.support.kiwoom_rest import (
    DAY_CANDLES,
    DAY_CHART,
    INPUTS,
    NAME,
    TOKEN,
    TOKEN_REFUSED,
    Bench,
    make_bench,
    ok,
    refusal,
    throttled,
    token,
)

CANDLES = ok(stk_cd="005930", stk_dt_pole_chart_qry=[{"cur_prc": " -70000", "dt": "20261120", "new": "1"}])


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


def read(bench: Bench, *steps: Step, **more: object) -> Page:
    bench.kiwoom.on(DAY_CHART, *steps)
    context = bench.context(**more)  # type: ignore[arg-type]
    return bench.backend.request(DAY_CANDLES, INPUTS, context, Lane.QUOTE)


def tries(bench: Bench) -> int:
    return len(bench.kiwoom.calls(DAY_CHART))


def test_a_call_carries_token_api_id_and_a_name_of_its_own(bench: Bench) -> None:
    read(bench, CANDLES)
    (request,) = bench.kiwoom.calls(DAY_CHART)
    assert (request.method, request.url) == ("POST", "http://127.0.0.1:1/api/dostk/chart")
    assert request.headers["authorization"] == "Bearer token-1"
    assert request.headers["user-agent"] == "sapi-broker"
    assert request.headers["content-type"] == "application/json;charset=UTF-8"
    assert not {"cont-yn", "next-key"} & request.headers.keys()
    assert json.loads(request.body or b"") == {"stk_cd": "005930", "base_dt": "20261120", "upd_stkpc_tp": "1"}


def test_rows_are_by_our_names_and_untouched(bench: Bench) -> None:
    page = read(bench, CANDLES)
    assert page.rows == [{"price": " -70000", "day": "20261120", "event": ""}]
    assert page.more is None


def test_the_next_page_is_asked_for_by_headers(bench: Bench) -> None:
    bench.kiwoom.on(DAY_CHART, ok(stk_dt_pole_chart_qry=[], more="key of page 2"), CANDLES)
    first = bench.backend.request(DAY_CANDLES, INPUTS, bench.context(), Lane.BULK)
    assert first.more == "key of page 2"
    bench.backend.request(DAY_CANDLES, INPUTS, bench.context(), Lane.BULK, after=first.more)
    one, two = bench.kiwoom.calls(DAY_CHART)
    assert (two.headers["cont-yn"], two.headers["next-key"]) == ("Y", "key of page 2")
    assert one.body == two.body


@pytest.mark.parametrize(
    "fault",
    [
        broken(bytes_left=True),
        broken(bytes_left=False),
        HttpResponse(502, {}, b"<html>"),
        refusal(1999, "예기치 못한 에러"),
        throttled(),
        throttled(code="1701"),
        throttled(code="1702"),
        HttpResponse(429, {}, b""),
        TOKEN_REFUSED,
        refusal(8031, "token"),
        HttpResponse(401, {}, b""),
        refusal(9, "who are you", 401),
    ],
    ids=lambda fault: repr(fault)[:60],
)
def test_a_passing_fault_is_repeated(bench: Bench, fault: Step) -> None:
    assert read(bench, fault, CANDLES).rows[0]["day"] == "20261120"
    assert tries(bench) == 2


@pytest.mark.parametrize(
    ("fault", "error", "attempts"),
    [
        (broken(bytes_left=True), VendorUnavailable, 3),
        (HttpResponse(503, {}, b""), VendorUnavailable, 3),
        (refusal(1999, "x"), VendorUnavailable, 3),
        (refusal(77, "x", 500), VendorUnavailable, 1),
        (throttled(), RateLimited, 7),
        (TOKEN_REFUSED, AuthenticationFailed, 2),
        (HttpResponse(401, {}, b""), AuthenticationFailed, 2),
        (refusal(3, "[8030:투자구분]"), AuthenticationFailed, 1),
        (refusal(3, "[8010:IP]"), AuthenticationFailed, 1),
        (refusal(20, "[2000](RC9000:x)"), Unsupported, 1),
        (refusal(5, "[1634:최대 100]"), VendorRejected, 1),
        (refusal(2, "[1511:필수입력 파라미터=stk_cd]"), VendorRejected, 1),
        (refusal(2, "[1902:종목 정보가 없습니다]"), InvalidParameters, 1),
        (HttpResponse(200, {}, b"{"), VendorUnavailable, 1),
        (HttpResponse(400, {}, b"<html>Request Blocked"), VendorUnavailable, 1),
        (ok(stk_dt_pole_chart_qry="text"), VendorUnavailable, 1),
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
    bench.kiwoom.on(TOKEN, token("old"), token("new"))
    read(bench, TOKEN_REFUSED, CANDLES)
    assert [call.headers["authorization"] for call in bench.kiwoom.calls(DAY_CHART)] == [
        "Bearer old",
        "Bearer new",
    ]


def test_the_same_token_may_come_back(bench: Bench) -> None:
    read(bench, TOKEN_REFUSED, CANDLES)
    assert len(bench.kiwoom.calls(TOKEN)) == 2


def times_of_calls(bench: Bench, respond: Callable[[int], HttpResponse]) -> list[float]:
    times: list[float] = []

    def answer(_: object) -> HttpResponse:
        times.append(bench.clock.monotonic())
        return respond(len(times))

    read(bench, answer)
    return times


def test_the_pauses_after_throttling_grow_from_over_a_second(bench: Bench) -> None:
    times = times_of_calls(bench, lambda count: CANDLES if count == 5 else throttled())
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert [round(gap, 2) for gap in gaps] == [1.1, 1.43, 1.86, 2.42]


def test_throttling_of_one_api_does_not_hold_up_another(bench: Bench) -> None:
    bench.kiwoom.on(NAME, ok(code="005930", name="삼성전자"))
    with pytest.raises(RateLimited):
        read(bench, throttled())
    before = bench.clock.monotonic()
    assert bench.backend.stock_name("005930", bench.context()) == "삼성전자"
    assert bench.clock.monotonic() - before < 1


def test_the_limit_that_a_refusal_names_is_kept_from_then_on(bench: Bench) -> None:
    read(bench, throttled(flow=1), CANDLES)
    assert bench.backend.status()["rate_limit"]["lowered"] == {DAY_CHART: 1}
    before = bench.clock.monotonic()
    read(bench, CANDLES)
    assert bench.clock.monotonic() - before >= 1


def test_a_query_is_not_repeated_past_its_deadline(bench: Bench) -> None:
    with pytest.raises(TaskExpired):
        read(bench, throttled(), deadline=START + timedelta(seconds=3))
    assert tries(bench) <= 3


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/api/dostk/ordr", InvalidParameters),
        ("/API/dostk/ordr/", InvalidParameters),
        ("/api/dostk/crdordr", InvalidParameters),
        ("/api/dostk/websocket", InvalidParameters),
        ("/oauth2/revoke", InvalidParameters),
        (None, Unsupported),
    ],
)
def test_what_is_no_query_is_refused(bench: Bench, path: str | None, error: type[Exception]) -> None:
    tr = replace(DAY_CANDLES, path=path, api_id="kt10000" if path else None)
    with pytest.raises(error):
        bench.backend.request(tr, INPUTS, bench.context(), Lane.QUOTE)
    assert bench.kiwoom.requests == []


def test_no_secret_reaches_a_message_or_a_log(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for fault in (broken(bytes_left=True), TOKEN_REFUSED, HttpResponse(200, {}, b"{")):
        with pytest.raises((VendorUnavailable, AuthenticationFailed)) as caught:
            read(bench, fault)
        shown.append(str(caught.value))
    config = bench.backend._config
    output = "".join([*shown, *capsys.readouterr(), repr(config), str(bench.backend.status())])
    for secret in (config.app_key, config.app_secret):
        assert secret.get_secret_value() not in output
    assert "token-1" not in output
    assert "12345678" not in str(bench.backend.status())
