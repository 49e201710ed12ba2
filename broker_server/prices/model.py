"""What the price layer says of an instrument: a price, where it comes from, and how old it is.

Prices, changes and volumes are whole numbers: won and shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from broker_server.core.market_data import change_rate

DEFAULT_VENUE = "KRX"


class Source(StrEnum):
    """Where a price comes from, the best first."""

    REALTIME = "realtime"
    REST = "rest"
    DAILY_CLOSE = "daily_close"


class PriceKey(NamedTuple):
    """What has a price of its own: no store mixes venues.

    Attributes:
        ticker: The instrument, ``005930``.
        venue: Where it is traded: ``KRX``, ``NXT`` or ``UNIFIED``.
    """

    ticker: str
    venue: str = DEFAULT_VENUE

    @property
    def subject(self) -> str:
        """As routing keys and topics write it: ``005930``, ``005930.NXT``."""
        return self.ticker if self.venue == DEFAULT_VENUE else f"{self.ticker}.{self.venue}"

    @classmethod
    def of_subject(cls, subject: str) -> PriceKey:
        """The other way around."""
        ticker, _, venue = subject.partition(".")
        return cls(ticker, venue or DEFAULT_VENUE)


class Level(NamedTuple):
    """One price of an order book and the shares that wait there."""

    price: int
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The price of an instrument as one source tells it.

    Attributes:
        key: Of what.
        price: The last price in won.
        base_price: The close before, which ``change`` is counted from; ``None`` if it is not known.
        volume: Shares traded today; of a daily close on its day.
        bid_price: The best bid; ``ask_price`` the best offer; ``None`` if there is none, or not known.
        open: First price of the day; ``high`` and ``low`` likewise.
        source: Where it comes from.
        vendor: Whose figures they are.
        as_of: When the price was true, by the vendor; the time of receipt where the vendor does not say.
        base_date: Of a daily close the day; else ``None``.
        halted: Whether trading is suspended (거래정지); ``None`` if it is not known.
        stale: It may be out of date: the stream it came from is silent, or it has had its time.
        reason: Why it is stale.
        seq: Counts the changes of this key, from 1; set by the board.
    """

    key: PriceKey
    price: int
    base_price: int | None
    volume: int | None
    source: Source
    vendor: str
    as_of: datetime
    bid_price: int | None = None
    ask_price: int | None = None
    open: int | None = None
    high: int | None = None
    low: int | None = None
    base_date: date | None = None
    halted: bool | None = None
    stale: bool = False
    reason: str | None = None
    seq: int = 0

    @property
    def change(self) -> int | None:
        """Against the base price, in won."""
        return None if self.base_price is None else self.price - self.base_price

    @property
    def change_rate(self) -> float | None:
        """Against the base price, in percent."""
        return change_rate(self.price, self.base_price) if self.base_price else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The order book of an instrument.

    Attributes:
        key: Of what.
        asks: Offers, the cheapest first; ``bids`` the dearest first.
        source: Where it comes from.
        vendor: Whose figures they are.
        as_of: When it was true.
        stale: See `Price`; ``reason`` and ``seq`` likewise.
    """

    key: PriceKey
    asks: tuple[Level, ...]
    bids: tuple[Level, ...]
    source: Source
    vendor: str
    as_of: datetime
    stale: bool = False
    reason: str | None = None
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeTick:
    """One trade, for those that want each of them; never conflated.

    Attributes:
        key: Of what.
        price: Per share, in won.
        quantity: Shares.
        side: ``buy`` or ``sell``: who took liquidity; ``None`` if it is not known.
        vendor: Whose stream it came from.
        as_of: When it was made.
        missed: How many trades before this one were lost on the way here; ``None`` if nobody knows.
        seq: Counts the trades of this key, from 1; set by the board.
    """

    key: PriceKey
    price: int
    quantity: int | None
    side: str | None
    vendor: str
    as_of: datetime
    missed: int | None = 0
    seq: int = 0


class State(StrEnum):
    """How the streams of an instrument are."""

    WAITING = "waiting"
    LIVE = "live"
    POLLING = "polling"
    STALE = "stale"
    RECONNECTING = "reconnecting"
    UNKNOWN = "unknown"
    """No vendor knows the ticker."""
    UNAVAILABLE = "unavailable"
    """No vendor can serve it now."""


class Standing(NamedTuple):
    """How the streams of an instrument are, and why."""

    state: State
    reason: str | None = None
