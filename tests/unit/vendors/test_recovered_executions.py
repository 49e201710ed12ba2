"""Fills that no notice brought, and a feed that holds nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import orjson
import pytest

from broker_server.core.listed_orders import ListedOrder
from broker_server.core.stream_requests import Registration
from broker_server.vendors.no_feed import NoFeed
from broker_server.vendors.recovered_executions import RecoveredExecution

DOMESTIC = ListedOrder(
    order_no="0000001",
    original="0000000",
    action="modify_or_cancel",
    ticker="005930",
    side="buy",
    quantity=10,
    price=Decimal(70_000),
    order_type="limit",
    venue="KRX",
    received_at=None,
    filled=7,
    remaining=3,
    average_price=Decimal(70_000),
    cancelled=0,
    status="open",
)
OVERSEAS = replace(DOMESTIC, ticker="AAPL", venue="NASD", action="new", original=None, price=None)


def recovered(order: ListedOrder, price: Decimal | None, currency: str = "KRW") -> RecoveredExecution:
    return RecoveredExecution(
        channel="execution",
        subject="default",
        vendor="kis",
        currency=currency,
        order=order,
        quantity=7,
        price=price,
    )


def test_a_domestic_fill_is_in_won() -> None:
    made = recovered(DOMESTIC, Decimal("70000.0"))
    event = made.event()
    assert event == made.raw_event()
    assert event is not made.event()
    assert (event["type"], event["event"], event["action"]) == ("execution", "fill", "modify")
    assert (event["currency"], event["price"], event["order_price"]) == ("KRW", 70_000, 70_000)
    assert (event["quantity"], event["order_quantity"], event["side"]) == (7, 10, "buy")
    assert (event["order_no"], event["original_order_no"]) == ("0000001", "0000000")
    assert event["time"] is None
    assert "account" not in event
    assert orjson.loads(orjson.dumps(event)) == event


def test_a_mean_price_may_have_a_fraction() -> None:
    assert recovered(DOMESTIC, Decimal("70000.5")).event()["price"] == "70000.5"
    assert recovered(DOMESTIC, None).event()["price"] is None


def test_an_overseas_fill_is_exact() -> None:
    event = recovered(OVERSEAS, Decimal("180.10"), "USD").event()
    assert (event["currency"], event["price"], event["action"]) == ("USD", "180.10", "new")
    assert event["order_price"] is None


async def test_a_feed_that_holds_nothing_stays_as_it_is() -> None:
    feed, one = NoFeed(), Registration("H0STCNT0", "005930")
    feed.want([one])
    feed.renew(one)
    feed.reconnect(one, "silence")
    assert feed.connection_of(one) is None
    assert (feed.capacity, feed.status()["registered"]) == (0, 0)
    running = asyncio.ensure_future(feed.run())
    await asyncio.sleep(0)
    assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
