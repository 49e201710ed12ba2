"""Child processes that die with their parent, and left-over ones recognised before they are ended."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PROC = Path("/proc")


def dies_with_parent(by: signal.Signals = signal.SIGKILL) -> Callable[[], None] | None:
    """What a child must call before it becomes another program, so that it ends with its parent.

    Args:
        by: The signal that ends it.

    Linux only (``prctl(PR_SET_PDEATHSIG)``, man 2 prctl); None elsewhere. The signal follows the *thread*
    that starts the child, so children are started from the main thread.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def before_exec() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, by)
        if os.getppid() != parent:
            os._exit(1)

    return before_exec


def command_line(pid: int) -> str | None:
    """The command line of a running process, or None when there is no such process."""
    if _PROC.is_dir():
        try:
            raw = (_PROC / str(pid) / "cmdline").read_bytes()
        except OSError:
            return None
        return raw.replace(b"\0", b" ").decode(errors="replace").strip() or None
    listed = subprocess.run(  # noqa: S603 - a fixed command and a number
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip() or None


def remember(file: Path, processes: dict[int, str]) -> None:
    """Write down which processes run, each with a text that its command line contains."""
    file.write_text(json.dumps({str(pid): mark for pid, mark in processes.items()}))


def end_leftovers(file: Path, *, patience: float = 10.0) -> list[int]:
    """End the processes that an earlier keeper wrote down and left behind.

    A process id is used again by the system, so a process is ended only if its command line still
    contains what was written down with it.

    Args:
        file: Where `remember` wrote.
        patience: Seconds to wait for them to be gone.

    Returns:
        The ids of the processes that were ended.
    """
    try:
        written = json.loads(file.read_text())
        processes = {int(pid): str(mark) for pid, mark in written.items()}
    except (OSError, ValueError, AttributeError):
        return []
    ended = [pid for pid, mark in processes.items() if mark and mark in (command_line(pid) or "")]
    for pid in ended:
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + patience
    while any(processes[pid] in (command_line(pid) or "") for pid in ended) and time.monotonic() < deadline:
        time.sleep(0.05)
    file.unlink(missing_ok=True)
    return ended
