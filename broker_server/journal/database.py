"""Opens a database, the journal's or another, and brings its schema up to date.

Code that uses the engine follows two rules, which hold on SQLite and on PostgreSQL alike:

* ``engine.connect()`` is for reading. ``engine.begin()`` is for writing, and its first statement writes: then
  SQLite waits for its turn with that statement, instead of failing because another worker wrote in between.
* A write never relies on what was read before it. What it depends on is part of the statement itself:
  ``WHERE version = …`` with a look at ``rowcount``, ``ON CONFLICT``, ``RETURNING``. A row of *another* table
  that must not change until the commit is read by it ``FOR SHARE`` (``with_for_update(read=True)``; SQLite,
  which has one writer at a time, needs and gets nothing).
"""

from __future__ import annotations

import logging
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    create_engine,
    event,
    inspect,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from broker_server.journal.locking import schema_lock
from broker_server.journal.tables import metadata

_ALEMBIC = Path(__file__).parent / "migrations"
_PATIENCE = 10.0
_POLL = 0.01
_CACHE_KIB = 256
"""Of each connection: SQLite's own 2 MB add up over a dozen of them, and the system caches the file."""
_SQLITE: dict[str, Any] = {"timeout": _PATIENCE, "isolation_level": "IMMEDIATE"}
"""A writer waits 10 s for another one, and holds the write lock from its first statement on."""
_POSTGRESQL: dict[str, Any] = {
    # A server that is gone must fail an order soon; libpq alone would wait for minutes, or for hours.
    "connect_timeout": int(_PATIENCE),
    "options": "-c statement_timeout=15000 -c lock_timeout=10000",
    "tcp_user_timeout": int(_PATIENCE * 1000),
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}


class DatabaseError(Exception):
    """A database cannot be opened; the message names its setting and says what to do.

    Attributes:
        may_pass: Its server does not let anybody in now, which may be otherwise in a moment.
    """

    may_pass: bool = False


class JournalError(DatabaseError):
    """The journal cannot be opened or written; the message says where it is and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What a database is for. Several may share one database.

    Attributes:
        setting: The setting that has its URL.
        name: What people call it.
        versions: The folder of its Alembic migrations.
        head: The newest of them.
        version_table: Where the database says how far they have been applied.
        metadata: Its tables.
        error: What is raised when it cannot be opened.
    """

    setting: str
    name: str
    versions: Path
    head: str
    version_table: str
    metadata: MetaData
    error: type[DatabaseError]


JOURNAL = Schema(
    setting="JOURNAL_URL",
    name="journal",
    versions=_ALEMBIC / "versions",
    head="0002",
    version_table="alembic_version",
    metadata=metadata,
    error=JournalError,
)


def open_database(url: str, schema: Schema = JOURNAL) -> Engine:
    """Open the database and bring its schema up to date.

    Args:
        url: A SQLAlchemy URL; ``sqlite:///path`` or ``postgresql+psycopg://…``.
        schema: What it is for.

    Raises:
        DatabaseError: The URL is wrong, the database cannot be opened, or a newer version has written it; of
            the schema's own class.
    """
    try:
        engine = _engine(_read(url, schema), schema)
        try:
            _upgrade(engine, schema)
        except BaseException:
            engine.dispose()
            raise
    except (ArgumentError, ImportError, OSError, SQLAlchemyError) as error:
        first_line = str(error).splitlines()[0]
        failed = schema.error(f"{schema.setting}: the {schema.name} cannot be opened: {first_line}")
        failed.may_pass = isinstance(error, OperationalError) and not url.startswith("sqlite")
        raise failed from error
    return engine


def _read(url: str, schema: Schema) -> URL:
    try:
        return make_url(url)
    except ValueError:  # its text quotes what was taken for the port, which may be of the password
        raise schema.error(
            f"{schema.setting}: its port is no number: write postgresql://user:password@host:5432/database, "
            f"with what is special in the password percent-encoded"
        ) from None


def _engine(url: URL, schema: Schema) -> Engine:
    backend = url.get_backend_name() if url.drivername != "postgres" else "postgresql"
    if backend == "sqlite":
        return _sqlite(url, schema)
    if backend == "postgresql":
        return _postgresql(url, schema)
    raise schema.error(f"{schema.setting}: {backend} is not supported: use sqlite:///path or postgresql://…")


def _sqlite(url: URL, schema: Schema) -> Engine:
    if not url.database or url.database == ":memory:":
        raise schema.error(f"{schema.setting}: a {schema.name} in memory would be lost: use sqlite:///path")
    file = Path(url.database)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.touch(mode=0o600)
    engine = create_engine(url, connect_args=_unless_given(_SQLITE, url))
    event.listen(engine, "connect", _make_sqlite_durable)
    return engine


def _postgresql(url: URL, schema: Schema) -> Engine:
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args=_unless_given(_POSTGRESQL, url),
            isolation_level="READ COMMITTED",  # whatever the server's default is
            pool_pre_ping=True,
        )
    except ImportError as error:
        raise schema.error(
            f"{schema.setting}: PostgreSQL needs its driver ({error}): pip install 'sapi-broker[postgres]'"
        ) from error
    event.listen(engine, "connect", _make_postgresql_durable)
    return engine


def _unless_given(defaults: dict[str, Any], url: URL) -> dict[str, Any]:
    return {name: value for name, value in defaults.items() if name not in url.query}


def _upgrade(engine: Engine, schema: Schema) -> None:
    """Make the tables of an empty database, or apply the migrations that are missing.

    Workers that start together take turns.
    """
    version = _version_table(schema)
    with schema_lock(engine) as connection:
        existing = inspect(connection).get_table_names()
        if not existing:
            schema.metadata.create_all(connection)
            version.create(connection)
            connection.execute(version.insert().values(version_num=schema.head))
        elif version.name not in existing or connection.scalars(select(version)).all() != [schema.head]:
            _migrate(connection, schema)


def _version_table(schema: Schema) -> Table:
    """As Alembic makes it."""
    name = schema.version_table
    return Table(
        name,
        MetaData(),
        Column("version_num", String(32), nullable=False),
        PrimaryKeyConstraint("version_num", name=f"{name}_pkc"),
    )


def _migrate(connection: Connection, schema: Schema) -> None:
    # Importing Alembic takes a tenth of the time that a worker needs to start, and few starts need it.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", _escaped(_ALEMBIC))
    config.set_main_option("version_locations", _escaped(schema.versions))
    config.set_main_option("path_separator", "newline")
    config.attributes["schema"] = schema
    config.attributes["connection"] = connection
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise schema.error(
            f"{schema.setting}: this {schema.name} was written by another version of sapi-broker ({error}); "
            f"install that version or a later one"
        ) from error


def _escaped(folder: Path) -> str:
    return str(folder).replace("%", "%%")


def _make_sqlite_durable(connection: Any, _: object) -> None:
    """A committed row must survive a power cut: full synchronous writes, with a write-ahead log for speed."""
    cursor = connection.cursor()
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            # For this one change, which only a new file needs, SQLite does not wait for others itself.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_POLL)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    cursor.close()


def _make_postgresql_durable(connection: Any, _: object) -> None:
    """The same, for a server or role that was set to answer before it has written."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) "
            "WHERE current_setting('synchronous_commit') = 'off'"
        )
    connection.commit()
