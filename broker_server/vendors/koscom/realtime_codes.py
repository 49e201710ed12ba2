"""What KOSCOM's WebSocket says no with, what is done about it, and the error that a client gets.

Only code 47 is known from there; the codes of the market data are understood as well. One that is not known
counts as a passing fault: it is tried again a few times, and then given up.
"""

from __future__ import annotations

from enum import Enum, auto

from broker_client.errors import SubscriptionLimit, TaskFailed, VendorRejected, VendorUnavailable
from broker_server.vendors.koscom.errors import VENDOR, Meaning, error_for, meaning_of
from broker_server.vendors.live_endings import End
from broker_server.vendors.live_plan import Refusal

MALFORMED = "47"
"""Not a well-formed JSON-RPC message."""
_MALFORMED = frozenset({MALFORMED, "-32700", "-32600", "-32601", "-32602"})
"""That, and JSON-RPC's own of the same kind."""
_LATER = "13004"
_NOT_THERE = frozenset({"20052", "20057"})


class Treatment(Enum):
    """What is done about an answer."""

    DONE = auto()
    """It is no failure."""
    RETRY = auto()
    """A passing fault: ask again later, a few times."""
    LIMIT = auto()
    """The session holds no more."""
    REFUSED = auto()
    """No use asking again."""
    KEY = auto()
    """The key is not good, or not for this."""
    RECONNECT = auto()
    """Come back later."""
    NOT_THERE = auto()
    """It is not registered."""


_OF_MEANINGS = {
    Meaning.FINISHED: Treatment.DONE,
    Meaning.TOO_MANY: Treatment.LIMIT,
    Meaning.CREDENTIALS: Treatment.KEY,
    Meaning.NO_SUCH_ISSUE: Treatment.REFUSED,
    Meaning.WRONG_INPUT: Treatment.REFUSED,
}


def treatment_of(code: str) -> Treatment:
    """What is done about an error with this code.

    Args:
        code: As text, or empty.
    """
    if code in _MALFORMED:
        return Treatment.REFUSED
    if code == _LATER:
        return Treatment.RECONNECT
    if code in _NOT_THERE:
        return Treatment.NOT_THERE
    return _OF_MEANINGS.get(meaning_of(code), Treatment.RETRY)


def refusal_of(treatment: Treatment) -> Refusal:
    """What it means for a registration that was asked for."""
    if treatment is Treatment.LIMIT:
        return Refusal.LIMIT
    final = (Treatment.REFUSED, Treatment.KEY, Treatment.NOT_THERE)
    return Refusal.FOR_GOOD if treatment in final else Refusal.PASSING


def end_of(treatment: Treatment) -> End:
    """How an answer that ends the connection ends it."""
    return End.KEY_REFUSED if treatment is Treatment.KEY else End.LOST


def refusal_error(code: str, text: str) -> TaskFailed:
    """The error that a client gets.

    Args:
        code: KOSCOM's own, or empty.
        text: Its words, without a secret.
    """
    if code in _MALFORMED:
        return _error(VendorRejected, "KOSCOM cannot read the request", code, text)
    treatment = treatment_of(code)
    if treatment is Treatment.LIMIT:
        explanation = (
            "KOSCOM holds no more on this session; end a subscription, raise KOSCOM_SESSIONS, or lower "
            "KOSCOM_WS_MAX_SUBSCRIPTIONS (the sandbox has 20)"
        )
        return _error(SubscriptionLimit, explanation, code, text)
    if treatment in (Treatment.RETRY, Treatment.RECONNECT):
        return _error(VendorUnavailable, "KOSCOM refuses it for now; the worker tries again", code, text)
    return error_for(code, text)


def unclear_error(code: str, text: str) -> TaskFailed:
    """The error of a request that may or may not be the one that KOSCOM could not read."""
    explanation = (
        "KOSCOM sent an error that does not say what it is about, and left this unanswered; the worker "
        "tries again"
    )
    return _error(VendorUnavailable, explanation, code, text)


def _error(kind: type[TaskFailed], explanation: str, code: str, text: str) -> TaskFailed:
    shown = " ".join(f"{code} {text}".split()) or "without a code or a text"
    return kind(
        f"{explanation}: {shown}", vendor=VENDOR, vendor_code=code or None, vendor_message=text or None
    )
