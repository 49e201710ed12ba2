"""Finds registrations that are confirmed and yet mute: pure, the time is an argument.

::

                    tick: too long nothing                     verdict: the market moved, or nobody can tell
    fresh ──────────────────────────────> suspected ──────────────────────────────────────────> stale
      ▲                                       │ verdict: the market is quiet                      │
      ├───────────────────────────────────────┘   (the next look waits longer)                    │
      └──────────────────────── data, or it turns out that nothing was missed ────────────────────┘

Silence alone proves nothing, as an instrument may trade once an hour. So the owner looks at the state by
REST and gives its verdict. A stale registration is looked at again and again, ever more rarely: the first
time it is renewed, then the connection that holds it is replaced, unless that delivers for others.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime

from broker_server.core.stream_requests import Registration

LONGEST_WAIT = 600.0
"""Seconds between two looks at a quiet registration, or between two attempts to heal a stale one."""
LONGEST_PATIENCE = 3600.0
"""Seconds of silence after which even what trades very rarely is looked at."""
GAPS = 10.0
"""So many times its typical gap a registration may be silent."""
_ONE_BURST = 1.0
"""Data closer together than these seconds is one burst: what counts is how long the silence between lasts."""
_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Suspected:
    """It has been silent for too long: look by REST whether anything was missed, and give the verdict.

    Attributes:
        silent: Seconds since the last sign of life.
    """

    registration: Registration
    silent: float


@dataclass(frozen=True, slots=True)
class Stale:
    """Announce that it is stale.

    Attributes:
        proven: REST shows what did not come; else nobody can tell.
    """

    registration: Registration
    proven: bool


@dataclass(frozen=True, slots=True)
class Recovered:
    """Announce that it is fresh again.

    Attributes:
        delivers: Data has come; else REST shows that there was nothing to miss.
    """

    registration: Registration
    delivers: bool


@dataclass(frozen=True, slots=True)
class Renew:
    """Unregister it and register it again."""

    registration: Registration


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Replace the connection that holds it."""

    registration: Registration


Action = Stale | Recovered | Renew | Reconnect


@dataclass(slots=True)
class _Watch:
    """One registration. Times are monotonic seconds.

    Attributes:
        since: The last sign of life: data, its confirmation, or the opening of the session.
        heard: The last data.
        gap: Typical seconds between two bursts of data, learned in continuous trading.
        measured: Whether the next data ends a gap that says something of the market.
        next_look: Not suspected before.
        wait: From the next look to the one after it.
        asked: When the owner was asked for a verdict that has not come.
        proven: REST has shown what it did not deliver.
        renewed: It has been renewed since it is stale, or since the session opened.
    """

    group: Hashable
    since: float
    confirmed: bool = True
    trading: bool = False
    heard: float = float("-inf")
    gap: float | None = None
    measured: bool = False
    next_look: float = float("-inf")
    wait: float = 0.0
    asked: float | None = None
    stale: bool = False
    proven: bool = False
    renewed: bool = False


@dataclass(slots=True)
class _Group:
    """The registrations of one connection: it is not replaced again before ``spacing`` seconds are over."""

    spacing: float
    reconnected: float = field(default=float("-inf"))


class Freshness:
    """Watches the confirmed registrations of a feed.

    Args:
        may_trade: Whether a registration's venue is in continuous trading; of what silence says nothing,
            such as notices, never.
        stale_after: Seconds of silence after which a registration is suspected.
    """

    def __init__(
        self, may_trade: Callable[[Registration, datetime], bool], *, stale_after: float = 60.0
    ) -> None:
        self._may_trade = may_trade
        self._stale_after = stale_after
        self._longest_wait = max(LONGEST_WAIT, stale_after)
        self._watched: dict[Registration, _Watch] = {}
        self._groups: dict[Hashable, _Group] = {}

    def is_stale(self, registration: Registration) -> bool:
        """Whether it has been announced as stale and not as recovered."""
        watch = self._watched.get(registration)
        return watch is not None and watch.stale

    def confirmed(self, registration: Registration, now: float, group: Hashable = None) -> None:
        """The vendor has confirmed it, for the first time or again.

        Args:
            group: The connection that holds it, if it is known: a name that its replacement keeps.
        """
        watch = self._watched.get(registration)
        if watch is None:
            watch = self._watched[registration] = _Watch(group, now, wait=self._stale_after)
        watch.group, watch.confirmed = group, True
        watch.since = max(watch.since, now)
        watch.measured, watch.asked = False, None
        self._groups.setdefault(group, _Group(self._stale_after))

    def interrupted(self, registration: Registration) -> None:
        """It is not registered now; it will be again, and whether it is stale is still to be found out."""
        if (watch := self._watched.get(registration)) is not None:
            watch.confirmed, watch.asked = False, None

    def forget(self, registration: Registration) -> None:
        """Nobody wants it any more."""
        watch = self._watched.pop(registration, None)
        if watch is not None and all(other.group != watch.group for other in self._watched.values()):
            del self._groups[watch.group]

    def received(self, registration: Registration, now: float) -> Recovered | None:
        """Data has come; whether that is to be announced."""
        watch = self._watched.get(registration)
        if watch is None:
            return None
        if watch.measured and not watch.stale and (gap := now - watch.heard) >= _ONE_BURST:
            watch.gap = gap if watch.gap is None else watch.gap + _WEIGHT * (gap - watch.gap)
        recovered = Recovered(registration, delivers=True) if watch.stale else None
        watch.heard = watch.since = now
        watch.measured = watch.trading
        watch.next_look, watch.wait, watch.asked = now, self._stale_after, None
        watch.stale = watch.proven = watch.renewed = False
        return recovered

    def tick(self, now: float, at: datetime) -> list[Suspected]:
        """What has been silent for too long. To be called every second or so.

        Args:
            now: Monotonic seconds.
            at: The same moment, for the hours of the market.
        """
        found = []
        for registration, watch in self._watched.items():
            if self._is_due(registration, watch, now, at):
                watch.asked = now
                found.append(Suspected(registration, now - watch.since))
        return found

    def verdict(self, registration: Registration, moved: bool | None, now: float) -> list[Action]:
        """What REST says of a suspected registration.

        Args:
            moved: Whether it shows something that neither came nor was shown by the look before; ``None``
                when that cannot be told.

        Returns:
            What to do, in this order. Nothing when the verdict comes too late to matter.
        """
        watch = self._watched.get(registration)
        if watch is None or watch.asked is None:
            return []
        watch.asked = None
        watch.wait = min(2 * watch.wait, self._longest_wait)
        watch.next_look = now + watch.wait
        if moved is False:
            if not watch.stale or watch.proven:
                return []
            watch.stale = watch.renewed = False
            return [Recovered(registration, delivers=False)]
        watch.proven = watch.proven or moved is True
        if watch.stale:
            return self._healing(registration, watch, now, certain=moved is True)
        watch.stale, watch.renewed = True, True
        watch.wait = self._stale_after
        watch.next_look = now + watch.wait
        return [Stale(registration, watch.proven), Renew(registration)]

    def _is_due(self, registration: Registration, watch: _Watch, now: float, at: datetime) -> bool:
        if not self._may_trade(registration, at):
            watch.trading = watch.measured = False
            watch.asked = None
            return False
        if not watch.trading:
            watch.trading = True
            watch.since = watch.next_look = now
            watch.wait = self._stale_after
            watch.proven = watch.renewed = False  # what was missed yesterday is no reason today
        if not watch.confirmed:
            return False
        if watch.asked is not None:  # the answer may be lost
            return now - watch.asked >= self._stale_after
        # What is stale has used up its patience; a new registration still gets its time to deliver.
        patience = self._stale_after if watch.stale else self._patience(watch)
        return now - watch.since >= patience and now >= watch.next_look

    def _patience(self, watch: _Watch) -> float:
        learned = 0.0 if watch.gap is None else min(GAPS * watch.gap, LONGEST_PATIENCE)
        return max(self._stale_after, learned)

    def _healing(
        self, registration: Registration, watch: _Watch, now: float, *, certain: bool
    ) -> list[Action]:
        if not watch.renewed:
            watch.renewed = True
            return [Renew(registration)]
        delivers = any(
            other.heard > now - self._stale_after
            for name, other in self._watched.items()
            if name != registration and other.group == watch.group
        )
        if delivers:
            return [Renew(registration)] if certain else []
        group = self._groups[watch.group]
        since_last = now - group.reconnected
        if since_last < group.spacing:
            return []
        spacing = min(2 * group.spacing, self._longest_wait)
        group.spacing = spacing if since_last <= 2 * self._longest_wait else self._stale_after
        group.reconnected = now
        return [Reconnect(registration)]
