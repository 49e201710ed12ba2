"""Notes in the journal which outcomes have reached their client, away from the order's own path."""

from __future__ import annotations

import queue
import threading

import structlog
from sqlalchemy.exc import SQLAlchemyError

from broker_server.journal.orders import OrderJournal

log = structlog.get_logger(__name__)


class ReplyNotes:
    """A thread that writes notes in batches. What a crash loses is a note: the reply is then sent again."""

    def __init__(self, journal: OrderJournal) -> None:
        self._journal = journal
        self._waiting: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="reply-notes", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def add(self, task_id: str, outcome: bytes) -> None:
        """The broker confirmed a reply with this outcome of that order; returns at once."""
        self._waiting.put((task_id, outcome))

    def stop(self) -> None:
        """Write what is left, then end."""
        self._waiting.put(None)
        self._thread.join(10)

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, last = [first], False
            while not self._waiting.empty():
                note = self._waiting.get()
                if note is None:
                    last = True
                    break
                batch.append(note)
            try:
                self._journal.mark_replied(batch)
            except SQLAlchemyError as error:
                reason = str(error).splitlines()[0]
                log.warning("the journal cannot note that replies arrived", reason=reason)
            if last:
                return
