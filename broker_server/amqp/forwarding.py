"""Hands a task for a vendor that this worker does not own to the queue of that vendor's owners."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pika.spec import BasicProperties

from broker_client.errors import OrderOutcomeIsUnknown
from broker_client.protocol import TaskRequest, is_order_method
from broker_server.amqp.topology import account_queues, vendor_queue
from broker_server.core.accounts import DEFAULT, AccountKey, alias_asked

HOPS_HEADER = "x-sapi-hops"
DEATH_HEADER = "x-sapi-death"
"""On a forwarded order: why the broker took it off its queue."""
USER_HEADER = "x-sapi-user"
"""On a forwarded task: the AMQP user that RabbitMQ verified for the client's message."""
MOST_HOPS = 2
VENDORS = ("kis", "kiwoom", "koscom")
ORIGINAL_METHODS = frozenset(
    {
        "get-stock-codes",
        "get-stock-name",
        "get-stock-states",
        "request-day-candle",
        "request-minute-candle",
        "request-offer-price-info",
        "request-offhour-single-trade-info",
        "request-short-trend",
        "request-upper-and-low",
        "subscribe-realtime",
        "unsubscribe-realtime",
    }
)
"""The bare names of the original server; they are Kiwoom's."""
CANCEL_ALL = "broker.cancel-all-orders"
DEFAULT_VENDOR = "kis"
"""Whose orders `CANCEL_ALL` takes back when it names nobody."""


def vendor_of(method: str) -> str | None:
    """The vendor that a method's name belongs to, or ``None``."""
    if method in ORIGINAL_METHODS:
        return "kiwoom"
    prefix, dot, _ = method.partition(".")
    return prefix if dot and prefix in VENDORS else None


def vendor_named(request: TaskRequest) -> str | None:
    """The vendor that a task of the worker's own names, where only that vendor's worker can do it."""
    if request.method != CANCEL_ALL:
        return None
    vendor = request.parameters.get("vendor", DEFAULT_VENDOR)
    return vendor if vendor in VENDORS else None


def forward_queue(request: TaskRequest, vendor: str, alias: str | None) -> str:
    """The queue of the owners for this task.

    Args:
        alias: Of the account that it acts on; ``None`` for any, and where only the vendor's own worker can
            tell.
    """
    if is_order_method(request.method):
        return account_queues(AccountKey(vendor, alias or DEFAULT))[1]
    return vendor_queue(vendor) if alias is None else account_queues(AccountKey(vendor, alias))[0]


def alias_named(request: TaskRequest) -> str | None:
    """The account that a task of another vendor's worker names; that worker knows what it means if none."""
    return alias_asked(request.parameters) if "account" in request.parameters else None


def waits_for_its_worker(request: TaskRequest, place: str) -> OrderOutcomeIsUnknown:
    """The answer to an order whose deadline passes while its account has no worker: not the last word.

    Args:
        place: The vendor, or its account such as ``kis/second``.
    """
    return OrderOutcomeIsUnknown(
        f"the deadline passed while no worker serves {place}: a new order is not sent any more, a cancel "
        f"is as soon as the worker is back; only its record tells whether {request.task_id} was sent "
        f"before, and its answer follows then",
        vendor=AccountKey.of(place).vendor,
    )


def hops(properties: BasicProperties) -> int:
    """How often the task was forwarded already."""
    count = (properties.headers or {}).get(HOPS_HEADER, 0)
    return count if isinstance(count, int) and 0 <= count <= MOST_HOPS else MOST_HOPS


def death_of(properties: BasicProperties, *, dead_letter: bool) -> str | None:
    """Why the broker took a task off its queue: ``expired`` or ``delivery_limit``; ``None`` if it did not.

    Args:
        dead_letter: It came from the queue of dead letters; else only another worker can tell.
    """
    headers = properties.headers or {}
    reason = headers.get("x-first-death-reason" if dead_letter else DEATH_HEADER)
    if reason == "delivery_limit":
        return "delivery_limit"
    return "expired" if dead_letter or reason is not None else None


def sender(properties: BasicProperties, worker_user: str) -> str | None:
    """The AMQP user that RabbitMQ verified for the client's message, forwarded or not."""
    user: str | None = properties.user_id
    forwarded = (properties.headers or {}).get(USER_HEADER)
    if user == worker_user and isinstance(forwarded, str):
        return forwarded or None
    return user


def forwarded_properties(
    properties: BasicProperties, now: datetime, death: str | None = None, *, user: str, sender: str | None
) -> BasicProperties:
    """The properties of the forwarded copy; a dead one carries its death and expires no second time.

    A ``user_id`` is never copied and a non-integer ``expiration`` neither: both close the publishing channel.
    The copy carries the worker's own, which RabbitMQ verifies, and names the client's in a header.

    Args:
        user: The AMQP user of this worker.
        sender: The AMQP user of the client, as far as RabbitMQ verified it.
    """
    headers: dict[str, Any] = dict(properties.headers or {})
    # A name that is not UTF-8 comes as bytes.
    headers = {key: value for key, value in headers.items() if not str(key).startswith("x-death")}
    headers[HOPS_HEADER] = hops(properties) + 1
    headers[USER_HEADER] = sender or ""
    if death is not None:
        headers[DEATH_HEADER] = death
    return BasicProperties(
        content_type=properties.content_type,
        correlation_id=properties.correlation_id,
        delivery_mode=2,
        expiration=None if death is not None else _expiration_left(properties, now),
        headers=headers,
        message_id=properties.message_id,
        reply_to=properties.reply_to,
        timestamp=properties.timestamp,
        user_id=user,
    )


def _expiration_left(properties: BasicProperties, now: datetime) -> str | None:
    expiration = properties.expiration
    if not isinstance(expiration, str) or not expiration.isdecimal():
        return None
    waited = 0
    if isinstance(properties.timestamp, int):
        waited = max(0, int((now.timestamp() - properties.timestamp) * 1000))
    return str(max(1, int(expiration) - waited))
