"""What waits to be sent to one client: bounded, whatever the client does."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

MOST_TRADES = 1_000
MOST_ANSWERS = 500
TOO_SLOW = 4008
TOO_MANY_REQUESTS = 4029


class Overflow(NamedTuple):
    """The client does not read, and something that may not be skipped would have to wait.

    Attributes:
        code: The WebSocket's close code.
        reason: In words.
    """

    code: int
    reason: str


class Outbox:
    """Messages for one client.

    Of states (prices, order books, how a topic is) only the newest of each slot waits. Trades and answers
    are never skipped: too many of them, and the client is to be closed.

    Args:
        most_trades: How many trades wait at most.

    Attributes:
        conflated: How many states were skipped for newer ones.
    """

    __slots__ = (
        "_answers",
        "_most_trades",
        "_overflow",
        "_overflowed",
        "_queue",
        "_states",
        "_wake",
        "conflated",
    )

    def __init__(self, *, most_trades: int = MOST_TRADES) -> None:
        self._queue: deque[str] = deque()
        self._states: dict[str, str] = {}
        self._answers = 0
        self._most_trades = most_trades
        self._overflow: Overflow | None = None
        self._overflowed = asyncio.Event()
        self._wake: asyncio.Future[None] | None = None
        self.conflated = 0

    def state(self, slot: str, text: str) -> None:
        """Send this, unless a newer one of the slot comes before it could be sent."""
        if slot in self._states:
            self.conflated += 1
        self._states[slot] = text
        self._notify()

    def trade(self, text: str) -> None:
        """Send this in its turn."""
        if len(self._queue) - self._answers >= self._most_trades:
            self._fail(TOO_SLOW, f"too slow: more than {self._most_trades} trades wait to be read")
            return
        self._queue.append(text)
        self._notify()

    def answer(self, text: str) -> None:
        """Send this in its turn, before all states."""
        if self._answers >= MOST_ANSWERS:
            self._fail(TOO_MANY_REQUESTS, f"more than {MOST_ANSWERS} answers wait to be read")
            return
        self._answers += 1
        self._queue.append(text)
        self._notify()

    def drop(self, slot: str) -> None:
        """What waits in a slot is not wanted any more."""
        self._states.pop(slot, None)

    async def take(self) -> list[str]:
        """Everything that waits, at least one message."""
        while not (self._queue or self._states):
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        batch = [*self._queue, *self._states.values()]
        self._queue.clear()
        self._states.clear()
        self._answers = 0
        return batch

    async def overflow(self) -> Overflow:
        """Wait until the client is to be closed: also while a message to it is stuck on its way."""
        await self._overflowed.wait()
        assert self._overflow is not None  # noqa: S101 - for the type
        return self._overflow

    def _fail(self, code: int, reason: str) -> None:
        self._overflow = self._overflow or Overflow(code, reason)
        self._overflowed.set()

    def _notify(self) -> None:
        wake = self._wake
        if wake is not None:
            self._wake = None
            if not wake.done():
                wake.set_result(None)
