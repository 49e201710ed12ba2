"""Looks by REST, in threads."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest

from broker_client.errors import InternalError, TaskTimeout, VendorUnavailable
from broker_server.core.methods import TaskContext
from broker_server.core.stream_requests import Registration
from broker_server.streams.lookups import LONGEST_SECONDS, Lookups
from tests.support.fake_time import FakeClock
from tests.support.stream_parts import A, B, FakeStreams, Record, record


async def test_looks_at_one_registration_are_one() -> None:
    gate = threading.Event()

    def look(registration: Registration) -> Record:
        assert gate.wait(10)
        return record(registration)

    streams = FakeStreams(look=look)
    lookups = Lookups(streams, FakeClock().now)
    waiting = [asyncio.ensure_future(lookups.look(each, bulk=False)) for each in (A, A, B)]
    waiting.append(asyncio.ensure_future(lookups.look(A, bulk=True)))
    await asyncio.sleep(0)
    waiting[0].cancel()  # the others still get it
    gate.set()
    found = await asyncio.gather(*waiting[1:])
    assert [each.subject for each in found] == ["A", "B", "A"]
    assert sorted(streams.looks) == [A, A, B]
    await lookups.look(A, bulk=False)
    assert len(streams.looks) == 4
    lookups.stop()


@pytest.mark.parametrize(
    ("raised", "passed_on"),
    [
        (VendorUnavailable("down"), VendorUnavailable),
        (SystemExit("a library"), InternalError),
        (KeyboardInterrupt(), InternalError),
    ],
)
async def test_a_failure_is_passed_on_and_ends_no_thread(
    raised: BaseException, passed_on: type[Exception]
) -> None:
    def look(registration: Registration) -> Record:
        raise raised

    lookups = Lookups(FakeStreams(look=look), FakeClock().now)
    for _ in range(6):
        with pytest.raises(passed_on):
            await lookups.look(A, bulk=False)
    lookups.stop()


async def test_it_is_given_up_in_time() -> None:
    clock = FakeClock()
    contexts = []

    class Streams(FakeStreams):
        def snapshot(self, registration: Registration, context: TaskContext, *, bulk: bool) -> Record:
            contexts.append((context, bulk))
            return record(registration)

    lookups = Lookups(Streams(), clock.now)
    await lookups.look(A, bulk=True)
    context, bulk = contexts[0]
    assert bulk
    assert context.deadline == clock.now() + timedelta(seconds=LONGEST_SECONDS)
    context.ensure_in_time()
    clock.advance(LONGEST_SECONDS + 1)
    with pytest.raises(TaskTimeout):
        context.ensure_in_time()
    lookups.stop()
