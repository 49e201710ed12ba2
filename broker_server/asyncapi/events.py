"""The schemas of what streams carry and of ``broker.events``."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

from pydantic import TypeAdapter

from broker_client.protocol import StreamState
from broker_server.asyncapi.schemas import Schemas, reference
from broker_server.core.docstrings import attribute_texts, summary
from broker_server.core.market_data import Execution, Index, MarketStatus, OrderBook, Trade

_MARKS = {
    "snapshot": {"const": True, "description": "It did not just happen: the state by REST, to begin with."},
    "mode": {"const": "polling", "description": "REST stands in for the live connection."},
    "recovered": {"const": True, "description": "Found out later, by a look at the brokerage's list."},
    "conflated": {
        "type": "integer",
        "minimum": 1,
        "description": "How many older events it stands for besides itself.",
    },
    "fields": {
        "type": "object",
        "description": "With `raw: true`: the vendor's own fields.",
    },
    "extra": {"type": "array", "description": "With `raw: true`: values that the vendor appended."},
}
"""Keys that an event has only where they say something."""

_LEVEL = {
    "type": "object",
    "description": "One price of an order book.",
    "properties": {
        "price": {"anyOf": [{"type": "integer"}, {"type": "string"}], "description": "Per share."},
        "quantity": {"type": "integer", "description": "Shares that wait there."},
    },
    "required": ["price", "quantity"],
}

_VENDOR_EVENT = {
    "type": "object",
    "description": "A record in the vendor's own form, as `kis.subscribe` and `kiwoom.subscribe` give it.",
    "properties": {
        "type": {"type": "string", "description": "The vendor's id of the TR or real type."},
        "vendor": {"type": "string", "description": "Whose feed it is."},
        "key": {"type": ["string", "null"], "description": "What it was registered with."},
        "fields": {"type": "object", "description": "By the vendor's names, typed by the field table."},
        "extra": {"type": "array", "description": "Values that the table does not know."},
    },
    "required": ["type", "vendor", "fields"],
}

_STREAM_STATUS = {
    "type": "object",
    "description": "News of the subscription itself, or how far a long read is.",
    "oneOf": [
        {
            "properties": {
                "type": {"const": "status"},
                "state": {"enum": list(get_args(StreamState))},
                "reason": {"type": ["string", "null"]},
            },
            "required": ["type", "state"],
        },
        {
            "properties": {
                "type": {"const": "progress"},
                "done": {"type": "integer", "description": "Pages read."},
                "total": {"type": ["integer", "null"], "description": "Of how many, if that is known."},
            },
            "required": ["type", "done", "total"],
        },
    ],
}

BROKER_EVENTS = {
    "worker": ("worker.{name}.{state}", "A worker consumes (`started`) or was told to stop (`stopping`)."),
    "order": (
        "order.{vendor}.{account}.{state}",
        "An order changed; `task_id` is null for one that was entered elsewhere.",
    ),
    "orders": ("orders.{state}", "Somebody has `halted` or `resumed` the orders of all workers."),
    "host": ("host.{vendor}.{state}", "The program that an adapter lives in changed its state."),
    "connection": (
        "connection.{name}.{state}",
        "A worker lost RabbitMQ or has it again; on events.stream: a live connection fails or is back.",
    ),
    "stream": ("stream.{vendor}.{state}", "Something happened to what is registered at the brokerage."),
    "subscription": ("subscription.{vendor}.{state}", "Something happened to one subscription."),
}
"""``type`` of each event of ``broker.events``, with its routing key and what it says."""


def add_stream_events(schemas: Schemas) -> None:
    """Add ``StreamEvent``, any event of a stream, and ``StreamStatus``."""
    models = (Trade, OrderBook, Execution, Index, MarketStatus)
    for model in models:
        schemas.add(model.__name__, _of_model(model))
    schemas.add("Level", _LEVEL)
    schemas.add("VendorEvent", _VENDOR_EVENT)
    every = [reference(model.__name__) for model in models]
    schemas.add("StreamEvent", {"anyOf": [*every, reference("VendorEvent")]})
    schemas.add("StreamStatus", _STREAM_STATUS)


def add_broker_events(schemas: Schemas) -> dict[str, dict[str, Any]]:
    """Add the events of ``broker.events``.

    Returns:
        Per type a reference to its schema.
    """
    return {kind: schemas.add(f"event.{kind}", _broker_event(kind)) for kind in BROKER_EVENTS}


def _broker_event(kind: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": BROKER_EVENTS[kind][1],
        "properties": {
            "kind": {"const": "event"},
            "type": {"const": kind},
            "environment": {"enum": ["simulated", "paper", "real"]},
            "worker": {"type": "string"},
            "time": {"type": "string", "format": "date-time", "description": "UTC."},
            "state": {"type": "string"},
        },
        "required": ["kind", "type", "environment", "worker", "time", "state"],
    }


def _of_model(model: type[Trade | OrderBook | Execution | Index | MarketStatus]) -> dict[str, Any]:
    """The event that `broker_server.core.market_data.event_of` makes of it: every public field, always."""
    texts = attribute_texts(model.__doc__)
    made = TypeAdapter(model).json_schema(mode="serialization")["properties"]
    public = [field.name for field in fields(model) if not field.metadata.get("private")]
    properties: dict[str, Any] = {"type": {"const": model.type}}
    for name in public:
        shown = {key: value for key, value in made[name].items() if key not in ("title", "default")}
        if name in ("asks", "bids"):
            shown = {"type": "array", "items": reference("Level")}
        text = texts.get(name)
        properties[name] = shown | ({"description": text} if text else {})
    return {
        "type": "object",
        "description": summary(model.__doc__),
        "properties": properties | _MARKS,
        "required": ["type", *public],
    }
