"""Snapshots of streams are what the reads say, whichever key is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from broker_server.core.stream_requests import Registration
from broker_server.vendors.clock import SystemClock
from broker_server.vendors.kis.stream_snapshots import Snapshots

from .conftest import Market


def snapshot(market: Market, code: str, key: str) -> dict[str, Any]:
    snapshots = Snapshots(market.vendor._client, SystemClock())
    return snapshots.read(Registration(code, key), market.context(), bulk=False).event()


def test_domestic(market: Market) -> None:
    market.control("POST", "/market", {"ticker": "005930", "price": 70000})
    try:
        trade = snapshot(market, "H0STCNT0", "005930")
        assert (trade["price"], trade["quantity"], trade["venue"]) == (70000, None, "KRX")
        assert trade["low"] <= 70000 <= trade["high"]
        book, read = snapshot(market, "H0STASP0", "005930"), market.one("kis.get-order-book", ticker="005930")
        assert (book["asks"], book["bids"]) == (read["asks"], read["bids"])
    finally:
        market.control("POST", "/market", {"ticker": "005930", "price": None})


@pytest.mark.parametrize(
    ("code", "key", "exchange", "ticker"),
    [
        ("HDFSASP0", "DNASAAPL", "NASD", "AAPL"),
        ("HDFSASP0", "RBAQAAPL", "NASD", "AAPL"),
        ("HDFSASP1", "DHKS00700", "SEHK", "00700"),
    ],
)
def test_overseas(market: Market, code: str, key: str, exchange: str, ticker: str) -> None:
    read = market.one("kis.get-overseas-price", ticker=ticker, exchange=exchange)
    for event in (snapshot(market, "HDFSCNT0", key), snapshot(market, code, key)):
        named = (event["ticker"], event["venue"], event["currency"])
        assert named == (ticker, exchange, read["currency"])
        assert event["delayed"] == (exchange == "SEHK")
    book = snapshot(market, code, key)
    assert book["asks"]
    assert book["bids"]
    assert float(book["bids"][0]["price"]) < float(book["asks"][0]["price"])
