"""The programs and lines of the documentation, run as they stand against one worker on the simulator."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from broker_client.cli import app
from tests.support.doc_pages import SNIPPETS, client_lines
from tests.support.processes import ROOT, CommandProcess, start_server

PRINTS = {
    "alerts.py": ("005930 reached ",),
    "backfill.py": ("005930 ", "000660 ", " days added"),
    "candles_to_pandas.py": ("average", "close"),
    "first_call.py": ("",),
    "order_events.py": ("listening", "order.kis.default.filled dip-005930-"),
    "overseas_to_pandas.py": ("close as a float, for statistics: ",),
    "plain_amqp.py": ("simulated 005930 ",),
    "realtime_consumer.py": ("mode: ", "005930 "),
    "simulator_process.py": ("http://127.0.0.1:", "'app_key': "),
    "strategy.py": ("ACCEPTED ",),
}
"""What each of them prints."""

NOT_RUN = ("broker-client mcp", " account=")
"""A server for another program's stdin (tests/e2e/test_mcp.py talks to it), and what needs a second account
(tests/e2e/test_accounts.py has one)."""


@contextmanager
def start(name: str, folder: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(SNIPPETS / name)],
        cwd=folder,
        env={**os.environ, "BROKER_URL": url, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ends_well(
    name: str, process: subprocess.Popen[str], worker: CommandProcess, first_line: str = ""
) -> None:
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, f"{name}\n{output}\n{errors}\n{worker.output}"
    for text in PRINTS[name]:
        assert text in first_line + output, f"{name}\n{output}\n{errors}"


def test_every_program_and_every_line_does_what_it_says(
    clean_broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All in one, for the worker is what takes time."""
    assert {file.name for file in SNIPPETS.glob("*.py")} == PRINTS.keys()
    command = ("run", "--simulate", "--vendors", "kis,koscom")
    with start_server(*command, environment={"BROKER_URL": clean_broker}) as worker:
        worker.wait_ready()
        with start("order_events.py", tmp_path, clean_broker) as listener:
            assert listener.stdout is not None
            listening = listener.stdout.readline()
            with ExitStack() as running:  # all at once: most of their time is waiting
                others = {
                    name: running.enter_context(start(name, tmp_path, clean_broker))
                    for name in PRINTS
                    if name != "order_events.py"
                }
                for name, process in others.items():
                    ends_well(name, process, worker)
            ends_well("order_events.py", listener, worker, listening)

        monkeypatch.setenv("BROKER_URL", clean_broker)
        monkeypatch.chdir(tmp_path)
        lines = [line for line in client_lines() if not any(words in line for words in NOT_RUN)]
        assert len(lines) >= 7
        for line in lines:
            words = shlex.split(line)[1:] + (["--count", "1"] if " watch " in line else [])
            done = CliRunner().invoke(app, words)
            assert done.exit_code == 0, f"{line}\n{done.output}\n{worker.output}"
