"""A private PostgreSQL server for the tests, from Debian's package: loopback only, gone with this process."""

from __future__ import annotations

import itertools
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from broker_server.amqp.private_node.debian import ensure_package
from broker_server.amqp.private_node.ports import LOOPBACK, free_port
from broker_server.amqp.private_node.processes import command_line, dies_with_parent

SUPERUSER = "postgres"
"""The database's superuser, and Debian's system user that runs a server for root."""

_PLACES = (
    "/usr/lib/postgresql/*/bin/postgres",  # Debian
    "/usr/pgsql-*/bin/postgres",
    "/opt/homebrew/opt/postgresql@*/bin/postgres",
    "/usr/local/opt/postgresql@*/bin/postgres",
)
_SHELF = Path("/tmp")
"""Where the data goes: a folder that the server's user can reach, which pytest's own are not for root."""
_PREFIX = "sapi-postgres-"
_PATIENCE = 60.0
_ATTEMPTS = 3
_POLL = 0.02
_names = itertools.count(1)


def find_postgres(root: Path = Path("/")) -> Path | None:
    """Find the folder of PostgreSQL's programs, the newest version's; None when there is none."""
    for place in _PLACES:
        found = [path for path in root.glob(place.lstrip("/")) if os.access(path, os.X_OK)]
        if found:
            return max(found, key=_version).parent
    return None


def ensure_postgres() -> Path:
    """Find PostgreSQL's programs; where there are none, install Debian's package.

    Raises:
        NotInstalled: There are none and they cannot be installed; one line says what to do.
    """
    return ensure_package(
        find_postgres,
        title="PostgreSQL",
        package="postgresql",
        otherwise="set TEST_POSTGRES_URL to a superuser of one that runs already",
    )


class PrivatePostgres:
    """One server in a temporary folder. A context manager; started from the main thread.

    Args:
        fsync: Whether a commit waits for the disk, as it does for users.

    Attributes:
        url: The superuser's URL. It stays the same when the server is started again.
        folder: Data and log.
    """

    def __init__(self, *, fsync: bool = True) -> None:
        self._programs = ensure_postgres()
        self._fsync = fsync
        # PostgreSQL refuses to run as root.
        self._account = pwd.getpwnam(SUPERUSER) if os.geteuid() == 0 else None
        self._password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        _remove_leftovers()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_SHELF))
        try:
            if self._account is not None:
                os.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
            self._make_data()
            self._port = self._start_on_a_free_port()
        except BaseException:
            self.close()
            raise
        address = URL.create(
            "postgresql+psycopg", SUPERUSER, self._password, LOOPBACK, self._port, database="postgres"
        )
        self.url = address.render_as_string(hide_password=False)

    @property
    def pid(self) -> int | None:
        """The server's process; None when it does not run."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the server again on the same port and data."""
        assert self._start(self._port), self._log()

    def stop(self) -> None:
        """End the server at once, as a crash would; what was committed is on disk."""
        process, self._process = self._process, None
        if process is not None:
            # SIGKILL would leave a segment of shared memory behind; SIGQUIT is as abrupt for the data.
            process.send_signal(signal.SIGQUIT)
            process.wait(_PATIENCE)

    def close(self) -> None:
        """End the server and remove its data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        """Return the server itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it and remove its data."""
        self.close()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _make_data(self) -> None:
        password = self.folder / "password"  # the folder is its owner's only
        password.write_text(self._password)
        if self._account is not None:
            os.chown(password, self._account.pw_uid, self._account.pw_gid)
        made = self._spawn(
            "initdb",
            *("--pgdata", str(self._data), "--username", SUPERUSER, "--auth", "scram-sha-256"),
            *("--pwfile", str(password), "--encoding", "UTF8", "--locale", "C"),
            *("--no-sync", "--no-instructions"),
        )
        assert made.wait(_PATIENCE) == 0, f"initdb failed: {self._log()}"
        password.unlink()

    def _start_on_a_free_port(self) -> int:
        for _ in range(_ATTEMPTS):
            if self._start(port := free_port()):
                return port
        raise AssertionError(f"PostgreSQL does not start: {self._log()}")

    def _start(self, port: int) -> bool:
        self._process = self._spawn(
            "postgres",
            *("-D", str(self._data), "-p", str(port)),
            *(
                f"--{name}={value}"
                for name, value in {
                    "listen_addresses": LOOPBACK,
                    "unix_socket_directories": "",
                    "fsync": "on" if self._fsync else "off",
                    # Moments must come back right from a server with a time zone of its own.
                    "timezone": "Asia/Seoul",
                    "max_connections": "200",
                    "shared_buffers": "32MB",
                }.items()
            ),
        )
        deadline = time.monotonic() + _PATIENCE
        while not self._accepts(port):
            if self._process.poll() is not None:
                self._process = None
                return False
            assert time.monotonic() < deadline, f"PostgreSQL accepts no connection: {self._log()}"
            time.sleep(_POLL)
        return True

    def _accepts(self, port: int) -> bool:
        with suppress(psycopg.OperationalError):
            psycopg.connect(
                host=LOOPBACK, port=port, user=SUPERUSER, password=self._password, dbname="postgres"
            ).close()
            return True
        return False

    def _spawn(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        account = self._account
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))
        }
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(self._programs / program), *arguments],
                env=environment | {"LC_ALL": "C", "HOME": str(self.folder)},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=None if account is None else account.pw_uid,
                group=None if account is None else account.pw_gid,
                extra_groups=None if account is None else [],
                preexec_fn=dies_with_parent(signal.SIGQUIT),
            )

    def _log(self) -> str:
        lines = (self.folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-10:])


@contextmanager
def fresh_database(superuser_url: str) -> Iterator[str]:
    """The URL of a new, empty database, which is dropped afterwards with whoever is still connected."""
    parsed = make_url(superuser_url).set(drivername="postgresql+psycopg")
    name = f"sapi_test_{os.getpid()}_{next(_names)}_{secrets.token_hex(4)}"
    database = sql.Identifier(name)
    _execute(parsed, sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(database))
    try:
        yield parsed.set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(parsed, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))


def _execute(url: URL, statement: sql.Composed) -> None:
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(statement)


def _remove_leftovers() -> None:
    """Remove the folders of test runs that were killed; their servers ended with them."""
    for folder in _SHELF.glob(f"{_PREFIX}*-*"):
        owner = folder.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdecimal() and command_line(int(owner)) is None:
            shutil.rmtree(folder, ignore_errors=True)


def _version(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]
