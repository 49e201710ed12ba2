"""The watch over silence: a feed that is connected and mute is noticed, announced and healed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from broker_client.errors import TaskFailed
from broker_server.core.feeds import Incoming, is_state
from broker_server.core.freshness import Action, Freshness, Reconnect, Recovered, Renew, Stale, Suspected
from broker_server.core.stream_requests import Registration
from broker_server.streams.board import StreamBoard

log = structlog.get_logger(__name__)

TICK_SECONDS = 1.0
COMPARE_SECONDS = 5.0
_TELLING = ("volume", "value", "asks", "bids")
"""What of an event changes with the market; the time of a look changes too, and tells nothing."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What REST showed."""

    at: float
    state: tuple[Any, ...]


class FreshnessWatch:
    """Watches the feed of a board; a `broker_server.streams.serving.Watcher`.

    Args:
        board: Told and acted on.
        freshness: Decides.
        clock: UTC.
        stale_after: Seconds of silence after which a look is taken.
        monotonic: Seconds.
        pause: Waits.
    """

    def __init__(
        self,
        board: StreamBoard,
        freshness: Freshness,
        *,
        clock: Callable[[], datetime],
        stale_after: float,
        monotonic: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._board = board
        self._freshness = freshness
        self._clock = clock
        self._between_looks = min(COMPARE_SECONDS, stale_after)
        self._monotonic = monotonic
        self._pause = pause
        self._seen: dict[Registration, _Seen] = {}
        self._looks: set[asyncio.Task[None]] = set()

    def registered(self, registration: Registration) -> None:
        """The vendor sends it from now on."""
        self._freshness.confirmed(
            registration, self._monotonic(), group=self._board.feed.connection_of(registration)
        )

    def received(self, registration: Registration, incoming: Incoming) -> None:
        """A record came in."""
        if is_state(incoming):
            return
        recovered = self._freshness.received(registration, self._monotonic())
        if recovered is not None:
            self._act(recovered)

    def interrupted(self, registrations: Sequence[Registration]) -> None:
        """They are not sent any more, for now."""
        for registration in registrations:
            self._freshness.interrupted(registration)

    def unwanted(self, registration: Registration) -> None:
        """The feed is not to hold it any more."""
        self._freshness.forget(registration)
        self._seen.pop(registration, None)

    def is_stale(self, registration: Registration) -> bool:
        """Whether it was announced as stale."""
        return self._freshness.is_stale(registration)

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            while True:
                for suspected in self._freshness.tick(self._monotonic(), self._clock()):
                    look = asyncio.get_running_loop().create_task(self._look(suspected))
                    self._looks.add(look)
                    look.add_done_callback(self._looks.discard)
                await self._pause(TICK_SECONDS)
        finally:
            for look in self._looks:
                look.cancel()

    async def _look(self, suspected: Suspected) -> None:
        registration, failure = suspected.registration, ""
        try:
            moved = await self._has_moved(registration, since=self._monotonic() - suspected.silent)
        except TaskFailed as error:
            log.info("a silent subscription cannot be looked up", reason=str(error))
            moved, failure = None, str(error)
        except Exception as error:
            log.exception("a silent subscription cannot be looked up")
            moved, failure = None, type(error).__name__
        for action in self._freshness.verdict(registration, moved, self._monotonic()):
            self._act(action, failure)
        if registration not in self._board.serving.held:
            self._seen.pop(registration, None)

    async def _has_moved(self, registration: Registration, *, since: float) -> bool | None:
        """Whether the market moved during the silence, as REST tells; ``None`` where it cannot.

        Args:
            since: When the silence began: an older look says nothing about it.
        """
        if not self._board.streams.can_snapshot(registration):
            return None
        before = self._seen.get(registration)
        if before is None or before.at < since:
            before = await self._see(registration)
            await self._pause(self._between_looks)
        now = await self._see(registration)
        return None if before is None or now is None else now.state != before.state

    async def _see(self, registration: Registration) -> _Seen | None:
        asked_at = self._monotonic()
        incoming = await self._board.lookups.look(registration, bulk=True)
        event = incoming.event()
        state = tuple(event.get(name) for name in _TELLING)
        if all(value is None for value in state):
            return None
        seen = self._seen[registration] = _Seen(asked_at, state)
        return seen

    def _act(self, action: Action, failure: str = "") -> None:
        registration = action.registration
        if isinstance(action, Stale):
            seen = "changes that did not come" if action.proven else "nothing to compare with"
            why = f"and the look by REST failed: {failure}" if failure else f"by REST: {seen}"
            self._board.serving.turn_stale(registration, f"no data; {why}")
        elif isinstance(action, Recovered):
            reason = "data comes again" if action.delivers else "the market is quiet"
            self._board.serving.turn_fresh(registration, reason, missed=action.delivers)
        elif isinstance(action, Renew):
            self._board.feed.renew(registration)
        elif isinstance(action, Reconnect):
            self._board.feed.reconnect(registration, "it is connected and sends nothing")
