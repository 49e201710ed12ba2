"""The shapes in which KOSCOM's REST answers, and what they carry.

Data come as ``{"jsonrpc": "2.0", "result": …}`` or, of lists and whole markets, as a bare object. A failure
is ``{"error": "text"}``, a JSON-RPC ``error`` object, the gateway's ``{"message": "text"}``, or the older
``{"category", "code", "message", "description"}``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from broker_server.vendors.http import HttpResponse
from broker_server.vendors.koscom.errors import Meaning, meaning_of, unreadable

_BLANK = (None, "", " -", "-")
"""How KOSCOM writes that there is no value."""


@dataclass(frozen=True, slots=True)
class Failure:
    """KOSCOM's refusal: its code, empty where it gave none, its words, and the HTTP status."""

    code: str
    text: str
    status: int

    @property
    def meaning(self) -> Meaning:
        """What to do about it."""
        return meaning_of(self.code, self.text, self.status)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a table says.

    Attributes:
        body: The record, or what is beside the list; a number that is not whole is its text.
    """

    body: Mapping[str, Any] = field(repr=False)

    def value(self, key: str) -> Any:
        """A value by its key, whose spelling on the wire differs in capitals from page to page."""
        wanted = key.lower()
        return next((value for name, value in self.body.items() if name.lower() == wanted), None)

    def rows(self, key: str) -> Sequence[Any]:
        """The list under a key; none where it is missing or blank.

        Raises:
            UnreadableAnswer: Something else is there.
        """
        rows = self.value(key)
        if is_blank(rows):
            return []
        if not isinstance(rows, list):
            raise unreadable(f"{key} is no list")
        return [row for row in rows if not is_blank(row)]

    def rest(self, key: str) -> dict[str, Any]:
        """What is beside that list."""
        return {name: value for name, value in self.body.items() if name.lower() != key.lower()}

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing: KOSCOM answers so about an issue that it does not know."""
        return all(is_blank(value) for value in self.body.values())


def is_blank(value: Any) -> bool:
    """Whether a value stands for none: null, ``" -"``, or a list or an object of nothing else."""
    if isinstance(value, list):
        return all(is_blank(each) for each in value)
    if isinstance(value, dict):
        return all(is_blank(each) for each in value.values())
    return value in _BLANK


def read_answer(response: HttpResponse) -> Answer | Failure:
    """Read a response, whatever its HTTP status.

    Raises:
        UnreadableAnswer: It is no JSON object, or neither data nor a failure.
    """
    try:
        document = json.loads(response.body, parse_float=str)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        if response.status != 200:
            return Failure("", "", response.status)
        raise unreadable("no JSON object")
    failure = _failure(document, response.status)
    if failure is not None and failure.meaning is not Meaning.FINISHED:
        return failure
    if response.status != 200:
        return failure or Failure("", "", response.status)
    if "result" in document:
        return _of_result(document["result"], response.status)
    return Answer({} if failure is not None else document)


def _of_result(result: Any, status: int) -> Answer | Failure:
    if result is None:
        return Answer({})
    if not isinstance(result, dict):
        raise unreadable("result is no object")
    if set(result) == {"code", "message"}:  # a verdict in the place of the data
        failure = _verdict(result, status)
        return Answer({}) if failure.meaning is Meaning.FINISHED else failure
    return Answer(result)


def _failure(document: Mapping[str, Any], status: int) -> Failure | None:
    error = document.get("error")
    if isinstance(error, dict):
        return _verdict(error, status)
    if isinstance(error, str):
        return Failure("", error, status)
    if "result" not in document and "message" in document and (status != 200 or "code" in document):
        return _verdict(document, status)
    return None


def _verdict(verdict: Mapping[str, Any], status: int) -> Failure:
    code = verdict.get("code")
    text = verdict.get("message", verdict.get("mesage"))
    return Failure("" if is_blank(code) else str(code), "" if is_blank(text) else str(text), status)
