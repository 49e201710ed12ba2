"""The asynchronous client's connection: one task keeps it, and replaces it when it is lost.

aio-pika's own robust connection waits a fixed time between attempts and knows one URL; this one backs off
with jitter and takes the next URL, like the blocking client's.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import DeliveryError, PublishError
from yarl import URL

from broker_client.address import (
    HEARTBEAT,
    NEXT_HOST_SECONDS,
    REPLY_PREFETCH,
    REPLY_QUEUE_ARGUMENTS,
    arguments_at,
    backoff_delay,
    describe_url,
    describe_urls,
    has_option,
    login_user,
)
from broker_client.aio_stream_consumer import AsyncStreamConsumers
from broker_client.aio_task_channel import BROKER_TROUBLE, AsyncTaskChannel
from broker_client.call import Call
from broker_client.calls import CallBook
from broker_client.errors import BrokerUnreachable
from broker_client.reasons import reason_of
from broker_client.rights import missing_right
from broker_client.signatures import Signatures
from broker_client.streams import STREAM_QUEUE_ARGUMENTS
from broker_client.tls import tls_context, tls_guess

__all__ = ["AsyncLink"]

logger = logging.getLogger("broker_client")

_CONNECT_SECONDS = 15.0
_CLOSE_SECONDS = 5.0


class _Lost(Exception):
    """The connection, its channel or the consumer is gone."""


class AsyncLink:
    """Sends a `CallBook`'s calls and feeds it the replies, over as many connections as it takes.

    Args:
        urls: Tried in turn.
        reply_queue: This client's own queue; declared on each connection.
        book: The calls.
        name: Shown in RabbitMQ's list of connections.
        delay: Seconds before attempt n + 1 to connect.

    Attributes:
        streams: What is consumed besides the reply queue.
    """

    def __init__(
        self,
        urls: list[str],
        *,
        reply_queue: str,
        book: CallBook,
        name: str,
        delay: Callable[[int], float] = backoff_delay,
    ) -> None:
        self._urls = urls
        self._reply_queue = reply_queue
        self._book = book
        self._name = name
        self._delay = delay
        self._home: AbstractChannel | None = None
        self._outlet: AsyncTaskChannel | None = None
        self._open_channel: Callable[[], Awaitable[AbstractChannel]] | None = None
        self._replaced = 0
        self._consumer: tuple[AbstractQueue, str] | None = None
        self._stopping = False
        self._needs = ""
        self._failures = 0
        self._trouble: str | None = None
        self._opened: asyncio.Future[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._publishing: set[asyncio.Task[None]] = set()
        self._signatures = Signatures()
        self._user: str | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.streams = AsyncStreamConsumers(arguments_at(urls, STREAM_QUEUE_ARGUMENTS))

    async def start(self, seconds: float) -> None:
        """Connect; from then on every lost connection is replaced. What failed can be tried again.

        Raises:
            BrokerUnreachable: No URL worked, or none within ``seconds``.
        """
        self._stopping = False
        self._opened = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.create_task(self._keep_connected(self._opened), name=self._name)
        try:
            async with asyncio.timeout(seconds):
                await self._opened
        except TimeoutError:
            await self.stop()
            raise BrokerUnreachable(
                f"cannot reach RabbitMQ at {describe_urls(self._urls)} within {seconds:g} s"
            ) from None
        except BaseException:
            await self.stop()
            raise

    def submit(self, call: Call) -> None:
        """Send a call that the book has queued, and expire it at its time-out."""
        self._timers[call.correlation_id] = asyncio.get_running_loop().call_later(
            call.patience, lambda: self._book.expire(call, trouble=self._trouble)
        )
        self._flush()

    @property
    def trouble(self) -> str | None:
        """Why the connection is down, if it is."""
        return self._trouble

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Run ``action`` after so many seconds."""
        asyncio.get_running_loop().call_later(seconds, action)

    def settled(self, correlation_id: str) -> None:
        """Forget the call's timer."""
        timer = self._timers.pop(correlation_id, None)
        if timer is not None:
            timer.cancel()

    async def stop(self) -> None:
        """Delete the reply queue and close the connection."""
        self._stopping = True
        self._outlet = None
        await self.streams.close()
        if self._consumer is not None:
            queue, consumer_tag = self._consumer
            with contextlib.suppress(*BROKER_TROUBLE):
                await queue.cancel(consumer_tag, timeout=_CLOSE_SECONDS)
                await queue.delete(if_unused=False, if_empty=False, timeout=_CLOSE_SECONDS)
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def _keep_connected(self, opened: asyncio.Future[None]) -> None:
        troubles: list[str] = []
        for url in itertools.cycle(self._urls):
            try:
                await self._hold(url, opened)
            except (*BROKER_TROUBLE, _Lost) as error:
                self._trouble = f"cannot use RabbitMQ at {describe_url(url)}: {self._reason(url, error)}"
            except ValueError as error:  # a file of certificates is gone
                self._trouble = str(error)
            except Exception:
                logger.exception("the connection to RabbitMQ broke unexpectedly")
                self._trouble = f"the connection to {describe_url(url)} broke unexpectedly"
            self._failures += 1
            if not opened.done():
                troubles.append(self._trouble or "")
                if self._failures >= len(self._urls):
                    opened.set_exception(BrokerUnreachable("; ".join(troubles)))
                    return
            delay = self._delay(self._failures)
            logger.warning("%s; trying again in %.1f s", self._trouble, delay)
            await asyncio.sleep(delay)

    async def _hold(self, url: str, opened: asyncio.Future[None]) -> None:
        """Connect, and return only by an error once that connection is of no more use."""
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def end(reason: object) -> None:
            if not lost.done() and not self._stopping:
                lost.set_exception(_Lost(str(reason) or type(reason).__name__))

        address = URL(url)
        if not has_option(url, "heartbeat"):
            address = address.update_query(heartbeat=HEARTBEAT)
        self._user = self._signatures.user(url, login_user(url))
        # Not aio_pika.connect: a connection that never opened must be closed too, or it complains when freed.
        connection = aio_pika.Connection(
            address, ssl_context=tls_context(url), client_properties={"connection_name": self._name}
        )
        self._needs = ""
        try:
            alone = len(self._urls) == 1
            await connection.connect(timeout=_CONNECT_SECONDS if alone else NEXT_HOST_SECONDS)
            connection.close_callbacks.add(lambda _, error: end(error or "closed"))
            self._open_channel = lambda: self._watched_channel(connection, url, end)
            channel = self._home = await self._open_channel()
            # The broker ends a consumer without closing its channel when the queue goes.
            underlay: Any = await channel.get_underlay_channel()
            underlay.on_consumer_cancel_callbacks.add(lambda _: end("the reply queue was deleted"))
            await channel.set_qos(prefetch_count=REPLY_PREFETCH)
            self._needs = "configure"
            queue = await channel.declare_queue(
                self._reply_queue, durable=True, arguments=arguments_at(self._urls, REPLY_QUEUE_ARGUMENTS)
            )
            self._needs = "read"
            self._consumer = (queue, await queue.consume(self._on_message))
            self._on_ready(channel, opened)
            self.streams.connected(connection)
            await lost
        finally:
            self._outlet = self._consumer = self._open_channel = None
            for publishing in self._publishing:
                publishing.cancel()
            await asyncio.gather(*self._publishing, return_exceptions=True)
            self._book.connection_lost()
            await self.streams.lost(reason_of(_exception_of(lost)))
            lost.cancel()  # what the closing tells is no news
            with contextlib.suppress(*BROKER_TROUBLE):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await connection.close()

    async def _watched_channel(
        self, connection: AbstractConnection, url: str, end: Callable[[object], None]
    ) -> AbstractChannel:
        channel = await connection.channel(on_return_raises=True)

        def on_closed(_: object, error: BaseException | None) -> None:
            if channel is self._home or (self._outlet is not None and channel is self._outlet.raw):
                self._on_channel_closed(url, str(error))
                end(error or "closed")

        channel.close_callbacks.add(on_closed)
        return channel

    def _reason(self, url: str, error: BaseException) -> str:
        reason = missing_right(str(error), self._needs) or reason_of(error)
        return reason if self._needs else tls_guess(url, reason)

    def _on_channel_closed(self, url: str, reason: str) -> None:
        self._signatures.channel_closed(url, reason)
        if self._needs == "write" and (missing := missing_right(reason, "write")):
            self._book.forbidden(missing)

    def _on_ready(self, channel: AbstractChannel, opened: asyncio.Future[None]) -> None:
        if opened.done():
            logger.info("connected to RabbitMQ again")
        else:
            opened.set_result(None)
        self._needs = "write"
        self._failures = 0
        self._trouble = None
        self._outlet = AsyncTaskChannel(channel)
        self._flush()

    def _flush(self) -> None:
        if self._outlet is None:
            return
        for call in self._book.take_queued():
            task = asyncio.create_task(self._publish(self._outlet, call))
            self._publishing.add(task)
            task.add_done_callback(self._publishing.discard)

    async def _publish(self, outlet: AsyncTaskChannel, call: Call) -> None:
        message = aio_pika.Message(
            call.body,
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            reply_to=call.reply_to or self._reply_queue,
            correlation_id=call.correlation_id,
            message_id=call.correlation_id,
            timestamp=call.request_time,
            expiration=None if call.is_order else call.timeout,
            user_id=self._user if call.names_its_user else None,
            app_id=self._name,
            headers=dict(call.headers or {}),
        )
        try:
            await outlet.publish(message, call.queue)
        except PublishError:
            self._book.returned(call.correlation_id)
        except DeliveryError:
            delay = self._delay(3 + self._replaced)
            logger.warning("RabbitMQ did not take task %s; sending again in %.1f s", call.task_id, delay)
            await asyncio.sleep(delay)
            self._book.refused(call)
            await self._replace(outlet)
            self._flush()
        except BROKER_TROUBLE as error:
            # The connection is on its way out: when it is gone, the book queues the call again.
            logger.debug("task %s is not confirmed: %s", call.task_id, error)
            if outlet is not self._outlet:  # or only a channel that had given way to another
                self._book.refused(call)
                self._flush()
        else:
            self._replaced = 0
            self._book.confirmed(call)

    async def _replace(self, outlet: AsyncTaskChannel) -> None:
        """Publish by another channel than one that had something refused."""
        if outlet is not self._outlet or self._open_channel is None:
            return
        self._outlet = None
        self._replaced += 1
        # Else the connection is on its way out; of one that is closed a RuntimeError tells.
        with contextlib.suppress(*BROKER_TROUBLE, RuntimeError):
            self._outlet = AsyncTaskChannel(await self._open_channel())
            if outlet.raw is not self._home:
                await outlet.retire()

    async def _on_message(self, message: AbstractIncomingMessage) -> None:
        self._book.message(message.body, message.correlation_id)
        with contextlib.suppress(*BROKER_TROUBLE):
            await message.ack()


def _exception_of(lost: asyncio.Future[None]) -> object:
    return lost.exception() if lost.done() and not lost.cancelled() else "the connection was closed"
