"""What a code of Kiwoom's REST API means, and the error that a client gets for it.

On the wire ``return_code`` is a small class number, and the documented code is in ``return_msg``::

    {"return_code": 3, "return_msg": "인증에 실패했습니다[8005:Token이 유효하지 않습니다]"}
    {"return_code": 20, "return_msg": "[2000](RC4058:모의투자 장종료)"}
    {"return_code": 20, "return_msg": "[2000](571489:장이 열리지 않는 날입니다.)"}

Kiwoom's own client expects the documented code as the number itself: both are understood. A code without a
listed meaning is passed on with its text.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from broker_client.errors import (
    AuthenticationFailed,
    InvalidParameters,
    RateLimited,
    TaskFailed,
    Unsupported,
    VendorRejected,
    VendorUnavailable,
)
from broker_server.vendors.verdicts import UnreadableAnswer, unreadable_answer

VENDOR = "kiwoom"

UNKNOWN_MARKET = "1901"
UNKNOWN_INSTRUMENT = frozenset({"1902", "1903"})
THROTTLED_IN_TOTAL = "1701"


class Meaning(Enum):
    """What to do about a code."""

    TOKEN = auto()
    """The token is not good: get another, then repeat once. Nothing was executed."""
    THROTTLE = auto()
    """Too many calls: pause, then repeat. Nothing was executed."""
    GATEWAY = auto()
    """Kiwoom failed. An order may have been taken."""
    CREDENTIALS = auto()
    """The key, secret, address or terminal is wrong."""
    NOT_OFFERED = auto()
    """Paper trading, or this key, does not offer the operation."""
    NO_SUCH_THING = auto()
    """There is no such instrument or market."""
    REFUSED = auto()
    """The request was understood and refused."""
    UNCLEAR = auto()
    """Nobody has told what it says."""


_TOKEN = {"8003", "8005", "8031", "8103"}
_THROTTLE = {"1700", "1701", "1702"}
_GATEWAY = {"1687", "1999"}
_CREDENTIALS = {
    "8001", "8002", "8006", "8009", "8010", "8011", "8012", "8015", "8016", "8020", "8030", "8040", "8050",
}  # fmt: skip
_NOT_OFFERED = {"8104", "8200", "RC9000"}
_NO_SUCH_THING = {UNKNOWN_MARKET, *UNKNOWN_INSTRUMENT}
_REFUSED = {"1501", "1504", "1505", "1511", "1512", "1513", "1514", "1515", "1516", "1517", "1634", "2000"}
_REFUSAL = re.compile(r"RC[0-9]{4}|[0-9]{6}", re.ASCII)
"""Refusals by the ledger: of paper trading, and of real trading."""
_NOTHING_THERE = "내역이 없습니다"
_CLASSES = {
    "1": Meaning.REFUSED,  # no such address or operation
    "2": Meaning.REFUSED,  # wrong input
    "3": Meaning.TOKEN,
    "5": Meaning.THROTTLE,
    "20": Meaning.REFUSED,
}
"""Of the class numbers, for an answer that has no other code."""

_LENGTH = 4
"""Of a documented code."""

_BRACKETED = re.compile(r"\[(?:CODE=)?(?P<code>[0-9]{4})\s*[:,]", re.ASCII)
_LEDGER = re.compile(r"\((?P<code>RC[0-9]{4}|[0-9]{6})\s*:|\b(?P<bare>RC[0-9]{4})\b", re.ASCII)
_PLAIN = re.compile(r"\[(?P<code>[0-9]{4})\]", re.ASCII)
_FLOW = re.compile(r"유량\s*=\s*(?P<calls>[0-9]{1,3})\b", re.ASCII)


def code_of(return_code: str, text: str) -> str:
    """The most telling code of an answer, as Kiwoom writes it.

    Args:
        return_code: The class number, or the documented code.
        text: ``return_msg``.
    """
    for pattern in (_BRACKETED, _LEDGER, _PLAIN):
        if found := pattern.search(text):
            return str(found["code"] or found["bare"])
    return return_code


def meaning_of(code: str) -> Meaning:
    """Classify the code of a failed answer.

    Args:
        code: As `code_of` finds it.
    """
    for codes, meaning in (
        (_TOKEN, Meaning.TOKEN),
        (_THROTTLE, Meaning.THROTTLE),
        (_GATEWAY, Meaning.GATEWAY),
        (_CREDENTIALS, Meaning.CREDENTIALS),
        (_NOT_OFFERED, Meaning.NOT_OFFERED),
        (_NO_SUCH_THING, Meaning.NO_SUCH_THING),
        (_REFUSED, Meaning.REFUSED),
    ):
        if code in codes:
            return meaning
    return Meaning.REFUSED if _REFUSAL.fullmatch(code) else _CLASSES.get(code, Meaning.UNCLEAR)


def is_safe_to_repeat(code: str) -> bool:
    """Whether a refusal with this code proves that an order was not even looked at."""
    return code in _TOKEN or code in _THROTTLE


def settles_an_order(code: str, text: str) -> bool:
    """Whether a refusal proves that an order was not taken.

    Only a code that is known to be a refusal does. Any other leaves the order's outcome unknown, and so does
    the number of a class alone: it does not say why.

    Args:
        code: As `code_of` finds it.
        text: Of the same answer: a number of the ledger counts where it stands in the text alone.
    """
    known = (Meaning.REFUSED, Meaning.NO_SUCH_THING, Meaning.NOT_OFFERED, Meaning.CREDENTIALS)
    return meaning_of(code) in known and len(code) >= _LENGTH and (len(code) == _LENGTH or code in text)


def says_there_is_none(code: str | None, text: str | None) -> bool:
    """Whether a refused list is an empty one.

    An assumption from what public clients report of other lists of Kiwoom's: without an open order the list
    is refused with ``[2000](571758:해당 계좌의 미체결내역이 없습니다.)``.
    """
    return bool(code and _REFUSAL.fullmatch(code) and text and _NOTHING_THERE in text)


def allowed_calls(text: str) -> int | None:
    """The number of calls per second that a refusal for the rate limit names, if it does."""
    found = _FLOW.search(text)
    return int(found["calls"]) or None if found else None


def error_for(code: str, text: str) -> TaskFailed:
    """The error that a client gets for a refused call, with Kiwoom's code and text untouched."""
    error_class, message = _EXPLANATIONS[meaning_of(code)]
    return error_class(
        f"{message}: {shown(code, text)}",
        vendor=VENDOR,
        vendor_code=code or None,
        vendor_message=text or None,
    )


def rejection(code: str, text: str) -> VendorRejected:
    """The error of an order that Kiwoom refused, whatever for."""
    return VendorRejected(
        f"Kiwoom refused the order: {shown(code, text)}",
        vendor=VENDOR,
        vendor_code=code or None,
        vendor_message=text or None,
    )


def shown(code: str, text: str) -> str:
    """A code and its text for a message; the text mostly has the code in it."""
    return " ".join((text if code in text else f"{code} {text}").split()) or "no code and no text"


_EXPLANATIONS: dict[Meaning, tuple[type[TaskFailed], str]] = {
    Meaning.TOKEN: (AuthenticationFailed, "Kiwoom refuses a newly issued token; check KIWOOM_APP_KEY"),
    Meaning.THROTTLE: (RateLimited, "Kiwoom keeps refusing for its rate limit; lower KIWOOM_RATE_LIMIT"),
    Meaning.GATEWAY: (VendorUnavailable, "Kiwoom has an internal fault; try again later"),
    Meaning.CREDENTIALS: (
        AuthenticationFailed,
        (
            "Kiwoom refuses the key; check KIWOOM_APP_KEY, KIWOOM_APP_SECRET, that KIWOOM_ENVIRONMENT is "
            "theirs, and that the address of this machine is registered with the key"
        ),
    ),
    Meaning.NOT_OFFERED: (Unsupported, "Kiwoom does not offer this to this key"),
    Meaning.NO_SUCH_THING: (InvalidParameters, "Kiwoom knows no such instrument or market"),
    Meaning.REFUSED: (VendorRejected, "Kiwoom refused the request"),
    Meaning.UNCLEAR: (VendorRejected, "Kiwoom refused the request"),
}


def unreadable(what: str) -> UnreadableAnswer:
    """The error of an answer that is not what Kiwoom documents.

    Args:
        what: What is wrong with the answer; no value of it, for it may be an account's.
    """
    return unreadable_answer(VENDOR, "Kiwoom", what)
