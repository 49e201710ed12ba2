"""One key that somebody wants live: which vendors are subscribed, and when the next one steps in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from broker_server.prices.model import Standing, State

STEP_IN_SECONDS = 10.0
"""How long a vendor may be silent before the next one is subscribed too."""
_WORST_FIRST = (State.UNAVAILABLE, State.UNKNOWN, State.WAITING, State.STALE, State.RECONNECTING)


class Stream(Protocol):
    """`vendor_stream.VendorStream`, as far as it is needed here."""

    standing: Standing

    @property
    def is_live(self) -> bool: ...

    async def run(self) -> None: ...


class KeyWatch:
    """Keeps the first vendor that serves a key subscribed, and those before it.

    Args:
        open_stream: Makes the stream of a vendor; told what to call when it has changed.
        vendors: The most trusted first.
        tell: Told how the streams are as a whole.
        step_in: Seconds until the next vendor steps in for one that is silent.
    """

    def __init__(
        self,
        open_stream: Callable[[str, Callable[[], None]], Stream],
        vendors: Sequence[str],
        *,
        tell: Callable[[Standing], None],
        step_in: float = STEP_IN_SECONDS,
    ) -> None:
        self._open_stream = open_stream
        self._vendors = vendors
        self._tell = tell
        self._step_in = step_in
        self._streams: dict[str, Stream] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._down_since: dict[str, float] = {}
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Watch until cancelled; then everything is unsubscribed."""
        now = asyncio.get_running_loop().time
        try:
            while True:
                self._changed.clear()
                wait = self._arrange(now())
                self._tell(self._standing())
                try:
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
                except TimeoutError:
                    continue
        finally:
            tasks = [*self._running.values(), *self._leaving]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _arrange(self, now: float) -> float | None:
        """Subscribe whom it takes, and nobody else.

        Returns:
            Seconds until it is time to look again, if it is ever.
        """
        wait = None
        needed = []
        for vendor in self._vendors:
            needed.append(vendor)
            stream = self._streams.get(vendor)
            if stream is None:
                stream = self._start(vendor)
            if stream.is_live:
                self._down_since.pop(vendor, None)
                break
            down = now - self._down_since.setdefault(vendor, now)
            gives_up = stream.standing.state in (State.UNAVAILABLE, State.UNKNOWN)
            if not gives_up and down < self._step_in:
                wait = self._step_in - down
                break
        for vendor in [each for each in self._running if each not in needed]:
            self._streams.pop(vendor)
            self._down_since.pop(vendor, None)
            task = self._running.pop(vendor)
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
            task.cancel()
        return wait

    def _start(self, vendor: str) -> Stream:
        stream = self._streams[vendor] = self._open_stream(vendor, self._changed.set)
        self._running[vendor] = asyncio.ensure_future(stream.run())
        return stream

    def _standing(self) -> Standing:
        """The best of them."""
        live = [each.standing for each in self._streams.values() if each.is_live]
        if live:
            return min(live, key=lambda each: each.state is not State.LIVE)
        return max(
            (each.standing for each in self._streams.values()),
            key=lambda each: _WORST_FIRST.index(each.state),
            default=Standing(State.UNAVAILABLE, "no vendor is asked"),
        )
