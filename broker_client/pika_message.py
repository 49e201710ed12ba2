"""The AMQP properties of a task, as pika writes them."""

from __future__ import annotations

import pika

from broker_client.call import Call

__all__ = ["task_properties"]


def task_properties(call: Call, *, reply_to: str, user: str | None, app: str) -> pika.BasicProperties:
    """The properties of a call's message.

    Args:
        reply_to: The client's own queue, where the call names no other.
        user: What RabbitMQ verifies; ``None`` for a message that names nobody.
        app: The client's name.
    """
    return pika.BasicProperties(
        content_type="application/json",
        content_encoding="utf-8",
        delivery_mode=pika.DeliveryMode.Persistent,
        reply_to=call.reply_to or reply_to,
        correlation_id=call.correlation_id,
        message_id=call.correlation_id,
        timestamp=int(call.request_time.timestamp()),
        expiration=call.expiration,
        user_id=user if call.names_its_user else None,
        app_id=app,
        headers=call.headers,
    )
