"""The JSON of the simulated KIS WebSocket: requests, acknowledgements, errors, PINGPONG."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from broker_server.simulator.clock import KST
from broker_server.simulator.kis.realtime.cipher import CipherPair
from broker_server.simulator.kis.realtime.tables import facts, message

REGISTER, UNREGISTER = "1", "2"
PING_TR = "PINGPONG"


class StreamRefusal(Exception):
    """A request that is answered with an error.

    Attributes:
        code: ``OPSP…``.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """A well-formed request to register or unregister."""

    approval_key: str
    tr_type: str
    tr_id: str
    tr_key: str


def parse_request(document: Any) -> StreamRequest:
    """Read a request.

    Raises:
        StreamRefusal: What of it is missing or wrong.
    """
    if not isinstance(document, dict):
        raise StreamRefusal("OPSP9999")
    header = _part(document, "header", "OPSP9998")
    approval = header.get("approval_key")
    if not isinstance(approval, str) or not approval:
        raise StreamRefusal("OPSP9996")
    if "custtype" not in header:
        raise StreamRefusal("OPSP9997")
    if header["custtype"] not in ("P", "B"):
        raise StreamRefusal("OPSP8998")
    tr_type = header.get("tr_type")
    if tr_type not in (REGISTER, UNREGISTER):
        raise StreamRefusal("OPSP8997")
    given = _part(_part(document, "body", "OPSP9992"), "input", "OPSP9991")
    tr_id = given.get("tr_id")
    if not isinstance(tr_id, str) or not tr_id:
        raise StreamRefusal("OPSP8991")
    if "tr_key" not in given:
        raise StreamRefusal("OPSP9990")
    if not isinstance(given["tr_key"], str):
        raise StreamRefusal("OPSP8993")
    return StreamRequest(approval, tr_type, tr_id, given["tr_key"])


def named(document: Any) -> tuple[str, str]:
    """The TR and key that a request names, as far as they can be read; for the header of an error."""
    given: Any = document
    for name in ("body", "input"):
        given = given.get(name) if isinstance(given, dict) else None
    if not isinstance(given, dict):
        return "(null)", ""
    tr_id, tr_key = given.get("tr_id"), given.get("tr_key")
    return (tr_id if isinstance(tr_id, str) else "(null)", tr_key if isinstance(tr_key, str) else "")


def acknowledgement(code: str, tr_id: str, tr_key: str, pair: CipherPair) -> bytes:
    """A success; ``encrypt`` is N even for notices, and every TR gets a key."""
    result, text = message(code)
    return orjson.dumps(
        {
            "header": {"tr_id": tr_id, "tr_key": tr_key, "encrypt": "N"},
            "body": {
                "rt_cd": result,
                "msg_cd": code,
                "msg1": text,
                "output": {"iv": pair.iv, "key": pair.key},
            },
        }
    )


def refusal(code: str, tr_id: str, tr_key: str, *, approval_key: str = "") -> bytes:
    """An error, in the shape that its code comes in.

    Args:
        code: ``OPSP…``.
        tr_id: Of the request.
        tr_key: Of the request.
        approval_key: Repeated in the text where the key is unknown.
    """
    result, text = message(code)
    body = {"rt_cd": result, "msg_cd": code, "msg1": text}
    if code == "OPSP0011":
        body["msg1"] = f"{text} [{approval_key}]"
        return orjson.dumps({"body": body})
    if code == "OPSP0017":
        return orjson.dumps({"header": {"tr_id": "(null)"}, "body": body})
    if code in facts()["nameless"]:
        tr_id, tr_key = "(null)", ""
    return orjson.dumps({"header": {"tr_id": tr_id, "tr_key": tr_key, "encrypt": "N"}, "body": body})


def ping(at: datetime) -> bytes:
    """The frame that a client sends back as it is."""
    moment = at.astimezone(KST).strftime("%Y%m%d%H%M%S")
    return orjson.dumps({"header": {"tr_id": PING_TR, "datetime": moment}})


def is_pong(document: Any) -> bool:
    """Whether a text of the client is a PINGPONG sent back."""
    header = document.get("header") if isinstance(document, dict) else None
    return isinstance(header, dict) and header.get("tr_id") == PING_TR


def _part(document: dict[str, Any], name: str, missing: str) -> dict[str, Any]:
    found = document.get(name)
    if not isinstance(found, dict):
        raise StreamRefusal(missing)
    return found
