"""The JSON of the simulated Kiwoom WebSocket: requests, answers, SYSTEM, PING, REAL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from broker_server.simulator.kiwoom.tables import realtime_message, system_message

PING = orjson.dumps({"trnm": "PING"})
GROUP_LENGTH = 4


class StreamRefusal(Exception):
    """A request that is answered with an error.

    Attributes:
        code: Six digits.
        ends: The connection is closed after the answer.
    """

    def __init__(self, code: str, text: str | None = None, *, ends: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.text = realtime_message(code) if text is None else text
        self.ends = ends


@dataclass(frozen=True, slots=True)
class Registering:
    """A well-formed REG or REMOVE.

    Attributes:
        pairs: Every type with every item of its entry.
        longest: Items in the longest list.
        keeps: Earlier registrations of the group stay.
    """

    group: str
    pairs: tuple[tuple[str, str], ...]
    longest: int
    keeps: bool


def parse_registering(document: Mapping[str, Any]) -> Registering:
    """Read a REG or REMOVE.

    Raises:
        StreamRefusal: Something is missing or malformed.
    """
    group, refresh, data = document.get("grp_no"), document.get("refresh", "1"), document.get("data")
    if not isinstance(group, str) or not 0 < len(group) <= GROUP_LENGTH:
        raise StreamRefusal("100002", "필수 입력값이 누락되었습니다 [grp_no]")
    if refresh not in ("0", "1"):
        raise StreamRefusal("100002", "필수 입력값이 누락되었습니다 [refresh]")
    if not isinstance(data, list) or not data:
        raise StreamRefusal("100002", "필수 입력값이 누락되었습니다 [data]")
    pairs: dict[tuple[str, str], None] = {}
    longest = 0
    for entry in data:
        items, types = _texts(entry, "item"), _texts(entry, "type")
        longest = max(longest, len(items))
        pairs.update(((type_, item), None) for item in items for type_ in types)
    return Registering(group, tuple(pairs), longest, refresh == "1")


def _texts(entry: Any, key: str) -> list[str]:
    found = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(found, list) or not found or not all(isinstance(text, str) for text in found):
        raise StreamRefusal("100002", f"필수 입력값이 누락되었습니다 [{key}]")
    return found


def answer(trnm: str, **more: Any) -> bytes:
    """A success."""
    return orjson.dumps({"trnm": trnm, "return_code": 0, "return_msg": "", **more})


def refusal(trnm: str, error: StreamRefusal) -> bytes:
    """An error; the code is a number here, and no class."""
    return orjson.dumps({"trnm": trnm, "return_code": int(error.code), "return_msg": error.text})


def system(code: str) -> bytes:
    """What a server says of itself before it closes."""
    return orjson.dumps({"trnm": "SYSTEM", "code": code, "message": system_message(code)})


def entry(type_: str, name: str, item: str, values: Mapping[str, str]) -> bytes:
    """One entry of a REAL message."""
    return orjson.dumps({"values": values, "type": type_, "name": name, "item": item})


def real(entries: Sequence[bytes]) -> bytes:
    """A REAL message."""
    return b'{"trnm":"REAL","data":[' + b",".join(entries) + b"]}"
