"""REST in the place of the live connection, for what it cannot serve for now."""

from __future__ import annotations

import asyncio

import structlog

from broker_client.errors import TaskFailed
from broker_server.core.stream_requests import Registration
from broker_server.streams.board import StreamBoard

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
"""How soon after its turn to polling a subscription is looked up for the first time."""


class Poller:
    """Polls what a board says is polled.

    Args:
        board: Whose.
        interval: Seconds between two looks at one registration.
    """

    def __init__(self, board: StreamBoard, interval: float) -> None:
        self._board = board
        self._interval = interval
        self._due: dict[Registration, float] = {}
        self._failed: set[Registration] = set()
        self._looks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Poll until cancelled."""
        try:
            while True:
                self._look_at_what_is_due()
                await asyncio.sleep(min(LOOK_SECONDS, self._interval))
        finally:
            for look in self._looks:
                look.cancel()

    def _look_at_what_is_due(self) -> None:
        now = asyncio.get_running_loop().time()
        polled = self._board.book.polled
        self._due = {each: due for each, due in self._due.items() if each in polled}
        for registration in polled:
            if self._due.get(registration, now) <= now:
                self._due[registration] = now + self._interval
                look = asyncio.get_running_loop().create_task(self._look(registration))
                self._looks.add(look)
                look.add_done_callback(self._looks.discard)

    async def _look(self, registration: Registration) -> None:
        try:
            found = await self._board.lookups.look(registration, bulk=True)
        except TaskFailed as error:
            if registration not in self._failed:
                self._failed.add(registration)
                self._board.tell(registration, "stale", reason=f"polling failed: {error}")
            return
        except Exception:
            log.exception("a look by REST failed")
            return
        if self._board.book.registration_mode(registration) != "polling":
            return
        if registration in self._failed:
            self._failed.discard(registration)
            self._board.tell(registration, "polling", reason="polling works again")
        self._board.publish_polled(registration, found)
