"""The live data of Kiwoom over its WebSocket: one connection per key, for Kiwoom keeps no second one."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from random import Random, SystemRandom
from typing import Any

from websockets.asyncio.client import ClientConnection

from broker_client.errors import TaskFailed
from broker_server.core.feeds import FeedListener, FeedObserver
from broker_server.core.stream_requests import Registration
from broker_server.vendors.checks import context_without_deadline
from broker_server.vendors.clock import Clock
from broker_server.vendors.kiwoom.rest.auth import TokenSource
from broker_server.vendors.kiwoom.rest.config import RestConfig
from broker_server.vendors.kiwoom.rest.realtime_conversation import Conversation
from broker_server.vendors.kiwoom.rest.realtime_intake import Intake
from broker_server.vendors.kiwoom.rest.wires import Wires
from broker_server.vendors.live_endings import End, Ending
from broker_server.vendors.live_plan import Plan
from broker_server.vendors.live_session import LiveSession, Pause
from broker_server.vendors.live_timing import Timing

TIMING = Timing(
    between_requests=0.4,
    keep=0.0,
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
        wires: Wires,
        *,
        clock: Clock,
        chance: Random,
        timing: Timing,
        pause: Pause,
        observer: FeedObserver | None,
    ) -> None:
        if config.live_url is None:
            raise ValueError("KIWOOM_WS_URL must be set: a simulator's address of live data has no default")
        super().__init__(
            config.live_url,
            wires,
            Plan(timing),
            clock=clock,
            chance=chance,
            timing=timing,
            pause=pause,
            environment="simulated" if config.simulated else config.environment,
            observer=observer,
        )
        self._tokens = tokens
        self._wires = wires
        self._wanted: Sequence[Registration] = ()
        self._is_barred = False
        self._capacity = config.ws_max_registrations
        self._intake = Intake(
            wires.received, config.account_digits, config.alias, wires.owners_of, clock, self._oddities
        )

    def want(self, registrations: Sequence[Registration]) -> None:
        """See `LiveSession.want`; nothing is asked for with a refused key, until it is tried again."""
        self._wanted = registrations
        super().want(() if self._is_barred else registrations)

    def _get_pass(self) -> str:
        return self._tokens.get(context_without_deadline("live data", self._clock))

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
            observer=self._observer,
        )

    def _forget(self) -> None:
        self._intake.forget()

    def _dropped(self, registration: Registration) -> None:
        pass  # its records have no owner any more

    def _counts(self) -> dict[str, Any]:
        return {"capacity": self._capacity, **self._intake.counts()}

    def _key_refused(self, error: TaskFailed) -> None:
        self._is_barred = True
        super()._key_refused(error)
        self.want(self._wanted)
        asyncio.get_running_loop().call_later(self._timing.key_refused, self._try_key_again)

    def _try_key_again(self) -> None:
        self._is_barred = False
        self._wires.key_to_be_tried()
        self.want(self._wanted)

    def _ended(self, conversation: Conversation, ending: Ending) -> None:
        if ending.kind is End.IN_USE and ending.error is not None:
            self._wires.kicked(ending.error)


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
        observer: Is told each step of the connection.
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
        observer: FeedObserver | None = None,
    ) -> None:
        self.capacity = config.ws_max_registrations
        self._wanted = 0
        self._wires = Wires(listener, self.capacity)
        self._session = RestSession(
            config,
            tokens,
            self._wires,
            clock=clock,
            chance=chance or SystemRandom(),
            timing=timing,
            pause=pause,
            observer=observer,
        )

    def want(self, registrations: Sequence[Registration]) -> None:
        self._wanted = len(registrations)
        self._session.want(self._wires.want(registrations))

    def renew(self, registration: Registration) -> None:
        for wire in self._wires.parts_of(registration):
            self._session.renew(wire)

    def reconnect(self, registration: Registration, reason: str) -> None:
        if self._wires.parts_of(registration):
            self._session.reconnect(reason)

    def connection_of(self, registration: Registration) -> Hashable:
        return 0 if self._wires.parts_of(registration) else None

    async def run(self) -> None:
        await self._session.run()

    def status(self) -> dict[str, Any]:
        return {
            "capacity": self.capacity,
            "wanted": self._wanted,
            "registered": self._wires.registered_count,
            "sessions": [self._session.status()],
        }
