"""REST in the place of the live connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from broker_client.errors import VendorUnavailable
from broker_server.core.stream_requests import Registration
from broker_server.streams.polling import Poller
from tests.support.stream_parts import A, B, FakeStreams, Record, Studio, record, sub


@asynccontextmanager
async def polling(
    look: Callable[[Registration], Record] = record, interval: float = 5.0
) -> AsyncIterator[Studio]:
    """A board whose feed holds nothing, and its poller."""
    studio = Studio(FakeStreams(capacity=0, look=look))
    poller = Poller(studio.board, interval, monotonic=studio.clock.monotonic, pause=studio.pauses.pause)
    running = asyncio.ensure_future(poller.run())
    yield studio
    running.cancel()
    await asyncio.wait({running})
    studio.close()


async def test_each_registration_is_looked_at_once_in_the_interval() -> None:
    async with polling() as studio:
        studio.subscribe(sub(), sub("other"), sub("t", B))
        await studio.pauses.go(0.5)
        assert sorted(studio.streams.looks) == [A, B]
        await studio.pauses.go(4.4)
        assert len(studio.streams.looks) == 2
        await studio.pauses.go(0.6)
        assert sorted(studio.streams.looks) == [A, A, B, B]
        events = studio.publisher.to("queue-other")
        assert [each.body["result"][0]["mode"] for each in events] == ["polling", "polling"]
        assert len(studio.publisher.to("fake.trade.A")) == 2


async def test_a_slow_look_is_not_joined_by_another() -> None:
    async with polling(lambda registration: record(registration, n=1)) as studio:
        studio.streams.gate.close()
        studio.subscribe(sub())
        await studio.pauses.go(30)
        assert studio.streams.looks == [A]
        studio.streams.gate.open()
        await studio.settled()
        assert studio.publisher.what("queue-t") == [1]
        await studio.pauses.go(0.5)
        assert studio.publisher.what("queue-t") == [1, 1]


@pytest.mark.parametrize("failure", [VendorUnavailable("down"), ValueError("a defect")])
async def test_a_failure_is_told_once_and_so_is_its_end(failure: Exception) -> None:
    failures: list[Exception] = [failure]

    def look(registration: Registration) -> Record:
        if failures:
            raise failures[0]
        return record(registration, n=1)

    async with polling(look) as studio:
        studio.subscribe(sub())
        await studio.pauses.go(20)
        assert studio.publisher.what("queue-t") == ["stale"]
        assert "polling failed" in studio.publisher.sent[0].body["result"][0]["reason"]
        failures.clear()
        await studio.pauses.go(10)
        assert studio.publisher.what("queue-t") == ["stale", "polling", 1, 1]
        failures.append(failure)
        await studio.pauses.go(10)
        assert studio.publisher.what("queue-t")[4:] == ["stale"]


async def test_it_stops_when_live_data_are_back() -> None:
    def look(registration: Registration) -> Record:
        raise VendorUnavailable("too late to matter")

    async with polling(look) as studio:
        studio.streams.gate.close()
        studio.board.book._places.capacity = 10  # a slot is free from now on
        studio.subscribe(sub())
        studio.board.failing(3, "down")
        await studio.pauses.go(1)
        assert studio.streams.looks == [A]
        studio.board.registered(A)
        studio.receive(A, n=1)
        studio.streams.gate.open()
        await studio.pauses.go(60)
        assert studio.streams.looks == [A]
        assert studio.publisher.what("queue-t") == ["polling", "live", 1]


async def test_nothing_comes_after_the_end() -> None:
    async with polling(lambda registration: record(registration, n=1)) as studio:
        studio.streams.gate.close()
        studio.subscribe(sub())
        await studio.pauses.go(1)
        studio.board.unsubscribe("t", "fake.price", [])
        studio.streams.gate.open()
        await studio.pauses.go(10)
        assert studio.publisher.sent == []
        assert studio.streams.looks == [A]
