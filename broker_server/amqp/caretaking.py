"""Ends the tasks of an absent vendor at their deadlines.

They wait in ``tasks.<vendor>``, where the broker looks at the first one only: one with a late deadline, or
with none, would hide all behind it. So a worker of another vendor takes them into its hands, unacked, answers
those whose time is over, and gives the others back as soon as their own worker is there.

Orders are left where they are: only their own worker can tell whether one was sent before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic

import structlog
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import AMQPError

from broker_client.errors import MalformedMessage
from broker_client.protocol import decode_request
from broker_server.amqp.acks import Acks
from broker_server.amqp.channels import AsyncChannel, is_refusal
from broker_server.amqp.delivery import Delivery
from broker_server.amqp.topology import EXPIRED_QUEUE, vendor_queues

log = structlog.get_logger(__name__)

MOST_HELD = 1_000
MOST_AT_ONCE = 100
"""Taken of one vendor between two looks."""
A_MOMENT = 0.02
HOLD_SECONDS = 20 * 60.0
"""Below the broker's consumer_timeout of 30 minutes."""


class Caretaker:
    """Minds the tasks of absent vendors on one connection. Only the event loop uses it.

    Args:
        take: Handles a task that is over, by its deadline or as one that has expired.
        clock: UTC.
        monotonic: Seconds.
    """

    def __init__(
        self,
        connection: AsyncioConnection,
        take: Callable[[Delivery], None],
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = monotonic,
    ) -> None:
        self._connection = connection
        self._take = take
        self._clock = clock
        self._monotonic = monotonic
        self._held: dict[str, list[tuple[datetime, Delivery]]] = {}
        self._since: dict[str, float] = {}
        self._channel: AsyncChannel | None = None
        self._acks: Acks | None = None

    @property
    def held(self) -> int:
        """How many tasks are in its hands."""
        return sum(map(len, self._held.values()))

    def next_end(self) -> float:
        """Seconds until the first task in its hands is over."""
        ends = min((each[0] for held in self._held.values() for each in held), default=None)
        return math.inf if ends is None else max(0.0, (ends - self._clock()).total_seconds()) + A_MOMENT

    async def open(self) -> None:
        """Open its channel.

        Raises:
            AMQPError: The connection was lost.
        """
        self._channel = await AsyncChannel.open(self._connection)
        self._acks = Acks(self._channel.raw)

    async def mind(self, away: Collection[str]) -> None:
        """End what is over, give back what has its worker again, and take what has come.

        Args:
            away: The vendors without a worker.

        Raises:
            AMQPError: The connection was lost.
        """
        for vendor in tuple(self._held):
            too_long = self._monotonic() - self._since[vendor] > HOLD_SECONDS
            if vendor not in away or too_long:
                self._give_back(vendor)
        for vendor in away:
            await self._collect(vendor)
            self._end_what_is_over(vendor)

    def release(self) -> None:
        """Give everything back."""
        for vendor in tuple(self._held):
            self._give_back(vendor)

    def _give_back(self, vendor: str) -> None:
        self._since.pop(vendor)
        for _, delivery in self._held.pop(vendor):
            delivery.give_back()

    def _end_what_is_over(self, vendor: str) -> None:
        now = self._clock()
        waiting = self._held.get(vendor, [])
        self._held[vendor] = [each for each in waiting if each[0] >= now]
        self._since.setdefault(vendor, self._monotonic())
        for ends, delivery in waiting:
            if ends < now:
                self._take(delivery)

    async def _collect(self, vendor: str) -> None:
        queue = vendor_queues(vendor)[0]
        for _ in range(MOST_AT_ONCE):
            if self.held >= MOST_HELD:
                return
            if self._channel is None or not self._channel.raw.is_open:
                await self.open()
            assert self._channel is not None  # noqa: S101 - opened above
            assert self._acks is not None  # noqa: S101
            try:
                got = await self._channel.get_message(queue)
            except AMQPError as error:
                if is_refusal(
                    error, 404
                ):  # somebody has deleted the queue; what was held went with the channel
                    self._held.clear()
                    self._since.clear()
                    return
                raise
            if got is None:
                return
            method, properties, body = got
            channel, tag, again = self._channel.raw, method.delivery_tag, method.redelivered
            delivery = Delivery(channel, self._acks, tag, queue, again, properties, body)
            self._held.setdefault(vendor, []).append(_until(delivery, self._clock()))
            self._since.setdefault(vendor, self._monotonic())


def _until(delivery: Delivery, now: datetime) -> tuple[datetime, Delivery]:
    """When a task is over, and what is then to be handled."""
    never = datetime.max.replace(tzinfo=UTC)
    try:
        deadline = decode_request(delivery.body).deadline or never
    except MalformedMessage:  # or a message in another form than ours, which has no deadline
        deadline = never
    expiration = delivery.properties.expiration
    if not isinstance(expiration, str) or not expiration.isdecimal():
        return deadline, delivery
    # The queue's own count does not go on in our hands: such a task waits for twice as long at most.
    expires = now + timedelta(milliseconds=int(expiration))
    return (deadline, delivery) if deadline < expires else (expires, replace(delivery, queue=EXPIRED_QUEUE))
