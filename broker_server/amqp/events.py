"""Events of workers and orders, to whoever binds a queue to the topic exchange ``broker.events``.

They are confirmed and persistent, but not mandatory: nobody has to listen. While there is no connection they
wait in memory, and what was in flight when it was lost is published again: an event may come twice (with the
same ``message_id``), and only those that had to be dropped, which are counted, do not come at all.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import ConnectionClosedByClient
from pika.spec import REPLY_SUCCESS, BasicProperties

from broker_client.json_bytes import json_bytes
from broker_client.protocol import EVENTS_EXCHANGE, Environment, utc_text
from broker_server.amqp.publisher import ConfirmedPublisher, Fate

log = structlog.get_logger(__name__)

MOST_WAITING = 10_000
MOST_IN_FLIGHT = 200
"""A broker that blocks us must not let the library's own buffer grow without bound."""
PERSISTENT = 2
_NOT_A_WORD = re.compile(r"[.*#\s]+")


def event_key(*words: str) -> str:
    """A routing key; a dot inside a word, such as a host's name has, would make it two."""
    return ".".join(_NOT_A_WORD.sub("-", word) for word in words)


@dataclass(frozen=True, slots=True)
class _Event:
    number: int
    key: str
    body: bytes


class EventPublisher:
    """Publishes to ``broker.events``, in order; outlives its connections.

    Args:
        name: The worker's.
        environment: The worker's.
        clock: Gives UTC.
    """

    def __init__(self, name: str, environment: Environment, clock: Callable[[], datetime]) -> None:
        self._name = name
        self._environment = environment
        self._clock = clock
        # The name holds a process id, which comes back some day.
        self._run = f"{name}-{int(clock().timestamp())}"
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: deque[_Event] = deque()
        self._in_flight: dict[int, _Event] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._publisher: ConfirmedPublisher | None = None
        self._published = 0
        self._dropped = 0
        self._refused = 0
        self._warned = False

    @property
    def unconfirmed(self) -> int:
        """Events that the broker has not taken yet."""
        return len(self._waiting) + len(self._in_flight)

    def counts(self) -> dict[str, int]:
        """For ``broker.get-status``: since the start, and waiting now."""
        return {
            "published": self._published,
            "waiting": self.unconfirmed,
            "dropped": self._dropped,
            "refused": self._refused,
        }

    def publish(self, key: str, body: dict[str, Any]) -> None:
        """Publish an event; returns at once. For any thread.

        Args:
            key: The routing key; see `event_key`.
            body: JSON values. ``kind``, ``environment``, ``worker`` and ``time`` are filled in.

        Raises:
            TypeError: A value is no JSON value.
        """
        head = {
            "kind": "event",
            "environment": self._environment,
            "worker": self._name,
            "time": utc_text(self._clock()),
        }
        encoded = json_bytes(head | body)
        with self._lock:
            self._waiting.append(_Event(next(self._numbers), key, encoded))
            self._drop_surplus()
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: the worker has stopped
                self._loop.call_soon_threadsafe(self._pump)

    async def open(self, connection: AsyncioConnection) -> None:
        """Publish on a new connection, what waits first.

        Raises:
            AMQPError: The connection was lost.
        """
        first = self._loop is None
        self._loop = asyncio.get_running_loop()
        publisher = ConfirmedPublisher(connection, f"{self._name}-events")
        await publisher.open()
        connection.add_on_close_callback(lambda _, reason: self._on_closed(publisher, reason))
        self._publisher = publisher
        self._warned = False
        if not first:
            self.publish(
                event_key("connection", self._name, "restored"), {"type": "connection", "state": "restored"}
            )
        self._pump()

    def close(self) -> None:
        """Say what was not published."""
        if self.unconfirmed:
            log.warning("events were not published before the worker stopped", events=self.unconfirmed)

    def _pump(self) -> None:
        publisher = self._publisher
        while publisher is not None and len(self._in_flight) < MOST_IN_FLIGHT:
            with self._lock:
                if not self._waiting:
                    return
                event = self._waiting.popleft()
            self._in_flight[event.number] = event
            self._send(publisher, event)

    def _send(self, publisher: ConfirmedPublisher, event: _Event) -> None:
        properties = BasicProperties(
            content_type="application/json",
            delivery_mode=PERSISTENT,
            message_id=f"{self._run}-{event.number}",
        )
        publisher.publish(
            event.key,
            event.body,
            properties,
            lambda fate: self._on_fate(event, fate),
            mandatory=False,
            exchange=EVENTS_EXCHANGE,
        )

    def _on_fate(self, event: _Event, fate: Fate) -> None:
        if self._in_flight.pop(event.number, None) is None:
            return
        if fate is Fate.CONFIRMED:
            self._published += 1
        else:
            self._refused += 1
            log.warning("an event was not taken by every queue that should get it", key=event.key)
        self._pump()

    def _on_closed(self, publisher: ConfirmedPublisher, reason: BaseException) -> None:
        if publisher is not self._publisher:
            return
        self._publisher = None
        with self._lock:
            self._waiting.extendleft(reversed(self._in_flight.values()))
            self._in_flight.clear()
            self._drop_surplus()
        if isinstance(reason, ConnectionClosedByClient) and reason.reply_code == REPLY_SUCCESS:
            return  # the worker stops
        self.publish(
            event_key("connection", self._name, "lost"),
            {"type": "connection", "state": "lost", "reason": str(reason)},
        )

    def _drop_surplus(self) -> None:
        """Let go of the oldest; the caller holds the lock."""
        while len(self._waiting) > MOST_WAITING:
            if not self._warned:
                self._warned = True
                log.warning("too many events wait for a connection, dropping the oldest", most=MOST_WAITING)
            self._dropped += 1
            self._waiting.popleft()
