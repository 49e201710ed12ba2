"""From KIS text to typed values. Every value of KIS is text: padded, zero-filled, signed or empty."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from broker_server.vendors.http import HttpResponse
from broker_server.vendors.kis.errors import unreadable
from broker_server.vendors.values import KST as KST
from broker_server.vendors.values import decimal_text as decimal_text
from broker_server.vendors.values import moment as moment
from broker_server.vendors.values import with_sign as with_sign

Row = Mapping[str, Any]
"""One object of an output, its keys in lower case."""

_ABSENT = {"", "(null)", "nan", "-nan"}
_MOST_DIGITS = 30
_DIGITS_OF_AN_ORDER = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of KIS, of either shape.

    Attributes:
        succeeded: ``rt_cd`` is ``0``, or the answer to a token request has no ``error_code``.
        code: ``msg_cd`` or ``error_code``; empty when there is none.
        text: ``msg1`` or ``error_description``, untouched.
        body: The whole document, keys in lower case at the top level.
        status: The HTTP status.
        headers: The response headers.
    """

    succeeded: bool
    code: str
    text: str
    body: Row
    status: int
    headers: Mapping[str, str]

    def rows(self, name: str) -> list[Row]:
        """The rows of an output: an array, an object, or for nothing ``[]``, ``{}``, ``""`` or none.

        Raises:
            UnreadableAnswer: It is something else.
        """
        output = self.body.get(name)
        if not output or (isinstance(output, str) and not output.strip()):
            return []
        if isinstance(output, dict):
            output = [output]
        if not isinstance(output, list) or not all(isinstance(row, dict) for row in output):
            raise unreadable(f"{name} is neither an object nor an array of objects")
        return [lower_keys(row) for row in output if row]

    def row(self, name: str) -> Row:
        """The first row of an output, or an empty one."""
        return next(iter(self.rows(name)), {})

    def required_row(self, name: str) -> Row:
        """The first row of an output that the operation always has.

        Raises:
            UnreadableAnswer: It is not there or empty. An unknown instrument has an output of zeros and
                blanks, so a missing one says nothing about the question.
        """
        row = self.row(name)
        if not row:
            raise unreadable(f"{name} is missing")
        return row

    @property
    def is_refusal(self) -> bool:
        """Whether it says no in the API's own shape: a result code that is there and is not ``0``."""
        return str(self.body.get("rt_cd") or "0").strip() not in ("", "0")

    @property
    def has_more(self) -> bool:
        """Whether the response header ``tr_cont`` announces another page."""
        return self.headers.get("tr_cont", "").strip() in ("F", "M")


def read_answer(response: HttpResponse, *, is_token: bool = False) -> Answer:
    """Decode a response of either shape, whatever its HTTP status.

    Args:
        response: What came back.
        is_token: It answers the request for a token, the only one whose success has no ``rt_cd``.

    Raises:
        UnreadableAnswer: The body is not a JSON object, or says neither success nor failure.
    """
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):  # a number of five thousand digits is a plain ValueError
        raise unreadable(f"HTTP {response.status} without JSON") from None
    if not isinstance(document, dict):
        raise unreadable(f"HTTP {response.status} without a JSON object")
    body = lower_keys(document)
    if "rt_cd" in body:
        succeeded = body["rt_cd"] == "0"
        code, text = body.get("msg_cd"), body.get("msg1")
    elif "error_code" in body:
        succeeded = False
        code, text = body.get("error_code"), body.get("error_description")
    elif is_token and response.status == 200:
        succeeded, code, text = True, "", ""
    else:
        raise unreadable(f"HTTP {response.status} without a result code")
    return Answer(
        succeeded, str(code or "").strip(), str(text or ""), body, response.status, response.headers
    )


def lower_keys(row: Mapping[str, Any]) -> dict[str, Any]:
    """KIS spells a key now in capitals, now not, and once mixes them (``excg_id_dvsn_Cd``)."""
    return {key.lower(): value for key, value in row.items()}


def text_of(row: Row, *names: str) -> str:
    """The first of these fields that is there and not empty, without its padding; else ``""``."""
    for name in names:
        value = str(row.get(name) or "").strip()
        if value.lower() not in _ABSENT:
            return value
    return ""


def order_number(text: str) -> str:
    """An order number as KIS writes it in answers: ten digits. Lists and people may leave out the zeros."""
    text = text.strip()
    return text.zfill(_DIGITS_OF_AN_ORDER) if text.isdecimal() else text


def order_number_of(row: Row, *names: str) -> str:
    """An order number, or ``""`` when the fields are empty or all zeros."""
    text = text_of(row, *names)
    return order_number(text) if text.strip("0") else ""


def decimal_of(row: Row, *names: str) -> Decimal | None:
    """A number exactly as sent, or ``None`` when the fields are empty.

    Raises:
        UnreadableAnswer: The field holds something that is not a number.
    """
    text = text_of(row, *names)
    if not text:
        return None
    try:
        number = Decimal(text.replace(",", ""))
    except InvalidOperation:
        number = Decimal("NaN")
    # A wild exponent would be expanded to as many digits.
    if not number.is_finite() or (number and abs(number.adjusted()) > _MOST_DIGITS):
        raise unreadable(f"{names[0]} is not a number")
    return number


def integer_of(row: Row, *names: str) -> int | None:
    """A whole number, or ``None`` when the fields are empty.

    Raises:
        UnreadableAnswer: The field holds something else: money is never rounded on the way.
    """
    number = decimal_of(row, *names)
    if number is None:
        return None
    if number != number.to_integral_value():
        raise unreadable(f"{names[0]} is not a whole number")
    return int(number)


def required_integer(row: Row, *names: str) -> int:
    """Like `integer_of`, but an empty field is an unreadable answer."""
    number = integer_of(row, *names)
    if number is None:
        raise unreadable(f"{names[0]} is missing")
    return number


def exact_of(row: Row, *names: str) -> str | None:
    """A decimal as exact text, or ``None`` when the fields are empty."""
    return decimal_text(decimal_of(row, *names))


def required_exact(row: Row, *names: str) -> str:
    """Like `exact_of`, but an empty field is an unreadable answer."""
    number = exact_of(row, *names)
    if number is None:
        raise unreadable(f"{names[0]} is missing")
    return number


def percent_of(row: Row, *names: str) -> float | None:
    """A ratio in percent, or ``None`` when the fields are empty."""
    number = decimal_of(row, *names)
    return None if number is None else float(number) + 0.0  # never -0.0


def date_of(row: Row, *names: str) -> date | None:
    """A date written ``YYYYMMDD``, or ``None`` when it is empty or all zeros."""
    text = text_of(row, *names)
    if not text.strip("0"):
        return None
    try:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        raise unreadable(f"{names[0]} is not a date") from None


def time_of(row: Row, *names: str) -> time | None:
    """A time of day written ``HHMMSS``, or ``None`` when it is empty."""
    text = text_of(row, *names)
    if not text:
        return None
    try:
        return datetime.strptime(text.zfill(6), "%H%M%S").time()  # noqa: DTZ007 - joined with its zone later
    except ValueError:
        raise unreadable(f"{names[0]} is not a time") from None


def korean_time(text: str) -> datetime:
    """A moment written ``YYYY-MM-DD HH:MM:SS`` by KIS: always Korean time, although nothing says so.

    Raises:
        ValueError: It is written otherwise.
    """
    return datetime.strptime(text.strip(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=KST)
