"""The keeper's Unix socket, and the JSON lines that travel on it."""

from __future__ import annotations

import json
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_LONGEST_ADDRESS = 100
"""A Unix socket address holds 108 bytes on Linux and 104 on macOS."""


def listen(path: Path) -> socket.socket:
    """Listen on ``path``, taking the place of a socket that nobody serves any more."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _short(path) as address:
        listener.bind(address)
    path.chmod(0o600)
    listener.listen(64)
    return listener


def connect(path: Path, timeout: float) -> socket.socket | None:
    """Connect to the keeper behind ``path``; None when none listens there."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    try:
        with _short(path) as address:
            connection.connect(address)
    except (FileNotFoundError, NotADirectoryError, PermissionError, ConnectionError):
        connection.close()
        return None
    except BaseException:
        connection.close()
        raise
    return connection


def ask(connection: socket.socket, request: dict[str, Any]) -> dict[str, Any] | None:
    """Send one request and wait for its answer; None when the keeper went away instead."""
    try:
        connection.sendall(json.dumps(request).encode() + b"\n")
        line = bytearray()
        while not line.endswith(b"\n"):
            received = connection.recv(65_536)
            if not received:
                return None
            line += received
    except (BrokenPipeError, ConnectionResetError):
        return None
    answer: dict[str, Any] = json.loads(line)
    return answer


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """An address of ``path`` that fits a Unix socket: through a link where the path itself is too long."""
    if len(bytes(path)) <= _LONGEST_ADDRESS:
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="sapi-", dir="/tmp") as folder:
        link = Path(folder) / "f"
        link.symlink_to(path.parent.resolve(), target_is_directory=True)
        yield str(link / path.name)
