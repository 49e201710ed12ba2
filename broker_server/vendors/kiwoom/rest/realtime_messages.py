"""The messages of Kiwoom's live connection: JSON objects told apart by ``trnm``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from broker_server.vendors.kiwoom.rest.answers import value_text
from broker_server.vendors.kiwoom.rest.errors import code_of
from broker_server.vendors.live_plan import Request

_GROUP = "1"


class Told(NamedTuple):
    """What an answer says.

    Attributes:
        succeeded: ``return_code`` is 0.
        code: The most telling one of a failure.
        text: ``return_msg``.
    """

    succeeded: bool
    code: str
    text: str


def parse(frame: bytes) -> dict[str, Any] | None:
    """A message; ``None`` if it is none."""
    try:
        message = orjson.loads(frame)
    except orjson.JSONDecodeError:
        try:
            # One broken character must not cost the message.
            message = orjson.loads(frame.decode("utf-8", "replace"))
        except orjson.JSONDecodeError:
            return None
    return message if isinstance(message, dict) and isinstance(message.get("trnm"), str) else None


def told(message: dict[str, Any]) -> Told:
    """Read an answer."""
    number, text = value_text(message.get("return_code")).strip(), value_text(message.get("return_msg"))
    succeeded = number.isdecimal() and int(number) == 0
    return Told(succeeded, "" if succeeded else code_of(number, text), text)


def login_text(token: str) -> str:
    """The first message."""
    return orjson.dumps({"trnm": "LOGIN", "token": token}).decode()


def request_text(requests: Sequence[Request]) -> str:
    """Several registrations, or several ends of some, as one message.

    Every item of an entry is combined with every type of it, so there is an entry for each type.
    """
    entries: dict[str, list[str]] = {}
    for request in requests:
        entries.setdefault(request.registration.code, []).append(request.registration.symbol)
    message: dict[str, Any] = {"trnm": kind_of(requests), "grp_no": _GROUP}
    if requests[0].register:
        message["refresh"] = "1"  # keep what is registered
    message["data"] = [{"item": items, "type": [code]} for code, items in entries.items()]
    return orjson.dumps(message).decode()


def kind_of(requests: Sequence[Request]) -> str:
    """The ``trnm`` of a message, and of its answer."""
    return "REG" if requests[0].register else "REMOVE"
