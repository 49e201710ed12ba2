"""Who is subscribed, and when the next one steps in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from broker_server.prices.key_watch import KeyWatch
from broker_server.prices.model import Standing, State
from tests.support.waiting import wait_until_async

LIVE, WAITING = Standing(State.LIVE), Standing(State.WAITING)
SILENT = Standing(State.STALE, "no data for 60 s")


class FakeStream:
    """A vendor's stream; `become` is what happens to it."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.standing = WAITING
        self.has_ended = False
        self._changed = changed

    @property
    def is_live(self) -> bool:
        """See `Stream`."""
        return self.standing.state in (State.LIVE, State.POLLING)

    async def run(self) -> None:
        """See `Stream`."""
        try:
            await asyncio.Event().wait()
        finally:
            self.has_ended = True

    def become(self, standing: Standing) -> None:
        """It is like this from now on."""
        self.standing = standing
        self._changed()


class Watched:
    """A watch that runs."""

    def __init__(self, *vendors: str, step_in: float = 0.05) -> None:
        self.streams: dict[str, list[FakeStream]] = {vendor: [] for vendor in vendors}
        self.told: list[Standing] = []
        watch = KeyWatch(self._open, vendors, tell=self.told.append, step_in=step_in)
        self.running = asyncio.ensure_future(watch.run())

    def _open(self, vendor: str, changed: Callable[[], None]) -> FakeStream:
        stream = FakeStream(changed)
        self.streams[vendor].append(stream)
        return stream

    async def stream(self, vendor: str, number: int = 1) -> FakeStream:
        """The vendor's stream, once it is opened so often."""
        await wait_until_async(lambda: len(self.streams[vendor]) == number, what=f"{vendor} {number}")
        return self.streams[vendor][-1]

    async def wait_told(self, standing: Standing) -> None:
        """Until this was told last."""
        await wait_until_async(lambda: bool(self.told) and self.told[-1] == standing, what=str(standing))

    async def end(self) -> None:
        """Cancel it."""
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


async def test_one_vendor_that_serves_is_enough() -> None:
    watched = Watched("kis", "kiwoom", step_in=0)
    kis = await watched.stream("kis")
    kis.become(LIVE)
    await watched.wait_told(LIVE)
    first = len(watched.streams["kiwoom"])
    kis.become(Standing(State.POLLING, "no slot"))
    await watched.wait_told(Standing(State.POLLING, "no slot"))
    assert len(watched.streams["kiwoom"]) == first
    await watched.end()
    assert kis.has_ended


async def test_the_next_one_steps_in_for_a_silent_one_and_leaves_when_it_is_back() -> None:
    watched = Watched("kis", "kiwoom", "koscom")
    kis = await watched.stream("kis")
    kis.become(LIVE)
    kis.become(SILENT)
    await watched.wait_told(SILENT)
    kiwoom = await watched.stream("kiwoom")
    kiwoom.become(LIVE)
    await watched.wait_told(LIVE)
    assert watched.streams["koscom"] == []
    assert not kis.has_ended
    kis.become(LIVE)
    await wait_until_async(lambda: kiwoom.has_ended)
    kis.become(SILENT)
    again = await watched.stream("kiwoom", 2)
    again.become(LIVE)
    await watched.wait_told(LIVE)
    await watched.end()
    assert kis.has_ended
    assert again.has_ended


async def test_a_vendor_that_cannot_serve_it_is_not_waited_for() -> None:
    watched = Watched("kis", "kiwoom", step_in=1000)
    kis = await watched.stream("kis")
    kis.become(Standing(State.UNAVAILABLE, "41 of 41"))
    kiwoom = await watched.stream("kiwoom")
    kiwoom.become(LIVE)
    await watched.wait_told(LIVE)
    await watched.end()


async def test_a_short_silence_calls_nobody() -> None:
    watched = Watched("kis", "kiwoom", step_in=1000)
    kis = await watched.stream("kis")
    for _ in range(3):
        kis.become(SILENT)
        await watched.wait_told(SILENT)
        kis.become(LIVE)
        await watched.wait_told(LIVE)
    assert watched.streams["kiwoom"] == []
    await watched.end()


async def test_of_several_that_do_not_serve_the_most_hopeful_is_told() -> None:
    watched = Watched("kis", "kiwoom", step_in=0.01)
    unknown = Standing(State.UNKNOWN, "ticker: nobody has it")
    (await watched.stream("kis")).become(unknown)
    kiwoom = await watched.stream("kiwoom")
    kiwoom.become(SILENT)
    await watched.wait_told(SILENT)
    kiwoom.become(Standing(State.UNAVAILABLE, "there is no kiwoom here"))
    await watched.wait_told(unknown)
    await watched.end()


async def test_without_vendors_it_says_so() -> None:
    watched = Watched()
    await watched.wait_told(Standing(State.UNAVAILABLE, "no vendor is asked"))
    await watched.end()


async def test_those_that_are_leaving_are_waited_for_at_the_end() -> None:
    watched = Watched("kis", "kiwoom", step_in=0.01)
    kis = await watched.stream("kis")
    kiwoom = await watched.stream("kiwoom")
    kis.become(LIVE)
    await watched.end()
    assert kis.has_ended
    assert kiwoom.has_ended
