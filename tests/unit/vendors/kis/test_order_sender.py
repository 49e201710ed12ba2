"""The verdicts on an order, one row of the policy at a time."""

from __future__ import annotations

import json
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from broker_client.errors import (
    AuthenticationFailed,
    OrderOutcomeIsUnknown,
    TaskExpired,
    TaskFailed,
    VendorRejected,
    VendorUnavailable,
)
from broker_server.vendors.http import HttpRequest, HttpResponse
from broker_server.vendors.verdicts import OrderNotSent
from tests.support.fake_time import START
from tests.support.kis_server import Bench, Step, broken, make_bench, ok, refusal, reply, token, token_refused

ORDER = {"ticker": "005930", "quantity": 3, "price": 70000}
MESSAGES = json.loads(files("broker_server.simulator.kis").joinpath("data/messages.json").read_text("utf-8"))
SIMULATED_REFUSALS = sorted({code for code, _ in MESSAGES["refusals"].values()})
TAKEN = ok({"KRX_FWDG_ORD_ORGNO": "06010", "ODNO": "0000117057", "ORD_TMD": "121052"})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


def buy(bench: Bench, *steps: Step, **more: Any) -> Any:
    bench.kis.on("order-cash", *steps)
    (row,) = bench.outcome("kis.buy-order", **ORDER, **more).rows
    return row


def sent(bench: Bench) -> int:
    return len(bench.kis.calls("order-cash"))


def test_a_number_is_an_acceptance(bench: Bench) -> None:
    receipt = buy(bench, TAKEN)
    assert (receipt.order_no, receipt.state) == ("0000117057", "accepted")
    assert receipt.time.isoformat() == "2026-11-20T12:10:52+09:00"
    assert sent(bench) == 1
    assert bench.gate.events == ["before"]


def test_the_body_is_what_kis_wants(bench: Bench) -> None:
    buy(bench, TAKEN)
    (request,) = bench.kis.calls("order-cash")
    assert request.headers["tr_id"] == "TTTC0012U"
    assert request.headers["authorization"] == "Bearer token-1"
    assert json.loads(request.body or b"") == {
        "CANO": "12345678",
        "ACNT_PRDT_CD": "01",
        "PDNO": "005930",
        "ORD_DVSN": "00",
        "ORD_QTY": "3",
        "ORD_UNPR": "70000",
        "EXCG_ID_DVSN_CD": "KRX",
        "SLL_TYPE": "",
        "CNDT_PRIC": "",
    }


def test_a_business_code_is_a_rejection(bench: Bench) -> None:
    with pytest.raises(VendorRejected) as caught:
        buy(bench, refusal("APBK0919", "장운영일자가 주문일과 상이합니다 "))
    assert caught.value.vendor_code == "APBK0919"
    assert caught.value.vendor_message == "장운영일자가 주문일과 상이합니다 "
    assert sent(bench) == 1
    assert bench.gate.events == ["before"]


@pytest.mark.parametrize("code", [*SIMULATED_REFUSALS, "APTR0044", "APAC0001", "OPSQ2000", "OPSQ2001"])
def test_every_code_of_a_business_family_is_a_rejection(bench: Bench, code: str) -> None:
    with pytest.raises(VendorRejected) as caught:
        buy(bench, refusal(code))
    assert caught.value.vendor_code == code
    assert sent(bench) == 1


def test_a_business_code_on_http_500_is_a_rejection_too(bench: Bench) -> None:
    with pytest.raises(VendorRejected):
        buy(bench, refusal("APBK0400", "주문 가능한 수량을 초과했습니다.", 500))


@pytest.mark.parametrize(
    "step",
    [
        broken(bytes_left=True),
        refusal("EGW00301", "이전 거래 확인", 500),
        refusal("EGW00302", "이전 거래 확인", 500),
        refusal("EGW00001", "", 500),
        refusal("EGW00103"),
        refusal("EGW99999"),
        refusal("EGW00133"),
        refusal("EGW00133", "", 500),
        refusal("OPSQ0009"),
        refusal("IGW00014"),
        refusal("MCA00000"),
        refusal("MCA05918"),
        refusal("APXX0001"),
        refusal("APBK09190"),
        refusal("4031000"),
        refusal("\uff14\uff10310000"),
        refusal("", "no code"),
        reply({"error_code": "APBK0919", "error_description": "not in the shape of a business refusal"}),
        reply({"rt_cd": None, "msg_cd": "APBK0919"}),
        reply({"rt_cd": "", "msg_cd": "APBK0919"}),
        HttpResponse(200, {}, b'{"rt_cd": ' + b"1" * 5000 + b"}"),
        HttpResponse(503, {}, b"busy"),
        reply({"error_code": "EGW00002", "error_description": "x"}, 500),
        reply({}, 500),
        reply({}),
        reply({"output": {"ODNO": "0000117057"}}),
        HttpResponse(502, {}, b"<html>"),
        HttpResponse(200, {}, b""),
        HttpResponse(200, {}, b"{"),
        HttpResponse(307, {}, b""),
        ok({"ORD_TMD": "121052"}),
        ok({"ODNO": "  "}),
        ok("text"),
        ok(),
    ],
    ids=lambda step: repr(step)[:40],
)
def test_what_is_no_verdict_is_unknown_and_never_repeated(bench: Bench, step: Step) -> None:
    with pytest.raises(OrderOutcomeIsUnknown, match="do not send it again") as caught:
        buy(bench, step, TAKEN)
    assert "try again" not in caught.value.message
    assert sent(bench) == 1
    assert bench.gate.events == ["before"]


def test_no_byte_left_is_not_sent_and_not_repeated(bench: Bench) -> None:
    with pytest.raises(OrderNotSent) as caught:
        buy(bench, broken(bytes_left=False), TAKEN)
    assert caught.value.code == "VENDOR_UNAVAILABLE"
    assert "the order was not sent" in caught.value.message
    assert sent(bench) == 1
    assert bench.gate.events == ["before", "not taken"]


@pytest.mark.parametrize("code", ["EGW00201", "EGW00215"])
def test_a_throttled_order_is_sent_again_after_a_pause(bench: Bench, code: str) -> None:
    buy(bench, refusal(code, "초당 거래건수를 초과하였습니다.", 500), TAKEN)
    assert sent(bench) == 2
    assert bench.clock.monotonic() >= 0.5
    assert bench.gate.events == ["before", "not taken", "before"]


@pytest.mark.parametrize("code", ["EGW00121", "EGW00122", "EGW00123"])
def test_a_refused_token_is_renewed_once(bench: Bench, code: str) -> None:
    bench.kis.on("tokenP", token("old"), token("new"))
    buy(bench, refusal(code, "", 500), TAKEN)
    assert [request.headers["authorization"] for request in bench.kis.calls("order-cash")] == [
        "Bearer old",
        "Bearer new",
    ]
    assert bench.gate.events == ["before", "not taken", "before"]


@pytest.mark.parametrize(("code", "attempts"), [("EGW00201", 6), ("EGW00123", 2)])
def test_the_safe_list_has_an_end_and_then_the_order_was_not_sent(
    bench: Bench, code: str, attempts: int
) -> None:
    with pytest.raises(OrderNotSent) as caught:
        buy(bench, refusal(code, "", 500))
    assert sent(bench) == attempts
    assert caught.value.vendor_code == code
    assert "was not taken" in caught.value.message
    assert bench.gate.events == ["before", "not taken"] * attempts


@pytest.mark.parametrize("answer", [broken(bytes_left=False), token_refused(), reply({}, 500)])
def test_without_a_token_nothing_was_about_to_be_sent(tmp_path: Path, answer: Step) -> None:
    bench = make_bench(tmp_path)
    bench.kis.on("tokenP", answer)
    with pytest.raises(TaskFailed):
        buy(bench, TAKEN, deadline=START + timedelta(seconds=0.5))
    assert sent(bench) == 0
    assert bench.gate.events == []


@pytest.mark.parametrize("method", ["kis.cancel-order", "kis.cancel-overseas-order"])
def test_a_cancel_whose_look_up_fails_was_not_about_to_be_sent(bench: Bench, method: str) -> None:
    for tail in ("inquire-psbl-rvsecncl", "inquire-ccnl"):
        bench.kis.on(tail, broken(bytes_left=True))
    with pytest.raises(VendorUnavailable):
        bench.outcome(method, order_no="1")
    assert bench.gate.events == []


def test_an_order_is_not_repeated_past_its_deadline(bench: Bench) -> None:
    def too_slow(request: HttpRequest) -> HttpResponse:
        bench.clock.advance(30)
        return refusal("EGW00201", "", 500)

    with pytest.raises(TaskExpired):
        buy(bench, too_slow, TAKEN, deadline=START + timedelta(seconds=10))
    assert sent(bench) == 1
    assert bench.gate.events == ["before", "not taken"]


def test_a_wrong_key_stops_an_order_before_it_leaves(bench: Bench) -> None:
    bench.kis.on("tokenP", reply({"error_code": "EGW00103", "error_description": "x"}, 403))
    with pytest.raises(AuthenticationFailed):
        buy(bench, TAKEN)
    assert sent(bench) == 0


def test_an_unreadable_time_does_not_cost_an_acceptance(bench: Bench) -> None:
    receipt = buy(bench, ok({"ODNO": "1", "ORD_TMD": "soon"}))
    assert (receipt.order_no, receipt.time) == ("0000000001", None)


def test_an_order_without_an_account_says_what_to_set(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, account=None)
    with pytest.raises(TaskFailed, match="KIS_ACCOUNT"):
        buy(bench, TAKEN)
    assert bench.kis.requests == []
