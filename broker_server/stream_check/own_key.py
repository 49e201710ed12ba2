"""Checks streams with the key itself: no worker has it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from broker_client.errors import AuthenticationFailed, SubscriptionLimit, TaskFailed
from broker_server.core.feeds import Feed, FeedListener, FeedObserver, Incoming, Streams
from broker_server.core.stream_requests import Registration
from broker_server.stream_check.report import Report, Wanted
from broker_server.stream_check.texts import Sight, counted, short_form

_NOT_OF_RECORDS = frozenset({"late_answer", "never_asked"})
"""Oddities of answers, and of data that nobody asked for."""


def use_key(streams: Streams, wanted: Sequence[Wanted], seconds: float, report: Report) -> None:
    """Connect, ask, look on for a while, and close.

    Args:
        streams: Of the vendor's adapter.
        wanted: What to look at.
        seconds: How long.
        report: Where the steps go.
    """
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(_look_on(streams, wanted, seconds, report))


async def _look_on(streams: Streams, wanted: Sequence[Wanted], seconds: float, report: Report) -> None:
    watch = _Watch(wanted, report, report.elapsed() + seconds)
    feed = watch.feed = streams.open_feed(watch, watch)
    feed.want([each.registration for each in wanted])
    running = asyncio.ensure_future(feed.run())
    ending = asyncio.ensure_future(watch.over.wait())
    try:
        await asyncio.wait({running, ending}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        watch.finish()
        running.cancel()
        ending.cancel()
        with suppress(asyncio.CancelledError):
            await running


class _Frame:
    """The records of one stream in one data frame."""

    def __init__(self, number: int, first: Incoming) -> None:
        self.number = number
        self.first = first
        self.records = 0


def _unusable(sessions: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Records that came and could not be decoded, by reason."""
    found: Counter[str] = Counter()
    for session in sessions:
        if session["frames"]:
            found.update(session["oddities"])
    return {kind: count for kind, count in found.items() if kind not in _NOT_OF_RECORDS}


class _Watch(FeedObserver, FeedListener):
    """Is told everything by the feed, and prints it."""

    feed: Feed

    def __init__(self, wanted: Sequence[Wanted], report: Report, deadline: float) -> None:
        self.over = asyncio.Event()
        self._sights = {each.registration: each.sight for each in wanted}
        self._report = report
        self._deadline = deadline
        self._frames: dict[Registration, _Frame] = {}
        self._key_source = ""
        self._open = False

    # The observer

    def key_ready(self, *, configured: bool) -> None:
        source = "that of KIS_WS_APPROVAL_KEY" if configured else "issued by KIS"
        if source != self._key_source:
            self._step(f"approval key: {source}")
        self._key_source = source

    def opening(self, host: str) -> None:
        self._step(f"connecting to {host}")

    def opened(self) -> None:
        for sight in self._sights.values():
            sight.connected = True
        self._open = True
        self._step("connected")

    def asked(self, registration: Registration, *, register: bool) -> None:
        if register and (sight := self._sights.get(registration)) is not None:
            sight.asked = True
            self._step("registration asked for", sight)

    def answered(self, registration: Registration | None, code: str, text: str) -> None:
        sight = None if registration is None else self._sights.get(registration)
        if sight is not None:
            sight.code = code
        self._step(f"answered: {code} {text}".rstrip(), sight)

    def pinged(self) -> None:
        for sight in self._sights.values():
            sight.pings += 1
        self._step("PINGPONG came, and was answered")

    def ended(self, reason: str, pause: float) -> None:
        self._step(f"{'the connection ended' if self._open else 'no connection'}: {reason}")
        self._open = False
        alone = len(self.feed.status()["sessions"]) < 2
        if alone and self._report.elapsed() + pause >= self._deadline:
            self._step(f"the next one would be tried in {pause:.0f} s, which is too late for this check")
            self.over.set()

    # The listener

    def registered(self, registration: Registration) -> None:
        sight = self._sights[registration]
        sight.acknowledged, sight.failure, sight.code = True, None, ""
        self._step("registered", sight)

    def refused(self, registration: Registration, error: Exception, *, for_good: bool) -> None:
        sight = self._sights[registration]
        failure = error if isinstance(error, TaskFailed) else TaskFailed(str(error))
        if for_good or isinstance(failure, SubscriptionLimit | AuthenticationFailed):
            sight.refused = failure
            self._look_whether_over()
        else:
            sight.failure = failure.message

    def received(self, registration: Registration, incoming: Incoming) -> None:
        sight = self._sights[registration]
        number = sum(session["frames"] for session in self.feed.status()["sessions"])
        frame = self._frames.get(registration)
        if frame is None or frame.number != number:
            self._tell_frame(registration)
            frame = self._frames[registration] = _Frame(number, incoming)
            # The records of a frame come in one go; how many there are is known afterwards.
            asyncio.get_running_loop().call_soon(self._tell_frame, registration)
        frame.records += 1
        sight.records += 1

    def interrupted(self, registrations: Sequence[Registration], reason: str) -> None:
        for registration in registrations:
            sight = self._sights[registration]
            sight.acknowledged, sight.failure = False, reason

    def connected(self) -> None:
        pass

    def source_changed(self, channel: str, subject: str) -> None:
        """Nothing is published."""

    def failing(self, failures: int, reason: str, *, pause: float = 0.0, connection: Hashable = None) -> None:
        for sight in self._sights.values():
            sight.failure = reason

    # Inside

    def finish(self) -> None:
        """Take down what is known at the end, and be silent from now on."""
        for registration in list(self._frames):
            self._tell_frame(registration)
        status = self.feed.status()
        for sight in self._sights.values():
            sight.registered = (status["registered"], self.feed.capacity)
            sight.unusable = _unusable(status["sessions"])
        self.over.set()

    def _tell_frame(self, registration: Registration) -> None:
        frame = self._frames.pop(registration, None)
        if frame is None or self.over.is_set():
            return
        sight = self._sights[registration]
        sight.frames += 1
        sight.last_at = self._report.elapsed()
        if sight.first_at is None:
            sight.first_at = sight.last_at
        self._step(f"data, {counted(frame.records, 'record')}: {short_form(frame.first.event())}", sight)
        self._look_whether_over()

    def _look_whether_over(self) -> None:
        if all(sight.is_done for sight in self._sights.values()):
            self.over.set()

    def _step(self, text: str, sight: Sight | None = None) -> None:
        if not self.over.is_set():
            self._report.step(text, sight)
