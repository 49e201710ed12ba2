"""What a person can do about an error code, beyond what its message says: shown by the command line."""

from __future__ import annotations

__all__ = ["HINTS", "hint"]

# A code whose messages say already what to do, such as ORDERS_DISABLED and UNSUPPORTED, has none.
HINTS: dict[str, str] = {
    "MALFORMED_MESSAGE": "Install one version of client and worker: they do not speak the same contract.",
    "UNKNOWN_METHOD": "List what the worker offers: broker-client methods",
    "INVALID_PARAMETERS": "See what it takes: broker-client methods {method}",
    "TASK_EXPIRED": (
        "Call again, with a longer --timeout if the worker is busy; if it happens at once, compare "
        "the clocks of the two machines."
    ),
    "DUPLICATE_TASK_CONFLICT": (
        "For a new order leave --task-id out; to learn what became of the first, repeat its own arguments."
    ),
    "VENDOR_NOT_CONFIGURED": (
        "List what is served: broker-client methods. Start that vendor's worker if broker-server run --help "
        "names the vendor; else this version does not know it."
    ),
    "VENDOR_UNAVAILABLE": "If it lasts, run broker-server check on the worker's machine: it tries each part.",
    "VENDOR_REJECTED": "Correct what the brokerage's text names and call again, an order without --task-id.",
    "RATE_LIMITED": "Wait some seconds and call again; does another program use the same key?",
    "AUTHENTICATION_FAILED": (
        "Correct the worker's settings (.env), try them with broker-server check, then restart the worker."
    ),
    "ORDER_GUARD": "Nothing was sent. Change what the message names: the order, or the worker's settings.",
    "ORDER_OUTCOME_UNKNOWN": (
        "Do NOT place it again. See whether it is there: broker-client call kis.get-open-orders, then "
        "kis.get-order-history (overseas: kis.get-overseas-order-history)"
    ),
    "TIMEOUT": "Ask for less at once, such as a shorter period, or call again later.",
    "INTERNAL": "Look into the worker's log, for the id if the message has one, and report that part of it.",
}

_SWITCH_METHODS = {"broker.halt-orders", "broker.resume-orders"}
_SWITCH_HINT = "Call it again until it succeeds; broker-client status shows who is silent."


def hint(code: str, method: str | None = None) -> str:
    """What to do next; empty where there is nothing to add, and for a code this client does not know.

    Args:
        method: What was called, if that is known.
    """
    if method in _SWITCH_METHODS and code in ("TIMEOUT", "INTERNAL"):
        return _SWITCH_HINT
    return HINTS.get(code, "").replace("{method}", method or "METHOD")
