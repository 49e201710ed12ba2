"""What a worker has on one connection: its channels, its consumers, and the marker of its environment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.exceptions import AMQPError
from pika.spec import Basic, BasicProperties

from broker_client.protocol import ORDERS_QUEUE, TASKS_QUEUE
from broker_server.amqp import topology
from broker_server.amqp.acks import Acks
from broker_server.amqp.caretaking import Caretaker
from broker_server.amqp.channels import AsyncChannel
from broker_server.amqp.control import ControlBus
from broker_server.amqp.counters import Counters
from broker_server.amqp.delivery import Delivery
from broker_server.amqp.direct_addresses import DirectAddresses
from broker_server.amqp.environment import claim_environment
from broker_server.amqp.events import EventPublisher
from broker_server.amqp.intake import Intake, Rules
from broker_server.amqp.neighbours import Neighbours, NeighbourWatch
from broker_server.amqp.outbox import OutcomeOutbox
from broker_server.amqp.publisher import ConfirmedPublisher
from broker_server.amqp.replies import Replier
from broker_server.amqp.task_runner import TaskRunner
from broker_server.core.accounts import AccountKey
from broker_server.core.instruments import Instruments
from broker_server.core.methods import MethodRegistry

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Consumption:
    """How much a worker takes from the broker at once.

    Attributes:
        task_prefetch: Unacked tasks per queue of reads: an admission window, not the concurrency.
        order_prefetch: Unacked tasks per queue of orders.
        legacy_queues: Declare the original's queues as its clients do: classic, not durable.
    """

    task_prefetch: int
    order_prefetch: int
    legacy_queues: bool


class ConsumersMissing(Exception):
    """The broker does not show the consumers that were just started."""


class Session:
    """A worker's channels on one connection; made anew after every reconnection.

    Attributes:
        accounts: Those whose queues it consumes.
    """

    def __init__(
        self,
        connection: AsyncioConnection,
        *,
        name: str,
        registry: MethodRegistry,
        rules: Rules,
        consumption: Consumption,
        runner: TaskRunner,
        counters: Counters,
        clock: Callable[[], datetime],
        direct: DirectAddresses,
        outbox: OutcomeOutbox,
        control: ControlBus,
        events: EventPublisher,
        neighbours: Neighbours,
        confirmed: Callable[[], None] = lambda: None,
        instruments: Instruments | None = None,
    ) -> None:
        self._connection = connection
        self._rules = rules
        self._consumption = consumption
        self._runner = runner
        self._outbox = outbox
        self._control = control
        self._events = events
        self._publisher = ConfirmedPublisher(connection, name)
        self._forwarder = ConfirmedPublisher(connection, f"{name}-forwarded")
        self._replier = Replier(self._publisher, counters, rules.environment, clock, direct, confirmed)
        self._intake = Intake(
            registry=registry,
            rules=rules,
            counters=counters,
            replier=self._replier,
            forwarder=self._forwarder,
            runner=runner,
            clock=clock,
            neighbours=neighbours,
            call_later=asyncio.get_running_loop().call_later,
            instruments=instruments,
        )
        self._watch = NeighbourWatch(connection, neighbours, Caretaker(connection, self._intake.take, clock))
        self._consumers: list[tuple[AsyncChannel, str]] = []
        self._queues: tuple[str, ...] = ()
        self.accounts: frozenset[AccountKey] = frozenset()
        self._closing = False

    @property
    def unconfirmed(self) -> int:
        """Published messages that the broker has not confirmed yet."""
        return self._publisher.in_flight + self._forwarder.in_flight + self._events.unconfirmed

    @property
    def is_connected(self) -> bool:
        """Whether its connection is open."""
        return bool(self._connection.is_open)

    @property
    def is_consuming(self) -> bool:
        """Whether it takes tasks: the broker has shown its consumers, and cancelled none of them since."""
        return bool(self._queues) and not self._closing and self.is_connected

    async def consumers(self) -> dict[str, int]:
        """How many consumers the broker shows on each queue that this session consumes.

        Raises:
            AMQPError: It cannot be asked.
        """
        return {queue: await topology.consumer_count(self._connection, queue) or 0 for queue in self._queues}

    async def enter(self) -> None:
        """Show that a worker of this environment is there, and listen to commands, before it takes anything.

        Raises:
            QueueRefused: The broker does not allow a queue that the settings ask for.
            EnvironmentConflict: Workers of another environment serve this vhost.
            AMQPError: A new connection is needed.
        """
        connection = self._connection
        connection.add_on_connection_blocked_callback(self._on_blocked)
        connection.add_on_connection_unblocked_callback(self._on_unblocked)
        self._runner.hold_orders(False)
        await claim_environment(connection, self._rules.environment, self._on_cancelled)
        specs = topology.queues(self._rules.accounts, legacy=self._consumption.legacy_queues)
        await topology.declare(connection, specs)
        await self._control.open(connection, self.end)
        await self._events.open(connection)

    async def open(self, accounts: frozenset[AccountKey]) -> None:
        """Consume, and make sure that the broker sees the consumers.

        Args:
            accounts: Those whose leases this worker holds.

        Raises:
            ConsumersMissing, AMQPError: The session did not come up; a new connection is needed.
        """
        await self._publisher.open()
        await self._forwarder.open()
        self._outbox.attach(self._publisher)
        await self._watch.open()
        self._control.heard = self._watch.heard
        await self._begin([ORDERS_QUEUE], [TASKS_QUEUE, topology.EXPIRED_QUEUE], accounts)

    async def add(self, accounts: frozenset[AccountKey]) -> None:
        """Consume for more accounts.

        Args:
            accounts: Whose leases were taken since.

        Raises:
            ConsumersMissing, AMQPError: A new connection is needed.
        """
        await self._begin([], [], accounts)

    async def _begin(self, orders: list[str], reads: list[str], accounts: frozenset[AccountKey]) -> None:
        for key in sorted(accounts):
            read_queue, order_queue = topology.account_queues(key)
            reads += [each for each in (topology.vendor_queue(key.vendor), read_queue) if each not in reads]
            orders.append(order_queue)
        reads = [queue for queue in reads if queue not in self._queues]
        await self._consume(orders, self._consumption.order_prefetch)
        await self._consume(reads, self._consumption.task_prefetch)
        for queue in (*orders, *reads):
            if not await topology.consumer_count(self._connection, queue):
                raise ConsumersMissing(f"the broker shows no consumer on {queue}")
        self._queues = (*self._queues, *orders, *reads)
        self.accounts |= accounts

    async def stop_consuming(self) -> None:
        """Cancel the consumers; what they already got stays unacked until it is done."""
        self._closing = True
        self._watch.stop()
        for channel, tag in self._consumers:
            try:
                await channel.cancel(tag)
            except AMQPError as error:
                log.debug("consumer is gone already", reason=str(error))

    def end(self, reason: str) -> None:
        """Drop the connection, so that unacked tasks are the broker's again; the worker makes a new one."""
        if not self._closing:
            self._closing = True
            log.warning("session ended, connecting again", reason=reason)
            self._connection.close(320, "session lost")

    async def _consume(self, queues: list[str], prefetch: int) -> None:
        channel = await AsyncChannel.open(self._connection)
        channel.raw.add_on_cancel_callback(self._on_cancelled)
        channel.raw.add_on_close_callback(self._on_channel_closed)
        await channel.set_prefetch(prefetch)
        acks = Acks(channel.raw)
        for queue in queues:
            self._consumers.append((channel, await channel.consume(queue, self._receiver(queue, acks))))

    def _receiver(
        self, queue: str, acks: Acks
    ) -> Callable[[Channel, Basic.Deliver, BasicProperties, bytes], None]:
        def receive(
            channel: Channel, deliver: Basic.Deliver, properties: BasicProperties, body: bytes
        ) -> None:
            self._intake.take(
                Delivery(channel, acks, deliver.delivery_tag, queue, deliver.redelivered, properties, body)
            )

        return receive

    def _on_cancelled(self, frame: object) -> None:
        self.end(f"the broker cancelled a consumer: {frame}")

    def _on_channel_closed(self, _: Channel, reason: BaseException) -> None:
        if self._connection.is_open:
            self.end(f"the broker closed a consuming channel: {reason}")

    def _on_blocked(self, *_: object) -> None:
        log.warning("the broker blocks publishing (memory or disk alarm): no new order is begun")
        self._runner.hold_orders(True)

    def _on_unblocked(self, *_: object) -> None:
        log.info("the broker takes messages again")
        self._runner.hold_orders(False)
