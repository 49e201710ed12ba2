"""The supervisor as a process: it starts the worker as a child, hears what it says, and ends with Ctrl-C.

A worker tells its supervisor by lines on its standard output (`states.notice_line`); every other line is
passed on. It knows that it has one by the environment variable `SUPERVISED`, and that it has one no more by
the end of its standard input.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog

from broker_server.vendors.kiwoom.openapi_plus.maintenance import Maintenance, read_maintenance
from broker_server.vendors.kiwoom.openapi_plus.states import Notice, OnNotice, notice_line, read_notice
from broker_server.vendors.kiwoom.openapi_plus.supervisor import Policy, Supervisor

log = structlog.get_logger(__name__)

SUPERVISED = "KIWOOM_SUPERVISED"
"""Is ``1`` in the environment of a child."""

WORKER = (sys.executable, "-m", "broker_server", "run", "--vendors", "kiwoom")
"""What is supervised unless something else is asked for."""


class ChildProcess:
    """See `supervisor.HostProcess`.

    Args:
        command: What to run.
        on_notice: Told of what it says of itself, from another thread.
        on_line: Told of its other lines.
    """

    def __init__(self, command: Sequence[str], on_notice: OnNotice, on_line: Callable[[str], None]) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            list(command),
            # Nothing is written to it: it ends when the supervisor does, however that ended.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, SUPERVISED: "1", "PYTHONIOENCODING": "utf-8"},
            # A terminal's Ctrl-C is for the supervisor, which ends the child in its own time.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self._on_notice = on_notice
        self._on_line = on_line
        self._reader = threading.Thread(target=self._read, name="kiwoom-host-output", daemon=True)
        self._reader.start()

    def poll(self) -> int | None:
        code = self._process.poll()
        if code is not None:
            self._reader.join(1.0)  # what it said last counts
            if self._process.stdin is not None:
                self._process.stdin.close()
        return code

    def ask_to_end(self) -> None:
        if self._process.poll() is not None:
            return
        try:
            self._process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))
        except OSError as error:  # Windows sends it through the console, and there may be none
            log.warning("kiwoom_host_not_asked_to_end", reason=str(error))

    def kill(self) -> None:
        self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _read(self) -> None:
        output = self._process.stdout
        if output is None:
            return
        with output:
            for line in output:
                notice = read_notice(line)
                if notice is not None:
                    self._on_notice(notice)
                else:
                    self._on_line(line)


def supervise(
    command: Sequence[str] = WORKER,
    *,
    maintenance: Maintenance | None = None,
    policy: Policy | None = None,
    on_notice: OnNotice | None = None,
    stop: threading.Event | None = None,
) -> int:
    """Keep a host running until ``stop`` is set or Ctrl-C.

    Args:
        command: What the host is.
        maintenance: When it is down on purpose; Kiwoom's times by default.
        policy: The pauses.
        on_notice: Told of each change; logs it by default.
        stop: Ends it.

    Returns:
        The exit code.
    """
    stop = stop or threading.Event()
    told: queue.SimpleQueue[Notice] = queue.SimpleQueue()
    supervisor = Supervisor(
        lambda: ChildProcess(command, told.put, _pass_on),
        maintenance or read_maintenance(),
        now=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
        on_notice=on_notice or log_notice,
        policy=policy,
    )
    try:
        while True:
            try:
                while not told.empty():
                    supervisor.told(told.get())
                if stop.is_set():
                    supervisor.end()
                wait = supervisor.step()
                if stop.is_set() and not supervisor.is_running:
                    return 0
                with contextlib.suppress(queue.Empty):
                    supervisor.told(told.get(timeout=min(wait, 1.0)))
            except KeyboardInterrupt:
                stop.set()
    finally:
        supervisor.kill()


def watch_supervisor(orphaned: Callable[[], None]) -> None:
    """For a worker: have it told, on another thread, when its supervisor is gone; nothing without one.

    A worker that goes on alone would keep the login, and that of the next supervisor's worker would end it.
    """
    if os.environ.get(SUPERVISED) == "1" and _has_a_pipe():
        threading.Thread(target=_watch, args=(orphaned,), name="kiwoom-supervisor", daemon=True).start()


def _has_a_pipe() -> bool:
    """A program between the two may give its child another input, the end of which says nothing."""
    try:
        return stat.S_ISFIFO(os.fstat(0).st_mode)
    except OSError:
        return False


def _watch(orphaned: Callable[[], None]) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    orphaned()


def tell_supervisor(notice: Notice) -> None:
    """For a worker: tell, if there is a supervisor."""
    if os.environ.get(SUPERVISED) == "1":
        _pass_on(notice_line(notice) + "\n")


def _pass_on(line: str) -> None:
    # Nobody may read it any more, such as after Ctrl-C in a pipeline; the work goes on without.
    with contextlib.suppress(OSError):
        sys.stdout.write(line)
        sys.stdout.flush()


def log_notice(notice: Notice) -> None:
    """Log a change of state."""
    log.info(
        "kiwoom_host",
        state=str(notice.state),
        reason=notice.reason,
        vendor_code=notice.vendor_code,
        restart=notice.restart,
    )
