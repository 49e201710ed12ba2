"""The live data of Kiwoom over its WebSocket: one connection per key, for Kiwoom keeps no second one."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from random import Random, SystemRandom
from typing import Any

from websockets.asyncio.client import ClientConnection

from broker_client.errors import TaskFailed
from broker_server.core.feeds import FeedListener
from broker_server.core.methods import TaskContext
from broker_server.core.stream_requests import Registration
from broker_server.vendors.clock import Clock
from broker_server.vendors.kiwoom.rest.auth import TokenSource
from broker_server.vendors.kiwoom.rest.config import RestConfig
from broker_server.vendors.kiwoom.rest.realtime_conversation import Conversation
from broker_server.vendors.kiwoom.rest.realtime_intake import Intake
from broker_server.vendors.live_endings import End, Ending
from broker_server.vendors.live_plan import Plan
from broker_server.vendors.live_session import LiveSession, Pause, SessionListener
from broker_server.vendors.live_timing import Timing

TIMING = Timing(
    between_requests=0.4,
    unanswered=1,
    silence=45.0,
    shortest_pause=1.0,
    in_use=300.0,
)
"""Kiwoom pings every 10 seconds, refuses registrations that come faster, closes connections that come back at
once, and gives the key to whoever logged in last: coming back soon would kick the other one, and so on."""


class RestSession(LiveSession[Conversation]):
    """The connection of one key; see `LiveSession`."""

    vendor = "kiwoom"
    vendor_name = "Kiwoom"

    def __init__(
        self,
        config: RestConfig,
        tokens: TokenSource,
        listener: SessionListener,
        *,
        clock: Clock,
        chance: Random,
        timing: Timing,
        pause: Pause,
        alias: str,
    ) -> None:
        if config.live_url is None:
            raise ValueError("KIWOOM_WS_URL must be set: a simulator's address of live data has no default")
        super().__init__(
            config.live_url,
            listener,
            Plan(timing),
            clock=clock,
            chance=chance,
            timing=timing,
            pause=pause,
            environment=config.environment,
        )
        self._tokens = tokens
        self._intake = Intake(listener.received, config.account_digits, alias, clock, self._oddities)
        self._wanted: list[Registration] = []

    def want(self, registrations: Sequence[Registration]) -> None:
        """Hold exactly these from now on, the most important first."""
        self._wanted = list(registrations)
        super().want(registrations)

    def give_up(self) -> list[Registration]:
        """Nothing that is wanted now is asked for, until it is wanted anew."""
        return self._plan.give_up()

    def _get_pass(self) -> str:
        context = TaskContext(
            task_id="live data",
            received_at=self._clock.now(),
            ensure_in_time=lambda: None,
            report_progress=lambda done, total: None,
        )
        return self._tokens.get(context)

    def _discard_pass(self, value: str) -> None:
        self._tokens.refuse(value)

    def _begin(self, connection: ClientConnection, value: str) -> Conversation:
        return Conversation(
            connection,
            value,
            plan=self._plan,
            intake=self._intake,
            oddities=self._oddities,
            events=self._listener,
            timing=self._timing,
        )

    def _forget(self) -> None:
        self._intake.forget()

    def _dropped(self, registration: Registration) -> None:
        self._intake.close(registration)

    def _counts(self) -> dict[str, Any]:
        return self._intake.counts()

    def _ended(self, conversation: Conversation, ending: Ending) -> None:
        if ending.kind is End.IN_USE and ending.error is not None:
            for registration in self._wanted:
                self._listener.refused(registration, ending.error, for_good=False)


class RestFeed:
    """See `broker_server.core.feeds.Feed`; to be made on the event loop that it lives on.

    Args:
        config: The key and the address.
        tokens: Its tokens, the same as those of REST.
        listener: Whom to tell; always from the event loop, never from within `want`.
        clock: The time.
        chance: For the jitter of the back-off.
        timing: The waits.
        pause: Waits before a connection is made again.
        alias: How the account is called in events.
    """

    def __init__(
        self,
        config: RestConfig,
        tokens: TokenSource,
        listener: FeedListener,
        *,
        clock: Clock,
        chance: Random | None = None,
        timing: Timing = TIMING,
        pause: Pause = asyncio.sleep,
        alias: str = "default",
    ) -> None:
        self.capacity = config.ws_max_registrations
        self._wanted: list[Registration] = []
        self._session = RestSession(
            config,
            tokens,
            _Listener(self, listener),
            clock=clock,
            chance=chance or SystemRandom(),
            timing=timing,
            pause=pause,
            alias=alias,
        )

    def want(self, registrations: Sequence[Registration]) -> None:
        self._wanted = list(dict.fromkeys(registrations))[: self.capacity]
        self._session.want(self._wanted)

    def renew(self, registration: Registration) -> None:
        self._session.renew(registration)

    def reconnect(self, registration: Registration, reason: str) -> None:
        if registration in self._wanted:
            self._session.reconnect(reason)

    def connection_of(self, registration: Registration) -> Hashable:
        return 0 if registration in self._wanted else None

    async def run(self) -> None:
        await self._session.run()

    def status(self) -> dict[str, Any]:
        session = self._session.status()
        return {
            "capacity": self.capacity,
            "wanted": len(self._wanted),
            "registered": session["registered"],
            "sessions": [session],
        }


class _Listener:
    """What the session tells, passed on as the feed's own words."""

    def __init__(self, feed: RestFeed, listener: FeedListener) -> None:
        self._feed = feed
        self._listener = listener
        self.registered = listener.registered
        self.refused = listener.refused
        self.received = listener.received  # nothing in between: it is the hot path
        self.interrupted = listener.interrupted
        self.connected = listener.connected
        self.failing = listener.failing

    def key_refused(self, error: TaskFailed) -> None:
        for registration in self._feed._session.give_up():
            self._listener.refused(registration, error, for_good=True)

    def steady(self) -> None:
        pass
