"""Our commands as processes: started, watched, ended by id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support import log_scan
from tests.support.waiting import PATIENCE, wait_until

ROOT = Path(__file__).resolve().parents[2]

_LAST_LINES_SECONDS = 5.0
"""A child of a process that has ended may keep its output open."""


class CommandProcess:
    """A running command of ours with its output collected.

    Args:
        arguments: What follows the command's name.
        environment: Added to this process's own environment.
        folder: Where it runs; the project's folder by default.
        program: The statement that imports its ``main``.

    Attributes:
        process: The process itself; ``process.pid`` is its id.
        stdout_lines: The lines it printed so far.
        stderr_lines: The lines of its log so far.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        program: str = "from broker_server.entry import main",
    ) -> None:
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            **(environment or {}),
        }
        self._scanned = False
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"import sys; {program}; sys.exit(main())", *arguments],
            cwd=folder or ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self.stdout_lines: list[str] = []
        self.stderr_lines: list[str] = []
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._readers = [
            threading.Thread(target=_collect, args=(self.process.stdout, self.stdout_lines), daemon=True),
            threading.Thread(target=_collect, args=(self.process.stderr, self.stderr_lines), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def output(self) -> str:
        """Everything that was printed so far, log included: for the message of a failed assertion."""
        return "\n".join(["[stdout]", *self.stdout_lines, "[stderr]", *self.stderr_lines])

    def wait_for_line(self, beginning: str, timeout: float = 2 * PATIENCE) -> str:
        """The first line, on either stream, that starts with ``beginning``; fails at once if it has ended."""
        return self._wait_for(
            lambda: [line for line in (*self.stdout_lines, *self.stderr_lines) if line.startswith(beginning)],
            timeout,
            f"a line that starts with {beginning!r}",
        )

    def wait_for_log(self, *parts: str) -> str:
        """The first line of the log that holds all of these texts; fails at once if it has ended."""
        return self._wait_for(
            lambda: [line for line in list(self.stderr_lines) if all(part in line for part in parts)],
            PATIENCE,
            f"a line of the log with {parts}",
        )

    def wait_ready(self, timeout: float = 2 * PATIENCE) -> str:
        """Wait for the worker's ``ready`` line and return it."""
        return self.wait_for_line("ready", timeout)

    def terminate(self, timeout: float = 2 * PATIENCE) -> int:
        """Send SIGTERM and wait; returns the exit code."""
        return self._end(signal.SIGTERM, timeout)

    def kill(self, timeout: float = PATIENCE) -> int:
        """Send SIGKILL and wait; returns the exit code."""
        return self._end(signal.SIGKILL, timeout)

    def wait(self, timeout: float = 2 * PATIENCE) -> int:
        """Wait until it has ended by itself; returns the exit code."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout:g} s\n{self.output}") from None
        for reader in self._readers:
            reader.join(PATIENCE)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        self._look_for_secrets()
        return code

    def __enter__(self) -> Self:
        """Return the process itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, should it still run."""
        if self.process.poll() is None:
            self.kill()
        else:
            self.wait()

    def _wait_for(self, find: Callable[[], list[str]], timeout: float, what: str) -> str:
        def look() -> list[str] | None:
            if self.process.poll() is None:
                return find() or None
            for reader in self._readers:  # its last lines may still be on their way
                reader.join(_LAST_LINES_SECONDS)
            return find() or [""]

        try:
            line, *_ = wait_until(look, timeout, what) or [""]
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output}") from None
        assert line, f"it ended with {self.process.returncode} before {what}\n{self.output}"
        return line

    def _look_for_secrets(self) -> None:
        if not self._scanned:
            self._scanned = True
            secrets = log_scan.secrets_of(self._environment) | log_scan.secrets_of_simulators()
            log_scan.look(self.stderr_lines, secrets)

    def _end(self, number: signal.Signals, timeout: float) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait(timeout)


def start_server(*arguments: str, environment: Mapping[str, str] | None = None) -> CommandProcess:
    """Start ``broker-server`` with these arguments."""
    return CommandProcess(arguments, environment=environment)


def run_client(
    *arguments: str, environment: Mapping[str, str] | None = None, timeout: float = 2 * PATIENCE
) -> subprocess.CompletedProcess[str]:
    """Run ``broker-client`` with these arguments to its end."""
    command = CommandProcess(arguments, environment=environment, program="from broker_client.cli import main")
    with command:
        code = command.wait(timeout)
    return subprocess.CompletedProcess(
        list(arguments), code, "\n".join(command.stdout_lines), "\n".join(command.stderr_lines)
    )


def run_original_client(url: str) -> str:
    """Run the client of the original's documentation to its end; what it printed."""
    run = "runpy.run_path('examples/original_client.py', run_name='__main__')"
    with CommandProcess([url], program=f"import runpy; main = lambda: {run} and 0") as client:
        assert client.wait() == 0, client.output
        return "\n".join(client.stdout_lines)


def _collect(stream: Iterable[str], lines: list[str]) -> None:
    lines.extend(line.rstrip("\n") for line in stream)
