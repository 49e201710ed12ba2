"""From Kiwoom's texts to values, the same on both ways.

Numbers are padded with zeros or blanks, have thousands separators in a few places, and a ``+`` or ``-`` in
front that on a price is no sign: it says on which side of the previous close the price is. A minus before a
number that is negative already makes ``--3405``.
"""

from __future__ import annotations

import re
from decimal import Decimal

_NUMBER = re.compile(r"(?P<signs>[+-]*)(?P<digits>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)", re.ASCII)
_MOST_DIGITS = 30
_DIGITS_OF_AN_ORDER = 7
_FULL = frozenset({2**31 - 1, 2**32 - 1})
"""What Kiwoom's counters stop at: the number is not known."""


class NotANumber(ValueError):
    """The text is no number of Kiwoom."""


def decimal_of(text: str) -> Decimal | None:
    """A signed number, exactly as sent; ``None`` for an empty text.

    Raises:
        NotANumber: It is something else.
    """
    text = text.strip().replace(",", "")
    if not text:
        return None
    found = _NUMBER.fullmatch(text)
    if found is None or len(found["digits"]) > _MOST_DIGITS:
        raise NotANumber("not a number")
    number = Decimal(found["digits"])
    return -number if "-" in found["signs"] and number else number


def whole_of(text: str) -> int | None:
    """A signed whole number, as it is told; ``None`` for an empty text.

    Raises:
        NotANumber: It is something else.
    """
    number = decimal_of(text)
    if number is None:
        return None
    if number != number.to_integral_value():
        raise NotANumber("not a whole number")
    return int(number)


def integer_of(text: str) -> int | None:
    """A signed whole number; ``None`` for an empty text, and for what a full counter of Kiwoom's shows.

    Raises:
        NotANumber: It is something else.
    """
    number = whole_of(text)
    return None if number in _FULL else number


def price_of(text: str) -> int | None:
    """A price in won, without its direction; ``None`` where there is none: empty or zero.

    Raises:
        NotANumber: It is something else.
    """
    number = integer_of(text)
    return abs(number) if number else None


def ticker_of(code: str) -> str:
    """A code without the letter that some lists put before it (``A005930``) and without its venue."""
    code = code.strip().partition("_")[0]
    return code[1:] if len(code) == 7 and code[0].isalpha() else code


def order_number(text: str) -> str:
    """An order number as Kiwoom writes it in answers: seven digits. People may leave out the zeros."""
    text = text.strip()
    return text.zfill(_DIGITS_OF_AN_ORDER) if text.isdecimal() else text
