"""What values of every Korean vendor share: the zone, exact decimals, signs by a code."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

KST = ZoneInfo("Asia/Seoul")

_Number = TypeVar("_Number", int, Decimal)
_FALLING = {"4", "5"}
_RISING = {"1", "2"}


def decimal_text(number: Decimal | None) -> str | None:
    """The exact decimal as plain text: no exponent, no padding zeros at either end."""
    if number is None:
        return None
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def with_sign(sign: str | None, number: _Number | None) -> _Number | None:
    """Combine a sign code with a change, whether or not the change carries a sign of its own.

    Args:
        sign: 1 upper limit, 2 up, 3 flat, 4 lower limit, 5 down.
        number: The change; its own sign counts only when the code says nothing.
    """
    if number is None or number == 0:
        return None if number is None else abs(number)  # never -0
    if sign in _FALLING:
        return -abs(number)
    return abs(number) if sign in _RISING else number


def moment(day: date | None, clock_time: time | None) -> datetime | None:
    """A moment in Korea, or ``None`` when either part is missing."""
    if day is None or clock_time is None:
        return None
    return datetime.combine(day, clock_time, KST)
