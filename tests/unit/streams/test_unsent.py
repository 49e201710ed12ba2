"""What waits to be sent, and what it keeps in memory."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass

import pytest

from broker_server.core.measuring import Meter
from broker_server.streams.outlets import Event, Outlet, epochs
from broker_server.streams.unsent import UnsentEvent

AT = b"2026-11-20T01:00:00+00:00"


@dataclass(eq=False)
class Incoming:
    """Something that came in."""

    conflatable: bool
    value: object = 1
    channel: str = "trade"
    subject: str = "A"

    def event(self) -> dict[str, object]:
        return {"type": "trade", "n": self.value}

    def raw_event(self) -> dict[str, object]:
        raise AssertionError("nobody wants it")


def outlet() -> Outlet:
    return Outlet("t", "trade.A", "simulated", "common", epochs(1))


@pytest.mark.parametrize(("conflatable", "kept"), [(False, False), (True, True)])
def test_only_what_may_be_replaced_keeps_its_record(conflatable: bool, kept: bool) -> None:
    incoming = Incoming(conflatable)
    record = weakref.ref(incoming)
    unsent = UnsentEvent(outlet(), Event(incoming, AT), 0, 0, None)
    del incoming
    gc.collect()
    assert (record() is not None) is kept
    assert b'"result":[{"type":"trade","n":1}]' in unsent(0)


def test_the_sequence_is_drawn_when_it_is_sent() -> None:
    sequence = outlet()
    first, second = (UnsentEvent(sequence, Event(Incoming(False, n), AT), 0, 0, None) for n in "ab")
    assert b'"n":"b"' in (sent := second(0))
    assert b'"sequence":1' in sent
    assert b'"sequence":2' in first(0)


def test_what_it_stands_for_is_counted_together() -> None:
    assert b'"conflated":5' in UnsentEvent(outlet(), Event(Incoming(True), AT), 0, 2, None)(3)


def test_what_cannot_be_encoded_fails_when_it_is_sent() -> None:
    unsent = UnsentEvent(outlet(), Event(Incoming(False, object()), AT), 0, 0, None)
    with pytest.raises(TypeError):
        unsent(0)


def test_it_is_timed_until_it_is_sent() -> None:
    meter, now = Meter(), 1.0
    unsent = UnsentEvent(outlet(), Event(Incoming(False), AT), 0, 0, meter.tick_timer("kis", lambda: now))
    assert meter.ticks.read() == []
    now = 1.5
    unsent(0)
    assert [(each.count, each.total) for each in meter.ticks.read()] == [(1, 0.5)]
