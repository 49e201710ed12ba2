"""What the host of the control can be in, as ``broker.get-status`` and ``broker.events`` show it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum

_KEY = "kiwoom_host"


class HostState(StrEnum):
    """How the control stands."""

    CONNECTING = "CONNECTING"
    """The login has begun."""
    READY = "READY"
    """Logged in."""
    LOGIN_REQUIRED = "LOGIN_REQUIRED"
    """Somebody has to log in, or to set automatic login up."""
    UPDATE_PENDING = "UPDATE_PENDING"
    """Kiwoom has a new version, which is installed while no program uses the control."""
    ACCOUNT_PASSWORD_NOT_SET = "ACCOUNT_PASSWORD_NOT_SET"  # noqa: S105 - a state, not a password
    """Logged in, but orders and account queries need the account's password registered."""
    OVERLOADED = "OVERLOADED"
    """Kiwoom refuses queries for their number; `Notice.restart` tells whether waiting may help."""
    CONNECTION_LOST = "CONNECTION_LOST"
    """The control does not connect again by itself: its process has to be started anew."""
    CONTROL_FAILED = "CONTROL_FAILED"
    """The worker cannot start, the control could not be made, or a call of it broke."""
    STOPPED = "STOPPED"
    """Closed, or stopped for Kiwoom's maintenance."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A change of state.

    Attributes:
        state: The new one.
        reason: In words; nothing personal in it.
        vendor_code: Kiwoom's code, if one told.
        restart: The host's process must be started anew; nothing else helps.
    """

    state: HostState
    reason: str
    vendor_code: str | None = None
    restart: bool = False


OnNotice = Callable[[Notice], None]
"""Told of each change, on the control's thread: it must return at once."""


def told_of(notice: Notice) -> dict[str, str | bool | None]:
    """A notice as JSON values, for ``broker.events``."""
    return {
        "state": str(notice.state),
        "reason": notice.reason,
        "vendor_code": notice.vendor_code,
        "restart_needed": notice.restart,
    }


def notice_line(notice: Notice) -> str:
    """One line by which a host tells its supervisor; without the line's end."""
    return json.dumps({_KEY: asdict(notice)}, ensure_ascii=True)


def read_notice(line: str) -> Notice | None:
    """A notice that a host wrote; ``None`` for any other line."""
    if not line.startswith(f'{{"{_KEY}"'):
        return None
    try:
        found = json.loads(line)[_KEY]
        return Notice(
            HostState(found["state"]), str(found["reason"]), found["vendor_code"], bool(found["restart"])
        )
    except (ValueError, KeyError, TypeError):
        return None
