"""Whether the process that owned a lease is certainly gone."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PROCESSES = Path("/proc/self/ns/pid")


def host_identity() -> str:
    """Names the machine's process table: only within it does a process id mean anything.

    Two containers may have the same host name; the boot and the process namespace tell them apart.
    """
    name = socket.gethostname()
    try:
        table = f"{_BOOT.read_text().strip()} {_PROCESSES.readlink()}"
    except OSError:
        return name
    return f"{name}@{hashlib.sha256(table.encode()).hexdigest()[:8]}"


def is_gone(process: int) -> bool:
    """Whether no process of that id can send anything any more.

    A living process counts as the one that is meant, whether or not its id was used anew.
    """
    if sys.platform == "win32":  # a signal 0 would end the process there
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state in ("Z", "X")
