"""Many frames a second over the present registrations, at little cost."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from broker_server.simulator.connections import Connection
from broker_server.simulator.stream_faults import StreamFault

STEP_SECONDS = 0.01
FRESH_SECONDS = 0.2
"""So long what was rendered is sent with nothing but its volume changed."""
MAX_BACKLOG = 1 << 20
"""Bytes that a session may leave unread before its share is put off."""


class LoadTarget(Protocol):
    """One stream under load."""

    def frames(self, count: int, records: int, now: datetime, seconds: float) -> bytes:
        """So many WebSocket frames in one piece.

        Args:
            count: Frames.
            records: In each.
            now: The simulated time.
            seconds: The real time, which says when to render anew.
        """
        ...


class Heard(Hashable, Protocol):
    """A session that frames are sent to."""

    connection: Connection


StreamT = TypeVar("StreamT", bound=Hashable)
SessionT = TypeVar("SessionT", bound=Heard)


class Load(Generic[StreamT]):
    """One ordered load.

    Args:
        fault: What was ordered.
        make: Prepares a stream for it.
        now: Real seconds.
    """

    def __init__(self, fault: StreamFault, make: Callable[[StreamT], LoadTarget], now: float) -> None:
        self.fault = fault
        self._make = make
        self._done_at = now
        self._owed = 0.0
        self._targets: dict[StreamT, LoadTarget] = {}
        self._next = 0

    def covers(self, stream: StreamT) -> bool:
        """Whether the stream's own frames are put off, since the load sends them."""
        return stream in self._targets

    def step(
        self,
        targets: Sequence[tuple[StreamT, Sequence[SessionT]]],
        now: datetime,
        seconds: float,
        is_heard: Callable[[SessionT, StreamT], bool],
    ) -> None:
        """Send what is due.

        Args:
            targets: The streams it is spread over, with their sessions.
            now: The simulated time.
            seconds: The real time.
            is_heard: Whether a session gets a stream's frames at present.
        """
        request = self.fault.request
        self._owed += (seconds - self._done_at) * (request.rate or 0)
        self._done_at = seconds
        self._owed = min(self._owed, (request.rate or 0) * 0.5)  # after a pause, not all at once
        wanted = {stream for stream, _ in targets}
        self._targets = {stream: target for stream, target in self._targets.items() if stream in wanted}
        due = int(self._owed)
        if not targets or not due:
            return
        self._owed -= due
        pieces: dict[SessionT, list[bytes]] = {}
        share, rest = divmod(due, len(targets))
        for i in range(len(targets)):
            stream, sessions = targets[(i + self._next) % len(targets)]
            count = share + (i < rest)
            heard = [each for each in sessions if is_heard(each, stream)]
            if not count or not heard or max(each.connection.backlog for each in heard) > MAX_BACKLOG:
                continue
            target = self._targets.get(stream)
            if target is None:
                target = self._targets[stream] = self._make(stream)
            frames = target.frames(count, request.records or 1, now, seconds)
            for session in heard:
                pieces.setdefault(session, []).append(frames)
            self.fault.hits += count * len(heard)
        for session, frames_of_it in pieces.items():
            session.connection.send(b"".join(frames_of_it))
        self._next = (self._next + rest) % len(targets)
