"""The REST tables: which path and method asks for what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

from broker_server.simulator.koscom.tables import read_data

Version = Literal["v2", "v3"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A key of the query."""

    name: str
    required: bool
    format: str | None
    values: tuple[str, ...]
    most: int | None


@dataclass(frozen=True, slots=True)
class Table:
    """One REST table.

    Attributes:
        available: From when on today's data are there; ``realtime`` or ``irregular`` for always.
        response: The table of its fields; None where none is documented.
        bare: Answered without the JSON-RPC envelope.
    """

    name: str
    available: str
    parameters: tuple[Parameter, ...]
    response: str | None
    bare: bool


class Route(NamedTuple):
    """A path that was asked for."""

    table: Table
    version: Version
    arguments: Mapping[str, str]


@cache
def tables() -> Mapping[str, Table]:
    """Every table by its name."""
    return {row["name"]: _table(row) for row in read_data("endpoints")["tables"]}


def route(path: str) -> Route | None:
    """The table of a path; None where there is none, as for a value that the path may not have."""
    for pattern, version, name in _patterns():
        found = pattern.fullmatch(path)
        if found is not None:
            return Route(tables()[name], version, found.groupdict())
    return None


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Version, str], ...]:
    versions: tuple[Version, ...] = ("v3", "v2")
    return tuple(
        (re.compile(_pattern(row[version], row["path"])), version, row["name"])
        for row in read_data("endpoints")["tables"]
        for version in versions
        if row[version]
    )


def _pattern(template: str, values: Mapping[str, list[str] | None]) -> str:
    parts = []
    for part in template.split("/"):
        if part.startswith("{"):
            name = part[1:-1]
            allowed = values[name]
            part = f"(?P<{name}>{'|'.join(map(re.escape, allowed)) if allowed else '[^/]+'})"
        parts.append(part)
    return "/".join(parts)


def _table(row: Mapping[str, Any]) -> Table:
    parameters = tuple(
        Parameter(
            each["name"],
            each["required"],
            each.get("format"),
            tuple(each.get("values", ())),
            each.get("most"),
        )
        for each in row["query"]
    )
    return Table(row["name"], row["available"], parameters, row["response"], row["envelope"] == "bare")
