"""Records that a task begins, before it begins, so that a crash leaves a trace."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import Engine, delete, select

from broker_server.journal.tables import task_starts
from broker_server.journal.upserts import upsert


def message_key(task_id: str, body: bytes) -> str:
    """The identity of a message across redeliveries: its task_id and its exact bytes."""
    digest = hashlib.sha256(task_id.encode())
    digest.update(b"\0")
    digest.update(body)
    return digest.hexdigest()


class TaskStarts:
    """Starts without an end. Every method blocks and may raise ``SQLAlchemyError``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def count(self, key: str) -> int:
        """How often the task began and did not end."""
        with self._engine.connect() as connection:
            found = connection.execute(select(task_starts.c.starts).where(task_starts.c.key == key)).scalar()
        return found or 0

    def record(self, key: str, task_id: str, method: str, now: datetime) -> int:
        """Record one more start, durably.

        Returns:
            How many starts without an end there were before this one.
        """
        row = {"key": key, "task_id": task_id, "method": method, "starts": 1, "last_started_at": now}
        statement = (
            upsert(self._engine, task_starts)
            .values(row)
            .on_conflict_do_update(
                index_elements=["key"], set_={"starts": task_starts.c.starts + 1, "last_started_at": now}
            )
            .returning(task_starts.c.starts)
        )
        with self._engine.begin() as connection:
            return int(connection.execute(statement).scalar_one()) - 1

    def end(self, key: str) -> None:
        """Forget the task: it ended, well or not, and its worker lives."""
        with self._engine.begin() as connection:
            connection.execute(delete(task_starts).where(task_starts.c.key == key))
