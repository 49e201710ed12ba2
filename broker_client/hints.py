"""What a person can do about an error code, beyond what its message says: shown by the command line."""

from __future__ import annotations

import shlex

from broker_client.protocol import is_order_method

__all__ = ["HINTS", "ORDER_HINTS", "hint", "shell_word"]

# A code whose messages say already what to do, such as UNSUPPORTED, has none.
HINTS: dict[str, str] = {
    "MALFORMED_MESSAGE": "Install one version of client and worker: they do not speak the same contract.",
    "UNKNOWN_METHOD": "List what the worker offers: broker-client methods",
    "INVALID_PARAMETERS": "See what it takes: broker-client methods {method}",
    "TASK_EXPIRED": (
        "Call again, with a longer --timeout if the worker is busy; if it happens at once, compare "
        "the clocks of the two machines."
    ),
    "DUPLICATE_TASK_CONFLICT": (
        "See what became of the first: broker-client orders {task_id}. For a new order leave --task-id out."
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
    "ORDERS_DISABLED": (
        "Nothing was sent. See whether orders are halted, by whom and why: broker-client status. Lift that "
        "with broker-client resume, or change the setting that the message names; then call again without "
        "--task-id."
    ),
    "ORDER_GUARD": "Look which worker serves this broker, and its environment: broker-client status",
    "ORDER_OUTCOME_UNKNOWN": (
        "Do NOT send it again. See what became of it: broker-client orders {task_id}. If it stays UNKNOWN, "
        "compare the brokerage's own list and settle it: broker-client methods broker.resolve-order"
    ),
    "TIMEOUT": "Ask for less at once, such as a shorter period, or call again later.",
    "INTERNAL": "Look into the worker's log, for the id if the message has one, and report that part of it.",
}

ORDER_HINTS: dict[str, str] = {
    "TASK_EXPIRED": (
        "Nothing was sent. Call again without --task-id if you still want it; if it happens at once, compare "
        "the clocks of the two machines: broker-client call broker.ping"
    ),
    "ORDER_GUARD": (
        "Nothing was sent. Change what the message names: the order, or the worker's settings (.env), then "
        "call again without --task-id. What is on record: broker-client orders {task_id}"
    ),
}
"""Where the advice about an order is another."""

_SWITCH_METHODS = {"broker.halt-orders", "broker.resume-orders"}
_SWITCH_HINT = "Call it again until it succeeds; broker-client status shows who is silent."
_LOOK_UP_HINT = "See which orders are on record: broker-client orders"


def hint(code: str, method: str | None = None, task_id: str | None = None) -> str:
    """What to do next; empty where there is nothing to add, and for a code this client does not know.

    Args:
        method: What was called, if that is known.
        task_id: Of the task, for the command that looks it up.
    """
    if method in _SWITCH_METHODS and code in ("TIMEOUT", "INTERNAL"):
        return _SWITCH_HINT
    if method == "broker.get-order" and code == "INVALID_PARAMETERS":
        return _LOOK_UP_HINT
    text = HINTS.get(code, "")
    if method is not None and is_order_method(method):
        text = ORDER_HINTS.get(code, text)
    named = shell_word(task_id) if task_id else "TASK_ID"
    return text.replace("{method}", method or "METHOD").replace("{task_id}", named)


def shell_word(text: str) -> str:
    """``text`` as one word of a command line."""
    return shlex.quote(text)
