"""The sessions of the simulated KOSCOM WebSocket, and what each has subscribed to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from broker_server.simulator.connections import Connection
from broker_server.simulator.koscom.keys import Credentials
from broker_server.simulator.koscom.tables import VENDOR, MarketName
from broker_server.simulator.stream_faults import SessionKey

Pair = tuple[str, str]
"""A preset and the code that it was subscribed with."""

MARKET = "market"
"""Stands where a preset does for the market-wide feeds."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one request subscribed to; ``items`` are those of ``change``."""

    items: frozenset[str]
    since: datetime


@dataclass(eq=False, slots=True)
class Session:
    """One connection.

    Attributes:
        market: Which whole market it is for; None on ``/ws``.
        heard: When the client last said something, in real seconds.
        told: When the last heartbeat was sent, likewise.
        owner: Whose; None before ``init``.
        requests: What is subscribed, by the JSON of the request's id.
        ended: Nothing is sent any more.
    """

    connection: Connection
    market: MarketName | None
    heard: float
    told: float
    owner: Credentials | None = None
    requests: dict[bytes, dict[Pair, Entry]] = field(default_factory=dict)
    ended: bool = False
    heartbeats: int = 0

    @property
    def name(self) -> str:
        """What the control server calls its key."""
        return self.owner.environment if self.owner is not None else ""

    @property
    def key(self) -> SessionKey:
        """What faults name it by."""
        return SessionKey(self.owner.api_key if self.owner is not None else "", self.name, VENDOR)

    @property
    def pairs(self) -> dict[Pair, frozenset[str]]:
        """Everything that is subscribed, by whatever request, with the items of ``change``."""
        found: dict[Pair, frozenset[str]] = {}
        for entries in self.requests.values():
            for pair, entry in entries.items():
                found[pair] = found.get(pair, frozenset()) | entry.items
        return found

    def end(self, *, drop: bool = False) -> None:
        """End the connection, with a closing frame unless it is dropped."""
        self.ended = True
        (self.connection.drop if drop else self.connection.close)()


class SessionBook:
    """Every session, and counts per key."""

    def __init__(self) -> None:
        self._sessions: list[Session] = []
        self._counts: dict[str, Counter[str]] = {}
        self.connections = 0

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions))

    def connect(self, session: Session) -> None:
        """A connection is there; it has no key yet."""
        self.connections += 1
        self._sessions.append(session)

    def disconnect(self, session: Session) -> None:
        """A connection is gone, and all that it had subscribed to."""
        session.ended = True
        if session in self._sessions:
            self._sessions.remove(session)

    def of_key(self, api_key: str) -> int:
        """How many living sessions a key has."""
        return sum(each.key.app_key == api_key and not each.ended for each in self._sessions)

    def count(self, session: Session, what: str) -> None:
        """Count something that the session's key did."""
        self._counts.setdefault(session.name, Counter())[what] += 1

    def clear_counts(self) -> None:
        """Start the counts from zero."""
        self.connections = 0
        self._counts.clear()

    def to_json(self) -> dict[str, Any]:
        """As ``GET /sessions`` shows them."""
        names = ("opened", "rejected", "registrations", "unregistrations", "heartbeats", "queries")
        return {
            "connections": self.connections,
            "open": len(self._sessions),
            "keys": {
                name: {"open": sum(each.name == name for each in self._sessions)}
                | {what: counts[what] for what in names}
                | {"errors": {code[6:]: n for code, n in counts.items() if code.startswith("error ")}}
                for name, counts in self._counts.items()
                if name
            },
        }
