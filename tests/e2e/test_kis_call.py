"""Calls of KIS's APIs by name, through RabbitMQ, the order desk and the simulator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.brokerage import BUY
from tests.support.order_floor import TASKS, Floor
from tests.support.order_refusals import refused

SETTINGS = {
    "LEASE_HEARTBEAT": "2",
    "ORDER_TICKERS": "005930,000660,101W09",
    "ORDER_MAX_QUANTITY": "500",
    "ORDER_MAX_NOTIONAL": "KRW=30000000",
}
pytestmark = pytest.mark.parametrize("module_journal_url", ["sqlite"], indirect=True)
"""None of this is different on another database."""
CASH, CHANGE = "domestic_stock.order_cash", "domestic_stock.order_rvsecncl"


def cash(floor: Floor, quantity: int, **more: str) -> dict[str, Any]:
    """A limit far below the market, as parameters of ``kis.call-order``."""
    arguments = {
        "ord_dv": "buy",
        "pdno": "005930",
        "ord_dvsn": "00",
        "ord_qty": str(quantity),
        "ord_unpr": str(floor.low_price("005930")),
        "excg_id_dvsn_cd": "KRX",
    }
    return {"api": CASH, "arguments": arguments | more}


def change(order_no: str, **more: str) -> dict[str, Any]:
    arguments = {
        "krx_fwdg_ord_orgno": "06010",
        "orgn_odno": order_no,
        "ord_dvsn": "00",
        "rvse_cncl_dvsn_cd": "02",
        "ord_qty": "0",
        "ord_unpr": "0",
        "qty_all_ord_yn": "Y",
        "excg_id_dvsn_cd": "KRX",
    }
    return {"api": CHANGE, "arguments": arguments | more}


def test_a_read_reaches_the_client_as_rows(floor: Floor) -> None:
    arguments = {"fid_cond_mrkt_div_code": "J", "fid_input_iscd": "005930"}
    row = floor.call("kis.call", {"api": "domestic_stock.inquire_price", "arguments": arguments}, to=TASKS)
    assert (row["output"], int(row["stck_prpr"]) > 0) == ("output", True)
    described = floor.call("kis.describe-api", {"api": "domestic_stock.inquire_price"}, to=TASKS)
    assert described["example"]["arguments"] == arguments
    error = floor.refusal("kis.call", {"api": "domestic_stock.inquire_prise"}, to=TASKS)
    assert error["code"] == "INVALID_PARAMETERS"
    assert "did you mean domestic_stock.inquire_price" in error["message"]


def test_an_order_is_placed_once_changed_and_cancelled_with_a_record_of_each(floor: Floor) -> None:
    task_id, body = floor.body("kis.call-order", cash(floor, 211))
    for count in (1, 2):
        floor.wire.publish(body, to="tasks.orders")
        floor.wire.wait(task_id, count=count)
    first, second = (reply.json for reply in floor.wire.replies[task_id])
    assert (first["status"], second.get("replayed")) == ("TASK_SUCCEED", True)
    (placed,) = first["result"]
    (booked,) = floor.brokerage.orders("005930", 211)
    assert (booked["order_no"], placed["api"]) == (placed["order_no"], CASH)
    assert placed["rows"][0]["odno"] == placed["order_no"]
    record = floor.order(task_id)
    assert (record["method"], record["state"], record["ticker"]) == ("kis.call-order", "ACCEPTED", "005930")

    price = {"rvse_cncl_dvsn_cd": "01", "ord_unpr": str(floor.low_price("005930") + 1000)}
    changed = floor.call("kis.call-order", change(placed["order_no"], **price))
    assert (changed["action"], changed["ticker"], changed["quantity"]) == ("modify", "005930", 211)
    floor.call("kis.call-cancel", change(changed["order_no"]))
    floor.wait_order(task_id, status="cancelled")


def test_the_guards_hold_for_a_call_as_for_any_order(floor: Floor) -> None:
    refused(floor, "kis.call-order", cash(floor, 501), "ORDER_MAX_QUANTITY")
    refused(floor, "kis.call-order", cash(floor, 1, pdno="035420"), "ORDER_TICKERS")
    words = refused(
        floor, "kis.call-order", cash(floor, 500, ord_dvsn="01", ord_unpr="1"), "ORDER_MAX_NOTIONAL"
    )
    upper = int(floor.brokerage.market("005930")["upper_limit"])
    assert f"{upper * 500:,}" in words
    resting = floor.resting("000660", 12)
    high = str(int(floor.brokerage.market("000660")["upper_limit"]))
    dear = {"rvse_cncl_dvsn_cd": "01", "ord_unpr": high, "ord_qty": "500", "qty_all_ord_yn": "N"}
    refused(floor, "kis.call-order", change(resting["order_no"], **dear), "ORDER_MAX_NOTIONAL")


def test_what_cannot_be_counted_is_refused_before_it_leaves(floor: Floor) -> None:
    arguments = {
        "ord_dv": "day",
        "ord_prcs_dvsn_cd": "02",
        "sll_buy_dvsn_cd": "02",
        "shtn_pdno": "101W09",
        "ord_qty": "1",
        "unit_price": "350.5",
        "nmpr_type_cd": "01",
        "krx_nmpr_cndt_cd": "0",
        "ord_dvsn_cd": "01",
    }
    parameters = {"api": "domestic_futureoption.order", "arguments": arguments}
    refused(floor, "kis.call-order", parameters, "ORDER_MAX_NOTIONAL")


def test_what_the_simulator_does_not_serve_is_told_and_leaves_nothing_unsettled(floor: Floor) -> None:
    error = floor.refusal("kis.call", {"api": "domestic_stock.hts_top_view"}, to=TASKS)
    assert (error["code"], "simulator" in error["message"]) == ("UNSUPPORTED", True)
    reserved = {
        "pdno": "005930",
        "ord_qty": "1",
        "ord_unpr": "55000",
        "sll_buy_dvsn_cd": "02",
        "ord_dvsn_cd": "00",
        "ord_objt_cblc_dvsn_cd": "10",
    }
    task_id = floor.send("kis.call-order", {"api": "domestic_stock.order_resv", "arguments": reserved})
    assert floor.error(task_id)["code"] == "UNSUPPORTED"
    assert floor.order(task_id)["state"] == "NOT_SENT"


def test_a_stale_order_does_not_leave_and_a_halt_stops_orders_but_no_cancel(floor: Floor) -> None:
    old = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    task_id, body = floor.body("kis.call-order", cash(floor, 213), request_time=old)
    floor.wire.publish(body, to="tasks.orders")
    assert floor.error(task_id)["code"] == "TASK_EXPIRED"
    resting = floor.resting("005930", 214)
    floor.call("broker.halt-orders", {"reason": "a test"})
    try:
        assert floor.refusal("kis.call-order", cash(floor, 215))["code"] == "ORDERS_DISABLED"
        cancelled = floor.call("kis.call-cancel", change(resting["order_no"]))
        assert cancelled["original_order_no"] == resting["order_no"]
    finally:
        floor.call("broker.resume-orders", {"reason": "done"})
    assert not floor.brokerage.orders("005930", 213)
    assert not floor.brokerage.orders("005930", 215)


def test_a_lost_answer_is_settled_by_the_list_of_orders(floor: Floor) -> None:
    floor.brokerage.fault("blackhole", when="after", tr=BUY)
    task_id = floor.send("kis.call-order", cash(floor, 216))
    floor.wire.wait(task_id, count=2)
    first, second = (reply.json for reply in floor.wire.replies[task_id][:2])
    assert first["error"]["code"] == "ORDER_OUTCOME_UNKNOWN"
    (booked,) = floor.brokerage.orders("005930", 216)
    assert (second["status"], second["result"][0]["order_no"]) == ("TASK_SUCCEED", booked["order_no"])


def test_no_order_goes_by_the_method_that_reads(floor: Floor) -> None:
    error = floor.refusal("kis.call", cash(floor, 217), to=TASKS)
    assert error["code"] == "INVALID_PARAMETERS"
    assert "kis.call-order" in error["message"]
    assert not floor.brokerage.orders("005930", 217)
