"""The fields of KOSCOM by name, whatever spelling of it a document or the server uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Literal, NamedTuple

from broker_server.core.market_data import plain
from broker_server.vendors.koscom.tables import load_data
from broker_server.vendors.koscom.values import NotReadable, code_of, number_of, text_of, time_digits

Kind = Literal["number", "text", "code", "time", "rows"]
Record = Mapping[str, Any]
"""Values of the wire by the wire's names."""

CODE, ISIN, TIME = "isuSrtCd", "isuCd", "trdTm"

_CODES = ("isuSrtCd",)
_TIMES = ("trdTm", "deemTm", "Tm", "ordAcptTm", "inddTm", "mktEndTm")
_ALIASES = {
    "isuSrtCode": "isuSrtCd",
    "prc": "trdPrc",
    "BzDd": "trdDd",
    "isuNm": "isuKorNm",
    "isuKorAbbr": "isuKorAbbrv",
}
"""Other names of the documents for the same field; upper and lower case count for nothing anyway."""
_TYPES: Mapping[Any, Kind] = {"number": "number", "array": "rows"}
_MOST_STRANGERS = 1000


class Parts(NamedTuple):
    """A record by the table's names, its values as sent.

    Attributes:
        fields: What the table knows.
        extra: What it does not.
    """

    fields: dict[str, Any]
    extra: dict[str, Any]


def canonical(name: str) -> str | None:
    """The table's name of a field; ``None`` for one that it does not have."""
    known = _names()
    found = known.get(name)
    return known.get(name.lower()) if found is None else found


def kind_of(name: str) -> Kind | None:
    """What the field holds; ``None`` for one that the table does not have."""
    found = canonical(name)
    return None if found is None else kinds()[found]


def split(record: Record) -> Parts:
    """Sort a record's values by the table's names. Where two names mean one field, the last one counts."""
    known = _spellings
    try:
        return Parts({known[name]: value for name, value in record.items()}, {})
    except KeyError:
        return _split_slowly(record)


def typed(parts: Parts) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A record's values by what they mean, as JSON has them.

    Returns:
        Its fields: a number is a JSON number, or exact text if it has a fraction; a time its eight digits,
        of which 0 is ``None`` like everything that is missing; a code is without its market. And what the
        table does not know, or what its field cannot hold, each as ``{"name", "value"}``.
    """
    fields, extra = {}, [{"name": name, "value": value} for name, value in parts.extra.items()]
    readers, kind = _READERS, kinds()
    for name, value in parts.fields.items():
        try:
            fields[name] = plain(readers[kind[name]](value))
        except NotReadable:
            extra.append({"name": name, "value": value})
    return fields, extra


@cache
def kinds() -> Mapping[str, Kind]:
    """What each field of the table holds, by its name."""
    found: dict[str, Kind] = {}
    for entry in _entries(load_data("fields.json")):
        name = entry["name"]
        name = _ALIASES.get(name, name)
        if name in _CODES:
            found[name] = "code"
        elif name in _TIMES:
            found[name] = "time"
        elif name not in found or found[name] == "text":
            found[name] = _TYPES.get(entry["type"], "text")
    found.setdefault("deemTm", "time")
    found.setdefault("mktEndTm", "time")
    # The feed of a whole market writes it with a capital letter.
    found.pop("trdVol", None)
    return found


@cache
def change_items(*, derivative: bool) -> Mapping[str, str]:
    """What can be asked for with the preset ``change``, by its name in lower case.

    Args:
        derivative: Of a future or an option; else of a stock.
    """
    allowed = load_data("fields.json")["push"]["change_allowed_items"]
    markets = ("futures", "options") if derivative else ("stock",)
    names = (entry["name"] for market in markets for entry in allowed[market])
    return {name.lower(): name for name in names}


@cache
def _names() -> Mapping[str, str]:
    """By every known spelling, and by each in lower case."""
    spellings = {name: name for name in kinds()} | _ALIASES
    return {name.lower(): meant for name, meant in spellings.items()} | spellings


class _Spellings(dict[str, str]):
    """Spellings that have come, with the table's name: a record is sorted with one look for each."""

    def __missing__(self, name: str) -> str:
        found = canonical(name)
        if found is None:
            raise KeyError(name)
        if len(self) < _MOST_STRANGERS:
            self[name] = found
        return found


_spellings = _Spellings()


def _split_slowly(record: Record) -> Parts:
    fields: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for name, value in record.items():
        found = canonical(name)
        if found is None:
            extra[name] = value
        else:
            fields[found] = value
    return Parts(fields, extra)


def _entries(table: Any) -> Iterator[Mapping[str, Any]]:
    """Every field of the file, wherever it is listed."""
    if isinstance(table, dict):
        if "name" in table and "type" in table:
            yield table
        else:
            for part in table.values():
                yield from _entries(part)
    elif isinstance(table, list):
        for part in table:
            yield from _entries(part)


def _rows(value: Any) -> Any:
    return value


_READERS: Mapping[Kind, Callable[[Any], str | int | Decimal | None]] = {
    "number": number_of,
    "text": text_of,
    "code": code_of,
    "time": time_digits,
    "rows": _rows,
}
