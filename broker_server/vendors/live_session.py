"""The live connection of one key: connected while something is wanted, and never twice at once."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any, Generic, Protocol, TypeVar

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from broker_client.errors import AuthenticationFailed, TaskFailed
from broker_server.core.feeds import ConnectionListener, FeedObserver
from broker_server.core.stream_requests import Registration
from broker_server.vendors.clock import Clock
from broker_server.vendors.live_conversation import LiveConversation
from broker_server.vendors.live_endings import End, Ending
from broker_server.vendors.live_link import close_connection, host_of, open_connection, why_not_open
from broker_server.vendors.live_plan import Plan
from broker_server.vendors.live_timing import Timing
from broker_server.vendors.oddities import OddityLog

log = structlog.get_logger(__name__)

Pause = Callable[[float], Awaitable[None]]
ConversationT = TypeVar("ConversationT", bound=LiveConversation[Any])


class SessionListener(ConnectionListener, Protocol):
    """Whom a session tells."""

    def key_refused(self, error: TaskFailed) -> None:
        """The vendor refuses the key: this session will not connect for a long while."""

    def steady(self) -> None:
        """The connection has lasted: its failures are forgotten."""


class LiveSession(ABC, Generic[ConversationT]):
    """Keeps one connection and what is registered on it.

    Args:
        url: Where to connect.
        listener: Whom to tell.
        plan: What is wanted, and what the server has of it.
        clock: The time, and of events the wall time.
        chance: For the jitter of the back-off.
        timing: The waits.
        pause: Waits before a connection is made again.
        environment: For the log and the status; ``simulated`` behind our simulator, whatever its rules.
        observer: Is told each step.
    """

    vendor: str
    """As in ``kis.get-status``."""
    vendor_name: str
    """In messages."""

    def __init__(
        self,
        url: str,
        listener: SessionListener,
        plan: Plan,
        *,
        clock: Clock,
        chance: Random,
        timing: Timing,
        pause: Pause,
        environment: str,
        observer: FeedObserver | None = None,
    ) -> None:
        self._url = url
        self._listener = listener
        self._plan = plan
        self._clock = clock
        self._chance = chance
        self._timing = timing
        self._pause = pause
        self._environment = environment
        self._observer = observer or FeedObserver()
        self._oddities = OddityLog(self.vendor, clock)
        self._has_aims = asyncio.Event()
        self._conversation: ConversationT | None = None
        self._next_pause = 0.0
        self._has_renewed_pass = False
        self._state = "idle"
        self._last_failure: str | None = None
        self._connections = 0
        self._refused_until: float | None = None
        self._key_refusals = 0
        self._short_ones = 0
        self.failures = 0

    @property
    def is_refused(self) -> bool:
        """Whether the vendor refuses its key; after a long while it may be tried again."""
        return self._refused_until is not None and self._clock.monotonic() < self._refused_until

    def want(self, registrations: Sequence[Registration]) -> None:
        """Hold exactly these from now on, the most important first."""
        for dropped in self._plan.want(registrations):
            self._dropped(dropped)
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
            "environment": self._environment,
            **self._plan.counts(),
            "connections": self._connections,
            "failures": self.failures,
            "last_failure": self._last_failure,
            **self._counts(),
        }

    @abstractmethod
    def _get_pass(self) -> str:
        """What lets us in. Blocking, for a thread.

        Raises:
            AuthenticationFailed: The vendor refuses the key.
            TaskFailed: There is none for another reason.
        """

    def _is_configured_pass(self) -> bool:
        """Whether it is from the settings; else the vendor has issued it."""
        return False

    @abstractmethod
    def _discard_pass(self, value: str) -> None:
        """The vendor does not accept it."""

    @abstractmethod
    def _begin(self, connection: ClientConnection, value: str) -> ConversationT:
        """The conversation over a new connection."""

    @abstractmethod
    def _forget(self) -> None:
        """Nothing is registered: a connection begins or has ended."""

    @abstractmethod
    def _dropped(self, registration: Registration) -> None:
        """It is not wanted any more."""

    @abstractmethod
    def _counts(self) -> dict[str, Any]:
        """The vendor's part of the status."""

    def _ended(self, conversation: ConversationT, ending: Ending) -> None:
        """A conversation is over, and what it had registered is told as interrupted."""

    def _look_at_plan(self) -> None:
        if self._plan.has_aims():
            self._has_aims.set()
        else:
            self._has_aims.clear()
        if self._conversation is not None:
            self._conversation.wake()

    async def _connect_once(self) -> None:
        value: str | None = None
        opened_at: float | None = None
        try:
            value = await asyncio.to_thread(self._get_pass)
            self._observer.key_ready(configured=self._is_configured_pass())
            self._observer.opening(host_of(self._url))
            connection = await open_connection(self._url, self._timing)
            try:
                opened_at = asyncio.get_running_loop().time()
                ending = await self._converse(connection, value)
            finally:
                await close_connection(connection, self._timing)
        except AuthenticationFailed as error:
            ending = Ending(End.KEY_REFUSED, error.message, error)
        except TaskFailed as error:
            ending = Ending(End.LOST, error.message, error)
        except (OSError, EOFError, WebSocketException) as error:
            ending = Ending(End.LOST, why_not_open(self.vendor_name, error))
        except Exception as error:
            ending = self._defect(error)
        lasted = 0.0 if opened_at is None else asyncio.get_running_loop().time() - opened_at
        self._after(ending, value, is_stable=lasted >= self._timing.stable)

    async def _converse(self, connection: ClientConnection, value: str) -> Ending:
        self._forget()
        self._conversation = conversation = self._begin(connection, value)
        steady: asyncio.TimerHandle | None = None
        try:
            turned_away = await conversation.enter()
            if turned_away is None:
                self._state = "connected"
                self._connections += 1
                log.info(f"{self.vendor}_live_connected", environment=self._environment)
                self._observer.opened()
                steady = asyncio.get_running_loop().call_later(self._timing.stable, self._steady)
                self._listener.connected()
            ending = turned_away or await conversation.hold()
        except Exception as defect:
            ending = self._defect(defect)
        finally:
            if steady is not None:
                steady.cancel()
            self._conversation = None
            self._forget()
            missed = self._plan.disconnected()
        if missed:
            self._listener.interrupted(missed, ending.reason)
        self._ended(conversation, ending)
        return ending

    def _after(self, ending: Ending, value: str | None, *, is_stable: bool) -> None:
        """Count the failure, and say how long to wait before the next connection."""
        if is_stable:
            self._forget_failures()
        in_use, is_failure = ending.kind is End.IN_USE, ending.kind not in (End.IDLE, End.ASKED)
        self._key_refusals = self._key_refusals + 1 if ending.kind is End.KEY_REFUSED else 0
        if 0 < self._key_refusals < self._timing.key_attempts:
            self._last_failure, self._next_pause = ending.reason, self._timing.key_again
            log.warning(f"{self.vendor}_live_key_refused", reason=ending.reason, times=self._key_refusals)
            self._observer.ended(ending.reason, self._next_pause)
            return
        if ending.kind is End.STALE_PASS and value is not None:
            self._discard_pass(value)
            if not self._has_renewed_pass:
                self._has_renewed_pass = True
                self._next_pause = self._timing.shortest_pause
                log.info(f"{self.vendor}_live_ended", reason=ending.reason)
                self._observer.ended(ending.reason, self._next_pause)
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
        tell(
            f"{self.vendor}_live_ended",
            reason=ending.reason,
            failures=self.failures,
            pause=round(self._next_pause, 1),
        )
        if ending.kind is End.KEY_REFUSED and ending.error is not None:
            self._refused_until = self._clock.monotonic() + self._timing.key_refused
            self._key_refused(ending.error)
        self._look_at_plan()

    def _key_refused(self, error: TaskFailed) -> None:
        """The key was refused so often that it is believed."""
        self._listener.key_refused(error)

    def _steady(self) -> None:
        self._forget_failures()
        self._listener.steady()

    def _forget_failures(self) -> None:
        self.failures = self._short_ones = self._key_refusals = 0
        self._has_renewed_pass = False

    def _defect(self, error: Exception) -> Ending:
        log.exception(f"{self.vendor}_live_session_failed")
        return Ending(End.LOST, f"a defect of the worker: {type(error).__name__}")
