"""Typed methods by either way to Kiwoom: the life of an order, its guards, any TR, live data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker_cleaning import clean
from tests.support.kiwoom_hosts import BACKENDS, ControlBrokerage, Host
from tests.support.order_events import Listener
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def brokerage() -> Iterator[ControlBrokerage]:
    with ControlBrokerage() as running:
        yield running


@pytest.fixture(scope="module", params=BACKENDS)
def host(
    request: pytest.FixtureRequest,
    _test_broker: Any,
    brokerage: ControlBrokerage,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Host]:
    clean(_test_broker.url, _test_broker.management)
    folder: Path = tmp_path_factory.mktemp(request.param)
    settings = {"ORDER_MAX_QUANTITY": "1000"}
    with Host(_test_broker.url, folder, brokerage, request.param, settings) as running:
        yield running.start()
        assert running.worker.terminate() == 0, running.worker.output
        assert "Traceback" not in running.worker.output, running.worker.output
    clean(_test_broker.url, _test_broker.management)


def test_an_order_is_placed_changed_and_cancelled_with_its_news(
    host: Host, brokerage: ControlBrokerage
) -> None:
    price = int(brokerage.control("GET", "/market?ticker=000660")["lower_limit"])
    price = -(-price // 1000) * 1000
    news = host.wire.subscribe("kiwoom.subscribe-executions", {})
    with Listener(host.url, "order.kiwoom.#") as events:
        task_id = host.send("kiwoom.buy-order", {"ticker": "000660", "quantity": 7, "price": price})
        (placed,) = host.rows(task_id)
        host.wire.wait_events(news, 1, event="received", order_no=placed["order_no"])
        (open_order,) = host.rows(host.send("kiwoom.get-open-orders", {"ticker": "000660"}))
        assert (open_order["order_no"], open_order["remaining_quantity"]) == (placed["order_no"], 7)

        changed = host.call("kiwoom.modify-order", {"order_task_id": task_id, "price": price + 1000})
        assert changed["original_order_no"] == placed["order_no"]
        cancelled = host.call("kiwoom.cancel-order", {"order_no": changed["order_no"]})
        assert cancelled["original_order_no"] == changed["order_no"]
        assert host.rows(host.send("kiwoom.get-open-orders", {"ticker": "000660"})) == []
        events.wait("order.kiwoom.default.accepted", task_id=task_id)
    record = host.wait_order(task_id, state="ACCEPTED", order_no=placed["order_no"])
    assert [each["event"] for each in record["history"]][:3] == ["Received", "Sending", "Accepted"]
    host.call("kiwoom.unsubscribe-executions", {}, task_id=news)


def test_a_guard_refuses_before_anything_leaves(host: Host, brokerage: ControlBrokerage) -> None:
    order = {"ticker": "005930", "quantity": 1001, "order_type": "market"}
    assert host.error(host.send("kiwoom.buy-order", order))["code"] == "ORDER_GUARD"
    assert brokerage.orders(vendor="kiwoom", quantity=1001) == []


@pytest.mark.parametrize(
    "name",
    ["get-current-price", "get-order-book", "get-stock-info", "get-daily-candles", "get-minute-candles"],
)
def test_an_unknown_ticker_is_the_same_error_by_either_way(host: Host, name: str) -> None:
    error = host.error(host.send(f"kiwoom.{name}", {"ticker": "9Z9Z9Z"}))
    told = (error["code"], error["message"])
    assert told == ("INVALID_PARAMETERS", "ticker: Kiwoom knows no stock 9Z9Z9Z")


def test_any_tr_and_no_order_by_it(host: Host) -> None:
    backend = host.kiwoom()["backend"]
    tr, inputs = {
        "rest": ("ka10001", {"stk_cd": "005930"}),
        "openapi-plus": ("opt10001", {"종목코드": "005930"}),
    }[backend]
    (row,) = host.rows(host.send("kiwoom.request-tr", {"tr": tr, "inputs": inputs}))
    assert "삼성전자" in str(row)
    order_tr = {"rest": "kt10000", "openapi-plus": "KOA_NORMAL_BUY_KP_ORD"}[backend]
    refused = host.error(host.send("kiwoom.request-tr", {"tr": order_tr, "inputs": {}}))
    assert refused["code"] in ("INVALID_PARAMETERS", "UNSUPPORTED")


def test_live_prices_and_books_are_of_that_market(host: Host, brokerage: ControlBrokerage) -> None:
    held = brokerage.control("POST", "/market", {"ticker": "035420", "price": 200_000})["price"]
    prices = host.wire.subscribe("kiwoom.subscribe-realtime-price", {"ticker": "035420"})
    books = host.wire.subscribe("kiwoom.subscribe-order-book", {"ticker": "035420"})
    trade = host.wire.wait_events(prices, 3)[-1]["result"][0]
    assert (trade["type"], trade["price"]) == ("trade", int(held))
    book = host.wire.wait_events(books, 2)[-1]["result"][0]
    assert (book["type"], len(book["asks"])) == ("order_book", 10)
    assert book["bids"][0]["price"] <= int(held) <= book["asks"][0]["price"]
    host.call("kiwoom.unsubscribe-realtime-price", {"ticker": "035420"}, task_id=prices)
    host.call("kiwoom.unsubscribe-order-book", {"ticker": "035420"}, task_id=books)
    brokerage.control("POST", "/market", {"ticker": "035420", "price": None})


def test_the_original_s_subscription_begins_and_ends(host: Host) -> None:
    stock = {"stock_code": "005930"}
    task_id = host.wire.subscribe("subscribe-realtime", stock)
    for event in host.wire.wait_events(task_id, 2):
        (row,) = event["result"]
        assert row.keys() == {"stock_code", "real_data_type", "real_time_data"}
        assert row["stock_code"] == "005930"
    host.send("unsubscribe-realtime", stock, task_id=task_id)
    wait_until(
        lambda: [each for each in host.wire.messages(task_id) if each["kind"] == "reply"],
        what="the answer to the end of the subscription",
    )
    assert host.call("broker.get-status")["streams"]["kiwoom"]["wanted"] == 1, "its own executions"
