"""The client of sapi-broker: what a strategy installs.

::

    from broker_client import Client

    with Client("amqp://guest:guest@127.0.0.1:5672/%2F") as client:
        print(client.call("kis.get-current-price", ticker="005930").first)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from broker_client.errors import (
    AuthenticationFailed,
    BrokerError,
    BrokerUnreachable,
    ClientClosed,
    DuplicateTaskConflict,
    InternalError,
    InvalidParameters,
    MalformedMessage,
    NoAnswer,
    NotSubscribed,
    OrderGuard,
    OrderNotSettled,
    OrderOutcomeIsUnknown,
    OrderOutcomeUnknown,
    OrdersDisabled,
    RateLimited,
    StreamEnded,
    SubscriptionLimit,
    TaskCancelled,
    TaskExpired,
    TaskFailed,
    TaskQueueMissing,
    TaskTimeout,
    UnknownMethod,
    Unsupported,
    VendorNotConfigured,
    VendorRejected,
    VendorUnavailable,
    WrongEnvironment,
)

if TYPE_CHECKING:
    from broker_client.aio import AsyncClient
    from broker_client.aio_stream import AsyncStream
    from broker_client.client import Client, PendingTask
    from broker_client.order_records import OrderRecord, OrderStep
    from broker_client.results import Ping, TaskResult
    from broker_client.stream import Stream
    from broker_client.streams import StreamEvent, StreamStatus

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "AsyncStream",
    "AuthenticationFailed",
    "BrokerError",
    "BrokerUnreachable",
    "Client",
    "ClientClosed",
    "DuplicateTaskConflict",
    "InternalError",
    "InvalidParameters",
    "MalformedMessage",
    "NoAnswer",
    "NotSubscribed",
    "OrderGuard",
    "OrderNotSettled",
    "OrderOutcomeIsUnknown",
    "OrderOutcomeUnknown",
    "OrderRecord",
    "OrderStep",
    "OrdersDisabled",
    "PendingTask",
    "Ping",
    "RateLimited",
    "Stream",
    "StreamEnded",
    "StreamEvent",
    "StreamStatus",
    "SubscriptionLimit",
    "TaskCancelled",
    "TaskExpired",
    "TaskFailed",
    "TaskQueueMissing",
    "TaskResult",
    "TaskTimeout",
    "UnknownMethod",
    "Unsupported",
    "VendorNotConfigured",
    "VendorRejected",
    "VendorUnavailable",
    "WrongEnvironment",
]

# Each client pulls in its own AMQP library, so neither is loaded before it is used.
_LAZY = {
    "AsyncClient": "broker_client.aio",
    "AsyncStream": "broker_client.aio_stream",
    "Client": "broker_client.client",
    "OrderRecord": "broker_client.order_records",
    "OrderStep": "broker_client.order_records",
    "PendingTask": "broker_client.client",
    "Ping": "broker_client.results",
    "Stream": "broker_client.stream",
    "StreamEvent": "broker_client.streams",
    "StreamStatus": "broker_client.streams",
    "TaskResult": "broker_client.results",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
