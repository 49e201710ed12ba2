"""What the order desk needs to know of the message that an order came in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from broker_client.errors import TaskFailed
from broker_client.protocol import TaskRequest
from broker_server.amqp.delivery import ReplyAddress
from broker_server.amqp.forwarding import sender
from broker_server.amqp.running import Recipient
from broker_server.core.methods import Method
from broker_server.orders.task import OrderTask


def order_task(
    request: TaskRequest,
    method: Method[Any],
    recipient: Recipient,
    died: TaskFailed | None,
    *,
    worker_user: str,
) -> OrderTask:
    """Describe an order task.

    Args:
        worker_user: The AMQP user of the workers, who alone may say whose order they forward.
    """
    properties, address = recipient.delivery.properties, recipient.address
    return OrderTask(
        request=request,
        method=method,
        stamped_at=_moment(properties.timestamp),
        user=sender(properties, worker_user),
        reply_to=_lasting(address),
        correlation_id=_keepable(properties.correlation_id),
        died=died,
    )


def _keepable(text: object) -> str | None:
    """A correlation id that a database keeps as it is; another is echoed at once and not later."""
    return text if isinstance(text, str) and "\0" not in text else None


def readdress(task: OrderTask, recipient: Recipient, *, worker_user: str) -> None:
    """Let an order that runs again know of the newest copy of its message."""
    properties, address = recipient.delivery.properties, recipient.address
    task.stamped_at = _moment(properties.timestamp)
    task.user = sender(properties, worker_user)
    task.reply_to = _lasting(address)
    task.correlation_id = _keepable(properties.correlation_id)
    task.warnings.clear()


def _lasting(address: ReplyAddress) -> str | None:
    return address.queue if address.deliverable and not address.direct else None


def _moment(timestamp: object) -> datetime | None:
    """An AMQP timestamp, which has whole seconds."""
    if not isinstance(timestamp, int):
        return None
    try:
        return datetime.fromtimestamp(timestamp, UTC)
    except (OverflowError, ValueError, OSError):
        return None
