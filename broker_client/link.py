"""The blocking client's connection: a background thread owns it, so heartbeats live while callers compute."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pika
from pika.adapters.select_connection import IOLoop, SelectConnection
from pika.exceptions import ChannelClosedByClient

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
from broker_client.call import Call
from broker_client.calls import CallBook
from broker_client.errors import BrokerUnreachable
from broker_client.pika_message import task_properties
from broker_client.pika_url import pika_parameters
from broker_client.reasons import reason_of
from broker_client.rights import missing_right
from broker_client.signatures import Signatures
from broker_client.stream_consumer import StreamConsumers
from broker_client.streams import STREAM_QUEUE_ARGUMENTS
from broker_client.task_channel import TaskChannel
from broker_client.tls import tls_guess

__all__ = ["Link"]

logger = logging.getLogger("broker_client")

_CLOSE_SECONDS = 5.0


class Link:
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
        for url in urls:
            _parameters(url, name, alone=len(urls) == 1)
        self._reply_queue = reply_queue
        self._book = book
        self._name = name
        self._delay = delay
        self._loop = IOLoop()
        self._connection: Any = None
        self._channel: Any = None
        self._ready = False
        self._turn = 0
        self._failures = 0
        self._trouble: str | None = None
        self._opened: Future[None] = Future()
        self._stopping = False
        self._needs = ""
        self._outlet: TaskChannel | None = None
        self._replaced = 0
        self._signatures = Signatures()
        self._timers: dict[str, Any] = {}
        self._troubles: list[str] = []
        self.streams = StreamConsumers(
            self._loop.call_later,
            self._loop.add_callback_threadsafe,
            arguments_at(urls, STREAM_QUEUE_ARGUMENTS),
        )
        self._thread = threading.Thread(target=self._run, name=f"broker-client {name}", daemon=True)

    def start(self, timeout: float) -> None:
        """Connect; from then on every lost connection is replaced.

        Raises:
            BrokerUnreachable: No URL worked, or none within ``timeout`` seconds.
        """
        self._loop.add_callback_threadsafe(self._connect)
        self._thread.start()
        try:
            self._opened.result(timeout)
        except TimeoutError:
            self.stop()
            raise BrokerUnreachable(
                f"cannot reach RabbitMQ at {describe_urls(self._urls)} within {timeout:g} s"
            ) from None
        except BaseException:
            self.stop()
            raise

    def submit(self, call: Call) -> None:
        """Send a call that the book has queued, and expire it at its time-out."""
        expires_at = time.monotonic() + call.patience
        self._loop.add_callback_threadsafe(lambda: self._submit(call, expires_at))

    @property
    def trouble(self) -> str | None:
        """Why the connection is down, if it is."""
        return self._trouble

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Run ``action`` in the connection's thread; from any thread."""
        self._loop.add_callback_threadsafe(lambda: self._loop.call_later(seconds, action))

    def runs_here(self) -> bool:
        """Whether the caller is the connection's own thread, which must not wait for itself."""
        return threading.current_thread() is self._thread

    def settled(self, correlation_id: str) -> None:
        """Forget the call's timer; runs in whatever thread settled it."""
        timer = self._timers.pop(correlation_id, None)
        if timer is not None and self.runs_here():
            self._loop.remove_timeout(timer)

    def stop(self) -> None:
        """Delete the reply queue, close the connection and end the thread."""
        if self.runs_here():
            self._shut_down()
        elif self._thread.is_alive():
            self._loop.add_callback_threadsafe(self._shut_down)
            self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._loop.start()
            except Exception:
                logger.exception("the connection to RabbitMQ broke unexpectedly")
                self._abandon_connection()
        self._loop.close()

    def _submit(self, call: Call, expires_at: float) -> None:
        remaining = max(0.0, expires_at - time.monotonic())
        self._timers[call.correlation_id] = self._loop.call_later(remaining, lambda: self._expire(call))
        self._flush()

    def _expire(self, call: Call) -> None:
        self._timers.pop(call.correlation_id, None)
        self._book.expire(call, trouble=self._trouble)

    def _connect(self) -> None:
        if self._stopping:
            return
        try:
            self._connection = SelectConnection(
                _parameters(  # anew: its certificates may be
                    self._urls[self._turn], self._name, alone=len(self._urls) == 1
                ),
                on_open_callback=self._on_connection_open,
                on_open_error_callback=self._on_connect_failed,
                on_close_callback=self._on_connection_closed,
                custom_ioloop=self._loop,
            )
        except Exception as error:
            self._on_connect_failed(None, error)

    def _on_connect_failed(self, _connection: Any, error: Any) -> None:
        self._connection = None
        self._retry(tls_guess(self._urls[self._turn], reason_of(error)))

    def _retry(self, reason: str) -> None:
        self._trouble = f"cannot use RabbitMQ at {describe_url(self._urls[self._turn])}: {reason}"
        self._turn = (self._turn + 1) % len(self._urls)
        self._failures += 1
        if self._stopping:
            return
        if not self._opened.done():
            self._troubles.append(self._trouble)
            if self._failures >= len(self._urls):
                self._opened.set_exception(BrokerUnreachable("; ".join(self._troubles)))
                return
        delay = self._delay(self._failures)
        logger.warning("%s; trying again in %.1f s", self._trouble, delay)
        self._loop.call_later(delay, self._connect)

    def _on_connection_open(self, connection: Any) -> None:
        if self._stopping:
            connection.close()
            return
        connection.channel(on_open_callback=self._on_channel_open)

    def _on_channel_open(self, channel: Any) -> None:
        self._channel = channel
        channel.add_on_close_callback(self._on_channel_closed)
        channel.add_on_cancel_callback(self._on_consumer_cancelled)
        self._outlet = self._task_channel(channel)
        channel.basic_qos(prefetch_count=REPLY_PREFETCH)
        self._needs = "configure"
        channel.queue_declare(
            self._reply_queue,
            durable=True,
            arguments=arguments_at(self._urls, REPLY_QUEUE_ARGUMENTS),
            callback=lambda _: self._consume(channel),
        )

    def _consume(self, channel: Any) -> None:
        self._needs = "read"
        channel.basic_consume(self._reply_queue, self._on_message, callback=lambda _: self._on_ready())

    def _on_ready(self) -> None:
        if self._opened.done():
            logger.info("connected to RabbitMQ again")
        else:
            self._opened.set_result(None)
        self._needs = "write"
        self._failures = 0
        self._trouble = None
        self._ready = True
        self.streams.connected(self._connection)
        self._flush()

    def _flush(self) -> None:
        if not self._ready or self._outlet is None:
            return
        url = self._urls[self._turn]
        user = self._signatures.user(url, login_user(url))
        for call in self._book.take_queued():
            properties = task_properties(call, reply_to=self._reply_queue, user=user, app=self._name)
            self._outlet.publish(call, properties)

    def _on_confirmed(self) -> None:
        self._replaced = 0

    def _on_refused(self, outlet: TaskChannel, calls: list[Call]) -> None:
        delay = self._delay(3 + self._replaced)
        logger.warning("RabbitMQ did not take %d task(s); sending again in %.1f s", len(calls), delay)
        self._loop.call_later(delay, lambda: self._send_again(outlet, calls))

    def _send_again(self, outlet: TaskChannel, calls: list[Call]) -> None:
        if not self._ready or outlet.raw.connection is not self._connection:
            return  # they were queued when their connection went
        for call in calls:
            self._book.refused(call)
        if outlet is self._outlet:
            self._replaced += 1
            self._outlet = None
            self._connection.channel(on_open_callback=self._on_another_channel)
            if outlet.raw is not self._channel:
                outlet.retire()
        self._flush()

    def _on_another_channel(self, channel: Any) -> None:
        if channel.connection is not self._connection:
            return
        channel.add_on_close_callback(self._on_channel_closed)
        self._outlet = self._task_channel(channel)
        self._flush()

    def _task_channel(self, channel: Any) -> TaskChannel:
        return TaskChannel(channel, self._book, self._on_confirmed, self._on_refused)

    def _on_message(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self._book.message(body, properties.correlation_id)
        if channel.is_open:
            channel.basic_ack(method.delivery_tag)

    def _on_consumer_cancelled(self, frame: Any) -> None:
        if self._stopping:
            return
        self._trouble = f"the reply queue was deleted (consumer {frame.method.consumer_tag})"
        self._close_connection()

    def _on_channel_closed(self, channel: Any, reason: Exception) -> None:
        if isinstance(reason, ChannelClosedByClient) or channel.connection is not self._connection:
            return  # another took its place
        self._ready = False
        self._signatures.channel_closed(self._urls[self._turn], reason_of(reason))
        missing = missing_right(str(reason), self._needs)
        if not self._stopping and self._connection is not None and self._connection.is_open:
            self._trouble = missing or reason_of(reason)
            self._close_connection()
        if missing is not None and self._needs == "write":
            self._book.forbidden(missing)

    def _on_connection_closed(self, connection: Any, reason: Exception) -> None:
        if connection is not self._connection:
            return
        self._connection = self._channel = None
        self._ready = False
        self._forget_connection(self._trouble or reason_of(reason))
        if self._stopping:
            self._loop.stop()
        else:
            self._retry(self._trouble or reason_of(reason))

    def _forget_connection(self, reason: str) -> None:
        self._outlet = None
        self._book.connection_lost()
        self.streams.lost(reason)

    def _close_connection(self) -> None:
        self._ready = False
        if self._connection is not None and self._connection.is_open:
            self._connection.close()

    def _abandon_connection(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        self._ready = False
        self._forget_connection("the connection broke unexpectedly")
        if connection is not None and connection.is_open:
            with contextlib.suppress(Exception):  # its state is anybody's guess
                connection.close()
        self._retry("the connection broke unexpectedly")

    def _shut_down(self) -> None:
        self._stopping = True
        self._loop.call_later(_CLOSE_SECONDS, self._loop.stop)
        if not self._ready:
            if self._connection is not None and self._connection.is_open:
                self._connection.close()
            else:
                self._loop.stop()
            return
        self._ready = False
        self.streams.close()
        self._channel.queue_delete(self._reply_queue, callback=lambda _: self._close_connection())


def _parameters(url: str, name: str, *, alone: bool) -> pika.URLParameters:
    parameters = pika_parameters(url)
    if not alone:
        parameters.socket_timeout = parameters.stack_timeout = NEXT_HOST_SECONDS
    if not has_option(url, "heartbeat"):
        parameters.heartbeat = HEARTBEAT
    parameters.client_properties = {"connection_name": name}
    return parameters
