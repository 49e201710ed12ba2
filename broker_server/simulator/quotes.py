"""What the simulated market shows of an instrument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker_server.simulator.instruments import Instrument


@dataclass(frozen=True, slots=True)
class Quote:
    """A moment of one instrument. Prices in minor units; ``base`` is the previous close."""

    instrument: Instrument
    time: datetime
    price: int
    base: int
    open: int
    high: int
    low: int
    volume: int
    value: int
    lower: int
    upper: int
    previous_volume: int


@dataclass(frozen=True, slots=True)
class Level:
    """One price of an order book."""

    price: int
    quantity: int


@dataclass(frozen=True, slots=True)
class OrderBook:
    """Best prices first; fewer than ten levels where the daily limit cuts them off."""

    asks: tuple[Level, ...]
    bids: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class MinuteBar:
    """One minute; ``volume`` is the minute's, ``total_value`` the day's so far."""

    time: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int
    value: int
    total_value: int
