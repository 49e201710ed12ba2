"""The messages of the WebSocket, as text."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from broker_server.gateway.documents import timestamp
from broker_server.prices.model import Standing


def text_of(message: dict[str, Any]) -> str:
    """As it is sent."""
    return orjson.dumps(message).decode()


def connected(client_id: str) -> str:
    """The first message."""
    return text_of(
        {"type": "connected", "client_id": client_id, "message": "WebSocket connection established"}
    )


def subscribed(topic: str) -> str:
    """A subscription begins."""
    return text_of({"type": "subscribed", "topic": topic, "message": f"Subscribed to {topic}"})


def unsubscribed(topic: str) -> str:
    """A subscription has ended."""
    return text_of({"type": "unsubscribed", "topic": topic, "message": f"Unsubscribed from {topic}"})


def resumed(topic: str, seq: int) -> str:
    """A subscription goes on behind this number."""
    return text_of({"type": "resumed", "topic": topic, "seq": seq, "message": f"Resumed {topic} after {seq}"})


def status(topic: str, standing: Standing, epoch: str) -> str:
    """How a topic is.

    Args:
        epoch: Within which ``seq`` counts; another one after a restart of the gateway.
    """
    return text_of(
        {
            "type": "status",
            "topic": topic,
            "state": standing.state.value,
            "reason": standing.reason,
            "epoch": epoch,
        }
    )


def gap(topic: str, missing: int | None, epoch: str) -> str:
    """What a client missed is not held any more; ``None`` if nobody knows how much that is."""
    return text_of(
        {
            "type": "status",
            "topic": topic,
            "state": "gap",
            "reason": "what came meanwhile is not held any more",
            "missing": missing,
            "epoch": epoch,
        }
    )


def error(code: str, message: str, topic: str | None = None) -> str:
    """Something was wrong with what the client sent, or with a topic."""
    more = {} if topic is None else {"topic": topic}
    return text_of({"type": "error", "code": code, "message": message, **more})


def ping(now: datetime) -> str:
    """Asks for ``{"type": "pong"}``."""
    return text_of({"type": "ping", "timestamp": timestamp(now)})


def pong(now: datetime) -> str:
    """The answer to a client's own ping."""
    return text_of({"type": "pong", "timestamp": timestamp(now)})
