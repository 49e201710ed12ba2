"""A moment of one product, from which the values of any record are written."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from broker_server.simulator.amounts import decimal
from broker_server.simulator.quotes import Level, OrderBook

BUYERS_PART = 47
"""Of every hundred shares traded, those that buyers took."""


@dataclass(kw_only=True)
class Facts:
    """A moment. Prices are in units of ``10 ** -decimals``.

    Attributes:
        key: What was registered; the first value of every record.
        symbol: Without prefixes.
        at: Korean time.
        local: The time at the exchange.
        opened: When the day's first trade was.
        places: Digits that a price is shown with.
        volume: Of the day so far; ``value`` is the money.
        traded: In this one trade.
        read_book: Looks the order book up; most records do not need it.
        session: ``1`` before, ``2`` in, ``3`` after the regular session.
        auction: An auction runs, so that an order book shows what it would end in.
        expects: The TRs of expected trades have something to tell.
        counts: Of an index: how its members stand.
        seed: Makes invented values reproducible.
    """

    key: str
    symbol: str
    name: str
    at: datetime
    local: datetime
    opened: datetime
    decimals: int
    places: int
    price: int
    base: int
    open: int
    high: int
    low: int
    upper: int
    lower: int
    volume: int
    value: int
    previous_volume: int
    shares: int
    read_book: Callable[[], OrderBook]
    traded: int = 0
    rising: bool = True
    suspended: bool = False
    is_open: bool = True
    session: str = "2"
    auction: bool = False
    expects: bool = True
    is_index: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0

    @cached_property
    def book(self) -> OrderBook:
        """The order book of the moment."""
        return self.read_book()

    @cached_property
    def bought(self) -> int:
        """Shares of the day that buyers took."""
        return self.volume * BUYERS_PART // 100

    @property
    def sold(self) -> int:
        """Shares of the day that sellers gave."""
        return self.volume - self.bought

    def money(self, price: int) -> str:
        """A price as decimal text, of as many digits as `places`."""
        return decimal(price, self.decimals, self.places)

    def level(self, side: str, number: int) -> Level:
        """The n-th level of ``ask`` or ``bid``; nothing where the book has no more."""
        levels = self.book.asks if side == "ask" else self.book.bids
        return levels[number - 1] if number <= len(levels) else Level(0, 0)

    def total(self, side: str, depth: int) -> int:
        """Shares on the best levels of a side."""
        levels = self.book.asks if side == "ask" else self.book.bids
        return sum(level.quantity for level in levels[:depth])

    def part(self, name: str, *, lasting: bool = False) -> float:
        """An invented number from 0 to 1, which changes each second, or with the product alone."""
        moment = 0 if lasting else int(self.at.timestamp())
        return zlib.crc32(f"{self.seed}/{self.key}/{name}/{moment}".encode()) / 0xFFFFFFFF
