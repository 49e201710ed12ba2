"""The simulators as a child process, for tests, demos and benchmarks."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import orjson

START_SECONDS = 30.0
STOP_SECONDS = 10.0


class SimulatorDidNotStart(RuntimeError):
    """The child process ended, or announced nothing in time."""


class SimulatorProcess:
    """Running simulators. They end with `stop`, with the ``with`` block, or with this process.

    Attributes:
        kis_rest_url: ``http://127.0.0.1:…``
        kis_ws_url: ``ws://127.0.0.1:…``
        kiwoom_rest_url: ``http://127.0.0.1:…``
        kiwoom_ws_url: ``ws://127.0.0.1:…``; its path is ``/api/dostk/websocket``.
        koscom_rest_url: ``http://127.0.0.1:…``
        koscom_ws_url: ``ws://127.0.0.1:…``; its paths are ``/ws``, ``/ws_ksp`` and ``/ws_kdq``.
        control_url: ``http://127.0.0.1:…``
        credentials: ``{"kis": {"real": {"app_key", "app_secret", "account", "hts_id"}, "paper": {…}},
            "kiwoom": {"real": {"app_key", "app_secret", "account"}, "mock": {…}},
            "koscom": {"real": {"api_key", "member_name"}, "sandbox": {…}}}``
        announcement: The whole first line.
    """

    def __init__(self, process: subprocess.Popen[bytes], announcement: dict[str, Any]) -> None:
        self._process = process
        self.announcement = announcement
        self.kis_rest_url: str = announcement["kis"]["rest"]
        self.kis_ws_url: str = announcement["kis"]["ws"]
        self.kiwoom_rest_url: str = announcement["kiwoom"]["rest"]
        self.kiwoom_ws_url: str = announcement["kiwoom"]["ws"]
        self.koscom_rest_url: str = announcement["koscom"]["rest"]
        self.koscom_ws_url: str = announcement["koscom"]["ws"]
        self.control_url: str = announcement["control"]
        self.credentials: dict[str, Any] = announcement["credentials"]

    @classmethod
    def start(cls, seed: int = 0, hours: bool = False, start: datetime | None = None) -> Self:
        """Start the simulators and wait until they listen.

        Args:
            seed: Of prices and keys.
            hours: Trade only in the exchanges' hours.
            start: The simulated clock's first moment, with an offset; now when absent.

        Raises:
            SimulatorDidNotStart: They did not come up within 30 s.
        """
        command = [sys.executable, "-m", "broker_server.simulator", "--json", "--watch-stdin"]
        command += ["--seed", str(seed)]
        if hours:
            command.append("--hours")
        if start is not None:
            command += ["--start", start.isoformat()]
        # A terminal's Ctrl-C is for this process, which ends the child in its own time.
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        watchdog = threading.Timer(START_SECONDS, process.kill)
        watchdog.daemon = True  # a Ctrl-C before the block below must not wait for it
        try:
            watchdog.start()
            line = process.stdout.readline() if process.stdout else b""
        except BaseException:
            process.kill()
            process.wait()
            _close_pipes(process)
            raise
        finally:
            watchdog.cancel()
        if not line:
            process.kill()
            code = process.wait()
            _close_pipes(process)
            raise SimulatorDidNotStart(f"the simulators ended with exit code {code} before they listened")
        return cls(process, orjson.loads(line))

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def is_running(self) -> bool:
        """Whether the child is alive."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the simulators; repeated calls do nothing."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        _close_pipes(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
