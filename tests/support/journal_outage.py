"""A journal's database that a test takes away and gives back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tests.support.postgres import PrivatePostgres, fresh_database


class Outage(Protocol):
    """A database.

    Attributes:
        url: For ``JOURNAL_URL``.
    """

    url: str

    def begin(self) -> None:
        """Take it away."""

    def end(self) -> None:
        """Give it back."""


class StoppedServer:
    """A PostgreSQL that ends as in a crash, and starts again."""

    def __init__(self, server: PrivatePostgres, url: str) -> None:
        self._server = server
        self.url = url

    def begin(self) -> None:
        """End the server."""
        self._server.stop()

    def end(self) -> None:
        """Start it again."""
        self._server.start()


class LockedFile:
    """A SQLite file that somebody else writes to without end: it can be read, and not written."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._holder: sqlite3.Connection | None = None
        self.url = f"sqlite:///{file}?timeout=1"

    def begin(self) -> None:
        """Hold the lock."""
        self._holder = sqlite3.connect(self._file, isolation_level=None, timeout=60)
        self._holder.execute("BEGIN IMMEDIATE")

    def end(self) -> None:
        """Let go of it."""
        if self._holder is not None:
            self._holder.execute("ROLLBACK")
            self._holder.close()
            self._holder = None


class LostTables:
    """A SQLite file that is damaged: it can be neither read nor written."""

    _tables = ("orders", "accounts")

    def __init__(self, file: Path) -> None:
        self._file = file
        self.url = f"sqlite:///{file}"

    def begin(self) -> None:
        """Hide the tables of orders and owners."""
        self._rename("{0} RENAME TO hidden_{0}")

    def end(self) -> None:
        """Show them again."""
        self._rename("hidden_{0} RENAME TO {0}")

    def _rename(self, change: str) -> None:
        connection = sqlite3.connect(self._file, isolation_level=None, timeout=60)
        try:
            connection.execute("PRAGMA legacy_alter_table = ON")
            connection.execute("BEGIN IMMEDIATE")
            for table in self._tables:
                connection.execute(f"ALTER TABLE {change.format(table)}")
            connection.execute("COMMIT")
        finally:
            connection.close()


@contextmanager
def breakable_journal(kind: str, folder: Path) -> Iterator[Outage]:
    """A journal of that kind: ``stopped server``, ``locked file`` or ``lost tables``."""
    if kind == "stopped server":
        with PrivatePostgres(fsync=False) as server, fresh_database(server.url) as url:
            outage = StoppedServer(server, url)
            yield outage
            if server.pid is None:
                server.start()
        return
    made = {"locked file": LockedFile, "lost tables": LostTables}[kind](folder / "journal.sqlite3")
    try:
        yield made
    finally:
        if isinstance(made, LockedFile):
            made.end()
