"""Limits on orders: on unless they are lifted, before anything leaves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.support.order_floor import Floor
from tests.support.order_refusals import refused

SETTINGS = {
    "ORDER_MAX_QUANTITY": "130",
    "ORDER_MAX_NOTIONAL": "KRW=9000000,USD=400",
    "ORDER_TICKERS": "005930,AAPL",
    "ORDER_MAX_AGE": "60",
    "TIMEZONE": "UTC",
}
pytestmark = pytest.mark.parametrize("module_journal_url", ["sqlite"], indirect=True)
"""None of this is different on another database."""
KOREA = timezone(timedelta(hours=9))


def test_quantity_and_instrument_are_limited(floor: Floor) -> None:
    price = floor.low_price("005930")
    refused(
        floor, "kis.buy-order", {"ticker": "005930", "quantity": 131, "price": price}, "ORDER_MAX_QUANTITY"
    )
    refused(
        floor, "kis.buy-order", {"ticker": "000660", "quantity": 1, "order_type": "market"}, "ORDER_TICKERS"
    )
    assert floor.resting("005930", 110)["order_no"]


def test_market_order_counts_at_its_upper_limit_price(floor: Floor) -> None:
    price = floor.brokerage.price("005930")
    quantity = 9_000_000 // price
    words = refused(
        floor,
        "kis.buy-order",
        {"ticker": "005930", "quantity": quantity, "order_type": "market"},
        "ORDER_MAX_NOTIONAL",
    )
    upper = int(floor.brokerage.market("005930")["upper_limit"])
    assert f"{upper * quantity:,}" in words
    floor.call("kis.buy-order", {"ticker": "005930", "quantity": quantity, "price": price})
    fits = 9_000_000 // upper
    floor.call("kis.buy-order", {"ticker": "005930", "quantity": fits, "order_type": "market"})


def test_change_counts_like_an_order_and_a_cancel_does_not(floor: Floor) -> None:
    resting = floor.resting("005930", 109)
    high = int(floor.brokerage.market("005930")["upper_limit"])
    refused(floor, "kis.modify-order", {"order_no": resting["order_no"], "price": high}, "ORDER_MAX_NOTIONAL")
    assert floor.order(resting["task_id"])["status"] == "working"
    floor.call("kis.cancel-order", {"order_no": resting["order_no"]})


def test_each_currency_has_its_own_limit(floor: Floor) -> None:
    order = {"ticker": "AAPL", "exchange": "NASD", "quantity": 4, "price": "100.01"}
    refused(floor, "kis.buy-overseas-order", order, "ORDER_MAX_NOTIONAL")
    floor.call("kis.buy-overseas-order", {**order, "price": "100.00"})


def test_forgotten_price_is_no_market_order(floor: Floor) -> None:
    error = floor.refusal("kis.buy-order", {"ticker": "005930", "quantity": 1})
    assert error["code"] == "INVALID_PARAMETERS"
    assert 'order_type: "market"' in error["message"]


def test_time_without_an_offset_is_read_in_the_configured_zone(floor: Floor) -> None:
    now = datetime.now(UTC).replace(tzinfo=None).isoformat()
    order = {"ticker": "005930", "quantity": 3, "price": floor.low_price("005930")}
    floor.call("kis.buy-order", order, keys={"request_time": now})
    in_korea = datetime.now(KOREA).replace(tzinfo=None).isoformat()
    error = floor.refusal("kis.buy-order", order, keys={"request_time": in_korea})
    assert error["code"] == "INVALID_PARAMETERS"
    assert "in the future" in error["message"]
    assert "read in UTC: TIMEZONE" in error["message"]
    early = (datetime.now(UTC) - timedelta(hours=9)).replace(tzinfo=None).isoformat()
    error = floor.refusal("kis.buy-order", order, keys={"request_time": early})
    assert error["code"] == "TASK_EXPIRED"
    assert "ORDER_MAX_AGE" in error["message"]
    assert "TIMEZONE" in error["message"]


def test_order_that_does_not_say_when_it_was_made_needs_the_message_to(floor: Floor) -> None:
    order = {"ticker": "005930", "quantity": 4, "price": floor.low_price("005930")}
    error = floor.refusal("kis.buy-order", order, keys={"request_time": None})
    assert error["code"] == "INVALID_PARAMETERS"
    assert "request_time" in error["message"]
    stamp = int(datetime.now(UTC).timestamp())
    floor.call("kis.buy-order", order, keys={"request_time": None}, timestamp=stamp)
    error = floor.refusal("kis.buy-order", order, keys={"request_time": None}, timestamp=stamp - 3600)
    assert error["code"] == "TASK_EXPIRED"


def test_order_for_another_environment_is_refused(floor: Floor) -> None:
    order = {"ticker": "005930", "quantity": 5, "price": floor.low_price("005930")}
    error = floor.refusal("kis.buy-order", order, keys={"expected_environment": "real"})
    assert (error["code"], error["retryable"]) == ("ORDER_GUARD", False)
    floor.call("kis.buy-order", order, keys={"expected_environment": "simulated"})
