"""The private PostgreSQL server of the tests itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from broker_server.amqp.private_node.processes import command_line
from tests.support.postgres import PrivatePostgres, find_postgres, fresh_database
from tests.support.processes import ROOT
from tests.support.waiting import wait_until

_STARTS_ONE = """
import sys
from tests.support.postgres import PrivatePostgres
server = PrivatePostgres()
print(server.pid, server.folder, flush=True)
sys.stdin.read()
"""


def ask(url: str, question: str) -> str:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        (answer,) = connection.execute(question).fetchone() or ("",)
    return str(answer)


def test_newest_of_several_versions_is_taken(tmp_path: Path) -> None:
    for version in ("9.6", "15", "17"):
        program = tmp_path / f"usr/lib/postgresql/{version}/bin/postgres"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    assert find_postgres(tmp_path) == tmp_path / "usr/lib/postgresql/17/bin"
    assert find_postgres(tmp_path / "nothing") is None


def test_what_was_committed_outlives_a_crash_and_the_folder_goes_in_the_end() -> None:
    with PrivatePostgres() as server:
        assert ask(server.url, "SHOW fsync") == "on"
        assert ask(server.url, "SHOW listen_addresses") == "127.0.0.1"
        with psycopg.connect(server.url.replace("+psycopg", "")) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            ask(server.url, "SELECT 1")
        server.start()
        assert ask(server.url, "SELECT number FROM kept") == "7"
    assert not server.folder.exists()


def test_the_server_needs_its_password() -> None:
    with PrivatePostgres(fsync=False) as server:
        assert ask(server.url, "SHOW fsync") == "off"
        with pytest.raises(psycopg.OperationalError, match="password"):
            ask(server.url.replace(":" + server.url.split(":")[2].split("@")[0], ":wrong"), "SELECT 1")


def test_a_killed_test_run_takes_its_server_along_and_its_folder_goes_with_the_next_one() -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", _STARTS_ONE],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with run:
        assert run.stdout is not None
        pid, folder = run.stdout.readline().split(maxsplit=1)
        assert folder.strip() in (command_line(int(pid)) or "")
        run.send_signal(signal.SIGKILL)
        run.wait(10)
    wait_until(lambda: command_line(int(pid)) is None, what="the server's end")
    assert Path(folder.strip()).exists()
    with PrivatePostgres():
        assert not Path(folder.strip()).exists()


def test_databases_are_new_empty_and_gone_afterwards(postgres_url: str) -> None:
    with fresh_database(postgres_url) as first, fresh_database(postgres_url) as second:
        assert first != second
        with psycopg.connect(first.replace("+psycopg", "")) as left_open:
            left_open.execute("CREATE TABLE one (number int)")
            left_open.commit()
            assert ask(second, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == "0"
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        ask(first, "SELECT 1")
