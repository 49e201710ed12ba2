"""What Kiwoom's WebSocket says no with, what is done about it, and the error that a client gets.

The codes of registrations are not documented; these have been seen. One that is not known counts as a
passing fault: it is tried again a few times, and then given up.
"""

from __future__ import annotations

from enum import Enum, auto

from broker_client.errors import (
    AuthenticationFailed,
    SubscriptionLimit,
    TaskFailed,
    VendorRejected,
    VendorUnavailable,
)
from broker_server.vendors.kiwoom.rest.errors import VENDOR, Meaning, meaning_of, shown
from broker_server.vendors.live_endings import End
from broker_server.vendors.live_plan import Refusal

KICKED, NO_HEARTBEAT, NO_LOGIN = "R10001", "R10002", "R10004"
"""Codes of SYSTEM messages, each followed by the end of the connection."""


class Treatment(Enum):
    """What is done about a code of a refused registration."""

    RETRY = auto()
    """A passing fault: ask again later, a few times."""
    TOO_FAST = auto()
    """Ask again more slowly."""
    LIMIT = auto()
    """The connection holds no more."""
    MALFORMED = auto()
    """The request is not as Kiwoom wants it."""
    LOG_IN = auto()
    """The connection is not logged in: connect again."""


_TREATMENTS = {
    "105110": Treatment.TOO_FAST,
    "105115": Treatment.LIMIT,
    "105118": Treatment.LIMIT,
    "100002": Treatment.MALFORMED,
    "105108": Treatment.MALFORMED,
    "100013": Treatment.LOG_IN,
    "805001": Treatment.LOG_IN,
    "805002": Treatment.LOG_IN,
    "805003": Treatment.LOG_IN,
    "805004": Treatment.LOG_IN,
}

_ENDINGS_OF_LOGIN = {Meaning.TOKEN: End.STALE_PASS, Meaning.CREDENTIALS: End.KEY_REFUSED}

_SYSTEM = {
    KICKED: (
        End.IN_USE,
        (
            "another program logged in with the same key, and Kiwoom keeps one live connection per key; end "
            "the other program, the worker tries again by itself"
        ),
    ),
    NO_HEARTBEAT: (End.LOST, "Kiwoom missed the answers to its pings"),
    NO_LOGIN: (End.LOST, "Kiwoom missed the login"),
}


def treatment_of(code: str) -> Treatment:
    """What is done about a refused registration."""
    return _TREATMENTS.get(code, Treatment.RETRY)


def refusal_of(treatment: Treatment) -> Refusal:
    """What it means for the registration that was asked for."""
    if treatment is Treatment.LIMIT:
        return Refusal.LIMIT
    return Refusal.FOR_GOOD if treatment is Treatment.MALFORMED else Refusal.PASSING


def login_ending(code: str) -> End:
    """How a refused login ends the connection.

    Args:
        code: The most telling one of the answer.
    """
    if treatment_of(code) is Treatment.LOG_IN:
        return End.STALE_PASS
    return _ENDINGS_OF_LOGIN.get(meaning_of(code), End.LOST)


def system_ending(code: str) -> tuple[End, str] | None:
    """How a SYSTEM message ends the connection, and why in words; ``None`` for one that does not."""
    return _SYSTEM.get(code)


def refusal_error(treatment: Treatment, code: str, message: str) -> TaskFailed:
    """The error that a client gets.

    Args:
        treatment: Of the code.
        code: Kiwoom's own.
        message: Kiwoom's own text.
    """
    error_class, explanation = _EXPLANATIONS[treatment]
    return error_class(
        f"{explanation}: {shown(code, message)}",
        vendor=VENDOR,
        vendor_code=code or None,
        vendor_message=message or None,
    )


def login_error(ending: End, code: str, message: str) -> TaskFailed:
    """The error of a refused login."""
    error_class: type[TaskFailed] = VendorUnavailable if ending is End.LOST else AuthenticationFailed
    return error_class(
        f"Kiwoom refuses the login of the live connection: {shown(code, message)}",
        vendor=VENDOR,
        vendor_code=code or None,
        vendor_message=message or None,
    )


_EXPLANATIONS: dict[Treatment, tuple[type[TaskFailed], str]] = {
    Treatment.RETRY: (VendorUnavailable, "Kiwoom refuses it for now; the worker tries again a few times"),
    Treatment.TOO_FAST: (VendorUnavailable, "Kiwoom was asked too fast; the worker tries again"),
    Treatment.LIMIT: (
        SubscriptionLimit,
        ("Kiwoom holds no more on this connection; end a subscription, or lower KIWOOM_WS_MAX_REGISTRATIONS"),
    ),
    Treatment.MALFORMED: (VendorRejected, "Kiwoom cannot read the request"),
    Treatment.LOG_IN: (VendorUnavailable, "Kiwoom has forgotten the login; the worker logs in again"),
}
