"""The live connection of one app key: connected while something is wanted, and never twice at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any, Protocol

import structlog
from websockets.exceptions import WebSocketException

from broker_client.errors import AuthenticationFailed, TaskFailed
from broker_server.core.feeds import FeedListener, FeedObserver
from broker_server.core.stream_requests import Registration
from broker_server.vendors.clock import Clock
from broker_server.vendors.kis.approval import ApprovalKeys
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.realtime_codes import Treatment, refusal_error
from broker_server.vendors.kis.realtime_conversation import Conversation
from broker_server.vendors.kis.realtime_endings import End, Ending
from broker_server.vendors.kis.realtime_intake import Intake, OddityLog
from broker_server.vendors.kis.realtime_link import (
    close_connection,
    host_of,
    open_connection,
    why_not_open,
)
from broker_server.vendors.kis.realtime_pace import Pace
from broker_server.vendors.kis.realtime_plan import Plan
from broker_server.vendors.kis.realtime_timing import Timing

log = structlog.get_logger(__name__)

Pause = Callable[[float], Awaitable[None]]


class SessionListener(FeedListener, Protocol):
    """Whom a session tells."""

    def key_refused(self, error: TaskFailed) -> None:
        """KIS refuses the app key: this session will not connect for a long while."""

    def steady(self) -> None:
        """The connection has lasted: its failures are forgotten."""


class KisSession:
    """Keeps one connection and what is registered on it.

    Args:
        config: Of the app key; it has a ``live_url``.
        approval: Its approval keys.
        listener: Whom to tell.
        clock: The time, and of events the wall time.
        chance: For the jitter of the back-off.
        timing: The waits.
        pause: Waits before a connection is made again.
        alias: How the account is called in events.
        observer: Is told each step.
    """

    def __init__(
        self,
        config: KisConfig,
        approval: ApprovalKeys,
        listener: SessionListener,
        *,
        clock: Clock,
        chance: Random,
        timing: Timing | None = None,
        pause: Pause = asyncio.sleep,
        alias: str = "default",
        observer: FeedObserver | None = None,
    ) -> None:
        if config.live_url is None:
            raise ValueError("KIS_WS_URL must be set: a simulator's address of live data has no default")
        self.config = config
        self._url = config.live_url
        self._approval = approval
        self._listener = listener
        self._observer = observer or FeedObserver()
        self._chance = chance
        self._timing = timing or Timing()
        self._pause = pause
        self._clock = clock
        self._plan = Plan(self._timing, capacity=config.ws_max_registrations)
        self._pace = Pace(self._timing)
        self._oddities = OddityLog(clock)
        self._intake = Intake(listener.received, config.account, alias, clock, self._oddities)
        self._has_aims = asyncio.Event()
        self._conversation: Conversation | None = None
        self._next_pause = 0.0
        self._has_reissued = False
        self._state = "idle"
        self._last_failure: str | None = None
        self._connections = 0
        self._refused_until: float | None = None
        self._key_refusals = 0
        self._short_ones = 0
        self.failures = 0

    @property
    def is_refused(self) -> bool:
        """Whether KIS refuses its app key; after a long while it may be tried again."""
        return self._refused_until is not None and self._clock.monotonic() < self._refused_until

    def want(self, registrations: Sequence[Registration]) -> None:
        """Hold exactly these from now on, the most important first."""
        for dropped in self._plan.want(registrations):
            self._intake.close(dropped)
        self._look_at_plan()

    def renew(self, registration: Registration) -> None:
        """Unregister one and register it again."""
        self._plan.renew(registration)
        self._look_at_plan()

    def reconnect(self, reason: str) -> None:
        """Replace the connection."""
        if self._conversation is not None:
            self._conversation.end(Ending(End.ASKED, reason))

    async def run(self) -> None:
        """Keep connected while anything is wanted; cancelling it closes the connection cleanly."""
        try:
            while True:
                self._state = "idle"
                await self._has_aims.wait()
                if self._next_pause > 0:
                    self._state = "waiting"
                    pause, self._next_pause = self._next_pause, 0.0
                    await self._pause(pause)
                    continue  # it may not be wanted any more
                self._state = "connecting"
                await self._connect_once()
        finally:
            self._state = "stopped"

    def status(self) -> dict[str, Any]:
        """For `broker.get-status`."""
        return {
            "state": "refused" if self.is_refused else self._state,
            "environment": self.config.environment,
            "capacity": self.config.ws_max_registrations,
            **self._plan.counts(),
            "connections": self._connections,
            "failures": self.failures,
            "last_failure": self._last_failure,
            "approval_key": self._approval.state(),
            **self._intake.counts(),
        }

    def _look_at_plan(self) -> None:
        if self._plan.has_aims():
            self._has_aims.set()
        else:
            self._has_aims.clear()
        if self._conversation is not None:
            self._conversation.wake()

    async def _connect_once(self) -> None:
        approval_key: str | None = None
        opened_at: float | None = None
        try:
            approval_key = await asyncio.to_thread(self._approval.get)
            self._observer.key_ready(configured=self._approval.state() == "configured")
            self._observer.opening(host_of(self._url))
            connection = await open_connection(self._url, self._timing)
            try:
                opened_at = asyncio.get_running_loop().time()
                ending = await self._converse(connection, approval_key)
            finally:
                await close_connection(connection, self._timing)
        except AuthenticationFailed as error:
            ending = Ending(End.KEY_REFUSED, error.message, error)
        except TaskFailed as error:
            ending = Ending(End.LOST, error.message, error)
        except (OSError, EOFError, WebSocketException) as error:
            ending = Ending(End.LOST, why_not_open(error))
        except Exception as error:
            ending = _defect(error)
        lasted = 0.0 if opened_at is None else asyncio.get_running_loop().time() - opened_at
        self._after(ending, approval_key, is_stable=lasted >= self._timing.stable)

    async def _converse(self, connection: Any, approval_key: str) -> Ending:
        config = self.config
        self._intake.forget()
        conversation = Conversation(
            connection,
            approval_key,
            config.cust_type,
            (
                config.hts_id.get_secret_value() if config.hts_id else "",
                config.app_key.get_secret_value(),
                config.app_secret.get_secret_value(),
            ),
            plan=self._plan,
            pace=self._pace,
            intake=self._intake,
            oddities=self._oddities,
            events=self._listener,
            timing=self._timing,
            observer=self._observer,
        )
        self._conversation, self._state = conversation, "connected"
        self._connections += 1
        log.info("kis_live_connected", environment=config.environment)
        self._observer.opened()
        steady = asyncio.get_running_loop().call_later(self._timing.stable, self._steady)
        try:
            self._listener.connected()
            ending = await conversation.hold()
        except Exception as defect:
            ending = _defect(defect)
        finally:
            steady.cancel()
            self._conversation = None
            self._intake.forget()
            missed = self._plan.disconnected()
        if missed:
            self._listener.interrupted(missed, ending.reason)
        if ending.kind is End.LOST and (request := conversation.in_flight):
            now = asyncio.get_running_loop().time()
            if self._plan.broke_on(request, now, had_worked=conversation.has_registered):
                error = refusal_error(
                    Treatment.WRONG_HTS_ID, "", "it cuts the connection whenever it is asked"
                )
                self._listener.refused(request.registration, error, for_good=True)
        return ending

    def _after(self, ending: Ending, approval_key: str | None, *, is_stable: bool) -> None:
        """Count the failure, and say how long to wait before the next connection."""
        if is_stable:
            self._forget_failures()
        in_use, is_failure = ending.kind is End.IN_USE, ending.kind not in (End.IDLE, End.ASKED)
        self._key_refusals = self._key_refusals + 1 if ending.kind is End.KEY_REFUSED else 0
        if 0 < self._key_refusals < self._timing.key_attempts:
            self._last_failure, self._next_pause = ending.reason, self._timing.key_again
            log.warning("kis_live_key_refused", reason=ending.reason, times=self._key_refusals)
            self._observer.ended(ending.reason, self._next_pause)
            return
        if ending.kind is End.NEW_APPROVAL_KEY and approval_key is not None:
            self._approval.discard(approval_key)
            if not self._has_reissued:
                self._has_reissued = True
                log.info("kis_live_ended", reason=ending.reason)
                self._observer.ended(ending.reason, 0.0)
                return
        if is_failure:
            self.failures += 1
        elif not is_stable:
            self._short_ones += 1  # going on and off must not become a loop, whatever it is for
        in_a_row = max(self.failures + self._short_ones, 1)
        self._next_pause = self._timing.pause(in_a_row, self._chance, in_use=in_use)
        self._observer.ended(ending.reason, self._next_pause)
        if is_failure:
            self._last_failure = ending.reason
            self._listener.failing(self.failures, ending.reason, pause=self._next_pause)
        tell = log.warning if is_failure and self.failures >= self._timing.worrying else log.info
        tell("kis_live_ended", reason=ending.reason, failures=self.failures, pause=round(self._next_pause, 1))
        if ending.kind is End.KEY_REFUSED and ending.error is not None:
            self._refused_until = self._clock.monotonic() + self._timing.key_refused
            self._listener.key_refused(ending.error)
        self._look_at_plan()

    def _steady(self) -> None:
        self._forget_failures()
        self._listener.steady()

    def _forget_failures(self) -> None:
        self.failures = self._short_ones = self._key_refusals = 0
        self._has_reissued = False


def _defect(error: Exception) -> Ending:
    log.exception("kis_live_session_failed")
    return Ending(End.LOST, f"a defect of the worker: {type(error).__name__}")
