"""The verdicts on an order, one row of the policy at a time."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from broker_client.errors import (
    OrderOutcomeIsUnknown,
    RateLimited,
    TaskExpired,
    TaskFailed,
    VendorRejected,
    VendorUnavailable,
)
from broker_server.vendors.http import HttpResponse
from broker_server.vendors.kiwoom.backend import OrderRequest
from broker_server.vendors.verdicts import OrderNotSent
from tests.support.fake_time import START
from tests.support.kis_server import Step, broken, reply
from tests.support.kiwoom_rest import (
    BUY,
    ORDER,
    TOKEN,
    TOKEN_REFUSED,
    Bench,
    make_bench,
    ok,
    refusal,
    throttled,
    token,
)

TAKEN = ok(ord_no="0000139", dmst_stex_tp="KRX")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


def send(bench: Bench, *steps: Step, order: OrderRequest = ORDER, api_id: str = BUY) -> str:
    bench.kiwoom.on(api_id, *steps)
    context = bench.context()
    bench.backend.ready_for_order(order, context)
    return bench.backend.send_order(order, context)


def sent(bench: Bench) -> int:
    return len(bench.kiwoom.calls(BUY))


def test_a_number_is_an_acceptance(bench: Bench) -> None:
    assert send(bench, TAKEN) == "0000139"
    (request,) = bench.kiwoom.calls(BUY)
    assert request.url.endswith("/api/dostk/ordr")
    assert request.headers["authorization"] == "Bearer token-1"
    assert bench.gate.events == []


@pytest.mark.parametrize(
    ("order", "api_id", "body"),
    [
        (
            ORDER,
            "kt10000",
            {"dmst_stex_tp": "KRX", "ord_qty": "3", "ord_uv": "70000", "trde_tp": "0", "cond_uv": ""},
        ),
        (
            replace(ORDER, side="sell", price=0, kind="3", venue="SOR"),
            "kt10001",
            {"dmst_stex_tp": "SOR", "ord_qty": "3", "ord_uv": "", "trde_tp": "3", "cond_uv": ""},
        ),
        (
            replace(ORDER, action="modify", original="0000100"),
            "kt10002",
            {
                "dmst_stex_tp": "KRX",
                "orig_ord_no": "0000100",
                "mdfy_qty": "3",
                "mdfy_uv": "70000",
                "mdfy_cond_uv": "",
            },
        ),
        (
            replace(ORDER, action="cancel", side="sell", original="0000100"),
            "kt10003",
            {"dmst_stex_tp": "KRX", "orig_ord_no": "0000100", "cncl_qty": "3"},
        ),
        (
            replace(ORDER, action="cancel", side="sell", original="0000100", all_left=True),
            "kt10003",
            {"dmst_stex_tp": "KRX", "orig_ord_no": "0000100", "cncl_qty": "0"},
        ),
    ],
    ids=["buy", "sell", "modify", "cancel", "cancel all"],
)
def test_the_body_is_what_kiwoom_wants(
    bench: Bench, order: OrderRequest, api_id: str, body: dict[str, str]
) -> None:
    send(bench, TAKEN, order=order, api_id=api_id)
    (request,) = bench.kiwoom.calls(api_id)
    assert json.loads(request.body or b"") == {"stk_cd": "005930", **body}


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (refusal(20, "[2000](RC4058:모의투자 장종료)"), "RC4058"),
        (refusal("20", "[2000](RC4025:증거금 부족)"), "RC4025"),
        (refusal(20, "[2000](RC9000:모의투자)"), "RC9000"),
        (refusal(2, "[1511:필수입력 파라미터=ord_qty]"), "1511"),
        (refusal(1517, "입력 값 형식"), "1517"),
        (refusal(2, "[1902:종목 정보가 없습니다]"), "1902"),
        (refusal(3, "[8030:투자구분]"), "8030"),
        (refusal(20, "[2000](571557:주문단가를 잘못입력하셨습니다)"), "571557"),
        (refusal("2000", "[2000](571412:SOR정정 및 취소주문은 원주문이 SOR)"), "571412"),
        (refusal(20, "[2000] 주문 불가능합니다."), "2000"),
    ],
)
def test_a_known_refusal_is_a_rejection(bench: Bench, step: Step, code: str) -> None:
    with pytest.raises(VendorRejected) as caught:
        send(bench, step, TAKEN)
    assert caught.value.vendor_code == code
    assert sent(bench) == 1
    assert bench.gate.events == []


@pytest.mark.parametrize(
    "step",
    [
        broken(bytes_left=True),
        refusal(1999, "예기치 못한 에러"),
        refusal(1687, "재귀"),
        refusal(7, "what"),
        refusal(3, "no code"),
        refusal(5, "no code"),
        refusal(1, "no code"),
        refusal(2, "no code"),
        refusal(20, "no code"),
        refusal(805004, "what"),
        refusal(20, "[2000](RC4058:장종료)", 500),
        HttpResponse(503, {}, throttled(BUY).body),
        reply({}, 500),
        reply({}),
        reply({"return_code": None, "ord_no": None}, 500),
        HttpResponse(502, {}, b"<html>"),
        HttpResponse(400, {}, b"<html>Request Blocked"),
        HttpResponse(401, {}, b""),
        HttpResponse(200, {}, b""),
        HttpResponse(307, {}, b""),
        ok(),
        ok(ord_no="  "),
        ok(ord_no="0000000"),
        reply({"dmst_stex_tp": "KRX"}),
    ],
    ids=lambda step: repr(step)[:40] + repr(getattr(step, "body", b""))[:30],
)
def test_what_is_no_verdict_is_unknown_and_never_repeated(bench: Bench, step: Step) -> None:
    with pytest.raises(OrderOutcomeIsUnknown, match="do not send it again") as caught:
        send(bench, step, TAKEN)
    assert "try again" not in caught.value.message
    assert sent(bench) == 1
    assert bench.gate.events == []


def test_no_byte_left_is_not_sent(bench: Bench) -> None:
    with pytest.raises(OrderNotSent, match="the order was not sent"):
        send(bench, broken(bytes_left=False), TAKEN)
    assert sent(bench) == 1
    assert bench.gate.events == ["not taken"]


@pytest.mark.parametrize(
    "step",
    [throttled(BUY), throttled(BUY, code="1701"), throttled(BUY, code="1702"), HttpResponse(429, {}, b"")],
)
def test_a_throttled_order_was_not_taken_and_the_next_attempt_waits(bench: Bench, step: Step) -> None:
    with pytest.raises(RateLimited) as caught:
        send(bench, step, TAKEN)
    assert caught.value.retryable
    assert (sent(bench), bench.gate.events) == (1, ["not taken"])
    before = bench.clock.monotonic()
    context = bench.context()
    bench.backend.ready_for_order(ORDER, context)
    assert bench.clock.monotonic() - before >= 1.1
    assert bench.backend.send_order(ORDER, context) == "0000139"


def test_the_pauses_of_throttled_orders_grow(bench: Bench) -> None:
    bench.kiwoom.on(BUY, throttled(BUY))
    times = []
    for _ in range(4):
        bench.backend.ready_for_order(ORDER, bench.context())
        times.append(bench.clock.monotonic())
        with pytest.raises(RateLimited):
            bench.backend.send_order(ORDER, bench.context())
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert [round(gap, 2) for gap in gaps] == [1.1, 1.43, 1.86]


def test_a_throttled_buy_holds_up_no_cancel_and_no_query(bench: Bench) -> None:
    with pytest.raises(RateLimited):
        send(bench, throttled(BUY))
    before = bench.clock.monotonic()
    cancel = replace(ORDER, action="cancel", original="0000100", quantity=0)
    send(bench, TAKEN, order=cancel, api_id="kt10003")
    bench.kiwoom.on("ka10100", ok(code="005930", name="삼성전자"))
    bench.backend.stock_name("005930", bench.context())
    assert bench.clock.monotonic() - before < 0.5


def test_a_refused_token_was_not_taken_and_the_next_attempt_has_another(bench: Bench) -> None:
    bench.kiwoom.on(TOKEN, token("old"), token("new"))
    with pytest.raises(OrderNotSent) as caught:
        send(bench, TOKEN_REFUSED, TAKEN)
    assert caught.value.retryable
    assert bench.gate.events == ["not taken"]
    bench.backend.ready_for_order(ORDER, bench.context())
    bench.backend.send_order(ORDER, bench.context())
    assert [request.headers["authorization"] for request in bench.kiwoom.calls(BUY)] == [
        "Bearer old",
        "Bearer new",
    ]


def test_a_full_query_limit_delays_no_order(bench: Bench) -> None:
    bench.backend._queries.hold(None, 60)
    send(bench, TAKEN)
    assert bench.clock.monotonic() < 1


def test_nothing_is_waited_for_between_the_last_gate_and_the_first_byte(bench: Bench) -> None:
    bench.kiwoom.on(BUY, TAKEN)
    context = bench.context()
    bench.backend.ready_for_order(ORDER, context)
    bench.kiwoom.on(TOKEN, broken(bytes_left=True))
    bench.clock.on_wait = lambda: pytest.fail("it waited")
    bench.backend._orders.hold(None, 60)
    assert bench.backend.send_order(ORDER, context) == "0000139"


def test_an_order_that_nobody_prepared_is_prepared_late(bench: Bench) -> None:
    bench.kiwoom.on(BUY, TAKEN)
    assert bench.backend.send_order(ORDER, bench.context()) == "0000139"


@pytest.mark.parametrize("step", [broken(bytes_left=True), refusal(3, "[8001:key]")])
def test_without_a_token_nothing_leaves(bench: Bench, step: Step) -> None:
    bench.kiwoom.on(TOKEN, step)
    with pytest.raises(TaskFailed):
        bench.backend.ready_for_order(ORDER, bench.context())
    with pytest.raises(TaskFailed):
        bench.backend.send_order(ORDER, bench.context())
    assert sent(bench) == 0
    assert bench.gate.events == ["not taken"]


def test_an_order_waits_no_longer_than_its_deadline(bench: Bench) -> None:
    bench.backend._orders.hold(BUY, 60)
    with pytest.raises(TaskExpired):
        bench.backend.ready_for_order(ORDER, bench.context(START + timedelta(seconds=5)))
    assert sent(bench) == 0


def test_a_closed_backend_sends_nothing(bench: Bench) -> None:
    bench.backend.close()
    with pytest.raises(VendorUnavailable, match="stopping"):
        bench.backend.ready_for_order(ORDER, bench.context())
