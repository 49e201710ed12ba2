"""The messages of KOSCOM's WebSocket: JSON-RPC 2.0, and bare arrays of trades.

What is sent is exactly as documented. What comes is taken in any of the forms that the documents have.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import orjson

from broker_server.core.stream_requests import Registration
from broker_server.vendors.koscom.fields import canonical
from broker_server.vendors.koscom.presets import items_of, preset_of

PUSH, HEARTBEAT = "push", "heartbeat"
OK = "ok"
_MOST_DOCUMENTS = 100


class Told(NamedTuple):
    """An answer.

    Attributes:
        number: The id of what it answers; ``None`` where it has none.
        failed: It is an error.
        code: Of an error, as text.
        text: Its words.
        data: What is in a result beside its ``message``.
    """

    number: int | None
    failed: bool
    code: str = ""
    text: str = ""
    data: dict[str, Any] | None = None


def documents(frame: bytes) -> list[Any] | None:
    """The JSON documents of a frame, nearly always one; ``None`` if it holds something else."""
    try:
        return [orjson.loads(frame)]
    except orjson.JSONDecodeError:
        # One broken character must not cost the message.
        return _several(frame.decode("utf-8", "replace"))


def told(message: dict[str, Any]) -> Told:
    """Read an answer, in whichever way it is written."""
    number = _number_of(message.get("id"))
    if (error := message.get("error")) is not None:
        if not isinstance(error, dict):
            return Told(number, True, "", _text(error))
        text = error.get("message", error.get("mesage"))  # the documents have both
        return Told(number, True, _text(error.get("code")), _text(text))
    result = message.get("result")
    if not isinstance(result, dict):
        return Told(number, False, "", _text(result))
    data = {name: value for name, value in result.items() if name != "message"}
    return Told(number, False, "", _text(result.get("message")), data or None)


def is_answer(message: dict[str, Any]) -> bool:
    """Whether it is a result or an error."""
    return message.get("error") is not None or "result" in message


def is_record(message: dict[str, Any]) -> bool:
    """Whether it holds data without an envelope."""
    return any(canonical(name) is not None for name in message)


def init_text(number: int, key: str, member: str) -> str:
    """The first message."""
    return _request(number, "init", {"key": key, "membername": member})


def subscribe_text(number: int, registration: Registration) -> str:
    """Start one."""
    params: dict[str, Any] = _of(registration)
    if items := items_of(registration):
        params["items"] = list(items)
    return _request(number, "subscribe", params)


def unsubscribe_text(number: int, registration: Registration) -> str:
    """End one. It is always named: without, KOSCOM ends whatever was registered under the id."""
    return _request(number, "unsubscribe", _of(registration))


def heartbeat_text(number: int) -> str:
    """A sign of life."""
    return _request(number, HEARTBEAT, None)


def echo_text(number: Any) -> str:
    """The answer to KOSCOM's own sign of life.

    Args:
        number: Its id, as it came.
    """
    return orjson.dumps({"jsonrpc": "2.0", "id": number, "result": {"message": OK}}).decode()


def _of(registration: Registration) -> dict[str, Any]:
    return {"preset": preset_of(registration), "isuSrtCd": registration.symbol}


def _request(number: int, method: str, params: dict[str, Any] | None) -> str:
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": number, "method": method}
    if params is not None:
        message["params"] = params
    return orjson.dumps(message).decode()


def _several(text: str) -> list[Any] | None:
    """Documents one after another."""
    found: list[Any] = []
    decoder, at = json.JSONDecoder(), 0
    text = text.strip().removeprefix("\ufeff")
    while at < len(text) and len(found) < _MOST_DOCUMENTS:
        try:
            document, at = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            return None
        found.append(document)
        while at < len(text) and text[at].isspace():
            at += 1
    return found if at == len(text) and found else None


def _number_of(value: Any) -> int | None:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    text = str(value).strip().removesuffix(".0")
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 20 else None


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else "" if value is None else json.dumps(value)
