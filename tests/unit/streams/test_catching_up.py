"""What is live again after a loss has its state by REST, unless an event is faster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from broker_client.errors import VendorUnavailable
from broker_server.core.stream_requests import Registration
from broker_server.streams.catching_up import CatchingUp
from tests.support.kis_live import until
from tests.support.stream_parts import STATUS, A, B, C, FakeStreams, Record, Studio, record, sub


@asynccontextmanager
async def catching(streams: FakeStreams | None = None) -> AsyncIterator[tuple[Studio, CatchingUp]]:
    studio = Studio(streams)
    catching_up = CatchingUp(studio.board)
    studio.board.watchers.append(catching_up)
    running = asyncio.ensure_future(catching_up.run())
    yield studio, catching_up
    assert not running.done()
    running.cancel()
    await asyncio.wait({running})
    studio.close()


async def cut_and_back(studio: Studio, *registrations: Registration) -> None:
    """Lose the connection, and have everything registered again."""
    studio.board.interrupted(registrations, "cut")
    for registration in registrations:
        studio.board.registered(registration)
    await studio.settled()


async def test_what_is_live_again_has_its_state_in_the_new_epoch() -> None:
    async with catching() as (studio, _):
        studio.live(sub(snapshot=True), sub("firm"))
        await studio.settled()
        studio.receive(A, n=1)
        studio.streams.looks.clear()
        await cut_and_back(studio, A)
        studio.receive(A, n=2)
        assert studio.streams.looks == [A]
        *_, state, event = studio.publisher.to("queue-t")
        assert state.body["result"][0]["snapshot"] is True
        assert (state.body["sequence"], event.body["sequence"]) == (1, 2)
        assert state.body["epoch"] == event.body["epoch"]
        assert studio.publisher.what("queue-firm") == [1, "reconnecting", "live", 2]


async def test_the_first_registration_asks_for_nothing() -> None:
    async with catching() as (studio, _):
        studio.live(sub())
        await studio.settled()
        assert studio.streams.looks == []


async def test_an_event_that_is_faster_takes_its_place() -> None:
    async with catching() as (studio, _):
        studio.live(sub(snapshot=True), sub("t", B, snapshot=True))
        await studio.settled()
        studio.publisher.sent.clear()
        studio.streams.looks.clear()
        studio.streams.gate.close()
        await cut_and_back(studio, A, B)
        assert studio.streams.looks == [A], "one at a time"
        studio.receive(A, n=1)
        studio.receive(B, n=2)
        studio.streams.gate.open()
        await studio.settled()
        assert studio.streams.looks == [A]
        assert [each for each in studio.publisher.what("queue-t") if isinstance(each, int)] == [1, 2]


async def test_a_look_that_fails_holds_nothing_up() -> None:
    def look(registration: Registration) -> Record:
        if registration == A:
            raise VendorUnavailable("maintenance")
        if registration == B:
            raise ZeroDivisionError
        return record(registration, price=7)

    async with catching(FakeStreams(look=look)) as (studio, _):
        studio.live(*(sub("t", each, snapshot=True) for each in (A, B, C, STATUS)))
        await studio.settled()
        studio.publisher.sent.clear()
        await cut_and_back(studio, A, B, C, STATUS)
        await until(lambda: studio.publisher.what("queue-t").count(7) == 1)
        await studio.settled()
        assert studio.publisher.what("queue-t").count(7) == 1


async def test_what_is_lost_or_ended_meanwhile_is_not_caught_up_with() -> None:
    async with catching() as (studio, _):
        studio.live(sub(snapshot=True), sub("ended", B, snapshot=True))
        await studio.settled()
        studio.streams.looks.clear()
        studio.streams.gate.close()
        await cut_and_back(studio, A, B)
        studio.board.drop("ended", "by the test")
        studio.board.interrupted([A], "cut again")
        studio.publisher.sent.clear()
        studio.streams.gate.open()
        await studio.settled()
        assert studio.streams.looks == [A]
        assert studio.publisher.sent == []


async def test_what_an_earlier_worker_served_is_caught_up_with_too() -> None:
    async with catching() as (studio, catching_up):
        studio.board.restore([sub(snapshot=True)])
        catching_up.restored([A])
        studio.board.registered(A)
        await studio.settled()
        assert studio.publisher.what("queue-t") == ["reconnecting", "live", 1]
