"""Kiwoom by OpenAPI+ when things go wrong: every task is answered in time, and no order is there twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from broker_server.simulator.kiwoom_control.board import PATH
from broker_server.simulator.kiwoom_control.remote import RemoteMessages
from tests.support.broker_cleaning import clean
from tests.support.kiwoom_hosts import ControlBrokerage, Host
from tests.support.order_events import Listener
from tests.support.waiting import wait_until

BOOK = ("request-offer-price-info", {"stock_code": "005930"})
NAME = ("get-stock-name", {"stock_code": "005930"})
PRICE = ("kiwoom.get-current-price", {"ticker": "005930"})
SETTINGS = {"LEASE_HEARTBEAT": "2"}
"""An order's exchange is given up after 1.6 seconds."""
quantities = count(101)
"""No two orders of the module are equal, so the simulator's own list shows which one is there how often."""


def in_seconds(seconds: float) -> dict[str, str]:
    """The key that sets a deadline."""
    return {"deadline": (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()}


@pytest.fixture(scope="module")
def brokerage() -> Iterator[ControlBrokerage]:
    with ControlBrokerage() as running:
        yield running


@pytest.fixture(scope="module")
def shared_host(
    _test_broker: Any, brokerage: ControlBrokerage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Host]:
    clean(_test_broker.url, _test_broker.management)
    folder: Path = tmp_path_factory.mktemp("host")
    with Host(_test_broker.url, folder, brokerage, settings=SETTINGS) as running:
        yield running.start()
        assert running.worker.terminate() == 0, running.worker.output
        assert "Traceback" not in running.worker.output, running.worker.output
    assert not [each["violations"] for each in brokerage.controls() if each["violations"]]
    clean(_test_broker.url, _test_broker.management)


@pytest.fixture
def host(shared_host: Host, brokerage: ControlBrokerage) -> Iterator[Host]:
    """The module's host; whatever the test did, it has a control that answers afterwards."""
    yield shared_host
    brokerage.calm_controls()
    if shared_host.kiwoom()["restart_needed"]:
        shared_host.restart()
    assert shared_host.call(*NAME) == "삼성전자"


def limit(host: Host) -> dict[str, Any]:
    """An order that rests, and is like no other."""
    price = int(host.brokerage.control("GET", "/market?ticker=005930")["lower_limit"])
    return {"ticker": "005930", "quantity": next(quantities), "price": -(-price // 1000) * 1000}


def booked(host: Host, order: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The ground truth."""
    return host.brokerage.orders(vendor="kiwoom", quantity=order["quantity"])


def unknown(host: Host, task_id: str) -> None:
    """The first answer says that nobody knows."""
    host.wire.wait(task_id)
    error = host.wire.replies[task_id][0].json["error"]
    assert (error["code"], error["retryable"]) == ("ORDER_OUTCOME_UNKNOWN", False), error


def test_a_query_that_is_never_answered_ends_at_its_deadline_and_holds_nobody_up(host: Host) -> None:
    host.brokerage.controls(silent=["OPT10004"])
    mute = host.send(*BOOK, keys=in_seconds(2))
    assert host.call(*NAME) == "삼성전자"
    assert host.call(*PRICE)["ticker"] == "005930"
    assert not host.wire.replies[mute], "the others did not wait for it"
    assert host.error(mute)["code"] == "TASK_EXPIRED"


def test_a_query_that_gets_a_text_alone_fails_with_it(host: Host) -> None:
    host.brokerage.controls(refused={"OPT10004": "[999999] 조회할 수 없습니다."})
    error = host.error(host.send(*BOOK))
    assert (error["code"], error["vendor"]) == ("VENDOR_REJECTED", "kiwoom")
    assert "조회할 수 없습니다" in error["vendor_message"]


def test_events_in_any_order_belong_to_their_own_orders_and_queries(host: Host) -> None:
    fills = host.wire.subscribe("kiwoom.subscribe-executions", {})
    host.brokerage.controls(chejan_first=True, text_first=True, jitter_seconds=0.3)
    orders = [
        {"ticker": ticker, "quantity": next(quantities), "order_type": "market"}
        for ticker in ("005930", "000660") * 4
    ]
    sent = [host.send("kiwoom.buy-order", order) for order in orders]
    asked = {
        ticker: host.send("kiwoom.get-current-price", {"ticker": ticker})
        for ticker in ("005930", "000660", "035420")
    }
    for ticker, task_id in asked.items():
        assert host.rows(task_id)[0]["ticker"] == ticker
    for order, task_id in zip(orders, sent, strict=True):
        (receipt,), (taken,) = host.rows(task_id), booked(host, order)
        assert receipt["order_no"] == taken["order_no"]
        filled = host.wire.wait_events(fills, 1, event="fill", order_no=taken["order_no"])
        told = {each["result"][0]["order_no"] for each in filled}
        assert told == {taken["order_no"]}
        host.wait_order(task_id, state="ACCEPTED", order_no=taken["order_no"])
    host.call("kiwoom.unsubscribe-executions", {}, task_id=fills)


def test_an_order_that_is_booked_and_not_answered_is_unknown_and_then_found(host: Host) -> None:
    host.brokerage.controls(silent=["order"])
    order = limit(host)
    task_id = host.send("kiwoom.buy-order", order)
    unknown(host, task_id)
    (receipt,) = host.rows(task_id, count=2)
    (taken,) = booked(host, order)
    assert receipt["order_no"] == taken["order_no"]
    again = host.wire.wait(host.send("kiwoom.buy-order", order, task_id=task_id), count=3).json
    assert again["replayed"]
    assert len(booked(host, order)) == 1


def test_an_order_that_is_not_booked_and_not_answered_is_unknown_and_then_not_sent(host: Host) -> None:
    host.brokerage.controls(silent=["order"], refused={"order": "[999999] 잃어버린 주문"})
    order = limit(host)
    task_id = host.send("kiwoom.buy-order", order)
    unknown(host, task_id)
    assert host.error(task_id, count=2)["code"] == "VENDOR_UNAVAILABLE"
    assert host.wait_order(task_id, state="NOT_SENT")
    assert booked(host, order) == []


def test_orders_that_kiwoom_has_no_time_for_are_sent_again_and_booked_once(host: Host) -> None:
    host.brokerage.controls(order_overloads=1)
    order = limit(host)
    receipt = host.call("kiwoom.buy-order", order)
    (taken,) = booked(host, order)
    assert receipt["order_no"] == taken["order_no"]


def test_a_refused_order_says_why_and_is_not_there(host: Host) -> None:
    host.brokerage.controls(refused={"order": "[571489] 주문할 수 없습니다."})
    order = limit(host)
    task_id = host.send("kiwoom.buy-order", order)
    error = host.error(task_id)
    assert (error["code"], error["vendor"]) == ("VENDOR_REJECTED", "kiwoom")
    assert "주문할 수 없습니다" in error["vendor_message"]
    assert host.wait_order(task_id, state="REJECTED")
    assert booked(host, order) == []


def test_a_password_that_is_not_registered_is_told(host: Host) -> None:
    host.brokerage.controls(no_password=True)
    order = limit(host)
    with Listener(host.url, "host.kiwoom.#") as events:
        error = host.error(host.send("kiwoom.buy-order", order))
        assert error["vendor_code"] == "-301"
        events.wait("host.kiwoom.account_password_not_set")
    assert booked(host, order) == []


def test_a_refusal_for_too_many_queries_holds_queries_and_not_orders(host: Host) -> None:
    with Listener(host.url, "host.kiwoom.#") as events:
        host.brokerage.controls(overloads=1)
        error = host.error(host.send(*BOOK, keys=in_seconds(2)))
        # It may be the worker's own look at its open orders that is refused: then this one waits.
        assert (error["code"], error["vendor_code"]) in {("RATE_LIMITED", "-200"), ("TASK_EXPIRED", None)}
        events.wait("host.kiwoom.overloaded")
    waits = host.send(*BOOK, keys=in_seconds(2))
    assert host.call(*NAME) == "삼성전자"
    order = limit(host)
    receipt = host.call("kiwoom.buy-order", order)
    assert host.error(waits)["code"] == "TASK_EXPIRED"
    assert [each["order_no"] for each in booked(host, order)] == [receipt["order_no"]]
    host.restart()  # instead of the seventeen seconds


def _dies(host: Host) -> None:
    """The control is gone at its next call, which a look-up is."""
    host.brokerage.controls(dies_after=0)
    assert host.error(host.send(*NAME))["code"] == "VENDOR_UNAVAILABLE"


def _ends(host: Host) -> None:
    """Kiwoom closes the connection."""
    host.brokerage.controls(lose_connection=-106)


def _is_kicked(host: Host) -> None:
    """The same ID logs in elsewhere."""
    url = host.brokerage.simulator.kiwoom_rest_url.replace("http://", "ws://")

    class Deaf:
        def OnEventConnect(self, code: int) -> None:  # noqa: N802 - the control's own name
            assert code == 0

    other = RemoteMessages(f"{url}{PATH}?server=real")
    try:
        control = other.make(Deaf())
        control.CommConnect()
        wait_until(lambda: other.dispatch() or control.GetConnectState(), what="the other login")
    finally:
        other.close()


@pytest.mark.parametrize(
    ("lose", "state"),
    [(_dies, "control_failed"), (_ends, "connection_lost"), (_is_kicked, "connection_lost")],
    ids=["the control dies", "the connection ends", "the ID logs in elsewhere"],
)
def test_what_is_under_way_ends_when_the_login_is_lost_and_goes_on_with_the_next_worker(
    host: Host, lose: Any, state: str
) -> None:
    trades = host.wire.subscribe("kiwoom.subscribe-realtime-price", {"ticker": "000660"})
    host.wire.wait_events(trades, 1)
    host.brokerage.controls(silent=["OPT10004", "order"])
    asked = host.brokerage.asked("OPT10004")
    query, order = host.send(*BOOK), limit(host)
    wait_until(lambda: host.brokerage.asked("OPT10004") > asked, what="the query at Kiwoom")
    with Listener(host.url, "host.kiwoom.#") as events:
        ordered = host.send("kiwoom.buy-order", order)
        wait_until(lambda: booked(host, order), what="the order at Kiwoom")
        lose(host)
        told = events.wait(f"host.kiwoom.{state}")
    assert told["restart_needed"] is True
    assert host.error(query)["code"] == "VENDOR_UNAVAILABLE"
    unknown(host, ordered)
    late = limit(host)
    for refused in (host.send(*NAME), host.send(*BOOK), host.send("kiwoom.buy-order", late)):
        assert host.error(refused)["code"] == "VENDOR_UNAVAILABLE"
    assert booked(host, late) == []
    assert host.kiwoom()["restart_needed"]

    host.brokerage.calm_controls()
    before = len(host.wire.messages(trades))
    host.restart()
    (receipt,) = host.rows(ordered, count=2)
    assert [each["order_no"] for each in booked(host, order)] == [receipt["order_no"]]
    assert host.call(*BOOK)
    host.wire.wait_new_events(trades)
    assert "event" in {each["kind"] for each in host.wire.messages(trades)[before:]}
    host.call("kiwoom.unsubscribe-realtime-price", {"ticker": "000660"}, task_id=trades)


def test_an_order_that_dies_with_its_control_was_not_sent(host: Host) -> None:
    order = limit(host)
    host.brokerage.controls(dies_after=0)
    task_id = host.send("kiwoom.buy-order", order)
    host.wire.wait(task_id)
    host.brokerage.calm_controls()
    host.restart()

    def settled() -> bool:
        """Not sent; or refused before, where the worker's own look at its orders found the control dead."""
        return host.call("broker.get-order", {"task_id": task_id})["state"] in ("NOT_SENT", "REFUSED")

    wait_until(settled, what="the end of the order")
    assert booked(host, order) == []


def test_a_worker_that_stands_by_does_not_end_the_login_of_the_other_and_takes_over(host: Host) -> None:
    with host.standby() as second:
        second.wait_for_line("standby")
        assert host.call(*NAME) == "삼성전자"
        (serves,) = [each for each in host.brokerage.controls() if each["connected"]]
        order = limit(host)
        receipt = host.call("kiwoom.buy-order", order)
        assert host.worker.terminate() == 0, host.worker.output
        second.wait_ready()
        assert host.call(*NAME) == "삼성전자"
        (takes_over,) = [each for each in host.brokerage.controls() if each["connected"]]
        assert (serves["orders"], takes_over["orders"]) == (0, 0)
        assert [each["order_no"] for each in booked(host, order)] == [receipt["order_no"]]
        assert second.terminate() == 0, second.output
    host.start()
