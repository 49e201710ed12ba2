"""What the order desk learns of the account's orders, against what the simulator really has."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from broker_client.errors import InvalidParameters
from broker_server.core.listed_orders import ListedOrder
from broker_server.core.orders import OrderDetails, Status
from broker_server.simulator.process import SimulatorProcess
from broker_server.vendors.kis import KisConfig, create

from .conftest import Market

TICKER = "035720"
OVERSEAS = {"ticker": "MSFT", "exchange": "NASD"}
PAGES = {"domestic": {"real": 100, "paper": 15}, "overseas": {"real": 20, "paper": 15}}


def listed(market: Market, name: str = "domestic") -> dict[str, ListedOrder]:
    found = market.vendor.orders.list_orders(name, market.context())
    assert found.incomplete is None
    orders = {order.order_no: order for order in found.orders}
    assert len(orders) == len(found.orders)
    return orders


def low_price(market: Market) -> int:
    price: int = market.one("kis.get-current-price", ticker=TICKER)["lower_limit"]
    return price


def buy(market: Market, quantity: int = 10, **more: Any) -> str:
    """An order that rests in the book."""
    order = {"ticker": TICKER, "quantity": quantity, "price": low_price(market), **more}
    order_no = market.outcome("kis.buy-order", **order).order_no
    assert order_no is not None
    return order_no


def buy_overseas(market: Market, **more: Any) -> str:
    order = {**OVERSEAS, "quantity": 2, "price": "1.25", **more}
    order_no = market.outcome("kis.buy-overseas-order", **order).order_no
    assert order_no is not None
    return order_no


def environment(market: Market) -> str:
    server: str = market.vendor.status()["rules"]
    return server


@pytest.mark.parametrize("name", ["domestic", "overseas"])
def test_every_page_is_listed(market: Market, name: str) -> None:
    place = buy if name == "domestic" else buy_overseas
    price: dict[str, Any] = {"price": low_price(market)} if name == "domestic" else {}
    placed = [place(market, **price) for _ in range(PAGES[name][environment(market)] + 3)]
    market.progress.clear()
    orders = listed(market, name)
    assert len(market.progress) >= 2
    assert set(placed) <= set(orders)
    taken = {order["order_no"] for order in market.orders() if order["market"] == name}
    assert taken == {number for number, order in orders.items() if order.action != "cancel"}


def test_the_truth_of_an_order_is_what_was_sent(market: Market) -> None:
    before = datetime.now(UTC)
    number = buy(market)
    (details,) = market.gate.details
    order = listed(market)[number]
    for name in ("ticker", "side", "quantity", "price", "order_type", "venue"):
        assert getattr(order, name) == getattr(details, name), name
    assert (order.action, order.original, order.status) == ("new", None, Status.WORKING)
    assert order.received_at is not None
    assert abs(order.received_at - before) <= timedelta(seconds=2)
    assert order.received_at.microsecond == 0

    number = buy_overseas(market)
    details, order = market.gate.details[-1], listed(market, "overseas")[number]
    for name in ("ticker", "side", "quantity", "price", "venue"):
        assert getattr(order, name) == getattr(details, name), name
    assert order.order_type is None


def test_a_market_order_has_no_price_and_is_filled(market: Market) -> None:
    number = buy(market, 3, price=None, order_type="market")
    order = listed(market)[number]
    assert (order.price, order.order_type) == (None, "market")
    assert (order.status, order.filled, order.remaining) == (Status.FILLED, 3, 0)
    assert order.average_price is not None
    assert order.average_price > 0


def test_a_partial_fill_shows_its_shares(market: Market) -> None:
    quantity = 1000
    market.control("POST", "/market", {"ticker": TICKER, "price": 50000, "liquidity": 4})
    try:
        ask = market.one("kis.get-order-book", ticker=TICKER)["asks"][0]
        number = buy(market, quantity, price=ask["price"])
        market.control("POST", "/market", {"ticker": TICKER, "price": 60000})
        order = listed(market)[number]
        truth = market.truth("domestic", number)
        assert 4 <= order.filled == truth["filled_quantity"] < quantity
        assert (order.status, order.remaining) == (Status.PARTIALLY_FILLED, quantity - order.filled)
        assert order.average_price is not None
        assert 50000 <= order.average_price <= ask["price"]
        market.gate.numbers["t-0"] = number
        market.one("kis.cancel-order", order_task_id="t-0")
        ended = listed(market)[number]
        assert (ended.status, ended.filled, ended.remaining) == (Status.CANCELLED, order.filled, 0)
        assert ended.cancelled == order.remaining
    finally:
        market.control("POST", "/market", {"ticker": TICKER, "price": None, "liquidity": None})


@pytest.mark.parametrize("by", ["order_no", "order_task_id"])
def test_a_chain_of_changes_is_listed_link_by_link(market: Market, by: str) -> None:
    first = buy(market)
    market.gate.numbers["t-0"] = first
    name = {by: first if by == "order_no" else "t-0"}
    tick = market.one("kis.get-current-price", ticker=TICKER)["tick_size"]
    second = market.outcome("kis.modify-order", **name, price=low_price(market) + tick).order_no
    # The first name still finds what the order was changed into.
    third = market.outcome("kis.modify-order", **name, price=low_price(market) + 2 * tick).order_no
    cancel = market.outcome("kis.cancel-order", **name).order_no
    assert second is not None
    assert third is not None
    assert cancel is not None
    orders = listed(market)
    assert [orders[number].original for number in (first, second, third, cancel)] == [
        None,
        first,
        second,
        third,
    ]
    assert [orders[number].action for number in (first, second, third, cancel)] == [
        "new",
        "modify",
        "modify",
        "cancel",
    ]
    assert all(orders[number].remaining == 0 for number in (first, second, third, cancel))
    assert [details.original for details in market.gate.details] == [None, first, second, third]
    again = market.outcome("kis.cancel-order", **name)
    assert (again.order_no, again.rows[0].already_done) == (None, True)


def test_overseas_changes_and_cancels_name_their_original(market: Market) -> None:
    first = buy_overseas(market)
    market.gate.numbers["t-0"] = first
    second = market.outcome("kis.modify-overseas-order", order_task_id="t-0", price="1.26").order_no
    cancel = market.outcome("kis.cancel-overseas-order", order_task_id="t-0").order_no
    assert second is not None
    assert cancel is not None
    orders = listed(market, "overseas")
    assert [(orders[number].action, orders[number].original) for number in (first, second, cancel)] == [
        ("new", None),
        ("modify", first),
        ("cancel", second),
    ]
    assert orders[second].price == Decimal("1.26")
    with pytest.raises(InvalidParameters, match="no order of the task t-9"):
        market.outcome("kis.cancel-overseas-order", order_task_id="t-9")


def test_a_page_that_fails_makes_the_list_incomplete(paper: Market) -> None:
    price = low_price(paper)
    for _ in range(PAGES["domestic"]["paper"] + 1):
        buy(paper, price=price)
    paper.fault("reset", path="inquire-daily-ccld", skip=1, count=3)
    found = paper.vendor.orders.list_orders("domestic", paper.context())
    assert len(found.orders) == PAGES["domestic"]["paper"]
    assert found.incomplete is not None
    assert "page 2 could not be read" in found.incomplete


def test_the_ceiling_of_a_price_is_that_of_the_market(market: Market) -> None:
    details = OrderDetails(action="buy", market="domestic", ticker=TICKER, order_type="market")
    upper = market.control("GET", f"/market?ticker={TICKER}")["upper_limit"]
    assert market.vendor.orders.price_ceiling(details, market.context()) == Decimal(upper)
    market.control("POST", "/market", {**OVERSEAS, "price": "400.10"})
    details = OrderDetails(action="sell", market="overseas", ticker="MSFT", venue="NASD")
    assert market.vendor.orders.price_ceiling(details, market.context()) == Decimal("800.20")
    market.control("POST", "/market", {**OVERSEAS, "price": None})


@pytest.fixture
def elsewhen(tmp_path: Path) -> Iterator[Market]:
    """A simulator of its own, whose clock a test may move: half past eleven at night in Korea."""
    start = datetime.fromisoformat("2026-11-20T23:30:00+09:00")
    with SimulatorProcess.start(seed=7, start=start) as simulator:
        key = simulator.credentials["kis"]["real"]
        vendor = create(
            KisConfig(
                environment="real",
                simulated=True,
                app_key=SecretStr(key["app_key"]),
                app_secret=SecretStr(key["app_secret"]),
                account=key["account"],
                cache_folder=tmp_path / "cache",
                rest_url=simulator.kis_rest_url,
            )
        )
        yield Market(simulator, vendor, key["account"])
        vendor.close()


def test_the_clock_and_the_days_are_the_vendors(elsewhen: Market) -> None:
    orders = elsewhen.vendor.orders
    assert orders.clock_offset() == timedelta(0)
    domestic, overseas = buy(elsewhen), buy_overseas(elsewhen)

    def difference() -> float:
        """Of the offset from the truth, in seconds."""
        truth = datetime.fromisoformat(elsewhen.control("GET", "/clock")["now"]) - datetime.now(UTC)
        return (orders.clock_offset() - truth).total_seconds()

    assert abs(difference()) < 1
    assert set(listed(elsewhen)) == {domestic}
    received = listed(elsewhen)[domestic].received_at
    assert received is not None
    assert f"{received:%Y-%m-%d %H:%M}" == "2026-11-20 23:30"

    elsewhen.control("POST", "/clock", {"advance": 3600})
    elsewhen.one("kis.get-current-price", ticker=TICKER)
    assert abs(difference()) < 1
    # Midnight in Korea has passed, and the American session of the 20th is still on.
    assert listed(elsewhen) == {}
    assert set(listed(elsewhen, "overseas")) == {overseas}
    assert elsewhen.outcome("kis.cancel-overseas-order", order_no=overseas).order_no is not None

    elsewhen.control("POST", "/clock", {"advance": 24 * 3600})
    assert listed(elsewhen, "overseas") == {}
