"""One live connection, from its opening to its end: what every vendor's has in common.

One request is on its way at a time: some answers do not say what they are about, and are then about that one.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from websockets.asyncio.client import ClientConnection

from broker_client.errors import TaskFailed
from broker_server.core.feeds import FeedObserver
from broker_server.core.stream_requests import Registration
from broker_server.vendors.live_endings import End, Ending, Events
from broker_server.vendors.live_plan import Plan, Request
from broker_server.vendors.live_timing import Timing
from broker_server.vendors.oddities import OddityLog

StepT = TypeVar("StepT", Request, list[Request])


class LiveConversation(ABC, Generic[StepT]):
    """Talks over one connection.

    Args:
        connection: Open.
        plan: What to do; outlives the connection.
        oddities: Where what should not happen is counted.
        events: Whom to tell.
        timing: The waits.
        observer: Is told each step.

    Attributes:
        in_flight: What was asked and is not answered yet.
        has_registered: Something was registered on this connection.
    """

    vendor: str
    """In messages."""

    def __init__(
        self,
        connection: ClientConnection,
        *,
        plan: Plan,
        oddities: OddityLog,
        events: Events,
        timing: Timing,
        observer: FeedObserver | None = None,
    ) -> None:
        self._connection = connection
        self._plan = plan
        self._oddities = oddities
        self._events = events
        self._timing = timing
        self._observer = observer or FeedObserver()
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._sent_at = float("-inf")
        self._changed = asyncio.Event()
        self._ended: asyncio.Future[Ending] = self._loop.create_future()
        self._in_a_row_unanswered = 0
        self._idle_since: float | None = None
        self._told_limit: set[Registration] = set()
        self.in_flight: StepT | None = None
        self.has_registered = False

    async def enter(self) -> Ending | None:
        """Say who we are, where the vendor asks for that first; returns why it was in vain."""
        return None

    async def hold(self) -> Ending:
        """Talk until there is a reason to end; the connection is still to be closed then."""
        parts: list[asyncio.Task[Ending]] = [
            self._loop.create_task(part)
            for part in (self._read(), self._carry_out(), self._watch_for_silence())
        ]
        try:
            done, _ = await asyncio.wait([*parts, self._ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
        # Where several are done, what the server said comes before what follows from it.
        order = [*parts, self._ended]
        return min(done, key=order.index).result()

    def wake(self) -> None:
        """The plan has changed."""
        self._changed.set()

    def end(self, ending: Ending) -> None:
        """End it from outside."""
        if not self._ended.done():
            self._ended.set_result(ending)

    @abstractmethod
    async def _read(self) -> Ending:
        """Read until the connection ends; notes in ``_heard_at`` when something came."""

    @abstractmethod
    def _next_step(self, now: float) -> StepT | float | None:
        """What to ask for now; or in how many seconds there may be something; or nothing."""

    @abstractmethod
    async def _ask(self, step: StepT) -> Ending | None:
        """Ask, and settle what the answer says."""

    @abstractmethod
    def _opened(self, registration: Registration) -> None:
        """It is registered: its records are to be handed on."""

    @abstractmethod
    def _limit_error(self) -> TaskFailed:
        """For what does not fit, since the vendor has said that it holds no more."""

    def _announce(self) -> None:
        for registration in self._plan.announcements():
            self._opened(registration)
            self._events.registered(registration)
        over_limit = self._plan.over_limit()
        self._told_limit.intersection_update(over_limit)
        for registration in over_limit:
            if registration not in self._told_limit:
                self._told_limit.add(registration)
                self._events.refused(registration, self._limit_error(), for_good=False)

    def _unanswered(self, requests: list[Request]) -> Ending | None:
        """There was no answer in time."""
        self.in_flight = None
        for request in requests:
            self._plan.unanswered(request, self._loop.time())
        self._in_a_row_unanswered += 1
        if self._in_a_row_unanswered < self._timing.unanswered:
            return None
        return Ending(
            End.DEAF, f"{self.vendor} left {self._in_a_row_unanswered} requests in a row unanswered"
        )

    async def _carry_out(self) -> Ending:
        while True:
            self._changed.clear()
            self._announce()
            if self._idle_for_long():
                return Ending(End.IDLE, "nothing is wanted any more")
            step = self._next_step(self._loop.time())
            if step is None or isinstance(step, (int, float)):
                await self._wait_for_change(step)
                continue
            rest = self._sent_at + self._timing.between_requests - self._loop.time()
            if rest > 0:
                await asyncio.sleep(rest)
                continue  # what is wanted may have changed meanwhile
            if ending := await self._ask(step):
                return ending

    async def _wait_for_change(self, seconds: float | None) -> None:
        if self._idle_since is not None:
            linger = self._idle_since + self._timing.linger - self._loop.time()
            seconds = linger if seconds is None else min(seconds, linger)
        try:
            async with asyncio.timeout(None if seconds is None else max(seconds, 0.0)):
                await self._changed.wait()
        except TimeoutError:
            pass

    def _idle_for_long(self) -> bool:
        now = self._loop.time()
        if self._plan.has_aims():
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        return self._idle_since is not None and now - self._idle_since >= self._timing.linger

    async def _watch_for_silence(self) -> Ending:
        while True:
            rest = self._heard_at + self._timing.silence - self._loop.time()
            if rest <= 0:
                return Ending(End.SILENT, f"nothing came for {self._timing.silence:g} seconds")
            await asyncio.sleep(rest)
