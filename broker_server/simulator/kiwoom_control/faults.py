"""What goes wrong with a simulated control, and the logins that exclude each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


class ControlDied(RuntimeError):
    """The control's server is gone: every call of it ends like this."""


class ReadOutsideEvent(RuntimeError):
    """Data were read outside of the event that they belong to; the real control gives wrong values."""


class WrongThreadCall(RuntimeError):
    """The control was called on a thread that it was not made on."""


@dataclass(slots=True, kw_only=True)
class ControlFaults:
    """Ordered faults; all may be changed at any time.

    Attributes:
        login_code: What `OnEventConnect` tells of a login; 0 accepts it.
        login_waits: The login window waits for somebody who does not come.
        silent: TRs that are never answered; ``*`` for all, ``order`` for orders.
        refused: By TR: the text that is all such a request gets; ``order`` refuses orders.
        overloads: So many queries more are refused with -200.
        order_overloads: So many orders more are refused with -308.
        order_code: What `SendOrder` returns instead of sending, if not 0.
        no_password: Accounts have no password registered.
        chejan_first: News of an order come before its answer.
        text_first: Texts come before answers.
        dies_after: So many calls more, then the control is gone; ``None`` for never.
        jitter: Gives the seconds that each event is late; events may then overtake each other.
        moved: By TR: the columns of the record with many rows, when Kiwoom has changed them.
        renamed: By TR: the name of the record with many rows, when Kiwoom has changed it.
        real_width: So many values live records have, when the control is older; ``None`` for all.
    """

    login_code: int = 0
    login_waits: bool = False
    silent: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    overloads: int = 0
    order_overloads: int = 0
    order_code: int = 0
    no_password: bool = False
    chejan_first: bool = False
    text_first: bool = False
    dies_after: int | None = None
    jitter: Callable[[], float] = lambda: 0.0
    moved: dict[str, tuple[str, ...]] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    real_width: int | None = None


class Logins:
    """Kiwoom's server: one login of an ID at a time, the newest wins."""

    def __init__(self) -> None:
        self._kick: dict[str, Callable[[], None]] = {}

    def take(self, user: str, kick: Callable[[], None]) -> None:
        """Log an ID in.

        Args:
            user: The ID.
            kick: Called when the same ID logs in elsewhere.
        """
        before = self._kick.get(user)
        self._kick[user] = kick
        if before is not None:
            before()
