"""Signs of life on a connection of KOSCOM.

Who sends them, how often, and what is answered is not documented. So ours go out at a steady pace, each with
a ping of the WebSocket beside it, and any answer to either will do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from broker_server.vendors.koscom.live_timing import KoscomTiming
from broker_server.vendors.koscom.realtime_messages import heartbeat_text

_MOST_OPEN = 1_000


class Heartbeats:
    """Sends them, and knows their answers.

    Args:
        connection: Open.
        ids: Of requests.
        timing: How often.
        heard: Told of a pong.

    Attributes:
        are_answered: One of them was, so that silence from now on says something.
    """

    def __init__(
        self,
        connection: ClientConnection,
        ids: Iterator[int],
        timing: KoscomTiming,
        heard: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._ids = ids
        self._timing = timing
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self._open: dict[int, None] = {}
        self._sent_at = float("-inf")
        self.are_answered = False

    @property
    def is_open(self) -> bool:
        """Whether an answer to one of them may still come."""
        return bool(self._open) and self._loop.time() - self._sent_at < self._timing.answer

    def answered(self, number: int) -> bool:
        """Whether the answer with this id, or error, is to one of them."""
        if number not in self._open:
            return False
        del self._open[number]
        self.are_answered = True
        return True

    async def run(self) -> None:
        """Send them until the connection ends."""
        pongs: set[asyncio.Future[float]] = set()
        try:
            while True:
                await asyncio.sleep(self._timing.heartbeat)
                number = next(self._ids)
                if len(self._open) >= _MOST_OPEN:
                    del self._open[next(iter(self._open))]  # KOSCOM does not seem to answer
                self._open[number] = None
                self._sent_at = self._loop.time()
                await self._connection.send(heartbeat_text(number))
                pong = asyncio.ensure_future(await self._connection.ping())
                pongs.add(pong)
                pong.add_done_callback(pongs.discard)
                pong.add_done_callback(self._ponged)
        except ConnectionClosed:
            return  # the reader says so

    def _ponged(self, pong: asyncio.Future[float]) -> None:
        if not pong.cancelled() and pong.exception() is None:
            self.are_answered = True
            self._heard()
