from __future__ import annotations

import re
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import get_args

import orjson
import pytest

from broker_server.core.docstrings import attribute_texts
from broker_server.core.market_data import Level, MarketData, OrderBook, event_of, plain


def test_the_types_of_the_contract_are_all_there() -> None:
    assert {model.type for model in get_args(MarketData)} == {
        "trade",
        "order_book",
        "execution",
        "index",
        "market_status",
    }


@pytest.mark.parametrize("model", get_args(MarketData), ids=lambda model: model.type)
def test_every_field_is_explained(model: type) -> None:
    text = model.__doc__ or ""
    explained = attribute_texts(text).keys() | set(re.findall(r"``(\w+)`` (?:and ``low`` )?likewise", text))
    assert {entry.name for entry in fields(model)} - explained <= {"low"}


def test_an_event_is_exact_json() -> None:
    book = OrderBook(
        vendor="kis",
        ticker="AAPL",
        venue="NASD",
        currency="USD",
        time=datetime(2026, 9, 15, 1, 30, tzinfo=UTC),
        asks=(Level(Decimal("182.8700"), 57),),
        bids=(),
    )
    event = event_of(book)
    assert orjson.loads(orjson.dumps(event)) == event
    assert event["type"] == "order_book"
    assert event["time"] == "2026-09-15T01:30:00+00:00"
    assert event["asks"] == [{"price": "182.8700", "quantity": 57}]
    assert event["bids"] == []
    assert event["expected_price"] is None


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("1E+3"), "1000"),
        (Decimal("0.0000001"), "0.0000001"),
        (2**63 - 1, 2**63 - 1),
        (10**19, "10000000000000000000"),
        (Level(1, 10**19), {"price": 1, "quantity": "10000000000000000000"}),
        (True, True),
        ((1, Decimal("1.50")), [1, "1.50"]),
    ],
)
def test_numbers_are_written_exactly(value: object, written: object) -> None:
    assert plain(value) == written
