"""Indices of the simulated market, the same for every vendor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from broker_server.simulator.instruments import Instrument
from broker_server.simulator.market import Market
from broker_server.simulator.quotes import Quote

DECIMALS = 2
_UNIT: int = 10**DECIMALS
_MEMBERS = 10


@dataclass(frozen=True, slots=True)
class IndexQuote:
    """A moment of an index, in hundredths of a point; ``members`` are the quotes it is made of."""

    price: int
    base: int
    open: int
    high: int
    low: int
    members: tuple[Quote, ...]

    @property
    def volume(self) -> int:
        """Shares of the day."""
        return sum(quote.volume for quote in self.members)

    @property
    def value(self) -> int:
        """Won of the day."""
        return sum(quote.value for quote in self.members)


class Index:
    """The worth of a segment's largest members against what they were listed at.

    Args:
        market: Where prices come from.
        segment: Whose shares it counts.
        level: Where it stands, in points, when they are worth that.
    """

    def __init__(self, market: Market, segment: str, level: float) -> None:
        self.segment = segment
        self._market = market
        self._level = level
        members = [item for item in market.instruments if item.segment == segment and item.kind == "stock"]
        members.sort(key=lambda item: item.shares * item.base_price, reverse=True)
        self.members: Sequence[Instrument] = members[:_MEMBERS]
        self._listed = sum(item.shares * item.base_price for item in self.members)

    def quote(self, at: datetime) -> IndexQuote:
        """How it stands at a time."""
        quotes = tuple(self._market.quote(item, at) for item in self.members)
        price, base = self._points([q.price for q in quotes]), self._points([q.base for q in quotes])
        opening = self._points([q.open or q.base for q in quotes])
        return IndexQuote(price, base, opening, max(price, opening), min(price, opening), quotes)

    def _points(self, prices: list[int]) -> int:
        worth = sum(item.shares * price for item, price in zip(self.members, prices, strict=True))
        return round(_UNIT * self._level * worth / self._listed)
