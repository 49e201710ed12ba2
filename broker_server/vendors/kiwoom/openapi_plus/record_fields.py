"""The values of one live record by their FIDs.

Kiwoom pads values, and writes a sign before prices that tells where they moved, not what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from broker_server.core.market_data import Level

KST = ZoneInfo("Asia/Seoul")
_DAY, _HALF_A_DAY = timedelta(days=1), timedelta(hours=12)
_MOST_DIGITS = 30


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
        text = self.text(fid).replace(",", "")
        if not text:
            return None
        sign = -1 if text[0] == "-" else 1
        digits = text.lstrip("+-").strip()
        if not digits.isascii() or len(digits) > _MOST_DIGITS or not digits.replace(".", "", 1).isdigit():
            raise Unusable(f"the value of FID {fid} is not a number")
        try:
            return sign * Decimal(digits)
        except InvalidOperation:
            raise Unusable(f"the value of FID {fid} is not a number") from None

    def whole(self, fid: int) -> int | None:
        """A whole number with its sign.

        Raises:
            Unusable: It is something else.
        """
        number = self.number(fid)
        if number is None:
            return None
        if number != number.to_integral_value():
            raise Unusable(f"the value of FID {fid} is not whole")
        return int(number)

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
        return None if number is None else float(number)

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
        if len(text) != 6 or not text.isascii() or not text.isdigit():
            raise Unusable(f"FID {fid} has no time")
        try:
            clock_time = time(int(text[:2]), int(text[2:4]), int(text[4:]))
        except ValueError:
            raise Unusable(f"FID {fid} has no time") from None
        received = self._received.astimezone(KST)
        moment = datetime.combine(received.date(), clock_time, KST)
        if moment - received > _HALF_A_DAY:
            return moment - _DAY
        return moment + _DAY if received - moment > _HALF_A_DAY else moment
