"""Looks after the reply queues of subscriptions: those that are gone, and those that nobody reads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
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
        monotonic: Seconds.
        pause: Waits.
    """

    def __init__(
        self,
        board: StreamBoard,
        broker: QueueLooks,
        *,
        interval: float = CONSUMERS_SECONDS,
        monotonic: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._board = board
        self._broker = broker
        self._interval = interval
        self._monotonic = monotonic
        self._pause = pause
        self._waits: dict[str, tuple[float, float]] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        look_at_consumers = self._monotonic() + self._interval
        while True:
            await self._pause(LOOK_SECONDS)
            await self._look_at_those_gone(self._monotonic())
            if self._monotonic() >= look_at_consumers:
                look_at_consumers = self._monotonic() + self._interval
                await self._look_at_consumers()

    async def _look_at_those_gone(self, now: float) -> None:
        gone, overdue = self._board.book.gone_addresses, set(self._board.overdue_queues())
        self._waits = {queue: self._waits.get(queue, (now, LOOK_SECONDS)) for queue in gone}
        for queue in gone:
            due, wait = self._waits[queue]
            if now < due and queue not in overdue:
                continue
            self._waits[queue] = (now + wait, 2 * wait)
            state = await self._state(queue)
            if state is None:
                continue
            if state[0]:
                self._board.queue_is_back(queue)
            elif queue in overdue:
                self._board.queue_is_gone(queue)

    async def _look_at_consumers(self) -> None:
        for queue in self._board.book.reply_addresses:
            state = await self._state(queue)
            if state is None:
                continue
            there, consumers = state
            if not there:
                self._board.returned(queue)
            elif consumers is not None:
                self._board.queue_seen(queue, consumers)

    async def _state(self, queue: str) -> tuple[bool, int | None] | None:
        """What the broker says of a queue; ``None`` if it cannot tell, as of one on a node that is down."""
        try:
            return await self._broker.queue_state(queue)
        except (AMQPError, TimeoutError) as error:
            log.debug("a reply queue cannot be looked at now", queue=queue, reason=str(error))
            return None
