"""What the supervisor of a vendor's program tells on ``broker.events``, while that program runs or not.

It speaks seldom, so it connects for each time. The broker keeps the last word in ``broker.host.<vendor>``, a
queue of one message that the workers of other vendors look into.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson
import pika
import structlog
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelClosedByBroker

from broker_client.address import backoff_delay, url_list
from broker_client.pika_url import pika_parameters
from broker_client.protocol import EVENTS_EXCHANGE, Environment, utc_text
from broker_client.reasons import reason_of
from broker_server.amqp.events import PERSISTENT, event_key
from broker_server.amqp.pin_queue import GIVEN_BACK_LIMIT
from broker_server.amqp.topology import host_queue

log = structlog.get_logger(__name__)

MOST_WAITING = 100
FIRST_DELAY, LONGEST_DELAY = 1.0, 30.0
LAST_WORDS_SECONDS = 5.0
KEPT = {
    "x-queue-type": "quorum",
    "x-max-length": 1,
    "x-overflow": "drop-head",
    "x-delivery-limit": GIVEN_BACK_LIMIT,  # whoever looks gives it back
}


def host_key(vendor: str, state: str) -> str:
    """The routing key of an event about a vendor's program."""
    return event_key("host", vendor, state.lower())


def host_event(vendor: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """What such an event says of its own."""
    return {"type": "host", "vendor": vendor, **told}


class HostVoice:
    """Tells of a vendor's program, from a thread of its own; what cannot be told now is told later.

    Args:
        url: The broker; several hosts of a cluster with commas between them.
        name: Who speaks.
        environment: Of the worker that is supervised.
        vendor: Whose program it is.
        clock: UTC.
    """

    def __init__(
        self, url: str, *, name: str, environment: Environment, vendor: str, clock: Callable[[], datetime]
    ) -> None:
        self._urls = url_list(url)
        self._name = name
        self._environment = environment
        self._vendor = vendor
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=MOST_WAITING)
        self._closed = False
        self._thread = threading.Thread(target=self._speak, name="host-voice", daemon=True)
        self._thread.start()

    def tell(self, told: Mapping[str, Any]) -> None:
        """Tell of a state; returns at once.

        Args:
            told: JSON values, ``state`` among them.
        """
        head = {
            "kind": "event",
            "environment": self._environment,
            "worker": self._name,
            "time": utc_text(self._clock()),
        }
        body = orjson.dumps(head | host_event(self._vendor, told))
        with self._changed:
            self._waiting.append((host_key(self._vendor, str(told["state"])), body))
            self._changed.notify()

    def close(self) -> None:
        """Say the last words, if the broker hears them within some seconds."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(LAST_WORDS_SECONDS)

    def _speak(self) -> None:
        failures = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
            try:
                self._send_all()
                failures = 0
            except (AMQPError, OSError) as error:
                self._urls.append(self._urls.pop(0))
                failures += 1
                rounds, others_left = divmod(failures, len(self._urls))
                delay = 0.0 if others_left else _pause(rounds - 1)
                log.warning("a state could not be told, trying again", reason=reason_of(error), seconds=delay)
                with self._changed:
                    if self._closed and not others_left:
                        return
                    self._changed.wait_for(lambda: self._closed, delay)

    def _send_all(self) -> None:
        connection = pika.BlockingConnection(pika_parameters(self._urls[0]))
        try:
            self._declare(connection)
            channel = connection.channel()
            channel.confirm_delivery()
            while True:
                with self._changed:
                    if not self._waiting:
                        return
                    key, body = self._waiting[0]
                properties = pika.BasicProperties(content_type="application/json", delivery_mode=PERSISTENT)
                channel.basic_publish(EVENTS_EXCHANGE, key, body, properties)
                with self._changed:
                    if self._waiting and self._waiting[0] == (key, body):
                        self._waiting.popleft()
        finally:
            connection.close()

    def _declare(self, connection: pika.BlockingConnection) -> None:
        """Make what is not there yet: a user without the right to make it may do where it is."""
        queue = host_queue(self._vendor)
        _unless_there(
            connection,
            lambda channel: channel.exchange_declare(EVENTS_EXCHANGE, passive=True),
            lambda channel: channel.exchange_declare(EVENTS_EXCHANGE, "topic", durable=True),
        )
        _unless_there(
            connection,
            lambda channel: channel.queue_declare(queue, passive=True),
            lambda channel: channel.queue_declare(queue, durable=True, arguments=dict(KEPT)),
        )
        channel = connection.channel()
        channel.queue_bind(queue, EVENTS_EXCHANGE, f"host.{self._vendor}.*")
        channel.close()


def _pause(rounds: int) -> float:
    """Seconds, after every host has failed once more."""
    return backoff_delay(rounds, lambda: 1.0, first=FIRST_DELAY, longest=LONGEST_DELAY)


def _unless_there(
    connection: pika.BlockingConnection,
    look: Callable[[BlockingChannel], object],
    make: Callable[[BlockingChannel], object],
) -> None:
    channel = connection.channel()
    try:
        look(channel)
    except ChannelClosedByBroker as error:
        if error.reply_code != 404:
            raise
        channel = connection.channel()
        make(channel)
    channel.close()
