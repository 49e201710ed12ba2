"""One value of a result as text for people: numbers in groups, moments without the T, yes and no."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import orjson
from rich.text import Text

__all__ = ["NOTHING", "cell", "is_moment", "is_number", "offset_of", "plain"]

NOTHING = "–"
"""What stands for a value that is not known."""

# A decimal travels as text. Without a point it looks like a code ("005930", "20261121"), so only these words
# in a field's name make it a number.
_DECIMAL_TEXT = re.compile(r"-?\d+\.\d+\Z")
_WHOLE_TEXT = re.compile(r"-?(0|[1-9]\d*)\Z")
_AMOUNTS = {
    *("open", "high", "low", "close", "price", "change", "rate", "value", "amount"),
    *("cash", "cost", "deposit", "profit", "bps", "eps", "pbr", "per"),
}
# Of a float, such as a rate in percent; a decimal travels as text and keeps every digit.
_DECIMALS = 4
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?\Z")


def is_number(value: object, name: str = "") -> bool:
    """Whether ``value``, of the field ``name``, is an amount rather than a code."""
    if isinstance(value, bool):
        return False
    if isinstance(value, (int, float)):
        return True
    if not isinstance(value, str):
        return False
    if _DECIMAL_TEXT.match(value):
        return True
    return bool(_WHOLE_TEXT.match(value)) and not _AMOUNTS.isdisjoint(name.split("_"))


def is_moment(value: object) -> bool:
    """Whether ``value`` is a date with a time in ISO 8601."""
    return isinstance(value, str) and bool(_MOMENT.match(value))


def offset_of(value: str) -> str:
    """The offset of a moment from UTC, such as ``+09:00``; empty without one."""
    match = _MOMENT.match(value)
    return (match[3] or "").replace("Z", "UTC") if match else ""


def plain(value: Any, name: str = "", *, with_offset: bool = True) -> str:
    """``value`` as text.

    Args:
        name: The field's name, which tells an amount from a code.
        with_offset: Whether a moment shows its offset from UTC.
    """
    if value is None or value in ({}, [], ""):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if is_number(value, name):
        if isinstance(value, float):
            value = round(value, _DECIMALS) or value
        return f"{Decimal(value):,}" if isinstance(value, str) else f"{value:,}"
    if isinstance(value, str) and (match := _MOMENT.match(value)):
        words = (match[1], match[2], offset_of(value) if with_offset else "")
        return " ".join(word for word in words if word)
    if isinstance(value, list) and not any(isinstance(element, (dict, list)) for element in value):
        return ", ".join(plain(element, name) for element in value)
    if isinstance(value, (dict, list)):
        return orjson.dumps(value).decode()
    return str(value)


def cell(value: Any, name: str = "", *, with_offset: bool = True) -> Text:
    """``plain`` as rich text: a vendor's ``[…]`` is not read as markup."""
    text = plain(value, name, with_offset=with_offset)
    return Text(text, style="dim" if text == NOTHING else "")
