"""What a KIS answer's code means, and the error that a client gets for it.

KIS has two error shapes: ``{"rt_cd": "1", "msg_cd": "EGW00201", "msg1": …}`` for the API, often with HTTP
status 500, and ``{"error_code": "EGW00133", "error_description": …}`` for OAuth. Codes from the developer
portal; a code without a listed meaning is passed on with its text and not translated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
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

VENDOR = "kis"


class Meaning(Enum):
    """What to do about a code."""

    TOKEN = auto()
    """The token is not good: get another, then repeat once. Nothing was executed."""
    THROTTLE = auto()
    """Too many calls: pause, then repeat. Nothing was executed."""
    TOKEN_THROTTLE = auto()
    """Too many tokens issued: wait a minute."""
    GATEWAY = auto()
    """The gateway or what is behind it failed. An order may have been taken."""
    CREDENTIALS = auto()
    """The key, secret or permission is wrong."""
    NOT_ON_PAPER = auto()
    """Paper trading does not offer the operation."""
    BUSINESS = auto()
    """The request was understood and refused."""


_TOKEN = {"EGW00121", "EGW00122", "EGW00123"}
_THROTTLE = {"EGW00201", "EGW00215"}
_GATEWAY = {
    "EGW00001", "EGW00002", "EGW00202", "EGW00203", "EGW00204", "EGW00300", "EGW00301", "EGW00302",
    "OPSQ0001", "OPSQ0003", "OPSQ0004", "OPSQ0005", "OPSQ0006", "OPSQ0008", "OPSQ0009", "OPSQ0010",
    "OPSQ0011",
}  # fmt: skip
_CREDENTIALS = {
    "EGW00003", "EGW00004", "EGW00102", "EGW00103", "EGW00104", "EGW00105", "EGW00205", "EGW00206",
    "EGW00207", "EGW00208", "EGW00210", "EGW00303", "EGW00304",
}  # fmt: skip
_UNKNOWN_INSTRUMENT = "APBK0656"
_BUSINESS = re.compile(r"(APBK|APTR|APAC)[0-9]{4}|[0-9]{8}")
"""Refusals by the order ledger; the codes of digits alone are those of paper trading."""
_VALIDATION_BY_QUERY_SERVER = {"OPSQ0002", "OPSQ2000", "OPSQ2001", "OPSQ2002"}


def meaning_of(code: str, text: str) -> Meaning:
    """Classify a failed answer.

    Args:
        code: ``msg_cd`` or ``error_code``.
        text: ``msg1`` or ``error_description``; EGW00213 has two meanings that only the text tells apart.
    """
    if code in _TOKEN:
        return Meaning.TOKEN
    if code in _THROTTLE:
        return Meaning.THROTTLE
    if code == "EGW00133":
        return Meaning.TOKEN_THROTTLE
    if code == "EGW00213" and "모의투자" in text:
        return Meaning.NOT_ON_PAPER
    if code in _CREDENTIALS:
        return Meaning.CREDENTIALS
    if code in _GATEWAY:
        return Meaning.GATEWAY
    return Meaning.BUSINESS


@contextmanager
def unknown_ticker_as_parameter(ticker: str) -> Iterator[None]:
    """Turn the refusal of a read for its unknown instrument into the error of a wrong parameter.

    Raises:
        InvalidParameters: With KIS's own code and text.
    """
    try:
        yield
    except VendorRejected as error:
        if error.vendor_code != _UNKNOWN_INSTRUMENT:
            raise
        raise InvalidParameters(
            f"ticker: KIS does not know {ticker}",
            vendor=VENDOR,
            vendor_code=error.vendor_code,
            vendor_message=error.vendor_message,
        ) from None


def settles_an_order(code: str) -> bool:
    """Whether a refusal with this code proves that an order was not taken.

    Only a code of a known business family does, or one of the query server's own validation. Any other, of
    the gateway or of a family that nobody has told us of, leaves the order's outcome unknown (codes that are
    safe to repeat are dealt with before).
    """
    return code in _VALIDATION_BY_QUERY_SERVER or _BUSINESS.fullmatch(code) is not None


def error_for(code: str, text: str) -> TaskFailed:
    """The error that a client gets for a refused call, with the vendor's code and text untouched."""
    error_class, message = _EXPLANATIONS[meaning_of(code, text)]
    shown = " ".join(f"{code} {text}".split()) or "no code and no text"
    return error_class(
        f"{message}: {shown}", vendor=VENDOR, vendor_code=code or None, vendor_message=text or None
    )


_EXPLANATIONS: dict[Meaning, tuple[type[TaskFailed], str]] = {
    Meaning.TOKEN: (AuthenticationFailed, "KIS refuses a newly issued token; check KIS_APP_KEY"),
    Meaning.THROTTLE: (RateLimited, "KIS keeps refusing for its rate limit; lower KIS_RATE_LIMIT"),
    Meaning.TOKEN_THROTTLE: (RateLimited, "KIS issues one token a minute; try again in a minute"),
    Meaning.GATEWAY: (VendorUnavailable, "KIS has an internal fault; try again later"),
    Meaning.CREDENTIALS: (
        AuthenticationFailed,
        "KIS refuses the key; check KIS_APP_KEY, KIS_APP_SECRET, KIS_ENVIRONMENT, or the account's table",
    ),
    Meaning.NOT_ON_PAPER: (Unsupported, "KIS does not offer this in paper trading"),
    Meaning.BUSINESS: (VendorRejected, "KIS refused the request"),
}


def not_simulated(path: str) -> Unsupported:
    """The error of a path that our simulator does not have: it serves a part of the APIs.

    Args:
        path: From the host on.
    """
    return Unsupported(
        f"the simulator does not serve {path}: it has only a part of KIS's; this one needs a key of KIS",
        vendor=VENDOR,
    )


def unreadable(what: str) -> UnreadableAnswer:
    """The error of an answer that is not what KIS documents.

    Args:
        what: What is wrong with the answer; no value of it, for it may be an account's.
    """
    return unreadable_answer(VENDOR, "KIS", what)
