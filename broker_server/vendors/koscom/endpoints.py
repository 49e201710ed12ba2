"""KOSCOM's REST tables: their paths and parameters, from ``data/endpoints.json``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal
from urllib.parse import quote

from broker_client.errors import InvalidParameters
from broker_server.vendors.koscom.config import ApiVersion
from broker_server.vendors.koscom.tables import load_data

Argument = str | int | Sequence[str]

_CODE = re.compile(r"[0-9A-Za-z]{1,12}")
_ITEM = re.compile(r"[0-9A-Za-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class QueryParameter:
    """What may stand after the question mark.

    Attributes:
        name: KOSCOM's.
        required: Whether an answer needs it.
        values: The only ones that it may have, if they are listed.
        format: ``date`` YYYYMMDD, ``minute`` HHMM, ``count``, ``codes``, ``items`` (keys without a value);
            empty where the values are listed.
        most: The largest count, or the most codes or items.
        of: The table of fields that the items are from.
    """

    name: str
    required: bool
    values: tuple[str, ...]
    format: Literal["", "date", "minute", "count", "codes", "items"]
    most: int | None
    of: str | None


@dataclass(frozen=True, slots=True)
class Address:
    """Where to ask.

    Attributes:
        path: From the host on, and for items the query itself: its keys have no values.
        query: The other parameters.
    """

    path: str
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """One REST table.

    Attributes:
        name: Ours.
        summary: One sentence.
        paths: By version, each part in braces an argument.
        path_values: Of each such part the values that it may have; ``None`` for any code.
        query: Its parameters.
        bare: Its answer has no envelope.
        available: From when in Korea the data of the day are there: ``15:40``, or a word.
        rows: The key of its list; ``None`` where the answer is one record.
        response: The table of fields; ``None`` where there is none.
        pages: What windows of at most a hundred rows are cut by.
    """

    name: str
    summary: str
    paths: Mapping[str, str]
    path_values: Mapping[str, tuple[str, ...] | None]
    query: Mapping[str, QueryParameter]
    bare: bool
    available: str
    rows: str | None
    response: str | None
    pages: Literal["dates", "times"] | None

    def address(self, version: ApiVersion, arguments: Mapping[str, Argument]) -> Address:
        """Check the arguments and put the address together.

        Args:
            version: Of the paths.
            arguments: By the names of the path's parts and of the query.

        Raises:
            InvalidParameters: One is missing, unknown or wrong; the message names it and what it may be.
        """
        known = [*self.path_values, *self.query]
        for name in arguments:
            if name not in known:
                raise InvalidParameters(
                    f"arguments: {self.name} has no {name}{hint(name, known)}; they are "
                    f"{', '.join(known) or 'none'}"
                )
        # A code is asked for first: the market of an issue is found where it is left out.
        names = sorted(self.path_values, key=lambda name: self.path_values[name] is not None)
        parts = {name: self._part(name, arguments.get(name)) for name in names}
        path = self.paths[version].format(**{name: quote(part, safe="") for name, part in parts.items()})
        query: dict[str, str] = {}
        for name, parameter in self.query.items():
            given = arguments.get(name)
            if given is None:
                if parameter.required:
                    raise InvalidParameters(f"arguments: {self.name} needs {name}{_may_be(parameter)}")
            elif parameter.format == "items":
                path += "?" + "&".join(_list(self.name, parameter, given))
            else:
                query[name] = _text(self.name, parameter, given)
        return Address(path, query)

    def _part(self, name: str, given: Argument | None) -> str:
        values = self.path_values[name]
        allowed = "" if values is None else f": one of {', '.join(values)}"
        if given is None:
            raise InvalidParameters(f"arguments: {self.name} needs {name}{allowed}")
        if values is None:
            if not isinstance(given, str) or _CODE.fullmatch(given) is None:
                raise InvalidParameters(
                    f'arguments: {name} must be a code as text, such as "005930"; a number would lose zeros'
                )
            return given
        if given not in values:
            raise InvalidParameters(f"arguments: {name} must be{allowed[1:]}{hint(str(given), values)}")
        return str(given)


def table_named(name: str) -> Table:
    """The table of that name.

    Raises:
        InvalidParameters: There is none; the message has the nearest names.
    """
    table = tables().get(name)
    if table is None:
        near = difflib.get_close_matches(name, tables(), n=3, cutoff=0.5)
        meant = f"; did you mean {' or '.join(near)}" if near else ""
        raise InvalidParameters(f"table: KOSCOM has no {name}{meant}; they are {', '.join(tables())}")
    return table


@cache
def tables() -> Mapping[str, Table]:
    """All of them by name."""
    return {row["name"]: _table(row) for row in load_data("endpoints.json")["tables"]}


def hint(name: str, known: Iterable[str]) -> str:
    """``, did you mean …`` where one of the known names is near."""
    by_small = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), by_small, n=1, cutoff=0.6)
    return f", did you mean {by_small[near[0]]}" if near else ""


def _table(row: Mapping[str, Any]) -> Table:
    return Table(
        name=row["name"],
        summary=row["summary"],
        paths={version: row[version] for version in ("v3", "v2")},
        path_values={name: values and tuple(values) for name, values in row["path"].items()},
        query={
            each["name"]: QueryParameter(
                name=each["name"],
                required=each["required"],
                values=tuple(each.get("values", ())),
                format=each.get("format", ""),
                most=each.get("most"),
                of=each.get("of"),
            )
            for each in row["query"]
        },
        bare=row["envelope"] == "bare",
        available=row["available"],
        rows=row["rows"],
        response=row["response"],
        pages=row["pages"],
    )


_FORMATS = {
    "date": 'a date such as "20261125"',
    "minute": 'a time of day such as "0900"',
    "count": "a whole number",
    "codes": "short codes, as a list or with commas between",
    "items": "names of items, as a list or with commas between",
}


def _may_be(parameter: QueryParameter) -> str:
    most = f", {parameter.most} at most" if parameter.most else ""
    values = f"one of {', '.join(parameter.values)}" if parameter.values else _FORMATS[parameter.format]
    return f": {values}{most}"


def _text(table: str, parameter: QueryParameter, given: Argument) -> str:
    if parameter.format == "codes":
        return ",".join(_list(table, parameter, given))
    text = str(given) if isinstance(given, str | int) and not isinstance(given, bool) else ""
    if parameter.format == "date":
        text = text.replace("-", "")
    if parameter.format == "minute":
        text = text.replace(":", "")
    good = {
        "": text in parameter.values,
        "date": _is_time(text, "%Y%m%d", 8),
        "minute": _is_time(text, "%H%M", 4),
        "count": text.isdecimal() and text.isascii() and 1 <= int(text[:9]) <= (parameter.most or 1),
    }
    if not good[parameter.format]:
        raise InvalidParameters(f"arguments: {parameter.name} must be{_may_be(parameter)[1:]}")
    return text


def _list(table: str, parameter: QueryParameter, given: Argument) -> list[str]:
    names = given.split(",") if isinstance(given, str) else given
    names = [str(each).strip() for each in names] if isinstance(names, Sequence) else []
    pattern = _CODE if parameter.format == "codes" else _ITEM
    if not names or not all(pattern.fullmatch(each) for each in names):
        raise InvalidParameters(f"arguments: {parameter.name} must be{_may_be(parameter)[1:]}")
    if parameter.most is not None and len(names) > parameter.most:
        raise InvalidParameters(
            f"arguments: {table} takes {parameter.most} {parameter.format} at most, not {len(names)}"
        )
    if parameter.of is not None:
        known = _items(parameter.of)
        for name in names:
            if name not in known:
                raise InvalidParameters(f"arguments: {table} has no item {name}{hint(name, known)}")
    return names


@cache
def _items(table: str) -> frozenset[str]:
    return frozenset(each["name"] for each in load_data("fields.json")["query"][table])


def _is_time(text: str, form: str, length: int) -> bool:
    if len(text) != length or not (text.isascii() and text.isdecimal()):
        return False
    try:
        datetime.strptime(text, form)  # noqa: DTZ007 - only looked at
    except ValueError:
        return False
    return True
