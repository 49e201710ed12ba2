"""What the stream desk needs to know of the message that a subscription came in."""

from __future__ import annotations

from typing import Any

from broker_client.errors import InternalError
from broker_server.amqp.running import Recipient
from broker_server.core.accounts import DEFAULT
from broker_server.core.methods import Method, Parameters, TaskContext
from broker_server.core.stream_tasks import StreamTask


def stream_task(
    method: Method[Any], parameters: Parameters | None, recipient: Recipient, context: TaskContext
) -> StreamTask:
    """Describe a subscription task.

    Raises:
        TaskFailed: The vendor does not offer what it asks for.
    """
    if method.stream is None or parameters is None:
        raise InternalError(f"{method.name} does not say what it subscribes to")
    address, correlation_id = recipient.address, recipient.delivery.properties.correlation_id
    return StreamTask(
        vendor=method.vendor,
        account=getattr(parameters, "account", DEFAULT),
        request=method.stream(parameters),
        reply_to=address.queue if address.deliverable and not address.direct else None,
        correlation_id=correlation_id
        if isinstance(correlation_id, str) and "\0" not in correlation_id
        else None,
        context=context,
    )
