"""The queues and exchanges of the contract, and the rule by which they are declared.

Look first, then declare: a queue that exists is used as it is, with a warning when its arguments differ,
because declaring it anew with other arguments closes the channel (406 PRECONDITION_FAILED).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import AMQPError

from broker_client.protocol import (
    DEFAULT_REPLY_QUEUE,
    EVENTS_EXCHANGE,
    ORDERS_QUEUE,
    REALTIME_EXCHANGE,
    TASKS_QUEUE,
)
from broker_server.amqp.channels import RESOURCE_LOCKED, AsyncChannel, is_refusal
from broker_server.core.accounts import DEFAULT, AccountKey

log = structlog.get_logger(__name__)

EXPIRED_QUEUE = "tasks.expired"
REJECTED_QUEUE = "tasks.rejected"
UNROUTABLE_QUEUE = "replies.unroutable"
CONTROL_EXCHANGE = "broker.control"
EXCHANGES = {REALTIME_EXCHANGE: "topic", EVENTS_EXCHANGE: "topic", CONTROL_EXCHANGE: "fanout"}

OWNER_PREFIX = "broker.owner."
HOST_PREFIX = "broker.host."

KEPT_MESSAGES = 10_000
KEPT_BYTES = 256 * 1024 * 1024
WAITING_REPLIES = 100_000
DELIVERY_LIMIT = 1_000
"""A backstop only: the count is of worker crashes and shared by all prefetched messages."""


class QueueRefused(Exception):
    """The broker will never allow a queue that the settings ask for."""


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """A queue as this project declares it."""

    name: str
    durable: bool = True
    arguments: dict[str, Any] = field(default_factory=dict)


def task_queue(name: str) -> QueueSpec:
    """A queue that workers take tasks from. What expires or is delivered too often goes to `EXPIRED_QUEUE`,
    where a worker answers it, so nothing leaves without a reply.
    """
    return QueueSpec(
        name,
        arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": EXPIRED_QUEUE,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )


def _bounded(name: str, overflow: str, messages: int) -> QueueSpec:
    return QueueSpec(
        name,
        arguments={
            "x-queue-type": "quorum",
            "x-max-length": messages,
            "x-max-length-bytes": KEPT_BYTES,
            "x-overflow": overflow,
        },
    )


def vendor_queue(vendor: str) -> str:
    """What is of no account, for whoever owns one of the vendor's."""
    return f"{TASKS_QUEUE}.{vendor}"


def account_queues(key: AccountKey) -> tuple[str, str]:
    """The queues of an owned account: its reads and its orders."""
    return f"{TASKS_QUEUE}.{key.vendor}.{key.account}", f"{TASKS_QUEUE}.{key.vendor}.{key.account}.orders"


def owner_queue(vendor: str, account: str = DEFAULT) -> str:
    """The lease of a vendor's account: exclusive to the worker that holds it."""
    return f"{OWNER_PREFIX}{vendor}.{account}"


def host_queue(vendor: str) -> str:
    """Holds the last event of the program that a vendor's adapter lives in."""
    return f"{HOST_PREFIX}{vendor}"


def is_task_queue(name: str) -> bool:
    """Whether workers read tasks from that queue, so that no reply may go there."""
    return name == TASKS_QUEUE or name.startswith(f"{TASKS_QUEUE}.")


def takes_replies(name: str) -> bool:
    """Whether a reply may go to that queue: not to one that workers read, keep for themselves or own."""
    own = (UNROUTABLE_QUEUE, "broker.environment.", OWNER_PREFIX, HOST_PREFIX, "broker.journal.")
    return not is_task_queue(name) and not name.startswith(own)


def queues(accounts: Sequence[AccountKey], *, legacy: bool) -> list[QueueSpec]:
    """Every queue that a worker declares.

    Args:
        accounts: Those that it may serve.
        legacy: Declare the two queues of the original's clients as their library does by default:
            classic and not durable.
    """
    if legacy:
        entry = [QueueSpec(TASKS_QUEUE, durable=False), QueueSpec(DEFAULT_REPLY_QUEUE, durable=False)]
    else:
        entry = [task_queue(TASKS_QUEUE), _bounded(DEFAULT_REPLY_QUEUE, "reject-publish", WAITING_REPLIES)]
    names = [vendor_queue(vendor) for vendor in dict.fromkeys(key.vendor for key in accounts)]
    own = [task_queue(name) for name in (*names, *(name for key in accounts for name in account_queues(key)))]
    kept = [
        _bounded(name, "drop-head", KEPT_MESSAGES)
        for name in (REJECTED_QUEUE, EXPIRED_QUEUE, UNROUTABLE_QUEUE)
    ]
    return [*kept, *entry, task_queue(ORDERS_QUEUE), *own]


async def declare(connection: AsyncioConnection, specs: list[QueueSpec]) -> None:
    """Declare the exchanges and the queues; an existing queue is used as it is.

    Raises:
        QueueRefused: RabbitMQ 4.3 and newer, of the queues that ``LEGACY_QUEUES`` asks for.
        AMQPError: The broker refuses for another reason than different arguments.
    """
    for name, kind in EXCHANGES.items():
        await _declare_exchange(connection, name, kind)
    for spec in specs:
        await declare_queue(connection, spec)


async def _declare_exchange(connection: AsyncioConnection, name: str, kind: str) -> None:
    channel = await AsyncChannel.open(connection)
    try:
        await channel.declare_exchange(name, kind)
    except AMQPError as error:
        if not (is_refusal(error, 406) or is_refusal(error, 403)):
            raise
        channel = await AsyncChannel.open(connection)
        await channel.declare_exchange(name, kind, passive=True)
        log.warning("existing exchange used as it is", exchange=name, broker_says=str(error))
    channel.close()


async def declare_queue(connection: AsyncioConnection, spec: QueueSpec) -> None:
    """Declare one queue; an existing one is used as it is.

    Raises:
        QueueRefused, AMQPError: As `declare` does.
    """
    channel = await AsyncChannel.open(connection)
    try:
        await channel.declare_queue(spec.name, durable=spec.durable, arguments=spec.arguments)
    except AMQPError as error:
        if not spec.durable and "deprecated" in str(error):
            raise QueueRefused(
                f"LEGACY_QUEUES: this RabbitMQ allows no classic queues that are not durable, which the "
                f"setting asks for ({spec.name}); turn it off, and do not declare the queue in your client"
            ) from error
        if not (is_refusal(error, 406) or is_refusal(error, 403)) or not await exists(connection, spec.name):
            raise
        log.warning("existing queue used as it is", queue=spec.name, broker_says=str(error))
    else:
        channel.close()


async def exists(connection: AsyncioConnection, queue: str) -> bool:
    """Whether the queue is there, whatever its arguments."""
    return await consumer_count(connection, queue) is not None


async def consumer_count(connection: AsyncioConnection, queue: str) -> int | None:
    """How many consumers the queue has, or ``None`` when there is no such queue."""
    channel = await AsyncChannel.open(connection)
    try:
        return await channel.declare_queue(queue, passive=True)
    except AMQPError as error:
        if is_refusal(error, 404):
            return None
        raise
    finally:
        channel.close()  # also when who asked has given up


async def is_held(connection: AsyncioConnection, queue: str) -> bool:
    """Whether the queue is exclusive to another connection, which is alive."""
    try:
        await consumer_count(connection, queue)
    except AMQPError as error:
        if not is_refusal(error, RESOURCE_LOCKED):
            raise
        return True
    return False
