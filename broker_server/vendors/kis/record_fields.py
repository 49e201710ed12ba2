"""The values of one real-time record by what they mean, for turning it into a vendor's neutral event."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from broker_server.core.market_data import Level, Money
from broker_server.vendors.kis.codec import Record
from broker_server.vendors.kis.frames import Reason
from broker_server.vendors.kis.record_readers import Value
from broker_server.vendors.kis.values import with_sign
from broker_server.vendors.korea import nearest_moment, time_of_day
from broker_server.vendors.values import KST

_T = TypeVar("_T")


class Unusable(Exception):
    """The record cannot become an event.

    Args:
        reason: Why.
        detail: In words, without personal data.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class RecordFields:
    """Looks values up by KIS's names.

    Args:
        record: The record.
        received: When it came, with an offset: most records have a time of day and no date.
    """

    def __init__(self, record: Record, received: datetime) -> None:
        self._fields = record.fields
        self._received = received

    def text(self, name: str) -> str | None:
        """A text or code."""
        value = self._fields.get(name)
        return value if isinstance(value, str) else None

    def required_text(self, name: str) -> str:
        """A text that says what the event is about.

        Raises:
            Unusable: It is missing.
        """
        return _required(self.text(name), name)

    def whole(self, name: str) -> int | None:
        """A whole number."""
        value = self._fields.get(name)
        return value if isinstance(value, int) else None

    def money(self, name: str) -> Money | None:
        """A price or amount; zero counts as none."""
        value = self._fields.get(name)
        return value if value and isinstance(value, (int, Decimal)) else None

    def decimal(self, name: str) -> Decimal | None:
        """A number in points, which may be zero."""
        number = _number(self._fields.get(name))
        return None if number is None else Decimal(number)

    def required_decimal(self, name: str) -> Decimal:
        """The number that the event is about.

        Raises:
            Unusable: It is missing.
        """
        return _required(self.decimal(name), name)

    def required_money(self, name: str) -> Money:
        """The price that the event is about.

        Raises:
            Unusable: It is missing or zero.
        """
        amount = self.money(name)
        if amount is None:
            raise _missing(name)
        return amount

    def change(self, name: str, sign: str) -> Money | None:
        """A difference, signed by its code: some TRs send it without a sign of its own."""
        number, code = self._fields.get(name), self.text(sign)
        if isinstance(number, int):
            return with_sign(code, number)
        return with_sign(code, number) if isinstance(number, Decimal) else None

    def rate(self, name: str, sign: str) -> float | None:
        """A ratio in percent, signed likewise."""
        number = self.change(name, sign)
        return None if number is None else float(number)

    def levels(self, price: str, quantity: str, depth: int) -> tuple[Level, ...]:
        """One side of a book: the fields ``price1``, ``price2`` … that have a price."""
        found = (
            (self.money(f"{price}{place}"), self.whole(f"{quantity}{place}")) for place in range(1, depth + 1)
        )
        return tuple(Level(at, shares or 0) for at, shares in found if at is not None)

    def moment(self, name: str, date_name: str | None = None) -> datetime | None:
        """A moment in Korea, or ``None`` where the record has no time.

        Args:
            name: The time of day.
            date_name: The Korean date; without one it is the day that brings it nearest to the receipt.

        Raises:
            Unusable: It is no time, or no date.
        """
        clock_text = self.text(name)
        if clock_text is None:
            return None
        date_text = self.text(date_name) if date_name else None
        try:
            if date_text and date_text.strip("0"):
                return _moment(date_text, clock_text)
            return nearest_moment(time_of_day(clock_text), self._received)
        except (ValueError, OverflowError):
            raise Unusable(Reason.NO_TIME, f"{name} is not a time") from None


@lru_cache(maxsize=64)  # most records are of the same second as the one before
def _moment(date_text: str, clock_text: str) -> datetime:
    return datetime.combine(_date(date_text), time_of_day(clock_text), KST)


def _date(text: str) -> date:
    if len(text) != 8 or not text.isascii():
        raise ValueError("not YYYYMMDD")
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _number(value: Value) -> Money | None:
    return value if isinstance(value, (int, Decimal)) else None


def _required(value: _T | None, name: str) -> _T:
    if value is None:
        raise _missing(name)
    return value


def _missing(name: str) -> Unusable:
    return Unusable(Reason.INCOMPLETE, f"{name} is missing")
