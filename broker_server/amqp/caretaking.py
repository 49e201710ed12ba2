"""Ends the tasks of an absent vendor or account at their deadlines.

They wait in ``tasks.<vendor>`` or ``tasks.<vendor>.<alias>``, where the broker looks at the first one only:
one with a late deadline, or with none, would hide all behind it. So another worker takes them into its hands,
unacked, answers those whose time is over, and gives the others back as soon as their own worker is there.

Orders are left where they are: only their own worker can tell whether one was sent before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
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
from broker_server.amqp.topology import EXPIRED_QUEUE

log = structlog.get_logger(__name__)

MOST_HELD = 1_000
MOST_AT_ONCE = 100
"""Taken off one queue between two looks."""
A_MOMENT = 0.02
HOLD_SECONDS = 20 * 60.0
"""Below the broker's consumer_timeout of 30 minutes."""


class Caretaker:
    """Minds the tasks of absent vendors and accounts on one connection. Only the event loop uses it.

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

    async def mind(self, away: Mapping[str, Sequence[str]]) -> None:
        """End what is over, give back what has its worker again, and take what has come.

        Args:
            away: The places without a worker, with the queues of their reads.

        Raises:
            AMQPError: The connection was lost.
        """
        queues = [queue for of_place in away.values() for queue in of_place]
        for queue in tuple(self._held):
            too_long = self._monotonic() - self._since[queue] > HOLD_SECONDS
            if queue not in queues or too_long:
                self._give_back(queue)
        for queue in queues:
            await self._collect(queue)
            self._end_what_is_over(queue)

    def release(self) -> None:
        """Give everything back."""
        for queue in tuple(self._held):
            self._give_back(queue)

    def _give_back(self, queue: str) -> None:
        self._since.pop(queue)
        for _, delivery in self._held.pop(queue):
            delivery.give_back()

    def _end_what_is_over(self, queue: str) -> None:
        now = self._clock()
        waiting = self._held.get(queue, [])
        self._held[queue] = [each for each in waiting if each[0] >= now]
        self._since.setdefault(queue, self._monotonic())
        for ends, delivery in waiting:
            if ends < now:
                self._take(delivery)

    async def _collect(self, queue: str) -> None:
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
            self._held.setdefault(queue, []).append(_until(delivery, self._clock()))
            self._since.setdefault(queue, self._monotonic())


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
