"""Ready is who consumes and can say how its vendors are; alive is who reacts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from broker_server.observing import health
from broker_server.observing.health import HealthCheck, NotConsuming, vendor_health
from tests.support.waiting import wait_until

UP = {"token": {"state": "valid", "failure": None}}


class Bench:
    """A check whose broker and vendor say what the test says."""

    def __init__(self) -> None:
        self.loop = asyncio.SelectorEventLoop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.now = 100.0
        self.looks = 0
        self.consumers: dict[str, int] | Exception = {"tasks": 2, "tasks.kis": 1}
        self.vendor: dict[str, Any] | Exception = UP
        self.check = HealthCheck(
            self.loop,
            consumers=self.look,
            places=("kis",),
            status=self.status,
            streams=dict,
            monotonic=lambda: self.now,
        )

    async def look(self) -> Mapping[str, int]:
        self.looks += 1
        if isinstance(self.consumers, Exception):
            raise self.consumers
        return self.consumers

    def status(self, vendor: str) -> Mapping[str, Any]:
        if isinstance(self.vendor, Exception):
            raise self.vendor
        return self.vendor

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


def test_who_consumes_is_ready(bench: Bench) -> None:
    found = bench.check.ready()
    assert found.ready
    assert found.consumers == {"tasks": 2, "tasks.kis": 1}
    assert found.vendors["kis"].up


@pytest.mark.parametrize(
    ("consumers", "reason"),
    [
        ({"tasks": 1, "tasks.kis": 0}, "no consumer on tasks.kis"),
        (NotConsuming("standing by: another worker owns kis/default"), "standing by"),
        (ConnectionError("reset"), "the broker cannot be asked: reset"),
    ],
)
def test_who_does_not_consume_is_not_ready_and_says_why(
    bench: Bench, consumers: dict[str, int] | Exception, reason: str
) -> None:
    bench.consumers = consumers
    found = bench.check.ready()
    assert not found.ready
    assert found.reasons[0].startswith(reason)


def test_a_vendor_that_is_down_and_says_so_makes_nobody_unready(bench: Bench) -> None:
    bench.vendor = {"token": {"state": "none", "failure": "VENDOR_UNAVAILABLE"}}
    found = bench.check.ready()
    assert found.ready
    assert found.vendors["kis"].model_dump() == {"up": False, "session": "VENDOR_UNAVAILABLE", "live": []}


def test_an_adapter_that_says_nothing_makes_its_worker_unready(bench: Bench) -> None:
    bench.vendor = RuntimeError("a defect")
    assert bench.check.ready().reasons == ["kis says nothing of itself"]


def test_who_asks_often_does_not_load_the_broker(bench: Bench) -> None:
    for _ in range(5):
        bench.check.ready()
    assert bench.looks == 1
    bench.now += 1.5
    bench.check.ready()
    assert bench.looks == 2


def test_an_event_loop_that_does_not_react_is_neither_alive_nor_ready(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "ALIVE_SECONDS", 0.05)
    monkeypatch.setattr(health, "ASK_SECONDS", 0.05)
    assert bench.check.alive()
    busy = threading.Event()
    bench.loop.call_soon_threadsafe(busy.wait)
    try:
        assert not bench.check.alive()
        assert bench.check.ready().reasons == ["the broker shows nothing within 0.05 s"]
    finally:
        busy.set()
    wait_until(bench.check.alive)


@pytest.mark.parametrize(
    ("status", "sessions", "up", "session"),
    [
        ({"token": {"state": "none", "failure": None}}, [], True, "none"),
        (UP, ["connected"], True, "valid"),
        (UP, ["connected", "waiting"], False, "valid"),
        (UP, ["refused"], False, "valid"),
        ({"state": "READY"}, [], True, "READY"),
        ({"state": "LOGIN_REQUIRED"}, [], False, "LOGIN_REQUIRED"),
        ({}, [], True, "unknown"),
    ],
)
def test_a_vendor_is_up_as_far_as_it_is_needed(
    status: dict[str, Any], sessions: list[str], up: bool, session: str
) -> None:
    streams = {"feed": {"sessions": [{"state": state} for state in sessions]}}
    found = vendor_health(status, streams)
    assert (found.up, found.session, found.live) == (up, session, sessions)
