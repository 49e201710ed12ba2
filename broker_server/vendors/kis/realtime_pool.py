"""The live data of KIS: several app keys as one feed, whose capacities add up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from random import Random, SystemRandom
from typing import Any

from broker_client.errors import SubscriptionLimit, TaskFailed, Unsupported
from broker_server.core.accounts import DEFAULT
from broker_server.core.feeds import FeedListener, FeedObserver
from broker_server.core.stream_requests import Registration
from broker_server.vendors.clock import Clock
from broker_server.vendors.http import Transport
from broker_server.vendors.kis.approval import ApprovalKeys
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.errors import VENDOR
from broker_server.vendors.kis.realtime import KisSession
from broker_server.vendors.kis.realtime_keys import shown
from broker_server.vendors.kis.realtime_places import Seat, place
from broker_server.vendors.live_session import Pause
from broker_server.vendors.live_timing import Timing

_FOR_GOOD = frozenset({"unsupported", "given up"})
"""A refused key is not among them: it may be accepted again, and what was served with it waits for that."""
_SICK_AFTER = 3
"""Failures in a row after which others take over what they have room for."""


class KisFeed:
    """See `broker_server.core.feeds.Feed`; to be made on the event loop that it lives on.

    Args:
        configs: One per app key, the main account's first; each with a ``live_url``.
        listener: Whom to tell; always from the event loop, never from within `want`.
        transport: For approval keys.
        clock: The time.
        chance: For the jitter of the back-off.
        timing: The waits.
        pause: Waits before a connection is made again.
        alias: How the account is called in events.
        observer: Is told each step of the connections.
    """

    def __init__(
        self,
        configs: Sequence[KisConfig],
        listener: FeedListener,
        *,
        transport: Transport,
        clock: Clock,
        chance: Random | None = None,
        timing: Timing | None = None,
        pause: Pause = asyncio.sleep,
        alias: str = DEFAULT,
        observer: FeedObserver | None = None,
    ) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._wanted: list[Registration] = []
        self._seats: dict[Registration, int] = {}
        self._told: dict[Registration, str] = {}
        self._registered: set[Registration] = set()
        self._refusals: dict[int, TaskFailed] = {}
        self._refused_for = (timing or Timing()).key_refused
        self._remember = (timing or Timing()).remember
        self._clock = clock
        self._remembered: dict[Registration, tuple[float, Exception]] = {}
        self.capacity = sum(config.ws_max_registrations for config in configs)
        self._sessions = [
            KisSession(
                config,
                ApprovalKeys(config, transport, clock),
                _Member(self, listener, at),
                clock=clock,
                chance=chance or SystemRandom(),
                timing=timing,
                pause=pause,
                alias=alias,
                observer=observer,
            )
            for at, config in enumerate(configs)
        ]

    def want(self, registrations: Sequence[Registration]) -> None:
        self._wanted = list(dict.fromkeys(registrations))[: self.capacity]
        for gone in self._told.keys() - set(self._wanted):
            del self._told[gone]
        self._registered.intersection_update(self._wanted)
        self._place()

    def renew(self, registration: Registration) -> None:
        if (at := self._seats.get(registration)) is not None:
            self._sessions[at].renew(registration)

    def reconnect(self, registration: Registration, reason: str) -> None:
        if (at := self._seats.get(registration)) is not None:
            self._sessions[at].reconnect(reason)

    def connection_of(self, registration: Registration) -> Hashable:
        return self._seats.get(registration)

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

    def _place(self) -> None:
        """Give every session its part, and tell of what none can take."""
        before = self._seats
        for one in self._wanted:
            if one not in self._told and (error := self._recall(one)) is not None:
                self._tell(one, "given up", error)
        open_ones = [one for one in self._wanted if self._told.get(one) not in _FOR_GOOD]
        places = place(open_ones, [_seat(session) for session in self._sessions], before)
        self._seats = dict(places.seats)
        moved = [
            one for one in open_ones if one in self._registered and self._seats.get(one) != before.get(one)
        ]
        self._registered.difference_update(moved)
        if moved:
            self._later(lambda: self._listener.interrupted(moved, "it goes to another connection"))
        for at, session in enumerate(self._sessions):
            session.want([one for one in open_ones if self._seats.get(one) == at])
        for one in places.seats:
            self._told.pop(one, None)
        for one in places.unsupported:
            self._tell(one, "unsupported", _unsupported(one))
        for one in places.refused:
            self._tell(one, "key refused", next(iter(self._refusals.values())))
        for one in places.homeless:
            self._tell(one, "homeless", _no_room())

    def _try_refused_keys(self) -> None:
        """A key that was refused may be tried again, for what is still wanted of it."""
        for one in [one for one, what in self._told.items() if what == "key refused"]:
            del self._told[one]
        self._place()

    def _remember_refusal(self, registration: Registration, error: Exception) -> None:
        now = self._clock.monotonic()
        self._remembered = {one: kept for one, kept in self._remembered.items() if kept[0] > now}
        self._remembered[registration] = now + self._remember, error

    def _recall(self, registration: Registration) -> Exception | None:
        """Why KIS has just refused it; asking again and again could get the key blocked."""
        until, error = self._remembered.get(registration, (0.0, None))
        return error if self._clock.monotonic() < until else None

    def _tell(self, registration: Registration, what: str, error: Exception) -> None:
        if self._told.get(registration) != what:
            self._told[registration] = what
            for_good = what in _FOR_GOOD
            self._later(lambda: self._listener.refused(registration, error, for_good=for_good))

    def _later(self, call: Callable[[], None]) -> None:
        """Nobody is called back from within his own call."""
        self._loop.call_soon(call)


class _Member:
    """What one session tells, passed on as the feed's own words."""

    def __init__(self, feed: KisFeed, listener: FeedListener, at: int) -> None:
        self._feed = feed
        self._listener = listener
        self._at = at
        self.received = listener.received  # nothing in between: it is the hot path

    def registered(self, registration: Registration) -> None:
        self._feed._registered.add(registration)
        self._listener.registered(registration)

    def refused(self, registration: Registration, error: Exception, *, for_good: bool) -> None:
        if for_good:
            self._feed._told[registration] = "given up"
            self._feed._remember_refusal(registration, error)
        self._listener.refused(registration, error, for_good=for_good)

    def interrupted(self, registrations: Sequence[Registration], reason: str) -> None:
        self._feed._registered.difference_update(registrations)
        self._listener.interrupted(registrations, reason)

    def connected(self) -> None:
        self._listener.connected()

    def failing(self, failures: int, reason: str, *, pause: float = 0.0, connection: Hashable = None) -> None:
        self._listener.failing(failures, reason, pause=pause, connection=self._at)
        if failures == _SICK_AFTER:
            self._feed._place()

    def key_refused(self, error: TaskFailed) -> None:
        feed = self._feed
        feed._refusals[self._at] = error
        feed._place()
        feed._loop.call_later(feed._refused_for, feed._try_refused_keys)

    def steady(self) -> None:
        self._feed._place()


def _seat(session: KisSession) -> Seat:
    config = session.config
    return Seat(
        environment=config.environment,
        capacity=config.ws_max_registrations,
        hts_id=config.hts_id.get_secret_value() if config.hts_id else None,
        is_usable=not session.is_refused,
        is_healthy=not session.is_refused and session.failures < _SICK_AFTER,
    )


def _unsupported(registration: Registration) -> TaskFailed:
    return Unsupported(
        f"KIS does not send {shown(registration)} in the environment of this key; paper trading has live "
        "trades, order books and notices of KRX only, everything else needs a key of real trading",
        vendor=VENDOR,
    )


def _no_room() -> TaskFailed:
    return SubscriptionLimit(
        "the connections that are up at KIS are full; end a subscription or add an app key", vendor=VENDOR
    )
