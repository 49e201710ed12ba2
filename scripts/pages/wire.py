"""The tables of ``docs/wire.md``, from the AsyncAPI document."""

from __future__ import annotations

from typing import Any

from scripts.pages.markdown import code, prose, table
from scripts.pages.models import schema_table

_EVENTS = ("Trade", "OrderBook", "Level", "Execution", "Index", "MarketStatus", "VendorEvent")


def wire_sections(document: dict[str, Any]) -> dict[str, str]:
    """Every made section of the page, by its name."""
    schemas = document["components"]["schemas"]
    return {
        "channels": _channels(document["channels"]),
        "request": schema_table(schemas["TaskRequest"], _link, ("required", "optional")),
        "reply": schema_table(schemas["TaskReply"], _link),
        "error": schema_table(schemas["TaskError"], _link),
        "stream events": "\n".join(_event(name, schemas[name]) for name in _EVENTS),
        "broker events": _broker_events(document["channels"]),
    }


def _channels(channels: dict[str, Any]) -> str:
    rows = []
    for name, channel in channels.items():
        binding = channel.get("bindings", {}).get("amqp", {})
        exchange = binding.get("exchange", {}).get("name")
        if name.startswith("events."):
            continue
        address = channel["address"]
        what = (
            f"exchange {code(exchange)}, key {code(address)}"
            if exchange
            else (f"queue {code(address)}" if address else "your reply queue")
        )
        rows.append((what, prose(channel["description"])))
    return table(("where", "what"), rows)


def _broker_events(channels: dict[str, Any]) -> str:
    rows = [
        (code(channel["address"]), prose(channel["description"]))
        for name, channel in channels.items()
        if name.startswith("events.")
    ]
    return table(("routing key", "what"), rows)


def _event(name: str, schema: dict[str, Any]) -> str:
    return f"### {name}\n\n{prose(schema['description'])}\n\n{schema_table(schema, _link)}"


def _link(name: str) -> str:
    if name in _EVENTS:
        return f"[{name}](#{name.lower()})"
    return {"TaskError": "[error](#the-error)", "ErrorCode": "[code](errors.md)"}.get(name, name)
