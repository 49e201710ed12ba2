"""The conversation with one client: what it says, and what is sent to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

import orjson

from broker_server.gateway.rate_limits import TokenBucket
from broker_server.gateway.socket import messages
from broker_server.gateway.socket.hub import Hub
from broker_server.gateway.socket.limits import SocketLimits
from broker_server.gateway.socket.outbox import TOO_MANY_REQUESTS, Outbox
from broker_server.gateway.socket.topics import Topic, TopicError, read_topic

NO_PONG = 4001
_TYPES = "subscribe, unsubscribe, resume, ping and pong"


class Wire(Protocol):
    """The connection, as a conversation needs it."""

    async def receive(self) -> str | bytes | None:
        """The next message; ``None`` when the client is gone."""

    async def send(self, text: str) -> None:
        """Send a message; waits while the client does not read. Raises `ConnectionError` if it is gone."""

    async def close(self, code: int, reason: str) -> None:
        """End it."""


class SocketSession:
    """One client.

    Args:
        client_id: Its name.
        wire: Its connection.
        hub: What it can listen to.
        limits: What it may do.
        clock: UTC.
        monotonic: Seconds.
    """

    def __init__(
        self,
        client_id: str,
        wire: Wire,
        hub: Hub,
        limits: SocketLimits,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client_id = client_id
        self.outbox = Outbox(most_trades=limits.trades_waiting)
        self._wire = wire
        self._hub = hub
        self._limits = limits
        self._clock = clock
        self._monotonic = monotonic
        self._topics: set[Topic] = set()
        self._ponged = asyncio.Event()

    async def run(self) -> tuple[int, str]:
        """Serve the client until it is gone, or is to be closed.

        Returns:
            The close code, and why; 1000 if the client has gone.
        """
        self.outbox.answer(messages.connected(self.client_id))
        jobs = [
            asyncio.ensure_future(job)
            for job in (
                self._read(),
                self._write(),
                self._ask_whether_it_is_there(),
                self.outbox.overflow(),
            )
        ]
        try:
            done, _ = await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        except ConnectionError:
            return 1006, "the client is gone"
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            for topic in self._topics:
                self._hub.unsubscribe(self.outbox, topic)
            self._topics.clear()

    async def close(self, code: int, reason: str) -> None:
        """End the connection, without waiting for a client that does not read."""
        try:
            async with asyncio.timeout(1):
                await self._wire.close(code, reason)
        except (ConnectionError, TimeoutError):
            return

    async def _write(self) -> tuple[int, str]:
        send, take = self._wire.send, self.outbox.take
        while True:
            for text in await take():
                await send(text)

    async def _ask_whether_it_is_there(self) -> tuple[int, str]:
        while True:
            await asyncio.sleep(self._limits.ping_seconds)
            self._ponged.clear()
            self.outbox.state("ping", messages.ping(self._clock()))
            try:
                async with asyncio.timeout(self._limits.pong_seconds):
                    await self._ponged.wait()
            except TimeoutError:
                return NO_PONG, f"no pong within {self._limits.pong_seconds:g} s of a ping"

    async def _read(self) -> tuple[int, str]:
        limits = self._limits
        budget = TokenBucket(limits.messages_per_second, limits.burst, self._monotonic())
        while (message := await self._wire.receive()) is not None:
            if budget.spend(self._monotonic()):
                return TOO_MANY_REQUESTS, f"more than {limits.messages_per_second:g} messages a second"
            self._take(message)
        return 1000, "the client has gone"

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self._error("INVALID_MESSAGE", "messages are text, not binary")
            return
        try:
            content = orjson.loads(message)
        except orjson.JSONDecodeError:
            self._error("INVALID_MESSAGE", "this is no JSON")
            return
        if not isinstance(content, dict):
            self._error("INVALID_MESSAGE", 'a message is a JSON object such as {"type": "pong"}')
            return
        kind = content.get("type")
        if kind == "pong":
            self._ponged.set()
        elif kind == "ping":
            self.outbox.answer(messages.pong(self._clock()))
        elif kind in ("subscribe", "unsubscribe", "resume"):
            self._take_topic(kind, content)
        else:
            self._error("UNKNOWN_TYPE", f"there is no such type of message; a client sends {_TYPES}")

    def _take_topic(self, kind: str, content: dict[str, Any]) -> None:
        try:
            topic = read_topic(content.get("topic"))
        except TopicError as error:
            self._error("INVALID_TOPIC", str(error))
            return
        if kind == "unsubscribe":
            if topic in self._topics:
                self._topics.discard(topic)
                self._hub.unsubscribe(self.outbox, topic)
            self.outbox.answer(messages.unsubscribed(topic.text))
            return
        if topic not in self._topics and len(self._topics) >= self._limits.topics:
            self._error("TOO_MANY_TOPICS", f"a client has at most {self._limits.topics} topics", topic.text)
            return
        if kind == "subscribe":
            self._topics.add(topic)
            self._hub.subscribe(self.outbox, topic)
            return
        seq, epoch = content.get("seq"), content.get("epoch")
        if type(seq) is not int or seq < 0 or not (epoch is None or isinstance(epoch, str)):
            self._error("INVALID_MESSAGE", "resume needs the seq and the epoch of what came last", topic.text)
            return
        self._topics.add(topic)
        self._hub.resume(self.outbox, topic, epoch, seq)

    def _error(self, code: str, message: str, topic: str | None = None) -> None:
        self.outbox.answer(messages.error(code, message, topic))
