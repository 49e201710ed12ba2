"""Publishes live data: a connection of its own, on an event loop of its own, with bounded memory.

::

    Tick ──> TickOutbox (what is sent, waits, is dropped) ──> TickChannel (confirms) ──> connection
                  └── core.conflation.WaitingRoom

`TickPublisher` keeps the connection; it comes back for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable

import structlog
from pika.exceptions import (
    AMQPConnectionError,
    AMQPError,
    ChannelClosedByBroker,
    ChannelClosedByClient,
    ConnectionWrongStateError,
)

from broker_client.reasons import reason_of
from broker_server.amqp import topology
from broker_server.amqp.channels import RESOURCE_LOCKED, AsyncChannel, is_refusal
from broker_server.amqp.connection import Backoff, LoginRefused, closing
from broker_server.amqp.frames import TolerantConnection
from broker_server.amqp.hosts import BrokerHosts
from broker_server.amqp.tick_channel import Route, Tick, TickChannel
from broker_server.amqp.tick_outbox import MOST_OUTSTANDING, TickOutbox
from broker_server.core.conflation import MOST_WAITING, Keep, WaitingRoom

__all__ = ["Keep", "Route", "Tick", "TickPublisher"]

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 2.0
CLOSE_SECONDS = 1.0
STABLE_SECONDS = 15.0
LOOK_SECONDS = 10.0
MOST_LOOKS = 8


class TickPublisher:
    """Publishes from the event loop that `run` runs on; `publish` returns at once.

    Args:
        url: The broker's; several hosts of a cluster with commas between them.
        worker: Its name; the connection is called ``<worker>-ticks``.
        run_id: Tells this process from others of the same name, in the ``message_id`` of mandatory messages.
        on_gap: Called with a slot and how many of its messages will never be sent: too many waited, they
            were too old when the connection came back, or the broker refuses them. At most once a second
            and slot, before the next message of the slot is made. A status message about it should have
            a slot of its own, so that it passes what waits.
        most_waiting: How many `Keep.BOUNDED` messages wait.
        jitter: Gives a number in [0, 1).
        clock: Gives seconds and never goes back.
    """

    def __init__(
        self,
        url: str,
        worker: str,
        *,
        run_id: str,
        on_gap: Callable[[str, int], None],
        most_waiting: int = MOST_WAITING,
        most_outstanding: int = MOST_OUTSTANDING,
        jitter: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hosts = BrokerHosts(url)
        self._name = f"{worker}-ticks"
        self._prefix = f"{self._name}-{run_id}-"
        self._jitter = jitter
        self._clock = clock
        self._room: WaitingRoom[Tick] = WaitingRoom(most_waiting)
        self._outbox = TickOutbox(self._room, on_gap, clock, most_outstanding)
        self.publish = self._outbox.publish
        """Send a message, or let it wait; never raises and never waits."""
        self._connection: TolerantConnection | None = None
        self._channel: TickChannel | None = None
        self._sent = 0
        self._settled = 0
        self._connections = 0
        self._looking = asyncio.Semaphore(MOST_LOOKS)

    def counts(self) -> dict[str, int]:
        """For ``broker.get-status``: since the start, and outstanding and waiting now."""
        return {
            "published": self._channel.sent if self._channel is not None else self._sent,
            "outstanding": self._outbox.outstanding,
            "waiting": self._outbox.waiting,
            "conflated": self._room.conflated,
            "dropped": self._room.dropped,
            "returned": self._outbox.returned,
            "nacked": self._outbox.nacked,
            "refused": self._outbox.refused,
            "reconnects": max(self._connections - 1, 0),
        }

    @property
    def is_connected(self) -> bool:
        """Whether the broker takes messages now."""
        return self._outbox.is_open

    async def settle(self) -> None:
        """Wait until everything that was published before is at the broker, or lost."""
        await self._outbox.settle()

    async def queue_state(self, name: str) -> tuple[bool, int | None]:
        """Whether there is a queue, and how many consumers it has: ``None`` when that is not ours to know.

        Raises:
            AMQPError, TimeoutError: The broker cannot be asked now.
        """
        if self._connection is None or self._outbox.blocked:
            raise ConnectionWrongStateError("there is no connection for ticks, or the broker blocks it")
        async with self._looking, asyncio.timeout(LOOK_SECONDS):
            channel = await AsyncChannel.open(self._connection)
            try:
                return True, await channel.declare_queue(name, passive=True)
            except AMQPError as error:
                if is_refusal(error, RESOURCE_LOCKED):
                    return True, None
                # The same code says of a queue on a node that is down that it cannot be reached.
                if is_refusal(error, 404) and "no queue" in str(error):
                    return False, None
                raise
            finally:
                channel.close()  # also when there was no answer in time

    async def run(self) -> None:
        """Keep connected until cancelled; then what waits and is outstanding has 2 s to be confirmed."""
        try:
            await self._keep_connected()
        finally:
            left = self._outbox.outstanding + self._outbox.waiting
            if left:
                log.warning("live data was not published before the worker stopped", messages=left)

    async def _keep_connected(self) -> None:
        backoff = Backoff(self._jitter)
        while True:
            since: float | None = None
            try:
                connection = await self._hosts.connect_patiently(name=self._name, backoff=backoff)
                since = self._clock()
                await self._serve(connection)
                reason = "closed"
            except (LoginRefused, AMQPError, OSError) as error:
                reason = reason_of(error)
            except Exception as error:
                log.exception("a defect in the publishing of live data")
                reason = repr(error)
            if since is not None and self._clock() - since > STABLE_SECONDS:
                backoff.reset()
            delay = backoff.next_delay()
            log.warning("connection for ticks lost", reason=reason, seconds=round(delay, 2))
            await asyncio.sleep(delay)

    async def _serve(self, connection: TolerantConnection) -> None:
        """Publish on a connection until it is lost.

        Raises:
            AMQPError: It is.
        """
        closed = closing(connection)
        connection.add_on_connection_blocked_callback(lambda *_: self._set_blocked(True))
        connection.add_on_connection_unblocked_callback(lambda *_: self._set_blocked(False))
        self._connection = connection
        self._connections += 1
        backoff = Backoff(self._jitter)
        try:
            while True:
                progress = self._progress()
                await self._publish_by_a_channel(connection, closed)
                if self._progress() > progress:
                    backoff.reset()
                await asyncio.sleep(backoff.next_delay())
        except asyncio.CancelledError:
            await self._finish(connection, closed)
            raise
        finally:
            self._connection = None
            connection.abort("publishing of ticks ended")
            self._keep_count()
            self._outbox.set_blocked(False)

    def _progress(self) -> int:
        """Grows with every message that is confirmed, or found to be the one that the broker refuses."""
        return self._settled + self._outbox.culprits

    async def _publish_by_a_channel(
        self, connection: TolerantConnection, closed: asyncio.Future[BaseException]
    ) -> None:
        """Publish by a channel until the broker closes it.

        Raises:
            AMQPError: The connection is lost.
        """
        try:
            await topology.declare(connection, [])
        except ChannelClosedByBroker as error:
            log.warning("an exchange cannot be declared", reason=str(error))
        channel = await TickChannel.open(connection, self._prefix, self._sent, self._outbox)
        self._channel = channel
        if not channel.closed.done():
            self._outbox.attach(channel)
        await asyncio.wait({channel.closed, closed}, return_when=asyncio.FIRST_COMPLETED)
        self._keep_count()
        if not connection.is_open:
            raise AMQPConnectionError(reason_of(await closed))
        ended = channel.closed.result()
        if isinstance(ended, ChannelClosedByClient):
            log.info("a queue refused live data, opening another channel for ticks")
        else:
            log.warning("channel for ticks closed by the broker, opening another", reason=reason_of(ended))

    def _keep_count(self) -> None:
        if self._channel is not None:
            self._sent = self._channel.sent
            self._settled += self._channel.settled
            self._channel = None

    def _set_blocked(self, blocked: bool) -> None:
        log.warning("the broker blocks publishing" if blocked else "the broker takes messages again")
        self._outbox.set_blocked(blocked)

    async def _finish(self, connection: TolerantConnection, closed: asyncio.Future[BaseException]) -> None:
        """Let what can be sent be confirmed, and close."""
        with contextlib.suppress(TimeoutError):
            if self._channel is not None:
                await asyncio.wait_for(self._outbox.drain(), DRAIN_SECONDS)
        if connection.is_open:
            connection.close()
            await asyncio.wait({closed}, timeout=CLOSE_SECONDS)
