"""Verdicts that the journal could not take when they came: written down as soon as it can."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from broker_server.core.accounts import AccountKey
from broker_server.core.orders import Event, IllegalTransition, Order
from broker_server.journal.orders import OrderJournal

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Verdict:
    key: AccountKey
    event: Event
    outcome: bytes
    at: datetime


class LateVerdicts:
    """Safe to use from many threads. What a crash loses of it is found out by reconciliation.

    Args:
        journal: Where they belong.
        changed: Told of every change of a record.
        came: Told the account of a new one.
        worker: The name of this worker.
    """

    def __init__(
        self,
        journal: OrderJournal,
        changed: Callable[[Order, Order], None],
        came: Callable[[AccountKey], None],
        *,
        worker: str,
    ) -> None:
        self._journal = journal
        self._changed = changed
        self._came = came
        self._worker = worker
        self._lock = threading.Lock()
        self._verdicts: dict[str, _Verdict] = {}

    def keep(self, task_id: str, key: AccountKey, event: Event, outcome: bytes, at: datetime) -> None:
        """Keep a verdict until it is written down."""
        with self._lock:
            self._verdicts[task_id] = _Verdict(key, event, outcome, at)
        self._came(key)

    def outcome(self, task_id: str) -> bytes | None:
        """The JSON of the outcome of an order whose record does not have it yet."""
        with self._lock:
            verdict = self._verdicts.get(task_id)
        return None if verdict is None else verdict.outcome

    def write(self, key: AccountKey) -> None:
        """Write down what is known of that account's orders. Blocks.

        Raises:
            SQLAlchemyError: The journal still cannot be used.
        """
        with self._lock:
            waiting = [(task_id, each) for task_id, each in self._verdicts.items() if each.key == key]
        for task_id, verdict in waiting:
            try:
                before, after = self._journal.change(
                    task_id, verdict.event, now=verdict.at, by=self._worker, outcome=verdict.outcome
                )
            except (IllegalTransition, LookupError) as error:
                log.info("an order was settled before its verdict was recorded", reason=str(error))
            else:
                log.info("an order's outcome is on record at last", task_id=task_id, state=after.state)
                self._changed(before, after)
            with self._lock:
                self._verdicts.pop(task_id, None)
