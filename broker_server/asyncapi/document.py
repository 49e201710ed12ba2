"""Puts the document together: the queues and exchanges, one operation per method, the messages of each."""

from __future__ import annotations

from typing import Any

from broker_client import __version__
from broker_client.protocol import (
    DEFAULT_REPLY_QUEUE,
    EVENTS_EXCHANGE,
    ORDERS_QUEUE,
    REALTIME_EXCHANGE,
    TASKS_QUEUE,
    is_subscription,
)
from broker_server.admin import MethodDescription, describe
from broker_server.asyncapi.envelopes import add_envelopes, failed_reply, reply_of, request_of
from broker_server.asyncapi.events import BROKER_EVENTS, add_broker_events, add_stream_events
from broker_server.asyncapi.schemas import Schemas, reference
from broker_server.core.methods import MethodRegistry

_BINDING = "0.3.0"
_SHARED_REPLIES = ("failed", "status", "event")
_CORRELATION = {
    "location": "$message.header#/correlation_id",
    "description": "The AMQP property `correlation_id`, echoed by every reply.",
}
_EXAMPLE_TIME = "2026-11-20T09:00:00.000+09:00"


def asyncapi_document(registry: MethodRegistry) -> dict[str, Any]:
    """The AsyncAPI 3.0.0 document of the contract, as JSON values.

    The application that it describes is the worker: it receives tasks and sends replies and events.

    Args:
        registry: Every method.
    """
    rows = [describe(method) for method in registry]
    schemas = Schemas()
    add_envelopes(schemas)
    add_stream_events(schemas)
    messages = _shared_messages() | _event_messages(add_broker_events(schemas))
    for row in rows:
        messages |= _messages_of(row, schemas)
    orders = [row.name for row in rows if row.kind == "order"]
    return {
        "asyncapi": "3.0.0",
        "id": "urn:sapi-broker:worker",
        "info": {
            "title": "sapi-broker",
            "version": __version__,
            "description": "One AMQP door to the Korean markets. A task published to a queue is answered "
            "on a reply queue; live data and events are on topic exchanges.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "rabbitmq": {
                "host": "localhost:5672",
                "protocol": "amqp",
                "protocolVersion": "0.9.1",
                "description": "RabbitMQ 3.10 or later: whatever `BROKER_URL` names, amqp or amqps.",
                "security": [{"$ref": "#/components/securitySchemes/login"}],
            }
        },
        "channels": {
            "tasks": _queue(TASKS_QUEUE, "Every task may come here.", [row.name for row in rows]),
            "orders": _queue(
                ORDERS_QUEUE, "Orders, apart from reads, as the clients of this project send them.", orders
            ),
            "replies": _replies(rows),
            "realtime": _exchange(
                REALTIME_EXCHANGE,
                "{vendor}.{channel}.{symbol}",
                "Every event of every stream, once.",
                {
                    "vendor": "Whose stream: kis, kiwoom or koscom.",
                    "channel": "trade, order_book, execution, index or market_status, or a TR id.",
                    "symbol": "The instrument, with more words where a venue belongs to it.",
                },
                {"event": "event", "status": "status"},
            ),
            **{f"events.{kind}": _events(kind) for kind in BROKER_EVENTS},
        },
        "operations": _operations(rows),
        "components": {
            "messages": dict(sorted(messages.items())),
            "schemas": schemas.document(),
            "securitySchemes": {"login": {"type": "userPassword"}},
        },
    }


def _messages_of(row: MethodDescription, schemas: Schemas) -> dict[str, Any]:
    family = f"{row.vendor}."
    parameters = schemas.add(f"{family}{row.parameters['title']}", row.parameters, family=family)
    result = None
    if row.result is not None:
        result = schemas.add(f"{family}{row.result['title']}", row.result, family=family)
    request: dict[str, Any] = {
        "name": row.name,
        "title": row.summary,
        "correlationId": _CORRELATION,
        "bindings": {
            "amqp": {"contentEncoding": "utf-8", "messageType": row.name, "bindingVersion": _BINDING}
        },
        "payload": request_of(row.name, parameters, required=bool(row.parameters.get("required"))),
    }
    if row.example is not None:
        payload = {
            "task_id": "t-1",
            "method": row.name,
            "parameters": row.example,
            "request_time": _EXAMPLE_TIME,
        }
        request["examples"] = [{"payload": payload}]
    is_stream = row.kind == "stream"
    reply = {
        "name": _reply_name(row),
        "title": f"The answer to {row.name}.",
        "correlationId": _CORRELATION,
        "payload": reply_of(result, "ack" if is_stream and is_subscription(row.name) else "reply"),
    }
    return {row.name: request, _reply_name(row): reply}


def _reply_name(row: MethodDescription) -> str:
    return f"{row.name}.reply"


def _shared_messages() -> dict[str, Any]:
    payloads = {
        "failed": ("A task that failed.", failed_reply()),
        "event": ("One event of a stream.", reply_of(reference("StreamEvent"), "event")),
        "status": (
            "News of a subscription, or how far a long read is.",
            reply_of(reference("StreamStatus"), "status"),
        ),
    }
    return {
        name: {"name": name, "title": title, "correlationId": _CORRELATION, "payload": payload}
        for name, (title, payload) in payloads.items()
    }


def _event_messages(references: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        f"broker.events.{kind}": {
            "name": f"broker.events.{kind}",
            "title": BROKER_EVENTS[kind][1],
            "payload": schema,
        }
        for kind, schema in references.items()
    }


def _message(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/messages/{name}"}


def _queue(name: str, description: str, methods: list[str]) -> dict[str, Any]:
    return {
        "address": name,
        "description": description,
        "messages": {method: _message(method) for method in methods},
        "bindings": {
            "amqp": {
                "is": "queue",
                "queue": {"name": name, "durable": True, "exclusive": False, "autoDelete": False},
                "bindingVersion": _BINDING,
            }
        },
    }


def _replies(rows: list[MethodDescription]) -> dict[str, Any]:
    names = [*_SHARED_REPLIES, *(_reply_name(row) for row in rows)]
    return {
        "address": None,
        "description": "The queue that the AMQP property `reply_to` names, else the header or key "
        f"`reply_queue`; without either it is `{DEFAULT_REPLY_QUEUE}`.",
        "messages": {name: _message(name) for name in names},
    }


def _events(kind: str) -> dict[str, Any]:
    key, text = BROKER_EVENTS[kind]
    # A live connection's events have the routing key of the streams on it.
    kinds = (kind, "connection") if kind == "stream" else (kind,)
    messages = {each: f"broker.events.{each}" for each in kinds}
    return _exchange(EVENTS_EXCHANGE, key, text, _words(key), messages)


def _words(key: str) -> dict[str, str]:
    texts = {
        "name": "The worker's, without dots.",
        "vendor": "kis, kiwoom or koscom.",
        "account": "Its alias.",
        "state": "What happened.",
    }
    return {word: text for word, text in texts.items() if f"{{{word}}}" in key}


def _exchange(
    name: str, key: str, description: str, words: dict[str, str], messages: dict[str, str]
) -> dict[str, Any]:
    return {
        "address": key,
        "description": description,
        "parameters": {word: {"description": text} for word, text in words.items()},
        "messages": {short: _message(full) for short, full in messages.items()},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": name, "type": "topic", "durable": True, "autoDelete": False},
                "bindingVersion": _BINDING,
            }
        },
    }


def _operations(rows: list[MethodDescription]) -> dict[str, Any]:
    operations: dict[str, Any] = {row.name: _operation(row) for row in rows}
    operations["publish-realtime"] = {"action": "send", "channel": {"$ref": "#/channels/realtime"}}
    for kind in BROKER_EVENTS:
        operations[f"publish-{kind}-events"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/events.{kind}"},
        }
    return operations


def _operation(row: MethodDescription) -> dict[str, Any]:
    # Both queues take an order; the client sends it to that of the orders.
    channel = "orders" if row.kind == "order" else "tasks"
    replies = [_reply_name(row), "failed"]
    if is_subscription(row.name):
        replies += ["event", "status"]
    elif row.kind == "read":
        replies.append("status")
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": row.summary,
        "tags": [{"name": row.vendor}, {"name": row.kind}],
        "messages": [{"$ref": f"#/channels/{channel}/messages/{row.name}"}],
        "reply": {
            "address": {"location": "$message.header#/reply_to", "description": "An AMQP property."},
            "channel": {"$ref": "#/channels/replies"},
            "messages": [{"$ref": f"#/channels/replies/messages/{name}"} for name in replies],
        },
    }
