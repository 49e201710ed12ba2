"""Sends replies. A task is acked only after its reply is confirmed, or kept where it can be found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from pika.spec import BasicProperties

from broker_client.errors import TaskFailed
from broker_client.protocol import (
    UNKNOWN_TASK_ID,
    Environment,
    Kind,
    encode_reply,
)
from broker_server.amqp.counters import Counters
from broker_server.amqp.delivery import Delivery, ReplyAddress
from broker_server.amqp.direct_addresses import DirectAddresses
from broker_server.amqp.publisher import ConfirmedPublisher, Fate
from broker_server.amqp.topology import REJECTED_QUEUE, UNROUTABLE_QUEUE
from broker_server.core.reply_styles import ReplyStyle

log = structlog.get_logger(__name__)

PERSISTENT = 2
TRANSIENT = 1


class Replier:
    """Publishes replies for one connection, and acks the tasks they answer.

    Args:
        confirmed: Called when the broker has confirmed a reply, before its task is acked.
    """

    def __init__(
        self,
        publisher: ConfirmedPublisher,
        counters: Counters,
        environment: Environment,
        clock: Callable[[], datetime],
        direct: DirectAddresses,
        confirmed: Callable[[], None] = lambda: None,
    ) -> None:
        self._confirmed = confirmed
        self._publisher = publisher
        self._direct = direct
        self._counters = counters
        self._environment = environment
        self._clock = clock

    @property
    def in_flight(self) -> int:
        """Replies that are not confirmed yet."""
        return self._publisher.in_flight

    def encode(
        self,
        task_id: str,
        result: list[Any],
        *,
        error: TaskFailed | None = None,
        kind: Kind = "reply",
        extra: dict[str, Any] | None = None,
        style: ReplyStyle | None = None,
    ) -> bytes:
        """Encode a reply of this worker, now.

        Args:
            style: Writes it instead; it has no place for ``kind`` and ``extra``.

        Raises:
            TypeError: A row is no JSON value.
        """
        if style is not None:
            body = style.reply(task_id, result, error=error, now=self._clock())
        else:
            body = encode_reply(
                task_id,
                result,
                now=self._clock(),
                environment=self._environment,
                kind=kind,
                error=error,
                extra=extra,
            )
        if error is None:
            self._counters.succeeded += 1
        else:
            self._counters.failed[error.code] += 1
        return body

    def send(
        self,
        delivery: Delivery,
        address: ReplyAddress,
        body: bytes,
        on_acked: Callable[[bool], None] | None = None,
        *,
        ack: bool = True,
    ) -> None:
        """Publish a reply and ack its task once the reply is safe.

        Args:
            delivery: The task that the reply answers.
            address: Where it goes.
            body: The encoded reply.
            on_acked: Called after the ack; told whether the reply is safe, there or where it is kept.
            ack: False when the message is not ours any more: the last word comes from another worker.
        """

        def acknowledge(safe: bool) -> None:
            if ack:
                delivery.ack()
            if on_acked is not None:
                on_acked(safe)

        def on_fate(fate: Fate) -> None:
            if address.direct:
                self._direct.settled(address.queue)
            if fate is Fate.CONFIRMED:
                self._confirmed()
                acknowledge(True)
            else:
                self._keep_unroutable(delivery, address, body, fate.value, acknowledge)

        if not address.deliverable:
            self._keep_unroutable(delivery, address, body, address.refused or "no address", acknowledge)
            return
        properties = BasicProperties()
        if address.style is None:
            properties = BasicProperties(
                content_type="application/json",
                correlation_id=delivery.properties.correlation_id,
                delivery_mode=TRANSIENT if address.direct else PERSISTENT,
            )
        if not address.direct:
            self._publisher.publish(address.queue, body, properties, on_fate)
        elif self._direct.is_refused(address.queue):
            reason = "the broker fails when it is given this direct address"
            self._keep_unroutable(delivery, address, body, reason, acknowledge)
        else:
            # A mandatory publish to a direct reply-to address comes back as unroutable although it arrives.
            self._direct.publish(
                address.queue,
                lambda: self._publisher.publish(address.queue, body, properties, on_fate, mandatory=False),
            )

    def send_progress(
        self, delivery: Delivery, address: ReplyAddress, task_id: str, done: int, total: int | None
    ) -> None:
        """Tell a client that waits on a real queue how many pages are read; it may get lost."""
        if not address.deliverable or address.direct:
            return
        body = encode_reply(
            task_id,
            [{"type": "progress", "done": done, "total": total}],
            now=self._clock(),
            environment=self._environment,
            kind="status",
        )
        properties = BasicProperties(
            content_type="application/json",
            correlation_id=delivery.properties.correlation_id,
            delivery_mode=TRANSIENT,
        )
        self._publisher.publish(address.queue, body, properties, _ignore, mandatory=False)

    def keep_rejected(self, delivery: Delivery, reason: str, then: Callable[[], None]) -> None:
        """Keep a copy of a message that will not be run, and go on when the copy is safe.

        The copy carries the original's bytes and, in its headers, the reason and where it came from.
        """
        self._counters.rejected += 1
        properties = BasicProperties(
            content_type=delivery.properties.content_type,
            correlation_id=delivery.properties.correlation_id,
            delivery_mode=PERSISTENT,
            timestamp=int(self._clock().timestamp()),
            headers={
                "x-sapi-reason": reason[:2000],
                "x-sapi-queue": delivery.queue,
                "x-sapi-reply-to": delivery.properties.reply_to or "",
            },
        )

        def on_fate(fate: Fate) -> None:
            if fate is not Fate.CONFIRMED:
                log.error(
                    "a rejected message could not be kept",
                    task_id=delivery.task_id,
                    reason=reason,
                    fate=fate.value,
                )
            then()

        self._publisher.publish(REJECTED_QUEUE, delivery.body, properties, on_fate)

    def _keep_unroutable(
        self,
        delivery: Delivery,
        address: ReplyAddress,
        body: bytes,
        reason: str,
        then: Callable[[bool], None],
    ) -> None:
        self._counters.unroutable += 1
        log.warning(
            "reply cannot be delivered, kept in its queue",
            task_id=delivery.task_id,
            reply_queue=address.queue[:255],
            reason=reason,
            kept_in=UNROUTABLE_QUEUE,
        )
        properties = BasicProperties(
            content_type="application/json",
            correlation_id=delivery.properties.correlation_id,
            delivery_mode=PERSISTENT,
            timestamp=int(self._clock().timestamp()),
            headers={"x-sapi-reason": reason, "x-sapi-reply-to": address.queue[:2000]},
        )

        def on_fate(fate: Fate) -> None:
            if fate is not Fate.CONFIRMED:
                self._counters.replies_lost += 1
                log.error("an unroutable reply could not be kept", task_id=delivery.task_id, fate=fate.value)
            then(fate is Fate.CONFIRMED)

        self._publisher.publish(UNROUTABLE_QUEUE, body, properties, on_fate)


def _ignore(_: Fate) -> None:
    return None


def unknown_task_id(error: TaskFailed) -> str:
    """The task_id to answer a message that could not be read with."""
    return error.task_id or UNKNOWN_TASK_ID
