"""Starts what is measured, each in a process of its own, and stops it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pika

ROOT = Path(__file__).resolve().parent.parent


def declare_quorum_queue(url: str, name: str) -> None:
    """Declare the queue of a peer: the same kind as the worker's ``tasks``."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    connection.channel().queue_declare(name, durable=True, arguments={"x-queue-type": "quorum"})
    connection.close()


class Talking:
    """A started process that answers each line of its standard input with one line.

    Attributes:
        pid: Its process id.
        ready: The rest of the line that said it was ready.
    """

    def __init__(self, process: subprocess.Popen[str], ready: str) -> None:
        self._process = process
        self.pid = process.pid
        self.ready = ready

    def ask(self, line: str) -> str:
        """Send a line and return the answer.

        Raises:
            RuntimeError: It has ended.
        """
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{process.args!r} has ended with {process.wait()}")
        return answer.strip()


@contextmanager
def server(
    module: str, *arguments: str, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a Python module until the block ends; it must print a line beginning with ``ready``.

    Raises:
        RuntimeError: It ended before that.
    """
    with _started(module, arguments, environment, subprocess.DEVNULL) as (process, _):
        yield process


@contextmanager
def talking(module: str, *arguments: str) -> Iterator[Talking]:
    """The same for a module that is told what to do later.

    Raises:
        RuntimeError: It ended before it was ready.
    """
    with _started(module, arguments, None, subprocess.PIPE) as (process, ready):
        yield Talking(process, ready)


@contextmanager
def _started(
    module: str, arguments: tuple[str, ...], environment: dict[str, str] | None, stdin: int
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | (environment or {}),
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ready"):
                break
        else:
            raise RuntimeError(f"{module} ended with {process.wait()} before it was ready")
        yield process, line.removeprefix("ready").strip()
    finally:
        process.terminate()
        process.wait(30)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def resident_mb(process_id: int) -> float:
    """Resident memory of a process in megabytes (10^6 bytes)."""
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("the system does not tell the resident memory")
