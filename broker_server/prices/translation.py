"""Events and results of workers as the board takes them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from broker_client.errors import InvalidParameters
from broker_server.prices.history import DailyCandle
from broker_server.prices.model import (
    DEFAULT_VENUE,
    Book,
    Level,
    Price,
    PriceKey,
    Source,
    State,
    TradeTick,
)

CLOCK_TOLERANCE = timedelta(seconds=5)
"""A time that is further in the future than this is not believed."""

_NAMES_THE_TICKER = re.compile(r"\bticker\b|\bknows no (such )?(instrument|issue)\b")

Event = Mapping[str, Any]


class NotWhole(ValueError):
    """A figure is no whole number: the layer is for won and shares."""


def price_of_event(event: Event, source: Source, received: datetime) -> Price | None:
    """The price that a trade tells; ``None`` if it tells none: an auction's expectation.

    Args:
        event: Of the type ``trade``.
        source: Whether it came live, or REST stood in.
        received: When it came in here.
    """
    price = _whole(event.get("price"))
    if event.get("type") != "trade" or event.get("expected") or price is None:
        return None
    change = _whole(event.get("change"))
    return Price(
        key=key_of_event(event),
        price=price,
        base_price=None if change is None else price - change,
        volume=_whole(event.get("volume")),
        bid_price=_whole(event.get("bid")),
        ask_price=_whole(event.get("ask")),
        open=_whole(event.get("open")),
        high=_whole(event.get("high")),
        low=_whole(event.get("low")),
        source=source,
        vendor=str(event["vendor"]),
        as_of=moment(event.get("time"), received),
    )


def trade_of_event(event: Event, received: datetime, missed: int | None = 0) -> TradeTick | None:
    """One trade; ``None`` if it is none, or has not happened.

    Args:
        event: Of the type ``trade``.
        received: When it came in here.
        missed: See `TradeTick`.
    """
    price = _whole(event.get("price"))
    if event.get("type") != "trade" or event.get("expected") or event.get("snapshot") or price is None:
        return None
    return TradeTick(
        key=key_of_event(event),
        price=price,
        quantity=_whole(event.get("quantity")),
        side=event.get("side"),
        vendor=str(event["vendor"]),
        as_of=moment(event.get("time"), received),
        missed=missed,
    )


def book_of_event(event: Event, source: Source, received: datetime) -> Book | None:
    """The order book that an event tells; ``None`` if it tells none."""
    if event.get("type") != "order_book":
        return None
    return Book(
        key=key_of_event(event),
        asks=_levels(event.get("asks")),
        bids=_levels(event.get("bids")),
        source=source,
        vendor=str(event["vendor"]),
        as_of=moment(event.get("time"), received),
    )


def price_of_result(result: Event, vendor: str, received: datetime) -> Price | None:
    """The price in the result of ``<vendor>.get-current-price``, which has no time: it is true on receipt."""
    price = _whole(result.get("price"))
    if price is None:
        return None
    change = _whole(result.get("change"))
    return Price(
        key=key_of_event(result),
        price=price,
        base_price=None if change is None else price - change,
        volume=_whole(result.get("volume")),
        open=_whole(result.get("open")),
        high=_whole(result.get("high")),
        low=_whole(result.get("low")),
        halted=result.get("halted"),
        source=Source.REST,
        vendor=vendor,
        as_of=received,
    )


def price_of_close(candle: DailyCandle, before: int | None, closed_at: datetime) -> Price:
    """The price of a daily candle.

    Args:
        candle: The day.
        before: The close before it.
        closed_at: When that day was over.
    """
    return Price(
        key=PriceKey(candle.ticker, candle.venue),
        price=candle.close,
        base_price=before,
        volume=candle.volume,
        open=candle.open,
        high=candle.high,
        low=candle.low,
        halted=candle.halted or None,
        source=Source.DAILY_CLOSE,
        vendor=candle.vendor,
        as_of=closed_at,
        base_date=candle.day,
    )


def refusal_of(error: InvalidParameters) -> State:
    """Whether the ticker is unknown, or a worker cannot be asked in this way.

    The contract has one code for both; the workers' texts name the parameter,
    or say what the vendor does not know.
    """
    return State.UNKNOWN if _NAMES_THE_TICKER.search(error.message) else State.UNAVAILABLE


def key_of_event(event: Event) -> PriceKey:
    """What it is about."""
    return PriceKey(str(event["ticker"]), str(event.get("venue") or DEFAULT_VENUE))


def moment(text: object, received: datetime) -> datetime:
    """The time of an event; that of receipt where there is none, or one that cannot be."""
    if not isinstance(text, str):
        return received
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return received
    if found.tzinfo is None or found > received + CLOCK_TOLERANCE:
        return received
    return found


def _whole(value: object) -> int | None:
    if value is None:
        return None
    if type(value) is int:
        return value
    raise NotWhole(f"{value!r} is no whole number")


def _levels(levels: Sequence[Mapping[str, Any]] | None) -> tuple[Level, ...]:
    found = []
    for each in levels or ():
        price, quantity = _whole(each.get("price")), _whole(each.get("quantity"))
        if price is not None:
            found.append(Level(price, quantity or 0))
    return tuple(found)
