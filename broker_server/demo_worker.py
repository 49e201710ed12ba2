"""The worker of the demo: the real one, in a process of its own, whatever the caller's settings are."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from broker_server.settings import Settings

READY_SECONDS = 60.0
STOP_SECONDS = 30.0
COMMAND = (sys.executable, "-m", "broker_server", "run", "--simulate")


class WorkerDidNotStart(Exception):
    """The worker ended, or said nothing in time; the message has the end of its log."""


@dataclass(frozen=True, slots=True)
class RunningWorker:
    """The worker's process.

    Attributes:
        control_url: The simulators' control server, the ground truth of what the brokerage saw.
        log: Where its log goes.
    """

    control_url: str
    log: Path


@contextmanager
def running_worker(
    broker_url: str, folder: Path, *, command: Sequence[str] = COMMAND, patience: float = READY_SECONDS
) -> Iterator[RunningWorker]:
    """Run a worker for as long as the block runs.

    Args:
        broker_url: Its broker.
        folder: For its journal and its log.
        command: What to run.
        patience: Seconds until it must be ready.

    Raises:
        WorkerDidNotStart: It is not ready in time.
    """
    log = folder / "worker.log"
    settings = {"BROKER_URL": broker_url, "JOURNAL_URL": f"sqlite:///{folder / 'journal.sqlite3'}"}
    with log.open("w", encoding="utf-8") as log_file:
        process = subprocess.Popen(  # noqa: S603
            command,
            stdout=subprocess.PIPE,
            stderr=log_file,
            text=True,
            env=without_settings(os.environ) | settings,
            cwd=folder,
        )
    try:
        yield RunningWorker(_control_url(process, log, patience), log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without any setting of ours, which are read in small letters too."""
    return {name: value for name, value in environment.items() if name.lower() not in Settings.model_fields}


def _control_url(process: subprocess.Popen[str], log: Path, patience: float) -> str:
    watchdog = threading.Timer(patience, process.kill)
    watchdog.daemon = True
    watchdog.start()
    try:
        ready = process.stdout.readline() if process.stdout else ""
    finally:
        watchdog.cancel()
    if not ready.startswith("ready"):
        process.kill()
        process.wait()
        said = log.read_text(encoding="utf-8").strip()[-500:]
        raise WorkerDidNotStart(
            f"the worker was not ready within {patience:g} s: {said or 'its log is empty'}"
        )
    words = dict(word.split("=", 1) for word in ready.split()[1:])
    return words["control"]
