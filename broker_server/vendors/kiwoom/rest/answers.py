"""One answer of Kiwoom's REST API, read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from broker_server.vendors.http import HttpResponse
from broker_server.vendors.kiwoom.rest.errors import code_of, unreadable

_TOO_MANY_REQUESTS, _UNAUTHORISED = 429, 401


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        succeeded: ``return_code`` is 0, as a number or a text; or it is not there, but data are.
        code: The most telling code of a failure; empty where there is none.
        text: ``return_msg``, untouched.
        body: The whole document.
        status: The HTTP status.
        more: The key of the next page, ``None`` after the last one.
        cut_short: There is a next page, and no key to ask for it.
    """

    succeeded: bool
    code: str
    text: str
    body: Mapping[str, Any] = field(repr=False)
    status: int
    more: str | None
    cut_short: bool = False

    def text_of(self, key: str) -> str:
        """A value, untouched; empty where there is none."""
        return value_text(self.body.get(key))

    def rows(self, key: str) -> list[Mapping[str, Any]]:
        """The rows under a key; none where it is empty or missing.

        Raises:
            UnreadableAnswer: Something else is there.
        """
        rows = self.body.get(key) or []
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise unreadable(f"{key} is no list of rows")
        return rows


def read_answer(response: HttpResponse) -> Answer:
    """Read a response, whatever its HTTP status.

    Raises:
        UnreadableAnswer: The body is not a JSON object, or says neither success nor failure.
    """
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        if response.status == _TOO_MANY_REQUESTS:
            return Answer(False, "1700", "", {}, response.status, None)
        what = "Request Blocked" if b"Request Blocked" in response.body else "no JSON object"
        raise unreadable(f"HTTP {response.status} with {what}")
    text = value_text(document.get("return_msg"))
    number = _number(document.get("return_code"))
    if number is None:
        has_data = any(key not in ("return_code", "return_msg") for key in document)
        if not has_data or response.status != 200:
            if response.status == _TOO_MANY_REQUESTS:
                return Answer(False, "1700", text, document, response.status, None)
            raise unreadable(f"HTTP {response.status} without a return_code")
        number = 0
    succeeded = number == 0 and response.status < 400
    code = "" if succeeded else code_of(str(number), text)
    if not succeeded and response.status == _TOO_MANY_REQUESTS and code == str(number):
        code = "1700"
    goes_on, key = _next_page(response)
    return Answer(succeeded, code, text, document, response.status, key, goes_on and key is None)


def is_unauthorised(response: HttpResponse) -> bool:
    """Whether the server does not know the token, whatever else it says."""
    return response.status == _UNAUTHORISED


def value_text(value: Any) -> str:
    """A value of an answer as text, untouched: what is no text is written as JSON has it."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False)


def _number(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if text.isascii() and text.removeprefix("-").isdecimal() and len(text) < 10 else None


def _next_page(response: HttpResponse) -> tuple[bool, str | None]:
    """Whether there is one, and its key."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    if headers.get("cont-yn", "").strip().upper() != "Y":
        return False, None
    key = headers.get("next-key", "")
    return True, key if key.strip() else None
