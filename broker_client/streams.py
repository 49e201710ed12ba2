"""What a stream is made of, and what came in on it and is not taken yet: no socket, no event loop."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from broker_client.errors import BrokerError, StreamEnded, WrongEnvironment
from broker_client.gaps import Gaps
from broker_client.protocol import ENDED_STATES, Environment, TaskReply

__all__ = [
    "STREAM_PREFETCH",
    "STREAM_QUEUE_ARGUMENTS",
    "Inbox",
    "Inlet",
    "StreamEvent",
    "StreamStatus",
    "Token",
]

STREAM_PREFETCH = 500
"""Messages that are here and not taken. The others wait at the broker, where their time to live works."""

STREAM_QUEUE_ARGUMENTS: dict[str, Any] = {
    "x-queue-type": "classic",
    "x-expires": 300_000,
    "x-max-length": 50_000,
    "x-overflow": "drop-head",
}
"""A durable queue that outlives a reconnect, and goes 5 minutes after a client that never came back.

A consumer that stands still must not fill the broker. Ticks vanish by their own time to live. Executions have
none, and more of them than this do not come in 5 minutes; should it happen all the same, the oldest go, and
`StreamEvent.missed` of the next one counts them.
"""

_MAX_STATUSES = 100
_MAX_OWN_STATUSES = 1000

Token = Any
"""What a face needs to acknowledge a message; nothing for what this client says itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent:
    """Something that happened.

    Attributes:
        data: The event: ``type``, ``vendor``, ``ticker``, ``time`` and what belongs to its type.
        key: What it is about, ``<channel>.<subject>`` such as ``trade.005930``; ``None`` if the worker does
            not say.
        epoch: Within which ``sequence`` counts.
        sequence: 1, 2, 3 … per key.
        missed: How many events of this key before this one never came, normally 0. ``None`` after a restart
            of the worker: an unknown number, possibly none.
        snapshot: It did not just happen: it is the state by REST that a stream begins with.
        mode: ``realtime``, or ``polling`` when REST stands in for the live connection.
        recovered: It was found out later, by a look at the vendor's list.
        received_at: When it came in here.
        message: The message as it came.
    """

    data: dict[str, Any]
    key: str | None
    epoch: str | None
    sequence: int | None
    missed: int | None
    snapshot: bool
    mode: str
    recovered: bool
    received_at: datetime
    message: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatus:
    """News of the stream itself.

    Attributes:
        state: The worker's ``live``, ``stale``, ``reconnecting``, ``polling``, ``gap``, ``suspended``,
            ``resumed``, ``dropped`` or ``refused``. Or one of this client's own: ``disconnected`` and
            ``connected``, about its connection to RabbitMQ; ``unanswered``, when nothing comes and no worker
            confirms that it has the subscription, and ``answered``, when one does again.
        reason: Why, if that was said.
        key: What it is about; ``None`` for everything.
        data: As the worker wrote it.
        received_at: When it came in here.
        message: The message as it came; ``None`` for one of this client's own.
    """

    state: str
    reason: str | None
    key: str | None
    data: dict[str, Any]
    received_at: datetime
    message: bytes | None


class Inlet(Protocol):
    """The end of a stream that a connection feeds. All calls come in the connection's own thread."""

    queue: str

    def attached(self) -> None:
        """Its queue is there and consumed, again if it was before."""

    def detached(self, reason: str) -> None:
        """It is not consumed any more, for now."""

    def message(self, body: bytes, correlation_id: str | None, token: Token) -> bool:
        """Take one message. Returns whether it is done with; else `Inbox.pop` gives the token back."""


Item = StreamEvent | StreamStatus


class Inbox:
    """What came in on one stream and nobody took yet, in order, and how the stream ended.

    Usable from several threads.

    Args:
        task_id: Of the subscription.
        method: That subscribed.
        clock: The current time with an offset.
        from_the_start: The subscription is new.
        expected_environment: An event of another one ends the stream.
        wake: Called after something changed, outside the lock.
        on_status: Called with each status as it comes.

    Attributes:
        ended: Why nothing comes any more; ``None`` while something may.
        subjects: How many things are subscribed: so many must be dropped before the stream is over.
    """

    def __init__(
        self,
        task_id: str,
        method: str,
        *,
        clock: Callable[[], datetime],
        from_the_start: bool,
        expected_environment: Environment | None,
        wake: Callable[[], None],
        on_status: Callable[[StreamStatus], None],
    ) -> None:
        self.ended: BrokerError | None = None
        self.subjects = 1
        self._task_id = task_id
        self._method = method
        self._clock = clock
        self._expected = expected_environment
        self._wake = wake
        self._on_status = on_status
        self._gaps = Gaps(from_the_start=from_the_start)
        self._items: OrderedDict[Hashable, tuple[Item, Token]] = OrderedDict()
        self._statuses: deque[StreamStatus] = deque(maxlen=_MAX_STATUSES)
        self._own_statuses = 0
        self._gone: set[str | None] = set()
        self._lock = threading.Lock()

    @property
    def statuses(self) -> tuple[StreamStatus, ...]:
        """The last hundred, oldest first."""
        with self._lock:
            return tuple(self._statuses)

    @property
    def is_full(self) -> bool:
        """Whether the broker holds back what comes, until something is taken."""
        with self._lock:
            return len(self._items) - self._own_statuses >= STREAM_PREFETCH

    def event(self, reply: TaskReply, body: bytes, token: Token) -> bool:
        """Take an event message.

        Returns:
            Whether it is done with: it came before, or the stream is over.
        """
        if self._is_of_another_environment(reply):
            return True
        key, epoch, sequence = reply.key or "", reply.epoch or "", reply.sequence
        with self._lock:
            if self.ended is not None:
                return True
            identity: Hashable = object() if sequence is None else (key, epoch, sequence)
            if identity in self._items:
                # Delivered again after a reconnect, and still not taken: only its delivery is another.
                self._items[identity] = (self._items[identity][0], token)
                return False
            missed: int | None = 0
            if sequence is not None:
                if self._gaps.is_repeat(key, epoch, sequence):
                    return True
                missed = self._gaps.take(key, epoch, sequence)
            self._items[identity] = (_read_event(reply, body, missed, self._clock()), token)
            self._gone.discard(reply.key)
        self._wake()
        return False

    def status(self, reply: TaskReply, body: bytes, token: Token) -> bool:
        """Take a status message.

        Returns:
            Whether it is done with: the stream is over.
        """
        status = _read_status(reply, body, self._clock())
        with self._lock:
            if self.ended is not None:
                return True
            identity = (b"status", body)
            repeated = identity in self._items
            self._items[identity] = (self._items[identity][0] if repeated else status, token)
            if repeated:
                return False
            self._statuses.append(status)
            if status.state in ENDED_STATES:
                self._gone.add(status.key)
                if status.key is None or len(self._gone) >= self.subjects:
                    self.ended = StreamEnded(
                        self._task_id, self._method, state=status.state, reason=status.reason
                    )
            else:
                self._gone.discard(status.key)
        self._on_status(status)
        self._wake()
        return False

    def own_status(self, state: str, reason: str | None = None) -> None:
        """Tell what this client itself has noticed."""
        data = {"type": "status", "state": state, **({"reason": reason} if reason else {})}
        status = StreamStatus(
            state=state, reason=reason, key=None, data=data, received_at=self._clock(), message=None
        )
        with self._lock:
            if self.ended is not None:
                return
            self._statuses.append(status)
            if self._own_statuses < _MAX_OWN_STATUSES:  # nobody may take them, and no broker holds them back
                self._own_statuses += 1
                self._items[object()] = (status, None)
        self._on_status(status)
        self._wake()

    def end(self, error: BrokerError) -> None:
        """Nothing comes any more; what came before can still be taken. Only the first reason counts."""
        with self._lock:
            if self.ended is None:
                self.ended = error
        self._wake()

    def pop(self, *, only_events: bool) -> tuple[Item | None, Token]:
        """Take the next one.

        Args:
            only_events: Pass statuses over.

        Returns:
            It, or ``None`` where there is none yet, and what acknowledges everything up to here, if anything.

        Raises:
            BrokerError: There is none, and none will come: `ended`.
        """
        last: Token = None
        with self._lock:
            while self._items:
                _, (item, token) = self._items.popitem(last=False)
                last = token or last
                if isinstance(item, StreamStatus) and item.message is None:
                    self._own_statuses -= 1
                if isinstance(item, StreamEvent) or not only_events:
                    return item, last
            ended = self.ended if last is None else None
        if ended is not None:
            raise ended
        return None, last

    def _is_of_another_environment(self, reply: TaskReply) -> bool:
        expected = self._expected
        if expected is None or reply.environment in (None, expected):
            return False
        self.end(
            WrongEnvironment(
                self._task_id,
                self._method,
                environment=str(reply.environment),
                expected_environment=expected,
                result=reply.result,
                is_order=False,
            )
        )
        return True


def _first(reply: TaskReply) -> dict[str, Any]:
    first = reply.result[0] if isinstance(reply.result, list) and reply.result else reply.result
    return first if isinstance(first, dict) else {"value": first}


def _read_event(reply: TaskReply, body: bytes, missed: int | None, now: datetime) -> StreamEvent:
    data = _first(reply)
    return StreamEvent(
        data=data,
        key=reply.key,
        epoch=reply.epoch,
        sequence=reply.sequence,
        missed=missed,
        snapshot=data.get("snapshot") is True,
        mode=str(data.get("mode") or "realtime"),
        recovered=data.get("recovered") is True,
        received_at=now,
        message=body,
    )


def _read_status(reply: TaskReply, body: bytes, now: datetime) -> StreamStatus:
    data = _first(reply)
    reason = data.get("reason")
    return StreamStatus(
        state=str(data.get("state")),
        reason=None if reason is None else str(reason),
        key=reply.key,
        data=data,
        received_at=now,
        message=body,
    )
