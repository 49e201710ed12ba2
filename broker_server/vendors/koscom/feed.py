"""The live data of KOSCOM: a pool of sessions of single issues, and one session for each whole market."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import count
from random import Random, SystemRandom
from typing import Any

from broker_client.errors import SubscriptionLimit, TaskFailed
from broker_server.core.feeds import FeedListener, FeedObserver
from broker_server.core.stream_requests import Registration
from broker_server.vendors.clock import Clock
from broker_server.vendors.koscom.config import KoscomConfig
from broker_server.vendors.koscom.errors import VENDOR
from broker_server.vendors.koscom.live_timing import KoscomTiming
from broker_server.vendors.koscom.presets import MARKET, MARKET_PATHS
from broker_server.vendors.koscom.realtime_places import place
from broker_server.vendors.koscom.realtime_session import IssuesSession, KoscomSession, MarketSession
from broker_server.vendors.koscom.targets import Targets, wires_of
from broker_server.vendors.live_pace import Pace
from broker_server.vendors.live_session import Pause

_SICK_AFTER = 3
"""Failures in a row after which other sessions take over what they have room for."""


class KoscomFeed:
    """See `broker_server.core.feeds.Feed`; to be made on the event loop that it lives on.

    Args:
        config: The key and the address; it has a ``live_url``.
        listener: Whom to tell; always from the event loop, never from within `want`.
        clock: The time.
        chance: For the jitter of the back-off.
        timing: The waits.
        pause: Waits before a connection is made again.
        observer: Is told each step of the connections.
    """

    def __init__(
        self,
        config: KoscomConfig,
        listener: FeedListener,
        *,
        clock: Clock,
        chance: Random | None = None,
        timing: KoscomTiming | None = None,
        pause: Pause = asyncio.sleep,
        observer: FeedObserver | None = None,
    ) -> None:
        timing = timing or KoscomTiming(heartbeat=config.heartbeat)
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._timing = timing
        self._of_one = config.ws_max_subscriptions
        self._wanted: list[Registration] = []
        self._wires: dict[Registration, Registration] = {}
        self._seats: dict[Registration, int] = {}
        self._up: set[Registration] = set()
        self._registered: set[Registration] = set()
        self._given_up: set[Registration] = set()
        self._without_room: set[Registration] = set()
        self._remembered: dict[Registration, tuple[float, Exception]] = {}
        self._key_refusal: TaskFailed | None = None
        self._told_of_key: set[Registration] = set()
        self._targets = Targets()
        self._markets = tuple(Registration(MARKET, name) for name in MARKET_PATHS)
        more: dict[str, Any] = {
            "targets": self._targets,
            "ids": count(1),
            "pace": Pace(timing),
            "clock": clock,
            "chance": chance or SystemRandom(),
            "timing": timing,
            "pause": pause,
            "observer": observer,
        }
        issues = range(config.sessions)
        self._pool = [IssuesSession(config, _Member(self, listener, f"issues {at}"), **more) for at in issues]
        self._of_markets = [
            MarketSession(config, _Member(self, listener, market.symbol), market, **more)
            for market in self._markets
        ]
        # A slot is kept free for what `Streams.is_reserved` names. A second market takes one of an issue.
        self.capacity = config.sessions * self._of_one + 1

    def want(self, registrations: Sequence[Registration]) -> None:
        self._wanted = list(dict.fromkeys(registrations))
        for told in (self._given_up, self._without_room, self._told_of_key, self._registered):
            told.intersection_update(self._wanted)
        self._place()

    def renew(self, registration: Registration) -> None:
        if registration.code == MARKET:
            self.reconnect(registration, "it is registered anew")
        elif (session := self._session_of(registration)) is not None:
            session.renew(self._wires[registration])

    def reconnect(self, registration: Registration, reason: str) -> None:
        if (session := self._session_of(registration)) is not None:
            session.reconnect(reason)

    def connection_of(self, registration: Registration) -> Hashable:
        if registration.code == MARKET:
            return registration.symbol
        wire = self._wires.get(registration)
        return None if wire not in self._seats else f"issues {self._seats[wire]}"

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for session in self._sessions:
                group.create_task(session.run())

    def status(self) -> dict[str, Any]:
        return {
            "capacity": self.capacity,
            "wanted": len(self._wanted),
            "registered": len(self._registered),
            "sessions": [session.status() for session in self._sessions],
        }

    @property
    def _sessions(self) -> list[KoscomSession]:
        return [*self._pool, *self._of_markets]

    def _session_of(self, registration: Registration) -> KoscomSession | None:
        if registration.code == MARKET:
            return self._of_markets[self._markets.index(registration)]
        wire = self._wires.get(registration)
        return None if wire not in self._seats else self._pool[self._seats[wire]]

    def _place(self) -> None:
        """Give every session its part, and tell of what none can take."""
        for one in self._wanted:
            if one not in self._given_up and (error := self._recall(one)) is not None:
                self._given_up.add(one)
                self._later_refused(one, error, for_good=True)
        before, seats_before = self._wires, self._seats
        wires = wires_of([one for one in self._wanted if one not in self._given_up])
        on_issues = [wire for wire in dict.fromkeys(wires.values()) if wire.code != MARKET]
        barred = self._key_refusal is not None
        healthy = [session.failures < _SICK_AFTER for session in self._pool]
        self._wires = wires
        self._seats = place(on_issues, seats_before, capacity=self._of_one, healthy=healthy)
        moved = [one for one in self._registered if self._has_moved(one, before, seats_before)]
        self._registered.difference_update(moved)
        self._up.difference_update([wire for wire in self._up if not self._is_seated(wire, seats_before)])
        self._targets.set_wires(wires)
        self._heard_changed()
        if moved:
            self._later(lambda: self._listener.interrupted(moved, "it is registered anew, or elsewhere"))
        for at, session in enumerate(self._pool):
            session.want([] if barred else [wire for wire in on_issues if self._seats.get(wire) == at])
        for market, alone in zip(self._markets, self._of_markets, strict=True):
            alone.want([market] if market in wires and not barred else [])
        self._later(self._tell_up)
        self._tell_without_room()
        self._tell_of_key()

    def _has_moved(
        self,
        one: Registration,
        before: Mapping[Registration, Registration],
        seats_before: Mapping[Registration, int],
    ) -> bool:
        old, new = before.get(one), self._wires.get(one)
        return new is not None and (old != new or self._seats.get(new) != seats_before.get(new))

    def _is_seated(self, wire: Registration, seats_before: Mapping[Registration, int]) -> bool:
        if wire.code == MARKET:
            return wire in self._wires.values()
        return wire in self._seats and self._seats[wire] == seats_before.get(wire)

    def _tell_up(self) -> None:
        """A registration may share what is registered already."""
        for one, wire in tuple(self._wires.items()):
            if wire in self._up and one not in self._registered:
                self._registered.add(one)
                self._listener.registered(one)

    def _tell_without_room(self) -> None:
        homeless = {
            one for one, wire in self._wires.items() if wire.code != MARKET and wire not in self._seats
        }
        for one in homeless - self._without_room:
            self._later_refused(one, _no_room(len(self._pool) * self._of_one), for_good=False)
        self._without_room = homeless

    def _tell_of_key(self) -> None:
        if self._key_refusal is None:
            return
        for one in self._wires:
            if one not in self._told_of_key:
                self._told_of_key.add(one)
                self._later_refused(one, self._key_refusal, for_good=False)

    def _try_key_again(self) -> None:
        self._key_refusal = None
        self._told_of_key.clear()
        self._place()

    def _remember(self, registration: Registration, error: Exception) -> None:
        now = self._clock.monotonic()
        self._remembered = {one: kept for one, kept in self._remembered.items() if kept[0] > now}
        self._remembered[registration] = now + self._timing.remember, error

    def _recall(self, registration: Registration) -> Exception | None:
        """Why KOSCOM has just refused it; it is not asked again and again for a client in a loop."""
        until, error = self._remembered.get(registration, (0.0, None))
        return error if self._clock.monotonic() < until else None

    def _later_refused(self, registration: Registration, error: Exception, *, for_good: bool) -> None:
        self._later(lambda: self._listener.refused(registration, error, for_good=for_good))

    def _later(self, call: Callable[[], None]) -> None:
        """Nobody is called back from within his own call."""
        self._loop.call_soon(call)

    def _heard_changed(self) -> None:
        self._targets.set_up(self._up)
        for channel, subject in self._targets.handed_over():
            self._listener.source_changed(channel, subject)

    # What the sessions tell

    def _wire_registered(self, wire: Registration) -> None:
        self._up.add(wire)
        self._heard_changed()
        self._tell_up()

    def _wire_refused(self, wire: Registration, error: Exception, *, for_good: bool) -> None:
        for owner in tuple(self._targets.owners_of(wire)):
            if for_good:
                self._given_up.add(owner)
                self._remember(owner, error)
            self._listener.refused(owner, error, for_good=for_good)

    def _wires_interrupted(self, wires: Sequence[Registration], reason: str) -> None:
        self._up.difference_update(wires)
        self._heard_changed()
        owners = [owner for wire in wires for owner in self._targets.owners_of(wire)]
        missed = [owner for owner in owners if owner in self._registered]
        self._registered.difference_update(missed)
        if missed:
            self._listener.interrupted(missed, reason)

    def _key_refused(self, error: TaskFailed) -> None:
        if self._key_refusal is None:
            self._loop.call_later(self._timing.key_refused, self._try_key_again)
        self._key_refusal = error
        self._place()


class _Member:
    """What one session tells, passed on as the feed's own words."""

    def __init__(self, feed: KoscomFeed, listener: FeedListener, name: str) -> None:
        self._feed = feed
        self._listener = listener
        self._name = name
        self.received = listener.received  # nothing in between: it is the hot path
        self.connected = listener.connected
        self.registered = feed._wire_registered
        self.refused = feed._wire_refused
        self.interrupted = feed._wires_interrupted
        self.key_refused = feed._key_refused
        self.steady = feed._place

    def failing(self, failures: int, reason: str, *, pause: float = 0.0, connection: Hashable = None) -> None:
        self._listener.failing(failures, reason, pause=pause, connection=self._name)
        if failures == _SICK_AFTER:
            self._feed._place()


def _no_room(capacity: int) -> TaskFailed:
    return SubscriptionLimit(
        f"KOSCOM holds {capacity} subscriptions of single issues on the sessions of this worker, and all are "
        "taken; end a subscription or raise KOSCOM_SESSIONS",
        vendor=VENDOR,
    )
