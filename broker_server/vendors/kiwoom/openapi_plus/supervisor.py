"""Keeps the host of the control alive: pure, time and the process are arguments.

The control never connects again by itself, and nothing helps against Kiwoom's hidden limit, a lost connection
or a waiting update but a new process. So the worker that has the control is a child of a small supervisor,
which ends it before Kiwoom's maintenance and starts it after, and starts it anew whenever it has ended or
says that it must be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from broker_server.vendors.kiwoom.openapi_plus.maintenance import Maintenance
from broker_server.vendors.kiwoom.openapi_plus.states import HostState, Notice, OnNotice

CANNOT_START = 2
"""The exit code of a worker that says in one line what is wrong; to start it again does not help, unless one
with the same settings has served before: then something that it needs is away."""

_LOOK = 1.0
_WELL = (HostState.CONNECTING, HostState.READY)
"""What a host that has ended is not any more, although it said so last."""


class HostProcess(Protocol):
    """A started host."""

    def poll(self) -> int | None:
        """Its exit code; ``None`` while it runs."""

    def ask_to_end(self) -> None:
        """Ask it to end in its own time."""

    def kill(self) -> None:
        """End it now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Seconds.

    Attributes:
        first: Before the first new start; doubled after each failure. most: The longest pause. It also is the
        pause after a refused login: too many of these lock an account. steady: A host that has run so long
        has not failed. update: Kiwoom installs an update while no program uses the control. patience: A host
        that was asked to end gets so long.
    """

    first: float = 5.0
    most: float = 300.0
    steady: float = 600.0
    update: float = 60.0
    patience: float = 30.0


class Supervisor:
    """Call `step` again and again.

    Args:
        start: Starts a host.
        maintenance: When there is none.
        now: The time, with an offset.
        monotonic: Seconds that never go back.
        on_notice: Told of each change; what the host says of itself is told on.
        policy: The pauses.

    Attributes:
        starts: How many hosts were started.
        exit_code: Of the supervisor itself, once no host can be started for good.
    """

    def __init__(
        self,
        start: Callable[[], HostProcess],
        maintenance: Maintenance,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        on_notice: OnNotice,
        policy: Policy | None = None,
    ) -> None:
        self._start = start
        self._maintenance = maintenance
        self._now = now
        self._monotonic = monotonic
        self._on_notice = on_notice
        self._policy = policy or Policy()
        self._host: HostProcess | None = None
        self._started = 0.0
        self._start_at = 0.0
        self._kill_at: float | None = None
        self._failures = 0
        self._last: Notice | None = None
        self._paused = False
        self._ending = False
        self._has_served = False
        self.starts = 0
        self.exit_code: int | None = None

    @property
    def is_running(self) -> bool:
        """Whether a host runs."""
        return self._host is not None

    def step(self) -> float:
        """Do what is due.

        Returns:
            Seconds until it wants to be called again, at the latest.
        """
        if self._host is not None:
            self._look_after(self._host)
        if self._host is not None or self._ending:
            return _LOOK
        until = self._maintenance.until(self._now())
        if until is not None:
            self._pause(until)
            return max(_LOOK, min(60.0, (until - self._now()).total_seconds()))
        self._paused = False
        wait = self._start_at - self._monotonic()
        if wait > 0:
            return wait
        self._begin()
        return _LOOK

    def told(self, notice: Notice) -> None:
        """What the host says of itself."""
        self._last = notice
        self._has_served = self._has_served or notice.state is HostState.READY
        self._on_notice(notice)
        if notice.restart and self._host is not None:
            self._ask_to_end(self._host)

    def end(self) -> None:
        """End the host, and start none any more."""
        self._ending = True
        if self._host is not None:
            self._ask_to_end(self._host)

    def kill(self) -> None:
        """End the host now, if there is one: without a supervisor it would keep the login of the next one."""
        if self._host is not None:
            self._host.kill()
            self._host = None

    def _begin(self) -> None:
        self.starts += 1
        self._last = None
        self._started = self._monotonic()
        try:
            self._host = self._start()
        except OSError as error:
            self._failed(f"the host could not be started: {error}")

    def _look_after(self, host: HostProcess) -> None:
        code = host.poll()
        if code is not None:
            self._host, self._kill_at = None, None
            self._ended(code)
        elif self._kill_at is not None:
            if self._monotonic() >= self._kill_at:
                host.kill()
        elif self._maintenance.until(self._now()) is not None:
            self._ask_to_end(host)

    def _ask_to_end(self, host: HostProcess) -> None:
        if self._kill_at is None:
            self._kill_at = self._monotonic() + self._policy.patience
            host.ask_to_end()

    def _ended(self, code: int) -> None:
        if self._ending:
            self._on_notice(Notice(HostState.STOPPED, "the supervisor was ended"))
        elif code == CANNOT_START and not self._has_served:
            self._ending, self.exit_code = True, code
            self._on_notice(Notice(HostState.CONTROL_FAILED, self._why_not()))
        if self._ending or self._maintenance.until(self._now()) is not None:
            self._failures, self._start_at = 0, self._monotonic()
            return
        if self._monotonic() - self._started >= self._policy.steady:
            self._failures = 0
        self._failed(f"the host has ended with exit code {code}")

    def _why_not(self) -> str:
        last = self._last
        if last is not None and last.state is HostState.CONTROL_FAILED:
            return f"{last.reason}; the supervisor has ended, too: correct it, then start it again"
        return "the worker cannot start, and the supervisor has ended, too: the log of both has the reason"

    def _failed(self, what: str) -> None:
        self._failures += 1
        pause = self._pause_after(self._last)
        self._start_at = self._monotonic() + pause
        last = None if self._last is None else self._last.state
        state = HostState.CONNECTION_LOST if last in _WELL else last or HostState.CONNECTION_LOST
        self._on_notice(Notice(state, f"{what}; it is started again in {pause:g} s"))

    def _pause_after(self, last: Notice | None) -> float:
        policy = self._policy
        if last is not None and last.restart:
            if last.state is HostState.LOGIN_REQUIRED:
                return policy.most
            if last.state is HostState.UPDATE_PENDING:
                return max(policy.update, self._backed_off())
        return self._backed_off()

    def _backed_off(self) -> float:
        return min(self._policy.most, self._policy.first * 2.0 ** (self._failures - 1))

    def _pause(self, until: datetime) -> None:
        if not self._paused:
            self._paused = True
            self._on_notice(Notice(HostState.STOPPED, f"Kiwoom's maintenance, until {until:%H:%M} in Korea"))
