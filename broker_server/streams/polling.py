"""REST in the place of the live connection, for what it cannot serve for now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from broker_client.errors import TaskFailed
from broker_server.core.stream_requests import Registration
from broker_server.streams.board import StreamBoard

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
"""How soon after its turn to polling a subscription is looked up for the first time."""


class Poller:
    """Polls what a board says is polled; one look at a time for each registration.

    Args:
        board: Whose.
        interval: Seconds between the beginnings of two looks at one registration.
        monotonic: Seconds.
        pause: Waits.
    """

    def __init__(
        self,
        board: StreamBoard,
        interval: float,
        *,
        monotonic: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._board = board
        self._interval = interval
        self._monotonic = monotonic
        self._pause = pause
        self._due: dict[Registration, float] = {}
        self._failed: set[Registration] = set()
        self._looks: dict[Registration, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Poll until cancelled."""
        try:
            while True:
                self._look_at_what_is_due()
                await self._pause(min(LOOK_SECONDS, self._interval))
        finally:
            for look in self._looks.values():
                look.cancel()

    def _look_at_what_is_due(self) -> None:
        now = self._monotonic()
        polled = self._board.book.polled
        self._due = {each: self._due.get(each, now) for each in polled}
        self._failed.intersection_update(self._due)
        for registration in polled:
            if self._due[registration] <= now and registration not in self._looks:
                self._due[registration] = now + self._interval
                look = asyncio.get_running_loop().create_task(self._look(registration))
                self._looks[registration] = look
                look.add_done_callback(partial(self._looked, registration))

    def _looked(self, registration: Registration, _: asyncio.Task[None]) -> None:
        del self._looks[registration]

    async def _look(self, registration: Registration) -> None:
        reason = ""
        try:
            found = await self._board.lookups.look(registration, bulk=True)
        except TaskFailed as error:
            reason = str(error)
        except Exception as error:
            if registration not in self._failed:
                log.exception("a look by REST failed")
            reason = repr(error)
        if self._board.book.registration_mode(registration) != "polling":
            return
        if reason:
            if registration not in self._failed:
                self._failed.add(registration)
                self._board.tell_polled(registration, "stale", f"polling failed: {reason}")
            return
        if registration in self._failed:
            self._failed.discard(registration)
            self._board.tell_polled(registration, "polling", "polling works again")
        self._board.publish_polled(registration, found)
