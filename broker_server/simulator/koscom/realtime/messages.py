"""The JSON-RPC of the simulated WebSocket: requests, answers, errors, pushes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from broker_server.simulator.koscom.realtime.settings import KoscomStreamSettings
from broker_server.simulator.koscom.tables import error_text

MALFORMED = 47
NO_SUCH_PRESET, NO_SUCH_ISSUE, NO_SUCH_ITEM = 10000, 10040, 10050
WRONG_KEY, RECONNECT_LATER = 10070, 13004
OVER_LIMIT, NOT_SUBSCRIBED, NO_ISSUE_CODE = 20056, 20057, 20060
"""Only 47 is known to come over the WebSocket; that the others do, and which for what, is our choice."""

_METHODS = frozenset({"init", "subscribe", "unsubscribe", "heartbeat", "query"})


class StreamRefusal(Exception):
    """A request that is answered with an error.

    Attributes:
        code: 47, or one of the market data codes.
        ends: The session ends with it.
    """

    def __init__(self, code: int, *, ends: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.ends = ends


@dataclass(frozen=True, slots=True)
class Request:
    """A message of a client; without ``jsonrpc`` and ``id`` it is taken too."""

    method: str
    params: Mapping[str, Any]
    id: Any = None

    def text(self, name: str) -> str | None:
        """A parameter that is text; None where it is absent.

        Raises:
            StreamRefusal: It is something else.
        """
        value = self.params.get(name)
        if value is not None and not isinstance(value, str):
            raise StreamRefusal(MALFORMED)
        return value.strip() if value is not None else None


def parse(text: str) -> Request | None:
    """Read a message; None for an answer to a heartbeat of ours.

    Raises:
        StreamRefusal: It is no JSON-RPC.
    """
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise StreamRefusal(MALFORMED) from None
    if not isinstance(document, dict) or document.get("jsonrpc", "2.0") != "2.0":
        raise StreamRefusal(MALFORMED)
    if "method" not in document and ("result" in document or "error" in document):
        return None
    method, params = document.get("method"), document.get("params", {})
    if method not in _METHODS or not isinstance(params, dict):
        raise StreamRefusal(MALFORMED)
    return Request(method, params, document.get("id"))


def id_of(text: str) -> Any:
    """The id of a message, however malformed the rest is; None where none can be read."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return document.get("id") if isinstance(document, dict) else None


def result(id: Any, values: Mapping[str, Any]) -> bytes:
    """A success."""
    return _reply(id, "result", values)


def refusal(id: Any, code: int, settings: KoscomStreamSettings) -> bytes:
    """An error, with the request's id where errors have it."""
    wanted = settings.errors_with_id
    has_id = wanted == "all" or (wanted == "but_47" and code != MALFORMED)
    return _reply(id if has_id else None, "error", {"message": error_text(code), "code": code})


def push(values: Mapping[str, Any], preset: str | None) -> bytes:
    """A push, with its preset unless it goes without."""
    params = values if preset is None else {"preset": preset, **values}
    return orjson.dumps({"jsonrpc": "2.0", "method": "push", "params": params})


def heartbeat(id: int) -> bytes:
    """A heartbeat of the server."""
    return orjson.dumps({"jsonrpc": "2.0", "id": id, "method": "heartbeat"})


def _reply(id: Any, name: str, content: Mapping[str, Any]) -> bytes:
    head = {"jsonrpc": "2.0"} if id is None else {"jsonrpc": "2.0", "id": id}
    return orjson.dumps({**head, name: content})
