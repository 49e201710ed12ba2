"""What KOSCOM tells about: stocks, indices, futures and options, each as it stands at a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

Value = int | float | str | None
Values = Mapping[str, Value]
Kind = Literal["stock", "index", "futures", "options"]


class Trade(NamedTuple):
    """A trade, or a signal in its place.

    Attributes:
        quantity: 0 with a signal.
        rising: The buyer's order came last.
        time: ``trdTm``.
    """

    quantity: int
    rising: bool
    time: int


class Moment(Protocol):
    """A product at a moment."""

    @property
    def price(self) -> int:
        """In units of its own; only for comparison."""
        ...

    @property
    def volume(self) -> int:
        """Of the day so far."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether it is traded."""
        ...

    @property
    def has_book(self) -> bool:
        """Whether its order book moves: in the session and in the auctions."""
        ...

    def last_trade(self) -> Trade:
        """The trade in memory."""
        ...

    def record(self, preset: str, trade: Trade) -> Values:
        """What a preset tells, the code excepted."""
        ...


class Product(Protocol):
    """Something that can be subscribed to.

    Attributes:
        kind: Which presets and items there are.
        code: The short code that it is told under.
        isin: The standard code.
        suffix: Of the market, ``*001`` and its like.
    """

    kind: Kind
    code: str
    isin: str
    suffix: str

    def at(self, moment: datetime) -> Moment:
        """How it stands."""
        ...


PRESETS: Mapping[Kind, Sequence[str]] = {
    "stock": ("tick", "quote", "tick10", "quote10", "change"),
    "futures": ("tick", "quote", "tick10", "quote10", "change"),
    "options": ("tick", "quote", "tick10", "quote10", "change"),
    "index": ("index",),
}


def sign_code(price: int, base: int, lower: int = -1, upper: int = -1) -> str:
    """``cmpprevddTpCd``: 1 upper limit, 2 up, 3 flat, 4 lower limit, 5 down."""
    if price == base:
        return "3"
    if price > base:
        return "1" if price == upper else "2"
    return "4" if price == lower else "5"
