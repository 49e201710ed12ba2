"""Why a connection failed, in one line: the libraries wrap the cause in several errors."""

from __future__ import annotations

from typing import Any

from broker_client.rights import missing_right
from broker_client.tls import tls_fault

__all__ = ["MAX_REASON", "reason_of"]

MAX_REASON = 200
"""Characters of a reason that a log line or an error message carries."""


def reason_of(error: Any) -> str:
    """The innermost cause of pika's, aiormq's or the system's error, in one line.

    Args:
        error: What was raised, or what a library gives as the reason of a close.
    """
    while (inner := _inner(error)) is not None:
        error = inner
    text = _text(error)
    if "Connection.OpenOk" in text:
        # aiormq does not read the close frame that comes instead.
        text = "there is no such virtual host, or this user may not use it"
    text = missing_right(text) or tls_fault(text) or text
    line = next(iter(text.strip().splitlines()), "") or type(error).__name__
    return line if len(line) <= MAX_REASON else f"{line[:MAX_REASON]}…"


def _inner(error: Any) -> Any:
    if nested := getattr(error, "exceptions", None):
        return nested[-1]
    candidates = [getattr(error, "exception", None)]
    if isinstance(error, BaseException):
        candidates += error.args[:1]
    return next((found for found in candidates if isinstance(found, BaseException)), None)


def _text(error: Any) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, Exception):
        return " ".join(str(part) for part in error.args)
    return str(error)
