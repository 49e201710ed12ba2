"""The values of one live record by their FIDs, the same on both ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from broker_server.core.market_data import Level
from broker_server.vendors.kiwoom.values import NotANumber, decimal_of, integer_of
from broker_server.vendors.korea import nearest_moment, time_of_day

_T = TypeVar("_T")


class Unusable(Exception):
    """The record does not fit the common model; the text says why, without a value that may be personal."""


class RecordFields:
    """Looks values up by FID.

    Args:
        values: As they came.
        received: When, with an offset: records have a time of day and no date.
    """

    def __init__(self, values: Mapping[int, str], received: datetime) -> None:
        self._values = values
        self._received = received

    def text(self, fid: int) -> str:
        """A text without its padding; empty if there is none."""
        return self._values.get(fid, "").strip()

    def number(self, fid: int) -> Decimal | None:
        """A number with its sign; a doubled sign is one.

        Raises:
            Unusable: It is something else.
        """
        return self._as(fid, decimal_of)

    def whole(self, fid: int) -> int | None:
        """A whole number with its sign.

        Raises:
            Unusable: It is something else.
        """
        return self._as(fid, integer_of)

    def count(self, fid: int) -> int | None:
        """A quantity: the sign before it says something else."""
        number = self.whole(fid)
        return None if number is None else abs(number)

    def price(self, fid: int) -> int | None:
        """A price in won: the sign before it is not its own; zero is none."""
        return self.count(fid) or None

    def points(self, fid: int) -> Decimal | None:
        """A value in points, likewise; zero is none."""
        number = self.number(fid)
        return abs(number) if number else None

    def rate(self, fid: int) -> float | None:
        """A rate in percent, with its sign."""
        number = self.number(fid)
        return None if number is None else float(number) + 0.0  # never -0.0

    def required_price(self, fid: int) -> int:
        """A price that the event is about.

        Raises:
            Unusable: There is none.
        """
        price = self.price(fid)
        if price is None:
            raise Unusable(f"FID {fid} has no price")
        return price

    def levels(self, first_price: int, first_quantity: int, depth: int) -> tuple[Level, ...]:
        """One side of a book: consecutive FIDs, those without a price left out."""
        found = ((self.price(first_price + at), self.count(first_quantity + at)) for at in range(depth))
        return tuple(Level(price, quantity or 0) for price, quantity in found if price is not None)

    def moment(self, fid: int) -> datetime | None:
        """A moment in Korea: the time of day, on the day that brings it nearest to the receipt.

        Raises:
            Unusable: It is no time.
        """
        text = self.text(fid)
        if not text:
            return None
        try:
            return nearest_moment(time_of_day(text), self._received)
        except (ValueError, OverflowError):
            raise Unusable(f"FID {fid} has no time") from None

    def _as(self, fid: int, read: Callable[[str], _T]) -> _T:
        try:
            return read(self._values.get(fid, ""))
        except NotANumber:
            raise Unusable(f"the value of FID {fid} is not a number") from None
