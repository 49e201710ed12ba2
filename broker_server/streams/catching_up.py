"""The state by REST for what is live again after a loss: a quiet instrument may not trade for an hour."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from broker_client.errors import TaskFailed
from broker_server.core.feeds import Incoming
from broker_server.core.stream_requests import Registration
from broker_server.streams.board import StreamBoard

log = structlog.get_logger(__name__)


class CatchingUp:
    """Publishes one state for each; a `broker_server.streams.serving.Watcher`.

    One look at a time, and behind everything else that is asked of the vendor: after a lost connection there
    may be forty. Where an event is faster, none is needed.

    Args:
        board: Whose.
    """

    def __init__(self, board: StreamBoard) -> None:
        self._board = board
        self._lost: set[Registration] = set()
        self._due: dict[Registration, None] = {}
        self._is_due = asyncio.Event()

    def restored(self, registrations: Iterable[Registration]) -> None:
        """An earlier worker served them."""
        self._lost.update(registrations)

    def registered(self, registration: Registration) -> None:
        """The vendor sends it from now on."""
        if registration in self._lost:
            self._lost.discard(registration)
            if self._board.streams.can_snapshot(registration):
                self._due[registration] = None
                self._is_due.set()

    def received(self, registration: Registration, incoming: Incoming) -> None:
        """A record came in."""
        self._due.pop(registration, None)

    def interrupted(self, registrations: Sequence[Registration]) -> None:
        """They are not sent any more, for now."""
        for registration in registrations:
            self._due.pop(registration, None)
            self._lost.add(registration)

    def unwanted(self, registration: Registration) -> None:
        """The feed is not to hold it any more."""
        self._due.pop(registration, None)
        self._lost.discard(registration)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._is_due.wait()
            registration = next(iter(self._due), None)
            if registration is None:
                self._is_due.clear()
            elif self._board.audience.wants_state(registration):
                await self._catch_up(registration)
            else:
                del self._due[registration]

    async def _catch_up(self, registration: Registration) -> None:
        try:
            found = await self._board.lookups.look(registration, bulk=True)
        except TaskFailed as error:
            log.info("no state for what is live again", reason=str(error))
        except Exception:
            log.exception("the state of what is live again cannot be read")
        else:
            if registration in self._due:
                self._board.publish_state(registration, found)
        self._due.pop(registration, None)
