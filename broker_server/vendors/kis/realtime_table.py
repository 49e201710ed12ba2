"""The table of KIS's real-time TRs: which values a record has, in which order and of which type.

``data/realtime_fields.json`` has the layout that is on the wire, TR by TR, with the evidence for it in its
notes (the published samples and the portal are wrong for some). It is used as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

from broker_server.vendors.kis.catalogue import load_data

FieldKind = Literal["str", "int", "decimal", "time", "date"]
"""Times (``HHMMSS``) and dates (``YYYYMMDD``) stay text: only some TRs have both."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a record.

    Attributes:
        name: KIS's own, in capitals.
        kind: What its text stands for.
    """

    name: str
    kind: FieldKind


@dataclass(frozen=True, slots=True)
class RealtimeTr:
    """One TR.

    Attributes:
        tr_id: Such as ``H0STCNT0``.
        fields: What every record has, in the order of the wire.
        optional_tail: What KIS has appended or announced; a record has none, some or all of them.
        encrypted: It is a notice: its frames are encrypted and its key is an HTS ID.
        paper: Paper trading offers it.
        notes: Where the layout is from and what is odd about it.
    """

    tr_id: str
    fields: tuple[Field, ...]
    optional_tail: tuple[Field, ...]
    encrypted: bool
    paper: bool
    notes: tuple[str, ...]


@cache
def realtime_trs() -> Mapping[str, RealtimeTr]:
    """All 63, by TR id."""
    return MappingProxyType(
        {
            tr_id: RealtimeTr(
                tr_id=tr_id,
                fields=_fields(entry["fields"]),
                optional_tail=_fields(entry["optional_tail"]),
                encrypted=entry["encrypted"],
                paper=entry["paper"],
                notes=tuple(entry["notes"]),
            )
            for tr_id, entry in load_data("realtime_fields.json").items()
        }
    )


def _fields(rows: list[tuple[str, str, FieldKind]]) -> tuple[Field, ...]:
    return tuple(Field(name, kind) for name, _, kind in rows)
