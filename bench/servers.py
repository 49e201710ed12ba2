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


@contextmanager
def server(
    module: str, *arguments: str, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a Python module until the block ends; it must print a line beginning with ``ready``.

    Raises:
        RuntimeError: It ended before that.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
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
        yield process
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


def resident_mb(process_id: int) -> float:
    """Resident memory of a process in megabytes (10^6 bytes)."""
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("the system does not tell the resident memory")
