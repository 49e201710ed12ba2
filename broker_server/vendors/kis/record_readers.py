"""From the texts of one record to typed values: a reader is compiled per TR and number of values.

KIS's numbers are padded with zeros or blanks, signed, empty, ``(null)``, ``nan`` or ``-nan``. Nearly all
records have only the first of these, and go through a compiled function; the others are read field by field.
Both ways end in the same values (a property test holds them together).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache
from itertools import islice
from typing import Any

from broker_server.vendors.kis.realtime_table import Field, FieldKind, realtime_trs

Value = str | int | Decimal | None
"""``None`` is an empty value of any kind, ``(null)``, and a number that is ``nan``."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_EXPONENT = re.compile(r"[0-9.]E")
_ABSENT_NUMBERS = frozenset({"", "(null)", "nan", "-nan"})
_EXPRESSION: dict[FieldKind, str] = {"int": "int(v[{}])", "decimal": "Decimal(v[{}])"}
_TEXT_EXPRESSION = "v[{}].strip() or None"


class NotANumber(ValueError):
    """A number field holds something else.

    Args:
        name: The field.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not a number")


class RecordReader:
    """Reads the records of one TR that have a certain number of known values.

    Args:
        layout: The fields, in the order of the wire.
    """

    def __init__(self, layout: Sequence[Field]) -> None:
        self._layout = tuple(layout)
        self._compiled = _compile(self._layout)

    def read(self, row: Sequence[str], *, simple: bool) -> dict[str, Value]:
        """Turn texts into values.

        Args:
            row: The texts of the record; those behind the layout are not looked at.
            simple: What `is_simple` says of the payload.

        Returns:
            Every field of the layout by its name, in the order of the wire.

        Raises:
            NotANumber: A number field holds something else.
        """
        if simple:
            try:
                return self._compiled(row)
            except (ValueError, InvalidOperation):
                pass  # an empty number, or none at all
        return {field.name: _value(field, text) for field, text in zip(self._layout, row, strict=False)}


@cache
def reader(tr_id: str, width: int) -> RecordReader:
    """The reader of a TR for records of this many values, the known optional ones included."""
    tr = realtime_trs()[tr_id]
    return RecordReader(tuple(islice((*tr.fields, *tr.optional_tail), width)))


def is_simple(payload: str) -> bool:
    """Whether ``int`` and ``Decimal`` read the texts of a payload no otherwise than the careful way does.

    They also take other scripts' digits, ``1_000``, ``1E5``, ``NaN`` and ``Infinity``.
    """
    return (
        payload.isascii()
        and "_" not in payload
        and payload.upper() == payload
        and "NAN" not in payload
        and "INF" not in payload
        and "(NULL)" not in payload
        and not ("E" in payload and _EXPONENT.search(payload))
    )


def _compile(layout: Sequence[Field]) -> Callable[[Sequence[str]], dict[str, Value]]:
    lines = (
        f"    d[{field.name!r}] = {_EXPRESSION.get(field.kind, _TEXT_EXPRESSION).format(place)}"
        for place, field in enumerate(layout)
    )
    # A line per field is a sixth faster than one dict display: those are built in pieces.
    source = "\n".join(("def read(v):", "    d = {}", *lines, "    return d"))
    namespace: dict[str, Any] = {"Decimal": Decimal}
    # As `dataclasses` does it. The names are of the package's own table, and quoted.
    exec(source, namespace)  # noqa: S102
    compiled: Callable[[Sequence[str]], dict[str, Value]] = namespace["read"]
    return compiled


def _value(field: Field, text: str) -> Value:
    text = text.strip()
    if field.kind not in _EXPRESSION:
        return None if text in ("", "(null)") else text
    if text.lower() in _ABSENT_NUMBERS:
        return None
    if not _NUMBER.fullmatch(text):
        raise NotANumber(field.name)
    if field.kind == "decimal":
        return Decimal(text)
    whole, _, fraction = text.partition(".")
    # 12.00 is twelve; anything else behind the point means that the values are shifted.
    if fraction.strip("0") or whole in ("", "+", "-"):
        raise NotANumber(field.name)
    try:
        return int(whole)
    except ValueError:  # Python converts no more than some thousand digits
        raise NotANumber(field.name) from None
