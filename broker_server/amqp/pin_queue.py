"""Reads and writes the pinned journal of an account, so that no crash loses it.

The message is taken off its queue, a copy is published and confirmed, and only then is the original acked.
It is never given back unread: RabbitMQ counts that, and drops a message that came back too often.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from pika.adapters.asyncio_connection import AsyncioConnection
from pika.spec import Basic, BasicProperties

from broker_server.amqp.channels import AsyncChannel
from broker_server.amqp.frames import TolerantConnection
from broker_server.amqp.journal_pin import Pin, PinDecision, decide
from broker_server.amqp.topology import QueueSpec, declare_queue, exists

GIVEN_BACK_LIMIT = 1_000_000
"""How often a crash may give a pin back to its queue before RabbitMQ drops it; 4.x says 20 by itself."""
SECOND_LOOK_SECONDS = 0.5


class PinNotKept(Exception):
    """The broker did not confirm the copy of a pin."""


def pin_queue(environment: str, vendor: str, account: str) -> QueueSpec:
    """The queue that holds an account's pin."""
    return QueueSpec(
        f"broker.journal.{environment}.{vendor}.{account}",
        arguments={"x-queue-type": "quorum", "x-delivery-limit": GIVEN_BACK_LIMIT},
    )


async def settle_pin(
    connection: AsyncioConnection,
    open_publisher: Callable[[], Awaitable[TolerantConnection]],
    queue: QueueSpec,
    mine: Pin,
    *,
    adopt: bool,
    now: Callable[[], datetime],
    pending: bool = False,
) -> PinDecision:
    """Compare the pin with this worker's journal, and pin that if there is none.

    Args:
        connection: The lease's, so that whoever gets the lease next finds a pin that was being read.
        open_publisher: Opens a connection for the copies. The lease's own must publish nothing, or a memory
            alarm of the broker would block it.
        adopt: Replace the pin of another journal.
        pending: Orders on record under this alias are of unknown outcome.

    Raises:
        PinNotKept, AMQPError, OSError: It could not be read or written; it is as it was.
    """
    known = await exists(connection, queue.name)
    if not known:
        await declare_queue(connection, queue)
    channel = await AsyncChannel.open(connection)
    try:
        found = await _take_all(channel, queue.name)
        if known and not found:
            # A pin in the hands of an owner that was just cut off comes back a moment after its lease.
            await asyncio.sleep(SECOND_LOOK_SECONDS)
            found = await _take_all(channel, queue.name)
        decision = decide([body for _, body in found], mine, adopt=adopt, now=now(), pending=pending)
        publisher = await open_publisher()
        try:
            await _publish(publisher, queue.name, decision.keep)
        finally:
            publisher.abort("the pin is written")
        for tag, _ in found:
            channel.raw.basic_ack(tag)
    finally:
        channel.close()
    return decision


async def _take_all(channel: AsyncChannel, queue: str) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    while (message := await channel.get(queue)) is not None:
        found.append(message)
    return found


async def _publish(connection: AsyncioConnection, queue: str, bodies: Sequence[bytes]) -> None:
    for body in bodies:
        channel = await AsyncChannel.open(connection)
        fate: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def on_confirm(frame: Any, fate: asyncio.Future[bool] = fate) -> None:
            if not fate.done():
                fate.set_result(isinstance(frame.method, Basic.Ack))

        def on_return(*_: object, fate: asyncio.Future[bool] = fate) -> None:
            if not fate.done():
                fate.set_result(False)

        def on_close(_: object, reason: BaseException, fate: asyncio.Future[bool] = fate) -> None:
            if not fate.done():
                fate.set_exception(reason)

        await channel.enable_confirms(on_confirm)
        channel.raw.add_on_return_callback(on_return)
        channel.raw.add_on_close_callback(on_close)
        channel.raw.basic_publish("", queue, body, BasicProperties(delivery_mode=2), mandatory=True)
        if not await fate:
            raise PinNotKept("RabbitMQ did not keep the copy of the pin")
