"""Publishes the outcomes of orders outside their task: settled late, or never replied before a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from pika.spec import BasicProperties

from broker_server.amqp.publisher import ConfirmedPublisher, Fate
from broker_server.amqp.replies import PERSISTENT
from broker_server.amqp.topology import UNROUTABLE_QUEUE
from broker_server.journal.order_rows import Record

log = structlog.get_logger(__name__)


class OutcomeOutbox:
    """Safe to use from any thread. What is not confirmed when the connection ends is sent by the next one.

    Args:
        loop: The event loop of the worker.
        replied: Told the task_id and the outcome that is safe.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, replied: Callable[[str, bytes], None]) -> None:
        self._loop = loop
        self._replied = replied
        self._publisher: ConfirmedPublisher | None = None
        self._waiting: dict[str, Record] = {}

    def send(self, record: Record) -> None:
        """Publish the outcome of a record to its reply queue."""
        self._loop.call_soon_threadsafe(self._send, record)

    def attach(self, publisher: ConfirmedPublisher) -> None:
        """Use this publisher from now on, for what is not confirmed yet as well."""
        self._publisher = publisher
        for record in list(self._waiting.values()):
            self._publish(record)

    def detach(self) -> None:
        """The connection is gone."""
        self._publisher = None

    def _send(self, record: Record) -> None:
        self._waiting[record.order.task_id] = record
        self._publish(record)

    def _publish(self, record: Record) -> None:
        if self._publisher is None or record.outcome is None:
            return
        if record.reply_to is None:
            self._done(record)
            return
        self._publisher.publish(
            record.reply_to,
            record.outcome,
            BasicProperties(
                content_type="application/json",
                correlation_id=record.correlation_id,
                delivery_mode=PERSISTENT,
            ),
            lambda fate: self._on_fate(record, fate),
        )

    def _on_fate(self, record: Record, fate: Fate) -> None:
        if fate is Fate.CONFIRMED:
            self._done(record)
        elif self._publisher is not None and record.outcome is not None:
            log.warning(
                "outcome of an order cannot be delivered, kept in its queue",
                task_id=record.order.task_id,
                reply_queue=record.reply_to,
                kept_in=UNROUTABLE_QUEUE,
            )
            self._publisher.publish(
                UNROUTABLE_QUEUE,
                record.outcome,
                BasicProperties(
                    content_type="application/json",
                    correlation_id=record.correlation_id,
                    delivery_mode=PERSISTENT,
                    headers={"x-sapi-reason": fate.value, "x-sapi-reply-to": record.reply_to},
                ),
                lambda kept: self._on_kept(record, kept),
            )

    def _on_kept(self, record: Record, fate: Fate) -> None:
        if fate is Fate.CONFIRMED:
            self._done(record)
        else:  # it stays, for the next connection
            log.error(
                "an undeliverable outcome could not be kept",
                task_id=record.order.task_id,
                fate=fate.value,
            )

    def _done(self, record: Record) -> None:
        if self._waiting.get(record.order.task_id) is record:
            del self._waiting[record.order.task_id]
        if record.outcome is not None:
            self._replied(record.order.task_id, record.outcome)
