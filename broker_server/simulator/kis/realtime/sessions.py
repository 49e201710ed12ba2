"""The sessions of the simulated WebSocket: who is there, what they registered, and who has an app key."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from broker_server.simulator.connections import Connection
from broker_server.simulator.kis.calls import VENDOR
from broker_server.simulator.kis.realtime.cipher import CipherPair
from broker_server.simulator.kis.realtime.subjects import Subject
from broker_server.simulator.kis.tables import Environment
from broker_server.simulator.stream_faults import SessionKey

MINUTE = 60.0


@dataclass(slots=True)
class Registration:
    """One registered TR and key."""

    subject: Subject
    since: datetime


@dataclass(eq=False, slots=True)
class Session:
    """One connection.

    Attributes:
        app_key: Whose; empty until the first request with a known approval key.
        name: What the control server calls the app key.
        ended: Nothing is sent any more.
        pinged: When the last PINGPONG was sent, or the session began; in real seconds, like the next one.
        unanswered_since: When the first PINGPONG was sent that has not come back.
    """

    connection: Connection
    app_key: str = ""
    name: str = ""
    environment: Environment = "real"
    registrations: dict[tuple[str, str], Registration] = field(default_factory=dict)
    pairs: dict[str, CipherPair] = field(default_factory=dict)
    ended: bool = False
    pinged: float = 0.0
    unanswered_since: float | None = None

    @property
    def key(self) -> SessionKey:
        """What faults name it by."""
        return SessionKey(self.app_key, self.name, VENDOR)

    def end(self, *, drop: bool) -> None:
        """End the connection, with a closing frame unless it is dropped."""
        self.ended = True
        (self.connection.drop if drop else self.connection.close)()


class KeyCounts:
    """What one app key has asked for."""

    def __init__(self) -> None:
        self.opened = 0
        self.rejected = 0
        self.registrations = 0
        self.unregistrations = 0
        self.most_in_a_minute = 0
        self.pongs = 0
        self.answers: Counter[str] = Counter()
        self._minute: deque[float] = deque()

    def registered(self, now: float) -> None:
        """Count a request to register, whatever comes of it."""
        self.registrations += 1
        self._minute.append(now)
        while self._minute[0] <= now - MINUTE:
            self._minute.popleft()
        self.most_in_a_minute = max(self.most_in_a_minute, len(self._minute))

    def to_json(self, *, is_open: bool) -> dict[str, Any]:
        """As ``GET /sessions`` shows it."""
        return {
            "open": is_open,
            "opened": self.opened,
            "rejected": self.rejected,
            "registrations": self.registrations,
            "registrations_most_in_a_minute": self.most_in_a_minute,
            "unregistrations": self.unregistrations,
            "pongs": self.pongs,
            "answers": dict(self.answers),
        }


class SessionBook:
    """Every session, and which app keys are taken: each by one session at a time.

    Args:
        monotonic: Real seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._sessions: list[Session] = []
        self._holders: dict[str, Session] = {}
        self._held_until: dict[str, float] = {}
        self.connections = 0
        self._counts: dict[str, KeyCounts] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions))

    def connect(self, session: Session) -> None:
        """A connection is there; it has no app key yet."""
        self.connections += 1
        self._sessions.append(session)

    def counts(self, name: str) -> KeyCounts:
        """The counts of an app key, by its name."""
        return self._counts.setdefault(name, KeyCounts())

    def bind(self, session: Session) -> bool:
        """Take the app key for a session; False while another session has it."""
        held = self._held_until.get(session.app_key)
        if session.app_key in self._holders or (held is not None and self._monotonic() < held):
            self.counts(session.name).rejected += 1
            return False
        self._holders[session.app_key] = session
        self.counts(session.name).opened += 1
        return True

    def disconnect(self, session: Session, *, orderly: bool, hold_seconds: float) -> None:
        """A connection is gone.

        Args:
            session: Whose.
            orderly: With a closing frame.
            hold_seconds: How long the app key stays taken if not.
        """
        session.ended = True
        if session in self._sessions:
            self._sessions.remove(session)
        if self._holders.get(session.app_key) is session:
            del self._holders[session.app_key]
            if not orderly and hold_seconds:
                self._held_until[session.app_key] = self._monotonic() + hold_seconds

    def release(self) -> None:
        """Free the app keys of sessions that are gone."""
        self._held_until.clear()

    def clear_counts(self) -> None:
        """Start the counts from zero."""
        self.connections = 0
        self._counts.clear()

    def to_json(self) -> dict[str, Any]:
        """As ``GET /sessions`` shows them."""
        holders = {session.name for session in self._holders.values()}
        return {
            "connections": self.connections,
            "open": len(self._sessions),
            "keys": {name: counts.to_json(is_open=name in holders) for name, counts in self._counts.items()},
        }
