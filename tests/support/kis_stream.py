"""What KIS's WebSocket sends, written by the tests: recorded frames, and records made from values."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from broker_server.vendors.kis.frames import CipherKeys
from broker_server.vendors.kis.realtime_table import Field, realtime_trs
from broker_server.vendors.kis.record_readers import Value
from tests.support.aes import seal

FRAMES_FILE = Path(__file__).parents[1] / "unit/vendors/kis/data/frames.txt"
CIPHER = CipherKeys("abcdefghijklmnopabcdefghijklmnop", "0123456789abcdef")
"""That of the synthetic frames in the file."""

RECEIVED = datetime(2026, 9, 15, 1, 30, tzinfo=UTC)
"""10:30 in Korea."""


def lines_of(*, starting: str) -> list[str]:
    """The lines of the file that start so; comments never do."""
    lines = FRAMES_FILE.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith(starting)]


def recorded_frames() -> list[str]:
    """The whole plain data frames of the file, in its order."""
    return [line for line in lines_of(starting="0|") if not line.endswith("...")]


def recorded(tr_id: str, number: int = 0) -> str:
    """The plain frame of this TR in the file; ``number`` counts where there are several."""
    return [line for line in recorded_frames() if line.split("|")[1] == tr_id][number]


def sealed_frames() -> list[str]:
    """The encrypted frames of the file; the first is KIS's own, of which nobody knows the key."""
    return lines_of(starting="1|")


def payload_of(frame: str) -> list[str]:
    """The values of a plain frame."""
    return frame.split("|", 3)[3].split("^")


def frame_of(tr_id: str, *records: Sequence[str], count: int | None = None) -> str:
    """A plain frame with these texts."""
    payload = "^".join("^".join(record) for record in records)
    return f"0|{tr_id}|{len(records) if count is None else count:03}|{payload}"


def sealed_frame_of(tr_id: str, *records: Sequence[str], cipher: CipherKeys = CIPHER) -> str:
    """An encrypted frame with these texts."""
    _, _, count, payload = frame_of(tr_id, *records).split("|", 3)
    return f"1|{tr_id}|{count}|{seal(payload, cipher)}"


def texts_of(tr_id: str, values: Mapping[str, Value], extra: Sequence[str] = ()) -> list[str]:
    """The texts of a record: the values that are given, in the order of the wire, then the extra ones."""
    tr = realtime_trs()[tr_id]
    layout = [field.name for field in (*tr.fields, *tr.optional_tail) if field.name in values]
    return [_text(values[name]) for name in layout] + list(extra)


def changed(texts: Sequence[str], tr_id: str, **values: Any) -> list[str]:
    """The texts of a record with some fields written otherwise."""
    tr = realtime_trs()[tr_id]
    places = {field.name: place for place, field in enumerate((*tr.fields, *tr.optional_tail))}
    found = list(texts)
    for name, value in values.items():
        found[places[name]] = _text(value)
    return found


def _value_for(field: Field, chance: random.Random) -> Value:
    if chance.random() < 0.1:
        return None
    if field.kind == "int":
        return chance.randint(-(10 ** chance.randint(0, 15)), 10 ** chance.randint(0, 15))
    if field.kind == "decimal":
        return Decimal(chance.randint(-(10**12), 10**12)).scaleb(-chance.randint(0, 8))
    if field.kind == "time":
        return f"{chance.randint(0, 23):02}{chance.randint(0, 59):02}{chance.randint(0, 59):02}"
    if field.kind == "date":
        return f"{chance.randint(1990, 2099)}{chance.randint(1, 12):02}{chance.randint(1, 28):02}"
    return "".join(chance.choices("ABCnae_09-.|(){}가힣 삼성", k=chance.randint(1, 9))).strip() or None


def record_for(tr_id: str, key: str, tail: int, chance: random.Random) -> dict[str, Value]:
    """Any record of a TR, with so many of its optional values."""
    tr = realtime_trs()[tr_id]
    layout = (*tr.fields, *tr.optional_tail)[: len(tr.fields) + tail]
    return {layout[0].name: key, **{field.name: _value_for(field, chance) for field in layout[1:]}}


def _text(value: Value) -> str:
    if value is None:
        return ""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
