from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from broker_client.errors import TaskFailed, Unsupported
from broker_server.vendors.values import KST

from .conftest import Market

DOMESTIC = {"ticker": "005930"}
OVERSEAS = {"ticker": "AAPL", "exchange": "NASD"}


def test_every_declared_example_of_a_read_works(market: Market) -> None:
    tried = 0
    for method in market.vendor.methods():
        if method.kind == "read" and method.example is not None:
            market.rows(method.name, **method.example)
            tried += 1
    assert tried >= 16


def test_the_current_price_is_that_of_the_market(market: Market) -> None:
    market.control("POST", "/market", {"ticker": "005930", "price": 70000})
    price = market.one("kis.get-current-price", **DOMESTIC)
    assert (price["price"], price["venue"]) == (70000, "KRX")
    assert price["low"] <= price["price"] <= price["high"]
    assert price["change"] == price["price"] - price["base_price"]
    assert "raw" not in price
    market.control("POST", "/market", {"ticker": "005930", "price": None})


def test_the_order_book_does_not_cross(market: Market) -> None:
    book = market.one("kis.get-order-book", **DOMESTIC)
    asks = [level["price"] for level in book["asks"]]
    bids = [level["price"] for level in book["bids"]]
    assert asks == sorted(asks)
    assert bids == sorted(bids, reverse=True)
    assert bids[0] < asks[0]
    assert sum(level["quantity"] for level in book["asks"]) == book["total_ask_quantity"]
    assert datetime.fromisoformat(book["time"]).utcoffset() == timedelta(hours=9)


def test_the_name_is_answered_in_both_environments(market: Market) -> None:
    assert market.rows("get-stock-name", stock_code="015760") == ["한국전력"]
    info = market.one("kis.get-stock-info", **DOMESTIC)
    assert info["name"] == "삼성전자"
    assert info["listed_shares"] > 0
    assert (info["market"] == "KOSPI") == (market.account.startswith("1"))


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("kis.get-current-price", {"ticker": "999999"}),
        ("kis.get-order-book", {"ticker": "999999"}),
        ("kis.get-stock-info", {"ticker": "999999"}),
        ("get-stock-name", {"stock_code": "999999"}),
        ("kis.get-daily-candles", {"ticker": "999999"}),
        ("kis.get-minute-candles", {"ticker": "999999"}),
        ("kis.get-overseas-price", {"ticker": "NOPE", "exchange": "NASD"}),
        ("kis.get-overseas-order-book", {"ticker": "NOPE", "exchange": "NASD"}),
        ("kis.get-overseas-daily-candles", {"ticker": "NOPE", "exchange": "NASD"}),
    ],
)
def test_an_unknown_instrument_is_an_error_and_never_a_price_of_zero(
    market: Market, method: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(TaskFailed) as caught:
        market.outcome(method, **arguments)
    assert caught.value.code in ("INVALID_PARAMETERS", "VENDOR_REJECTED")


@pytest.mark.parametrize("interval", ["day", "week", "month", "year"])
def test_candles_of_several_pages_have_neither_gaps_nor_doubles(market: Market, interval: str) -> None:
    candles = market.rows("kis.get-daily-candles", **DOMESTIC, interval=interval, start="2021-01-04")
    dates = [candle["date"] for candle in candles]
    assert dates == sorted(set(dates))
    if interval in ("day", "week"):
        assert len(market.progress) > 1
    periods = {
        "day": lambda day: day,
        "week": lambda day: day.isocalendar()[:2],
        "month": lambda day: (day.year, day.month),
        "year": lambda day: day.year,
    }
    keys = [periods[interval](datetime.fromisoformat(day)) for day in dates]
    assert len(set(keys)) == len(keys)
    for earlier, later in pairwise(candles):
        assert later["change"] == later["close"] - earlier["close"]


def test_minute_candles_of_today_are_complete_and_in_order(market: Market) -> None:
    now = datetime.now(KST)
    start = max(now - timedelta(minutes=100), now.replace(hour=0, minute=0))
    candles = market.rows("kis.get-minute-candles", **DOMESTIC, start=f"{start:%H:%M}")
    times = [datetime.fromisoformat(candle["time"]) for candle in candles]
    assert times == sorted(set(times))
    assert len(candles) >= (now - start).total_seconds() // 60 - 1
    assert all(candle["complete"] for candle in candles[:-2])


def test_minute_candles_of_a_past_day_are_for_real_keys_only(real: Market, paper: Market) -> None:
    today = datetime.now(KST).date()
    day = next(day for back in range(1, 8) if (day := today - timedelta(days=back)).weekday() < 5).isoformat()
    candles = real.rows("kis.get-minute-candles", **DOMESTIC, date=day)
    assert {candle["time"][:10] for candle in candles} == {day}
    assert len(candles) > 120
    with pytest.raises(Unsupported, match="past days only to real keys"):
        paper.outcome("kis.get-minute-candles", **DOMESTIC, date=day)


def test_overseas_prices_are_exact_text(market: Market) -> None:
    market.control("POST", "/market", {"ticker": "AAPL", "exchange": "NASD", "price": "187.35"})
    price = market.one("kis.get-overseas-price", **OVERSEAS, raw=True)
    assert (price["price"], price["currency"]) == ("187.35", "USD")
    assert Decimal(price["price"]) - Decimal(price["previous_close"]) == Decimal(price["change"])
    assert price["raw"]["last"].strip()
    market.control("POST", "/market", {"ticker": "AAPL", "exchange": "NASD", "price": None})


def test_what_can_be_bought_overseas_adds_up_in_the_currency_and_with_won(market: Market) -> None:
    row = market.one("kis.get-overseas-buyable-amount", **OVERSEAS, price="200.00", raw=True)
    assert row["amount"] == row["cash"]
    assert 0.99 < row["quantity"] * 200 / float(row["amount"]) <= 1
    assert 0.99 < row["quantity_after_exchange"] * 200 / float(row["amount_after_exchange"]) <= 1
    assert Decimal(row["amount_after_exchange"]) > Decimal(row["amount"])
    assert row["raw"]["echm_af_ord_psbl_qty"] == "0"


def test_overseas_candles_page_back(market: Market) -> None:
    candles = market.rows("kis.get-overseas-daily-candles", **OVERSEAS, start="2025-06-02")
    dates = [candle["date"] for candle in candles]
    assert dates == sorted(set(dates))
    assert len(dates) > 200


def test_the_check_passes(market: Market) -> None:
    results = market.vendor.check()
    assert [result.item for result in results] == [
        "kis token cache",
        "kis token",
        "kis quote",
        "kis account",
    ]
    assert all(result.passed for result in results), results
    assert "clock is right" in results[2].detail
