"""The data tables of the simulated KIS WebSocket: layouts and behaviour of the TRs, and messages."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

from broker_server.simulator.kis.tables import Environment

Kind = Literal["trade", "book", "expected", "slow", "status", "notice"]


class Field(NamedTuple):
    """One value of a record: KIS's name, and ``str``, ``int``, ``decimal``, ``time`` or ``date``."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class RealtimeTr:
    """One TR.

    Attributes:
        fields: What every record has, in the order of the wire.
        tail: What KIS appended later, and the first day of each.
        encrypted: A notice.
        paper: Paper trading offers it.
        kind: What it tells, which is also when it is sent.
        source: Whose prices it tells; also the form of its keys.
        venue: Of a domestic TR: ``KRX``, ``NXT``, ``SOR`` (both together), ``OVTM`` (single price after
            hours).
        notice: ``domestic`` or ``overseas`` for the notices of simulated orders.
    """

    tr_id: str
    fields: tuple[Field, ...]
    encrypted: bool
    paper: bool
    kind: Kind
    source: str
    venue: str = ""
    notice: str = ""
    tail: tuple[tuple[Field, date], ...] = field(default=())

    def fields_on(self, day: date) -> tuple[Field, ...]:
        """The fields of a record of that day."""
        return self.fields + tuple(added for added, since in self.tail if day >= since)

    def offered(self, environment: Environment) -> bool:
        """Whether a key of that environment may register it; the notices ending in 9 are paper's alone."""
        return self.paper if environment == "paper" else not self.tr_id.endswith("CNI9")


@dataclass(frozen=True, slots=True)
class Artificial:
    """Products that no simulated market is behind: their prices follow the clock alone.

    Attributes:
        pattern: What their keys look like, as a regular expression.
        price: Around which they move, in units of ``10 ** -decimals``.
        tick: Of their prices, in the same units.
        night: They trade at night.
        around_the_clock: They trade always.
        paid: They need a paid subscription.
    """

    pattern: str
    price: int
    decimals: int
    tick: int
    name: str
    night: bool = False
    around_the_clock: bool = False
    paid: bool = False


@cache
def facts() -> dict[str, Any]:
    """The table of behaviour, as it is in the file."""
    table: dict[str, Any] = json.loads(
        files("broker_server.simulator.kis").joinpath("data/realtime.json").read_text("utf-8")
    )
    return table


@cache
def realtime_trs() -> dict[str, RealtimeTr]:
    """All TRs by their ids. The layouts are the project's one table of them: data, no code."""
    layouts = json.loads(
        files("broker_server").joinpath("vendors/kis/data/realtime_fields.json").read_text("utf-8")
    )
    return {tr_id: _make(tr_id, layouts[tr_id], row) for tr_id, row in facts()["trs"].items()}


@cache
def artificial_products() -> dict[str, Artificial]:
    """By the ``source`` of their TRs."""
    return {name: Artificial(**row) for name, row in facts()["artificial"].items()}


def message(code: str) -> tuple[str, str]:
    """``rt_cd`` and ``msg1`` of an ``OPSP`` code."""
    result, text = facts()["messages"].get(code, ("1", "SUBSCRIBE ERROR"))
    return result, text


def _make(tr_id: str, layout: dict[str, Any], row: dict[str, Any]) -> RealtimeTr:
    known = {name: Field(name, type_) for name, _, type_ in layout["optional_tail"]}
    since = row.get("tail", {})
    return RealtimeTr(
        tr_id=tr_id,
        fields=tuple(Field(name, type_) for name, _, type_ in layout["fields"]),
        encrypted=layout["encrypted"],
        paper=layout["paper"],
        kind=row["kind"],
        source=row["source"],
        venue=row.get("venue", ""),
        notice=row.get("notice", ""),
        tail=tuple((known[name], date.fromisoformat(day)) for name, day in since.items()),
    )
