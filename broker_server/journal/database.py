"""Opens the journal's database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from broker_server.journal.tables import metadata


class JournalError(Exception):
    """The journal cannot be opened or written; the message says where it is and what to do."""


def open_database(url: str) -> Engine:
    """Open the database and create the tables that are missing.

    Args:
        url: A SQLAlchemy URL; ``sqlite:///path`` or ``postgresql+psycopg://…``.

    Raises:
        JournalError: The URL is wrong, or the database cannot be opened.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            file = Path(parsed.database)
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.touch(mode=0o600)
        engine = create_engine(parsed, pool_pre_ping=True)
        if parsed.get_backend_name() == "sqlite":
            event.listen(engine, "connect", _make_durable)
        metadata.create_all(engine)
    except (ArgumentError, ImportError, OSError, SQLAlchemyError) as error:
        first_line = str(error).splitlines()[0]
        raise JournalError(f"JOURNAL_URL: the journal cannot be opened: {first_line}") from error
    return engine


def _make_durable(connection: Any, _: object) -> None:
    """A committed row must survive a power cut: full synchronous writes, with a write-ahead log for speed."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()
