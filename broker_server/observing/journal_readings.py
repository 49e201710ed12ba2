"""What the journal says of orders, for metrics: a database that does not answer must not hold up the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from broker_server.core.accounts import AccountKey
from broker_server.journal.halts import Halts
from broker_server.journal.order_counts import OrderCounts

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 2.0
"""Prometheus itself gives a scrape 10 s by default."""
OPEN = "OPEN"
Rows = list[tuple[tuple[str, ...], float]]


@dataclass(frozen=True, slots=True)
class JournalReading:
    """The journal at one moment.

    Attributes:
        up: Whether it can be read.
        halted: Whether orders are halted; also while it cannot be read, for then no order is sent either.
        today: How many orders of today, by vendor, account and state.
        pending: How many are not settled, or still open, by the same.
    """

    up: bool = False
    halted: bool = True
    today: Rows = field(default_factory=list)
    pending: Rows = field(default_factory=list)


UNREADABLE = JournalReading()


def read_journal(
    engine: Engine, environment: str, accounts: Sequence[AccountKey], now: datetime
) -> JournalReading:
    """Ask the database; blocks as long as it does not answer."""
    counts = OrderCounts(engine, environment)
    today: Rows = []
    pending: Rows = []
    try:
        halted = Halts(engine, environment).current() is not None
        for key in accounts:
            today += [((*key, state), n) for state, n in counts.of_today(*key, now).items()]
            pending += [((*key, state), n) for state, n in counts.pending(*key).items()]
            pending.append(((*key, OPEN), counts.open(*key)))
    except SQLAlchemyError:
        return UNREADABLE
    return JournalReading(up=True, halted=halted, today=today, pending=pending)


class JournalReadings:
    """Reads on a thread of its own, one at a time, and waits only so long. Safe to use from many threads.

    Args:
        read: Reads the journal.
        patience: Seconds to wait.
    """

    def __init__(self, read: Callable[[], JournalReading], patience: float = PATIENCE_SECONDS) -> None:
        self._read = read
        self._patience = patience
        self._lock = threading.Lock()
        self._running: _Reading | None = None

    def now(self) -> JournalReading:
        """What it says, or `UNREADABLE` when that does not come in time."""
        with self._lock:
            running = self._running
            if running is None or running.done.is_set():
                running = self._running = _Reading(self._read)
        running.done.wait(self._patience)
        return running.result


class _Reading:
    def __init__(self, read: Callable[[], JournalReading]) -> None:
        self.result = UNREADABLE
        self.done = threading.Event()
        self._read = read
        threading.Thread(target=self._run, name="journal-reading", daemon=True).start()

    def _run(self) -> None:
        try:
            self.result = self._read()
        except Exception:
            log.exception("the journal cannot be counted")
        finally:
            self.done.set()
