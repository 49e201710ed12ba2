"""Opens the journal's database and brings its schema up to date."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from broker_server.journal.locking import schema_lock

_MIGRATIONS = Path(__file__).parent / "migrations"


class JournalError(Exception):
    """The journal cannot be opened or written; the message says where it is and what to do."""


def open_database(url: str) -> Engine:
    """Open the database and bring its schema up to date.

    Args:
        url: A SQLAlchemy URL; ``sqlite:///path`` or ``postgresql+psycopg://…``.

    Raises:
        JournalError: The URL is wrong, the database cannot be opened, or a newer version has written it.
    """
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            file = Path(parsed.database)
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.touch(mode=0o600)
        engine = create_engine(parsed, pool_pre_ping=True)
        if parsed.get_backend_name() == "sqlite":
            event.listen(engine, "connect", _make_durable)
        _upgrade(engine)
    except CommandError as error:
        raise JournalError(
            f"JOURNAL_URL: this journal was written by another version of sapi-broker ({error}); "
            f"install that version or a later one"
        ) from error
    except (ArgumentError, ImportError, OSError, SQLAlchemyError) as error:
        first_line = str(error).splitlines()[0]
        raise JournalError(f"JOURNAL_URL: the journal cannot be opened: {first_line}") from error
    return engine


def _upgrade(engine: Engine) -> None:
    """Apply the migrations that are missing. Workers that start together take turns."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with schema_lock(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _make_durable(connection: Any, _: object) -> None:
    """A committed row must survive a power cut: full synchronous writes, with a write-ahead log for speed."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
