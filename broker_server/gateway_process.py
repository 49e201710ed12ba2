"""``broker-server run --gateway``: the gateway as a process beside the worker, which it cannot harm."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence

import structlog

log = structlog.get_logger(__name__)

STOP_SECONDS = 10.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""The pause before it is started again doubles up to this, as long as it never gets ready."""


class GatewayProcess:
    """Keeps a gateway running until `stop`; what it prints of its address is printed here.

    Args:
        environment: Settings that it gets besides those of this process.
        simulated: Of a simulated market.
        command: What to run instead.
        first_pause: Seconds before it is started again.
        hint: Printed with its address in place of ``{address}``.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        simulated: bool,
        command: Sequence[str] | None = None,
        first_pause: float = FIRST_PAUSE,
        hint: str = "",
    ) -> None:
        self._hint = hint
        given = ["--simulate"] if simulated else []
        self._command = list(
            command or [sys.executable, "-m", "broker_server", "gateway", "--watch-stdin", *given]
        )
        elsewhere = {f"{name}_FILE" for name in environment}  # both together would be refused
        kept = {name: value for name, value in os.environ.items() if name.upper() not in elsewhere}
        self._environment = kept | dict(environment)
        self._first_pause = first_pause
        self._process: subprocess.Popen[str] | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def start(self) -> None:
        """Begin; repeated calls do nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep, name="gateway", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End it, and wait for its end."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _keep(self) -> None:
        pause = self._first_pause
        while not self._stopping.is_set():
            try:
                was_ready, outcome = self._run()
            except OSError as error:
                was_ready, outcome = False, f"it cannot be started: {error.strerror or error}"
            if self._stopping.is_set():
                return
            pause = self._first_pause if was_ready else pause
            log.error("the gateway has ended; it is started again", outcome=outcome, seconds=pause)
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _run(self) -> tuple[bool, str]:
        """Run it once: whether it got ready, and how it ended."""
        # A terminal's Ctrl-C is for this process, which ends the child in its own time.
        with subprocess.Popen(  # noqa: S603
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=self._environment,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        ) as process:
            self._process = process
            if self._stopping.is_set():
                process.terminate()
            was_ready = False
            for line in process.stdout or ():
                sys.stdout.write(line.removeprefix("ready "))
                if line.startswith("ready "):
                    was_ready = True
                    sys.stdout.write(self._hint.format(address=line.partition("=")[2].strip()))
                sys.stdout.flush()
            code = process.wait()
        return was_ready, f"exit code {code}" if code >= 0 else f"signal {-code}"
