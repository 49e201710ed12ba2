"""From KOSCOM's values to ours.

The type that a value has on the wire tells nothing: the same field comes as a number here and as text
there, sometimes in a list of its own, and a missing one is ``null``, `` -`` or nothing at all. So every value
is read by what its field means.
"""

from __future__ import annotations

import re
from datetime import date, time
from decimal import Decimal
from typing import Any, NamedTuple

Number = int | Decimal

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)", re.ASCII)
_MOST_DIGITS = 30
_EXACT_FLOAT = 1 << 53
_ABSENT = ("", "-")
_DIGITS_OF_A_TIME = 8
_DIGITS_OF_A_CODE = 6
_LAST_HOUR = 23


class NotReadable(ValueError):
    """The value is not what its field holds."""


class TradeTime(NamedTuple):
    """What a ``trdTm`` says: at most one of the two.

    Attributes:
        clock: The time of day in Korea.
        signal: Eight digits that are no time: a signal of the market, or the mark of a block trade.
    """

    clock: time | None
    signal: str | None


NO_TIME = TradeTime(None, None)


def number_of(value: Any) -> Number | None:
    """A number, exactly as sent: ``int`` where it has no fraction; ``None`` where there is none.

    Raises:
        NotReadable: It is something else.
    """
    kind = type(value)
    if kind is int:
        return int(value)
    if kind is str:
        return _number_in(value)
    if value is None:
        return None
    if kind is float:
        if abs(value) >= _EXACT_FLOAT:
            raise NotReadable("a number too large to be exact")
        return int(value) if value.is_integer() else Decimal(repr(value))
    return number_of(_only(value))


def whole_of(value: Any) -> int | None:
    """A whole number; ``None`` where there is none.

    Raises:
        NotReadable: It is something else.
    """
    number = number_of(value)
    if isinstance(number, Decimal):
        raise NotReadable("not a whole number")
    return number


def price_of(value: Any) -> Number | None:
    """A price; ``None`` where there is none: missing or zero.

    Raises:
        NotReadable: It is something else.
    """
    return number_of(value) or None


def text_of(value: Any) -> str | None:
    """A text without blanks around it; ``None`` where there is none.

    Raises:
        NotReadable: It is something else.
    """
    if isinstance(value, str):
        text = value.strip()
        return None if text in _ABSENT else text
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return text_of(_only(value))


def code_of(value: Any) -> str | None:
    """A short code without its market (``005930*001``); ``None`` where there is none.

    A number has lost its zeros, which are put back.

    Raises:
        NotReadable: It is something else.
    """
    text = text_of(value)
    if text is None:
        return None
    code = text.partition("*")[0].strip()
    if not isinstance(value, str) and code.isdecimal():
        code = code.zfill(_DIGITS_OF_A_CODE)
    return code or None


def trade_time(value: Any) -> TradeTime:
    """A time of day ``HHMMSScc``, whose leading zero may be missing, or a signal.

    0 is before the session or before the first trade, and neither. What has more than 23 hours is a signal.

    Raises:
        NotReadable: It is something else.
    """
    digits = time_digits(value)
    if digits is None:
        return NO_TIME
    try:
        return TradeTime(
            time(int(digits[:2]), int(digits[2:4]), int(digits[4:6]), int(digits[6:]) * 10_000), None
        )
    except ValueError:
        if int(digits[:2]) > _LAST_HOUR:
            return TradeTime(None, digits)
        raise NotReadable("not a time HHMMSScc") from None


def time_digits(value: Any) -> str | None:
    """The eight digits of a time ``HHMMSScc`` or of a signal; ``None`` for 0 and where there is none.

    Raises:
        NotReadable: It is something else.
    """
    text = text_of(value)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS_OF_A_TIME):
        raise NotReadable("not a time HHMMSScc")
    return None if not text.strip("0") else text.zfill(_DIGITS_OF_A_TIME)


def header_time(value: Any) -> time | None:
    """The time ``HHMMSS`` at the head of a table of the whole market; ``None`` where there is none.

    Raises:
        NotReadable: It is something else.
    """
    text = text_of(value)
    if text is None:
        return None
    text = text.zfill(6)
    try:
        return time(int(text[:2]), int(text[2:4]), int(text[4:]))
    except ValueError:
        raise NotReadable("not a time HHMMSS") from None


def day_of(value: Any) -> date | None:
    """A date ``YYYYMMDD``; ``None`` where there is none: missing or zero.

    Raises:
        NotReadable: It is something else.
    """
    text = text_of(value)
    if text is None or not text.strip("0"):
        return None
    if not (text.isascii() and text.isdecimal() and len(text) == 8):
        raise NotReadable("not a date YYYYMMDD")
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise NotReadable("not a date YYYYMMDD") from None


def _number_in(text: str) -> Number | None:
    if text.isdecimal() and text.isascii() and len(text) <= _MOST_DIGITS:
        return int(text)
    text = text.strip().replace(",", "")
    if text in _ABSENT:
        return None
    if _NUMBER.fullmatch(text) is None or len(text) > _MOST_DIGITS:
        raise NotReadable("not a number")
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else number


def _only(value: Any) -> Any:
    """What is alone in a list: an unknown issue comes as ``[" -"]``."""
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], list):
        return value[0]
    raise NotReadable(f"a {type(value).__name__} is no value")
