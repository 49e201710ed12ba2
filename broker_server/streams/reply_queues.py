"""Looks after the reply queues of subscriptions: those that are gone, and those that nobody reads."""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog
from pika.exceptions import AMQPError

from broker_server.streams.board import StreamBoard

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
"""At a queue that is gone; each further wait is twice as long, since the broker logs every look in vain."""
CONSUMERS_SECONDS = 60.0


class QueueLooks(Protocol):
    """Asks the broker about queues."""

    async def queue_state(self, name: str) -> tuple[bool, int | None]:
        """Whether there is a queue, and how many consumers it has: ``None`` when that cannot be known.

        Raises:
            AMQPError, TimeoutError: The broker cannot be asked now.
        """


class ReplyQueueKeeper:
    """Keeps a board informed.

    Args:
        board: Whose subscriptions.
        broker: Asked.
        interval: Seconds between two looks at the consumers of each queue.
    """

    def __init__(
        self, board: StreamBoard, broker: QueueLooks, *, interval: float = CONSUMERS_SECONDS
    ) -> None:
        self._board = board
        self._broker = broker
        self._interval = interval
        self._waits: dict[str, tuple[float, float]] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        look_at_consumers = loop.time() + self._interval
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look_at_those_gone(loop.time())
                if loop.time() >= look_at_consumers:
                    look_at_consumers = loop.time() + self._interval
                    await self._look_at_consumers()
            except (AMQPError, TimeoutError) as error:
                log.debug("reply queues cannot be looked at now", reason=str(error))

    async def _look_at_those_gone(self, now: float) -> None:
        gone, overdue = self._board.book.gone_addresses, set(self._board.overdue_queues())
        self._waits = {queue: self._waits.get(queue, (now, LOOK_SECONDS)) for queue in gone}
        for queue in gone:
            due, wait = self._waits[queue]
            if now < due and queue not in overdue:
                continue
            self._waits[queue] = (now + wait, 2 * wait)
            there, _ = await self._broker.queue_state(queue)
            if there:
                self._board.queue_is_back(queue)
            elif queue in overdue:
                self._board.queue_is_gone(queue)

    async def _look_at_consumers(self) -> None:
        for queue in self._board.book.reply_addresses:
            there, consumers = await self._broker.queue_state(queue)
            if not there:
                self._board.returned(queue)
            elif consumers is not None:
                self._board.queue_seen(queue, consumers)
