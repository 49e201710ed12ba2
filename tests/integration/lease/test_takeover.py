"""The owner is cut off without a word: never two that may send. `bench.takeover` shows the seconds."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import Engine

from tests.support.leases import TestOwner, owner
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until_async


class Overlap:
    """Looks at two owners again and again, on a thread of its own, for a moment at which both may send."""

    def __init__(self, old: TestOwner, new: TestOwner) -> None:
        self._old, self._new = old, new
        self._stop = threading.Event()
        self.looks = 0
        self.found = False
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._stop.wait(0.002):
            # The new one first: an old one that is seen fresh after it makes an overlap for certain.
            if self._new.owns and self._old.owns:
                self.found = True
            self.looks += 1

    def __enter__(self) -> Overlap:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.mark.parametrize("heartbeat", [2, pytest.param(5, marks=pytest.mark.thorough)])
async def test_silent_cut_gives_the_lease_to_the_standby_and_never_to_both(
    clean_broker: str, proxy_url: str, proxy: TcpProxy, journal: Engine, heartbeat: int
) -> None:
    async with AsyncExitStack() as running:
        first = await running.enter_async_context(
            owner(proxy_url, journal, name="first", heartbeat=heartbeat, host="elsewhere")
        )
        lost = await first.leases.held()
        second = await running.enter_async_context(
            owner(clean_broker, journal, name="second", heartbeat=heartbeat)
        )
        await wait_until_async(lambda: second.waited_for)
        with Overlap(first, second) as overlap:
            proxy.pause()
            await asyncio.wait_for(second.leases.held(), 3 * heartbeat + 60)
            assert overlap.looks > 100
        assert not overlap.found
        assert not first.owns
        assert second.epoch == 2
        assert second.waits > heartbeat, "its orders wait until the old one cannot be sending any more"
        await asyncio.wait_for(lost, 60)
        assert first.grant is None
        proxy.resume()
        await wait_until_async(lambda: first.waited_for == ["kis/default"], 60, "it stands by now")
        assert second.changes == [True]
        assert second.epoch == 2
