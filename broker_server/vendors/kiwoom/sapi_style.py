"""The original server's way to read and write messages, to the letter: ``SAPI_COMPAT``.

It is for the bare method names. A message whose method has a vendor's name before it is of our contract; one
that cannot be read at all is answered as the original answered it. Texts are the original's own, its typing
errors included, as clients may compare them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from broker_client.errors import (
    InvalidParameters,
    MalformedMessage,
    NotSubscribed,
    TaskFailed,
    UnknownMethod,
)
from broker_server.core.reply_styles import EventStyle, Styles
from broker_server.vendors.kiwoom.sapi_contract import ContractMethod, contract
from broker_server.vendors.kiwoom.sapi_events import FAMILY, original_event

UNREADABLE = "Error occurred in parsing message"
UNHANDLED = "Unhandled excpetion occurred"
_KEYS = ("task_id", "method", "parameters", "request_time")


class OriginalRefusal(InvalidParameters):
    """A refusal with the original's own text as its message."""


class OriginalStyle:
    """One message; implements `broker_server.core.reply_styles.ReplyStyle`.

    Args:
        document: The body; ``None`` if it is no JSON.
        zone: Of the response times, which are written without one.
    """

    def __init__(self, document: Any, zone: tzinfo) -> None:
        self._document = document if isinstance(document, dict) else {}
        self._zone = zone
        self._name = str(self._document.get("method"))
        self._method = contract().get(self._name)
        self._given: Any = self._document.get("parameters")

    def request(self) -> Mapping[str, Any]:
        """The four keys; the original ignored any other, and never looked at the time."""
        if any(key not in self._document for key in _KEYS):
            raise ValueError("the message lacks one of the original's four keys")
        parameters = self._given if isinstance(self._given, dict) else {}
        names = [] if self._method is None else [each.name for each in self._method.parameters]
        known = {name: parameters[name] for name in names if name in parameters}
        return {"task_id": self._document["task_id"], "method": self._name, "parameters": known}

    def check(self) -> None:
        """Look for missing parameters in the original's order.

        Raises:
            OriginalRefusal: One is missing.
        """
        method = self._method
        if method is None:
            return
        if not isinstance(self._given, dict):
            raise OriginalRefusal(self._wrong_lookup() if method.kind == "LOOKUP" else UNHANDLED)
        own_first = sorted(method.parameters, key=lambda each: each.sent)
        for parameter in own_first:
            if parameter.name in self._given:
                continue
            if method.kind == "LOOKUP":
                raise OriginalRefusal(self._wrong_lookup())
            if method.kind == "REALTIME":
                text = f"Real time parameter '{parameter.name}'({parameter.description}) is missed"
            elif parameter.sent:
                text = f"{parameter.korean}({parameter.name}) is essential"
            else:
                text = f"Task parameter '{parameter.name}'({parameter.description}) is missed"
            raise OriginalRefusal(text)

    def reply(self, task_id: str, rows: Sequence[Any], *, error: Exception | None, now: datetime) -> bytes:
        """Four keys, the result as a text or a list."""
        failed = error is not None and not self._is_an_unknown_name(error)
        result = self._failure(task_id, error) if error is not None else self._result(task_id, rows)
        return encode_original(
            task_id, result, at=now, zone=self._zone, status="TASK_FAILED" if failed else "TASK_SUCCEED"
        )

    def _result(self, task_id: str, rows: Sequence[Any]) -> Any:
        method = self._method
        if method is None or method.kind == "TRANSACTION":
            return list(rows)
        if method.kind == "LOOKUP":
            return rows[0]
        verb = "subscribes" if method.name == "subscribe-realtime" else "unsubscribes"
        return f"{task_id} {verb} {self._stock_code()} successfully"

    def _failure(self, task_id: str, error: Exception) -> Any:
        if isinstance(error, OriginalRefusal):
            return error.message
        if self._is_an_unknown_name(error):
            return ""
        if isinstance(error, MalformedMessage):
            return UNREADABLE
        if isinstance(error, UnknownMethod):
            return f"\"Method '{self._name}' is not exists in method map\""
        if isinstance(error, NotSubscribed):
            return f"{task_id} did not subscribed {self._stock_code()} yet"
        if _is_transaction(self._method) and isinstance(error, TaskFailed) and error.vendor is not None:
            return []  # the control refused the request
        return UNHANDLED

    def _is_an_unknown_name(self, error: Exception) -> bool:
        """Whether another vendor stands in for the name and does not know the code."""
        unknown = isinstance(error, InvalidParameters) and error.vendor is not None
        return self._name == "get-stock-name" and unknown

    def _wrong_lookup(self) -> str:
        return f"Lookup parameter '{self._name}', '{self._given}' is wrong"

    def _stock_code(self) -> Any:
        return self._given.get("stock_code") if isinstance(self._given, dict) else None


def encode_original(task_id: str, result: Any, *, at: datetime, zone: tzinfo, status: str) -> bytes:
    """A message as the original's JSON encoder wrote it.

    Raises:
        TypeError: The result is no JSON value.
    """
    message = {
        "task_id": task_id,
        "result": result,
        "response_time": _naive(at, zone),
        "status": status,
    }
    return json.dumps(message, ensure_ascii=False).encode()


def original_style(zone: tzinfo) -> Callable[[bytes], OriginalStyle | None]:
    """Tells which messages are the original's.

    Args:
        zone: Of its response times.
    """

    def style_of(body: bytes) -> OriginalStyle | None:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        method = document.get("method") if isinstance(document, dict) else None
        if isinstance(method, str) and "." in method:
            return None
        return OriginalStyle(document, zone)

    return style_of


def styles(*, compat: bool, zone: tzinfo) -> Styles:
    """How the bare methods are answered.

    Args:
        compat: As the original did; else as our contract says, with the original's shape of events.
        zone: Of the original's response times.
    """
    if not compat:
        return Styles(events={FAMILY: EventStyle(original_event)})

    def message(task_id: str, event: bytes, at: bytes) -> bytes:
        time = _naive(datetime.fromisoformat(at.decode()), zone)
        head, tail = json.dumps(task_id, ensure_ascii=False).encode(), json.dumps(time).encode()
        return b'{"task_id": %b, "result": %b, "response_time": %b, "status": "TASK_SUCCEED"}' % (
            head,
            event,
            tail,
        )

    return Styles(original_style(zone), {FAMILY: EventStyle(original_event, message)})


def _naive(moment: datetime, zone: tzinfo) -> str:
    return str(moment.astimezone(zone).replace(tzinfo=None))


def _is_transaction(method: ContractMethod | None) -> bool:
    return method is not None and method.kind == "TRANSACTION"
