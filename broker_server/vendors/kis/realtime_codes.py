"""What KIS's WebSocket answers to a request, what is done about it, and the error that a client gets.

``data/realtime_codes.json`` has the codes. One that is not in it counts as a passing fault: it is tried again
a few times, and then given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from types import MappingProxyType

from broker_client.errors import (
    AuthenticationFailed,
    InvalidParameters,
    SubscriptionLimit,
    TaskFailed,
    VendorRejected,
    VendorUnavailable,
)
from broker_server.vendors.kis.catalogue import load_data
from broker_server.vendors.kis.errors import VENDOR
from broker_server.vendors.live_plan import Refusal

_REDACTED = "***"
_SHORTEST_SECRET = 4


class Treatment(StrEnum):
    """What is done about a code."""

    REGISTERED = "registered"
    """It is registered; also if it already was, and then asking again would be a loop."""
    REMOVED = "removed"
    """It is not registered any more, or never was."""
    RETRY = "retry"
    """A passing fault: ask again later, a few times."""
    LIMIT = "limit"
    """The connection holds no more: ask again when something was removed."""
    NOT_ENTITLED = "not_entitled"
    """Paid data that this customer has not subscribed to: no use asking again."""
    WRONG_HTS_ID = "wrong_hts_id"
    """Notices of somebody that KIS does not know."""
    WRONG_SYMBOL = "wrong_symbol"
    """There is no such TR, or nothing of that name in it."""
    MALFORMED = "malformed"
    """The request is not as KIS wants it."""
    KEY_REFUSED = "key_refused"
    """The app key or secret is wrong: nothing will work with it."""
    NEW_APPROVAL_KEY = "new_approval_key"
    """The approval key is not known: get another, and connect again."""
    IN_USE = "in_use"
    """Another connection has the app key: connect again much later."""


ENDS_CONNECTION = frozenset({Treatment.KEY_REFUSED, Treatment.NEW_APPROVAL_KEY, Treatment.IN_USE})
"""They are about the whole connection, whatever was asked."""

_FOR_GOOD = frozenset(
    {Treatment.NOT_ENTITLED, Treatment.WRONG_HTS_ID, Treatment.WRONG_SYMBOL, Treatment.MALFORMED}
)

_EXPLANATIONS: Mapping[Treatment, tuple[type[TaskFailed], str]] = {
    Treatment.RETRY: (VendorUnavailable, "KIS has a fault of its own; it is asked again a few times"),
    Treatment.LIMIT: (
        SubscriptionLimit,
        "KIS holds no more on this connection; end a subscription, or lower KIS_WS_MAX_REGISTRATIONS",
    ),
    Treatment.NOT_ENTITLED: (
        VendorRejected,
        (
            "not entitled to these data, which cost a fee; subscribe to them in HTS or MTS, have a new "
            "access token issued, and subscribe here again two hours later"
        ),
    ),
    Treatment.WRONG_HTS_ID: (
        InvalidParameters,
        "KIS does not know the HTS ID; set KIS_HTS_ID to the login of its trading program, in the same case",
    ),
    Treatment.WRONG_SYMBOL: (
        InvalidParameters,
        "KIS has no such TR, or nothing of that name in it; check the ticker",
    ),
    Treatment.MALFORMED: (VendorRejected, "KIS cannot read the request; check KIS_CUSTTYPE"),
    Treatment.KEY_REFUSED: (
        AuthenticationFailed,
        "KIS refuses the key; check KIS_APP_KEY, KIS_APP_SECRET, KIS_ENVIRONMENT, or the account's table",
    ),
    Treatment.NEW_APPROVAL_KEY: (VendorUnavailable, "KIS wants another approval key; one is asked for"),
    Treatment.IN_USE: (
        VendorUnavailable,
        (
            "another connection holds this app key at KIS, or an old one is still counted; end the other "
            "program, it is tried again by itself"
        ),
    ),
}


@cache
def known_codes() -> Mapping[str, Treatment]:
    """The treatment of each code of the table."""
    table = load_data("realtime_codes.json")["codes"]
    return MappingProxyType({code: Treatment(entry["treatment"]) for code, entry in table.items()})


def treatment_of(code: str) -> Treatment:
    """What is done about a code; an unknown one is a passing fault."""
    return known_codes().get(code, Treatment.RETRY)


def refusal_of(treatment: Treatment) -> Refusal:
    """What it means for the registration that was asked for."""
    if treatment is Treatment.LIMIT:
        return Refusal.LIMIT
    return Refusal.FOR_GOOD if treatment in _FOR_GOOD else Refusal.PASSING


def refusal_error(treatment: Treatment, code: str, message: str) -> TaskFailed:
    """The error that a client gets.

    Args:
        treatment: Of the code; not one of a success.
        code: KIS's own.
        message: KIS's own text, `redacted`.
    """
    error_class, explanation = _EXPLANATIONS[treatment]
    shown = " ".join(f"{code} {message}".split()) or "no code and no text"
    return error_class(
        f"{explanation}: {shown}", vendor=VENDOR, vendor_code=code or None, vendor_message=message or None
    )


def redacted(text: str, secrets: Iterable[str | None]) -> str:
    """A text of KIS without what it may repeat of a request: the approval key, the HTS ID."""
    for secret in secrets:
        if secret and len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, _REDACTED)
    return text
