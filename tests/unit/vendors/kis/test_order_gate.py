"""The order desk's gate: asked before every attempt, told of every attempt that was not taken, obeyed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_client.errors import OrderGuard, OrderOutcomeIsUnknown, TaskFailed
from broker_server.core.methods import Method
from broker_server.core.orders import OrderDetails
from broker_server.vendors.http import HttpRequest, HttpResponse
from tests.support.fake_time import START
from tests.support.kis_server import Bench, Step, broken, make_bench, ok, refusal, token

TAKEN = ok({"KRX_FWDG_ORD_ORGNO": "06010", "ODNO": "0000117057", "ORD_TMD": "121052"})
OPEN = {
    "ord_dt": "20261120",
    "odno": "0000000009",
    "orgn_odno": "0000000007",
    "ord_gno_brno": "06010",
    "sll_buy_dvsn_cd": "01",
    "pdno": "005930",
    "ord_qty": "10",
    "ord_unpr": "70000",
    "ord_tmd": "093000",
    "tot_ccld_qty": "4",
    "psbl_qty": "6",
    "rmn_qty": "6",
    "ord_dvsn_cd": "00",
    "excg_id_dvsn_cd": "NXT",
}
OVERSEAS_OPEN = {
    "odno": "0000000009",
    "orgn_odno": "0000000007",
    "sll_buy_dvsn_cd": "01",
    "pdno": "AAPL",
    "ft_ord_qty": "10",
    "ft_ord_unpr3": "150.25000000",
    "ft_ccld_qty": "4",
    "nccs_qty": "6",
    "ovrs_excg_cd": "NYSE",
}
OVERSEAS = {"ticker": "AAPL", "exchange": "NASD"}
ORDERS: dict[str, dict[str, Any]] = {
    "kis.buy-order": {"ticker": "005930", "quantity": 3, "price": 70000},
    "kis.sell-order": {"ticker": "005930", "quantity": 3, "order_type": "market", "exchange": "SOR"},
    "kis.modify-order": {"order_no": "9", "price": 69000},
    "kis.cancel-order": {"order_no": "9"},
    "kis.buy-overseas-order": {**OVERSEAS, "quantity": 2, "price": "150.20"},
    "kis.sell-overseas-order": {**OVERSEAS, "quantity": 2, "order_type": "market_on_close"},
    "kis.modify-overseas-order": {"order_no": "9", "price": "149.5"},
    "kis.cancel-overseas-order": {"order_no": "9"},
    "kis.call-order": {
        "api": "domestic_stock.order_cash",
        "arguments": {
            "ord_dv": "buy",
            "pdno": "005930",
            "ord_dvsn": "00",
            "ord_qty": "3",
            "ord_unpr": "70000",
            "excg_id_dvsn_cd": "KRX",
        },
    },
    "kis.call-cancel": {
        "api": "domestic_stock.order_rvsecncl",
        "arguments": {
            "krx_fwdg_ord_orgno": "06010",
            "orgn_odno": "9",
            "ord_dvsn": "00",
            "rvse_cncl_dvsn_cd": "02",
            "ord_qty": "0",
            "ord_unpr": "0",
            "qty_all_ord_yn": "Y",
            "excg_id_dvsn_cd": "NXT",
        },
    },
}
BUY = OrderDetails(
    action="buy",
    market="domestic",
    ticker="005930",
    side="buy",
    quantity=3,
    price=Decimal(70000),
    currency="KRW",
    order_type="limit",
    venue="KRX",
)
CHANGED = replace(BUY, action="modify", side="sell", quantity=6, venue="NXT", original="0000000009")
OVERSEAS_BUY = replace(
    BUY, market="overseas", ticker="AAPL", quantity=2, price=Decimal("150.20"), currency="USD", venue="NASD"
)
OVERSEAS_CHANGED = replace(
    OVERSEAS_BUY,
    action="modify",
    side="sell",
    quantity=6,
    order_type=None,
    venue="NYSE",
    original="0000000009",
)
SENT = {
    "kis.buy-order": BUY,
    "kis.sell-order": replace(BUY, action="sell", side="sell", price=None, order_type="market", venue="SOR"),
    "kis.modify-order": replace(CHANGED, price=Decimal(69000)),
    "kis.cancel-order": replace(CHANGED, action="cancel", quantity=None),
    "kis.buy-overseas-order": OVERSEAS_BUY,
    "kis.sell-overseas-order": replace(
        OVERSEAS_BUY, action="sell", side="sell", price=None, order_type="market_on_close"
    ),
    "kis.modify-overseas-order": replace(OVERSEAS_CHANGED, price=Decimal("149.5")),
    "kis.cancel-overseas-order": replace(OVERSEAS_CHANGED, action="cancel", price=Decimal("150.25")),
    "kis.call-order": BUY,
    "kis.call-cancel": replace(CHANGED, action="cancel", ticker=None, side=None, quantity=None, price=None),
}
ORDER_TAILS = ("order-cash", "order-rvsecncl", "order")


def scripted(folder: Path, *steps: Step) -> Bench:
    """A bench whose order paths answer with these steps, and with an open order to change."""
    bench = make_bench(folder)
    for tail in ORDER_TAILS:
        bench.kis.on(tail, *steps)
    bench.kis.on("inquire-psbl-rvsecncl", ok([OPEN]))
    bench.kis.on("inquire-ccnl", ok([OVERSEAS_OPEN]))
    return bench


def exchanges(bench: Bench) -> int:
    return sum(len(bench.kis.calls(tail)) for tail in ORDER_TAILS)


def declared(bench: Bench, name: str) -> Method[Any]:
    return next(method for method in bench.vendor.methods() if method.name == name)


def test_every_order_method_is_tried_here(tmp_path: Path) -> None:
    names = {method.name for method in make_bench(tmp_path).vendor.methods() if method.kind == "order"}
    assert names == ORDERS.keys() == SENT.keys()


@pytest.mark.parametrize("name", ORDERS)
def test_the_gate_learns_everything_that_is_sent_and_the_outcome_has_the_number(
    tmp_path: Path, name: str
) -> None:
    bench = scripted(tmp_path, TAKEN)
    outcome = bench.outcome(name, **ORDERS[name])
    assert outcome.order_no == "0000117057" == outcome.rows[0].order_no
    assert bench.gate.details == [SENT[name]]


@pytest.mark.parametrize("name", ORDERS)
def test_the_parameters_tell_what_they_can_and_nothing_else(tmp_path: Path, name: str) -> None:
    bench = make_bench(tmp_path)
    method = declared(bench, name)
    assert method.details is not None
    told = method.details(method.parameters.model_validate(ORDERS[name]))
    if name.startswith(("kis.buy", "kis.sell", "kis.call")):
        assert told == SENT[name]
    else:
        assert (told.action, told.market) == (SENT[name].action, SENT[name].market)
        assert told.original == "0000000009"
        assert told.ticker is told.side is told.venue is None
    by_task = method.parameters.model_validate(
        {**ORDERS[name], "order_task_id": "t-0", "order_no": None}
        if "order_no" in ORDERS[name]
        else ORDERS[name]
    )
    if "order_no" in ORDERS[name]:
        assert (method.details(by_task).original, method.details(by_task).original_task_id) == (None, "t-0")


@pytest.mark.parametrize("name", ORDERS)
def test_a_refusal_of_the_gate_sends_nothing(tmp_path: Path, name: str) -> None:
    bench = scripted(tmp_path, TAKEN)
    bench.gate.refusals = [OrderGuard("no")]
    with pytest.raises(OrderGuard):
        bench.outcome(name, **ORDERS[name])
    assert exchanges(bench) == 0
    assert bench.gate.events == ["before"]


@pytest.mark.parametrize("name", ["kis.modify-order", "kis.cancel-order", "kis.cancel-overseas-order"])
def test_an_order_is_found_by_the_task_that_placed_it(tmp_path: Path, name: str) -> None:
    bench = scripted(tmp_path, TAKEN)
    bench.gate.numbers["t-0"] = "0000000009"
    arguments = {**ORDERS[name], "order_task_id": "t-0"}
    del arguments["order_no"]
    bench.outcome(name, **arguments)
    (details,) = bench.gate.details
    assert (details.original, details.original_task_id) == ("0000000009", "t-0")
    with pytest.raises(TaskFailed, match="no order of the task t-1"):
        bench.outcome(name, **{**arguments, "order_task_id": "t-1"})
    assert exchanges(bench) == 1


@pytest.mark.parametrize("name", [name for name in ORDERS if "order_no" in ORDERS[name]])
@pytest.mark.parametrize(
    ("names", "problem"), [({}, "one of the two"), ({"order_no": "1", "order_task_id": "t"}, "not both")]
)
def test_an_order_is_named_once(tmp_path: Path, name: str, names: dict[str, str], problem: str) -> None:
    method = declared(make_bench(tmp_path), name)
    others = {key: value for key, value in ORDERS[name].items() if key != "order_no"}
    with pytest.raises(ValueError, match=f"order_no or by order_task_id, {problem}"):
        method.parameters.model_validate({**others, **names})


@pytest.mark.parametrize("name", ["kis.cancel-order", "kis.cancel-overseas-order", "kis.call-cancel"])
def test_a_cancel_is_not_held_by_a_deadline_not_even_while_it_waits(tmp_path: Path, name: str) -> None:
    bench = scripted(tmp_path, refusal("EGW00201", "", 500), TAKEN)
    outcome = bench.outcome(name, deadline=START - timedelta(hours=1), **ORDERS[name])
    assert outcome.order_no == "0000117057"
    assert bench.gate.events == ["before", "not taken", "before"]


@pytest.mark.parametrize("name", ["kis.cancel-order", "kis.cancel-overseas-order"])
def test_a_cancel_of_something_gone_asks_nobody(tmp_path: Path, name: str) -> None:
    bench = scripted(tmp_path, TAKEN)
    bench.kis.on("inquire-psbl-rvsecncl", ok([]))
    bench.kis.on("inquire-daily-ccld", ok(output1=[{**OPEN, "rmn_qty": "0"}]))
    bench.kis.on("inquire-ccnl", ok([{**OVERSEAS_OPEN, "nccs_qty": "0"}]))
    outcome = bench.outcome(name, **ORDERS[name])
    assert (outcome.order_no, outcome.rows[0].already_done) == (None, True)
    assert bench.gate.events == []


def test_a_change_of_an_order_without_a_limit_must_say_what_it_becomes(tmp_path: Path) -> None:
    bench = scripted(tmp_path, TAKEN)
    bench.kis.on("inquire-psbl-rvsecncl", ok([{**OPEN, "ord_dvsn_cd": "03"}]))
    with pytest.raises(TaskFailed, match="is best, which takes no price"):
        bench.outcome("kis.modify-order", order_no="9", price=69000)
    bench.outcome("kis.modify-order", order_no="9", price=69000, order_type="limit")
    (details,) = bench.gate.details
    assert (details.order_type, details.price) == ("limit", Decimal(69000))


STEPS = {
    "taken": TAKEN,
    "throttled": refusal("EGW00201", "", 500),
    "throttled by the ledger": refusal("EGW00215", "", 500),
    "token": refusal("EGW00123", "", 500),
    "no byte left": broken(bytes_left=False),
    "broken": broken(bytes_left=True),
    "rejected": refusal("APBK0919"),
    "gateway": refusal("EGW00302", "", 500),
    "html": HttpResponse(502, {}, b"<html>"),
}
NOT_TAKEN = {"throttled", "throttled by the ledger", "token", "no byte left"}


@given(
    name=st.sampled_from(sorted(ORDERS)),
    steps=st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=8),
    refused=st.lists(st.booleans(), max_size=8),
)
def test_nothing_leaves_without_leave_and_every_end_is_reported(
    name: str, steps: list[str], refused: list[bool]
) -> None:
    with TemporaryDirectory() as folder:
        bench = scripted(Path(folder))
        bench.kis.on("tokenP", *(token(f"token-{number}") for number in range(10)))
        bench.gate.refusals = [OrderGuard("no") if each else None for each in refused]
        left: list[str] = []
        waiting = iter([*steps, "taken"])

        def exchange(request: HttpRequest) -> HttpResponse:
            step = next(waiting)
            left.append(step)
            bench.gate.events.append(step)
            answer = STEPS[step]
            if isinstance(answer, Exception):
                raise answer
            assert isinstance(answer, HttpResponse)
            return answer

        for tail in ORDER_TAILS:
            bench.kis.on(tail, exchange)
        error: TaskFailed | None = None
        try:
            bench.outcome(name, **ORDERS[name])
        except TaskFailed as caught:
            error = caught

        expected = []
        for number, step in enumerate(left):
            assert not (number < len(refused) and refused[number])
            expected += ["before", step, *(["not taken"] if step in NOT_TAKEN else [])]
        if isinstance(error, OrderGuard):
            assert refused[len(left)]
            expected.append("before")
        assert bench.gate.events == expected
        unknown = bool(left) and left[-1] in ("broken", "gateway", "html")
        assert unknown == isinstance(error, OrderOutcomeIsUnknown)
        assert (error is None) == (bool(left) and left[-1] == "taken" and not isinstance(error, OrderGuard))
