"""What a figure was measured on, and with which versions."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pika

PACKAGES = (
    "pika",
    "websockets",
    "uvicorn",
    "fastapi",
    "pydantic",
    "orjson",
    "requests",
    "SQLAlchemy",
    "aio-pika",
    "faststream",
    "celery",
    "kombu",
    "python-kis",
    "pandas",
)


def machine() -> Iterator[tuple[str, str]]:
    """The machine, line by line."""
    yield "processor", _line_of("/proc/cpuinfo", "model name") or platform.machine()
    yield "cores that this process may use", str(len(os.sched_getaffinity(0)))
    memory = _line_of("/proc/meminfo", "MemTotal")
    yield "memory", f"{int(memory.split()[0]) / 1024**2:.1f} GiB" if memory else "not told"
    yield "kernel", f"{platform.system()} {platform.release()}"
    yield "load of the machine when the run began", f"{os.getloadavg()[0]:.1f}"


def versions(broker_url: str) -> Iterator[tuple[str, str]]:
    """Of Python, of RabbitMQ, of ours and of what it is compared with.

    Args:
        broker_url: Of a node of the kind that the run uses.
    """
    yield "Python", sys.version.split()[0]
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        told = connection._impl.server_properties or {}  # pika has no public name for it
        yield "RabbitMQ", str(told.get("version", "not told"))
        yield "Erlang", str(told.get("platform", "not told")).removeprefix("Erlang/OTP ")
    for package in ("sapi-broker", *PACKAGES):
        try:
            yield package, version(package)
        except PackageNotFoundError:
            yield package, "not installed"


def _line_of(path: str, name: str) -> str | None:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None
