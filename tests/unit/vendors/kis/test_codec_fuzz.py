"""Damaged frames: whatever comes, the codec answers with a value."""

from __future__ import annotations

import random

import orjson
import pytest

from broker_server.core.market_data import event_of
from broker_server.vendors.kis.codec import decode_records, record_event
from broker_server.vendors.kis.frames import DataFrame, Quarantined, parse_frame
from broker_server.vendors.kis.normalised import NORMALISERS, normalise
from broker_server.vendors.kis.realtime_table import realtime_trs
from tests.support.aes import unseal
from tests.support.kis_stream import (
    CIPHER,
    RECEIVED,
    frame_of,
    lines_of,
    record_for,
    recorded_frames,
    sealed_frames,
    texts_of,
)

ALPHABET = '0123456789^|.-+_ ANeEnfx(){}[]":,null\t\x00가１٣'
TOKENS = [
    "^",
    "^^",
    "|",
    "nan",
    "-nan",
    "(null)",
    "NaN",
    "Infinity",
    "1E999999",
    "9" * 25,
    "9" * 5000,
    "-0",
    " ",
]


def originals(chance: random.Random) -> list[str]:
    """The recorded frames of every kind, and one made of every TR in plain text, notices included."""
    made = [
        frame_of(tr_id, texts_of(tr_id, record_for(tr_id, "DNASAAPL", 0, chance))) for tr_id in realtime_trs()
    ]
    plain_notices = [f"0|H0STCNI0|001|{line.removeprefix('# ')}" for line in lines_of(starting="# TESTHTS^")]
    return [*recorded_frames(), *sealed_frames(), *lines_of(starting="{"), *made, *plain_notices]


def damage(text: str, others: list[str], chance: random.Random) -> str:
    """A few changes of one frame."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        at, to = sorted((chance.randint(0, len(text)), chance.randint(0, len(text))))
        kind = chance.randrange(8)
        if kind == 0:
            text = text[:at] + text[to:]
        elif kind == 1:
            text = text[:to] + text[at:]
        elif kind == 2:
            text = text[:at] + chance.choice(TOKENS) + text[at:]
        elif kind == 3:
            text = text[:at] + chance.choice(ALPHABET) + text[at + 1 :]
        elif kind == 4:
            text = text[:at] + chance.choice(others)[chance.randrange(40) :]
        elif kind == 5:
            values = text.split("^")
            values[chance.randrange(len(values))] = chance.choice(TOKENS)
            text = "^".join(values)
        elif kind == 6:
            values = text.split("^")
            chance.shuffle(values)
            text = "^".join(values)
        else:
            text = text.replace("|001|", f"|{chance.choice(('002', '000', '046', '999', 'x'))}|", 1)
    return text


def read(text: str) -> bool:
    """The whole way of a frame to its JSON; whether anything came out that may be used."""
    frame = parse_frame(text)
    if not isinstance(frame, DataFrame):
        return not isinstance(frame, Quarantined)
    found = decode_records(frame, None, CIPHER, decrypt=unseal)
    assert found.records or found.quarantined
    for record in found.records:
        orjson.dumps(record_event(record))
        if record.tr_id in NORMALISERS:
            data = normalise(record, RECEIVED)
            assert isinstance(data, Quarantined) or orjson.dumps(event_of(data))
    return bool(found.records)


def fuzz(seed: int, runs: int) -> None:
    chance = random.Random(seed)
    frames = originals(chance)
    usable = 0
    for number in range(runs):
        text = damage(chance.choice(frames), frames, chance)
        try:
            usable += read(text)
        except Exception as error:
            raise AssertionError(f"seed {seed}, run {number}: {text!r}") from error
    # Neither all broken nor all well: the damage is of the kind that tells something.
    assert runs * 0.1 < usable < runs * 0.9


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_frames_raise_nothing(seed: int) -> None:
    fuzz(seed, 3_000)


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_a_million_damaged_frames_raise_nothing() -> None:
    fuzz(3, 1_000_000)
