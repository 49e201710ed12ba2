"""What a code of KOSCOM means, and the error that a client gets for it.

The market-data codes are in a table of KOSCOM's documents, which does not say where they appear: they are
understood wherever an answer has one. Code 47, of the WebSocket, is in no table.
"""

from __future__ import annotations

from enum import Enum, auto

from broker_client.errors import (
    AuthenticationFailed,
    InvalidParameters,
    RateLimited,
    SubscriptionLimit,
    TaskFailed,
    Unsupported,
    VendorRejected,
    VendorUnavailable,
)
from broker_server.vendors.verdicts import UnreadableAnswer, unreadable_answer

VENDOR = "koscom"


class NoData(VendorRejected):
    """KOSCOM has nothing for what was asked: a day without trading, a period before the listing."""


class UnknownIssue(InvalidParameters):
    """KOSCOM knows no such issue, at least not on that market."""


class Meaning(Enum):
    """What to do about an answer that is none."""

    FINISHED = auto()
    """No failure at all: the query is complete."""
    THROTTLE = auto()
    """Too many calls."""
    GATEWAY = auto()
    """KOSCOM failed or is busy: worth another try."""
    NOT_YET = auto()
    """The data are not there at this time of day."""
    CREDENTIALS = auto()
    """The key is not good."""
    NO_SUCH_ISSUE = auto()
    NO_DATA = auto()
    WRONG_INPUT = auto()
    NO_SUCH_PATH = auto()
    TOO_MANY = auto()
    """More subscriptions than a session may have."""
    REFUSED = auto()
    """Whatever else."""


_CODES: dict[Meaning, frozenset[str]] = {
    Meaning.FINISHED: frozenset({"20130", "20140"}),
    Meaning.GATEWAY: frozenset({"10080", "13004", "20054", "20170"}),
    Meaning.NOT_YET: frozenset({"10090", "20040", "20180"}),
    Meaning.CREDENTIALS: frozenset({"10070", "13001", "13003", "20070"}),
    Meaning.NO_SUCH_ISSUE: frozenset({"10040", "20030", "20052", "20057", "20060"}),
    Meaning.NO_DATA: frozenset({"10010", "20020", "20050", "20051", "20080", "20090", "20100", "20110"}),
    Meaning.WRONG_INPUT: frozenset(
        {"10000", "10020", "10030", "10050", "10060", "20010", "20053", "20055", "20120", "20150", "20160"}
    ),
    Meaning.TOO_MANY: frozenset({"20056"}),
}
_OF_STATUS = {
    401: Meaning.CREDENTIALS,
    403: Meaning.CREDENTIALS,
    404: Meaning.NO_SUCH_PATH,
    408: Meaning.GATEWAY,
    429: Meaning.THROTTLE,
}
_OUT_OF_HOURS = "제공 시간"
"""In the text of a refusal of closing data before they are there."""

_EXPLANATIONS: dict[Meaning, tuple[type[TaskFailed], str]] = {
    Meaning.FINISHED: (VendorUnavailable, "KOSCOM calls the query finished and gives no data"),
    Meaning.THROTTLE: (RateLimited, "KOSCOM keeps refusing for its rate limit; lower KOSCOM_RATE_LIMIT"),
    Meaning.GATEWAY: (VendorUnavailable, "KOSCOM has an internal fault; try again later"),
    Meaning.NOT_YET: (VendorUnavailable, "KOSCOM does not have these data at this time; try again later"),
    Meaning.CREDENTIALS: (
        AuthenticationFailed,
        (
            "KOSCOM refuses the key; check KOSCOM_API_KEY, that KOSCOM_REST_URL is the host that it was "
            "issued for (test and production keys differ), and that the contract covers these data"
        ),
    ),
    Meaning.NO_SUCH_ISSUE: (UnknownIssue, "KOSCOM knows no such issue"),
    Meaning.NO_DATA: (NoData, "KOSCOM has no such data"),
    Meaning.WRONG_INPUT: (InvalidParameters, "KOSCOM does not take these parameters"),
    Meaning.NO_SUCH_PATH: (
        Unsupported,
        "KOSCOM has no such path; check KOSCOM_REST_URL and KOSCOM_API_VERSION",
    ),
    Meaning.TOO_MANY: (SubscriptionLimit, "KOSCOM takes no more subscriptions on this session"),
    Meaning.REFUSED: (VendorRejected, "KOSCOM refused the request"),
}


def meaning_of(code: str, text: str = "", status: int = 200) -> Meaning:
    """Classify a failed answer.

    Args:
        code: KOSCOM's, or empty.
        text: Its words.
        status: Of HTTP.
    """
    for meaning, codes in _CODES.items():
        if code in codes:
            return meaning
    if status >= 500:
        return Meaning.GATEWAY
    if _OUT_OF_HOURS in text:
        return Meaning.NOT_YET
    return _OF_STATUS.get(status, Meaning.REFUSED)


def error_for(code: str, text: str, status: int = 200) -> TaskFailed:
    """The error that a client gets for a refusal, with KOSCOM's code and text untouched."""
    error_class, message = _EXPLANATIONS[meaning_of(code, text, status)]
    shown = " ".join(f"{code} {text}".split()) or f"HTTP {status} without a text"
    return error_class(
        f"{message}: {shown}", vendor=VENDOR, vendor_code=code or None, vendor_message=text or None
    )


def unknown_issue(code: str) -> UnknownIssue:
    """KOSCOM knows no such issue: it answers with blanks."""
    return UnknownIssue(f"KOSCOM knows no issue {code}", vendor=VENDOR)


def unreadable(what: str) -> UnreadableAnswer:
    """The error of an answer that is not what KOSCOM documents.

    Args:
        what: What is wrong with the answer.
    """
    return unreadable_answer(VENDOR, "KOSCOM", what)
