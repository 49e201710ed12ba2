"""A channel on which the asyncio client publishes tasks."""

from __future__ import annotations

import asyncio
import contextlib

from aio_pika.abc import AbstractChannel, AbstractMessage
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

__all__ = ["BROKER_TROUBLE", "AsyncTaskChannel"]

BROKER_TROUBLE = (AMQPError, ChannelInvalidStateError, OSError, asyncio.TimeoutError)
"""What aio-pika raises when a connection or a channel is lost."""


class AsyncTaskChannel:
    """Publishes tasks; why it may give way to another one, `broker_client.task_channel` says.

    Args:
        raw: aio-pika's channel, open.

    Attributes:
        raw: As given.
    """

    def __init__(self, raw: AbstractChannel) -> None:
        self.raw = raw
        self._waiting = 0
        self._retired = False

    async def publish(self, message: AbstractMessage, queue: str) -> None:
        """Send a message, and return when RabbitMQ has taken it.

        Raises:
            PublishError: There is no such queue.
            DeliveryError: RabbitMQ did not take it.
        """
        self._waiting += 1
        try:
            await self.raw.default_exchange.publish(message, queue, mandatory=True)
        finally:
            self._waiting -= 1
            if self._retired:
                await self.retire()

    async def retire(self) -> None:
        """Close once RabbitMQ has said something of everything that was published."""
        self._retired = True
        if not self._waiting:
            with contextlib.suppress(*BROKER_TROUBLE):  # the connection is on its way out
                await self.raw.close()
