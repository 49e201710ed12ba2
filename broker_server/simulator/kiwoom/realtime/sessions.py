"""The sessions of the simulated Kiwoom WebSocket: one for each key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from broker_server.simulator.connections import Connection
from broker_server.simulator.kiwoom.keys import Credentials
from broker_server.simulator.kiwoom.tables import VENDOR
from broker_server.simulator.stream_faults import SessionKey

Pair = tuple[str, str]
"""A type and an item."""


@dataclass(eq=False, slots=True)
class Session:
    """One connection.

    Attributes:
        owner: Whose; None before LOGIN.
        groups: Since when a type and item are registered, by group.
        ended: Nothing is sent any more.
        since: When it began; in real seconds, like the next two.
        pinged: When the last PING was sent.
        registered: When the last REG came.
        missed: PING that did not come back.
        conditions: The list of conditions was asked for.
    """

    connection: Connection
    since: float
    pinged: float
    owner: Credentials | None = None
    groups: dict[str, dict[Pair, datetime]] = field(default_factory=dict)
    ended: bool = False
    registered: float | None = None
    missed: int = 0
    conditions: bool = False

    @property
    def name(self) -> str:
        """What the control server calls its key."""
        return self.owner.environment if self.owner is not None else ""

    @property
    def key(self) -> SessionKey:
        """What faults name it by."""
        return SessionKey(self.owner.app_key if self.owner is not None else "", self.name, VENDOR)

    @property
    def pairs(self) -> dict[Pair, datetime]:
        """Everything that is registered, in whatever group."""
        return {pair: since for group in self.groups.values() for pair, since in group.items()}

    def end(self, *, drop: bool = False) -> None:
        """End the connection, with a closing frame unless it is dropped."""
        self.ended = True
        (self.connection.drop if drop else self.connection.close)()


class KeyCounts:
    """What one key has asked for."""

    def __init__(self) -> None:
        self.opened = 0
        self.rejected = 0
        self.registrations = 0
        self.unregistrations = 0
        self.pongs = 0
        self.answers: Counter[str] = Counter()

    def to_json(self, *, is_open: bool) -> dict[str, Any]:
        """As ``GET /sessions`` shows it."""
        return {
            "open": is_open,
            "opened": self.opened,
            "rejected": self.rejected,
            "registrations": self.registrations,
            "unregistrations": self.unregistrations,
            "pongs": self.pongs,
            "answers": dict(self.answers),
        }


class SessionBook:
    """Every session, and which one has a key.

    Args:
        monotonic: Real seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._sessions: list[Session] = []
        self._holders: dict[str, Session] = {}
        self._ended_at: dict[str, float] = {}
        self._counts: dict[str, KeyCounts] = {}
        self.connections = 0

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions))

    def connect(self, session: Session) -> None:
        """A connection is there; it has no key yet."""
        self.connections += 1
        self._sessions.append(session)

    def counts(self, session: Session) -> KeyCounts:
        """The counts of the session's key; those of nobody before LOGIN."""
        return self._counts.setdefault(session.name, KeyCounts())

    def holder(self, app_key: str) -> Session | None:
        """The session that has a key."""
        return self._holders.get(app_key)

    def seconds_since_end(self, app_key: str) -> float:
        """How long ago the key's last session ended; infinite where it had none."""
        ended = self._ended_at.get(app_key)
        return float("inf") if ended is None else self._monotonic() - ended

    def bind(self, session: Session) -> None:
        """Give the key to a session."""
        self._holders[session.key.app_key] = session
        self.counts(session).opened += 1

    def disconnect(self, session: Session) -> None:
        """A connection is gone."""
        session.ended = True
        if session in self._sessions:
            self._sessions.remove(session)
        if self._holders.get(session.key.app_key) is session:
            del self._holders[session.key.app_key]
            self._ended_at[session.key.app_key] = self._monotonic()

    def release(self) -> None:
        """Forget when sessions ended."""
        self._ended_at.clear()

    def clear_counts(self) -> None:
        """Start the counts from zero."""
        self.connections = 0
        self._counts.clear()

    def to_json(self) -> dict[str, Any]:
        """As ``GET /sessions`` shows them."""
        open_names = {session.name for session in self._holders.values()}
        return {
            "connections": self.connections,
            "open": len(self._sessions),
            "keys": {
                name: counts.to_json(is_open=name in open_names)
                for name, counts in self._counts.items()
                if name
            },
        }
