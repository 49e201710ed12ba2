"""Workers as processes: the product's own worker, with the misbehaving methods of ``stub_worker``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from broker_server.amqp.private_node import PrivateNode, find_rabbitmq_server
from broker_server.amqp.private_node.layout import NodeFolder, Ports
from tests.support.processes import CommandProcess
from tests.support.waiting import wait_until


def start_worker(
    broker_url: str,
    folder: Path,
    *,
    ready: bool = True,
    settings: Mapping[str, str] | None = None,
    program: str = "tests.support.stub_worker",
) -> CommandProcess:
    """Start a stub worker whose journal and order file are in ``folder``.

    Args:
        ready: Wait until it consumes.
        settings: More environment variables.
        program: The module that runs it.
    """
    environment = {
        "BROKER_URL": broker_url,
        "JOURNAL_URL": f"sqlite:///{folder / 'journal.sqlite3'}",
        "ORDER_FILE": str(folder / "orders.txt"),
        "LOG_FORMAT": "json",
        **(settings or {}),
    }
    worker = CommandProcess([], environment=environment, program=f"from {program} import main")
    if ready:
        try:
            worker.wait_ready()
        except AssertionError:
            worker.kill()
            raise
    return worker


def orders_placed(folder: Path) -> list[str]:
    """The orders that really left, in order: the ground truth."""
    file = folder / "orders.txt"
    return file.read_text(encoding="utf-8").split() if file.exists() else []


class Gate:
    """Holds tasks of a stub worker in their handlers until `open`, and tells which ones have begun.

    Args:
        folder: A folder of the test's own.
    """

    def __init__(self, folder: Path, name: str = "gate") -> None:
        self._folder = folder
        self._file = folder / name

    def hold(self, value: str | int) -> dict[str, str | int]:
        """The parameters of a task that begins, and waits."""
        return {"value": value, "started": str(self._trace(value)), "gate": str(self._file)}

    def wait_begun(self, *values: str | int) -> None:
        """Wait until the handlers of all these tasks run."""
        traces = [self._trace(value) for value in values]
        wait_until(lambda: all(trace.exists() for trace in traces), what=f"the start of {values}")

    def open(self) -> None:
        """Let every task behind it go on, and those that come later."""
        self._file.touch()

    def _trace(self, value: str | int) -> Path:
        return self._folder / f"begun-{value}"


def rabbitmqctl(node: PrivateNode, *arguments: str) -> str:
    """Run ``rabbitmqctl`` against a private node and return what it prints."""
    server = find_rabbitmq_server()
    assert server is not None
    tool = Path(server).resolve().parent / "rabbitmqctl"
    ports = Ports(**json.loads((node.folder / "ports.json").read_text()))
    done = subprocess.run(
        [str(tool), "--quiet", *arguments],
        env=NodeFolder(node.folder).environment(ports),
        capture_output=True,
        text=True,
        timeout=400,  # it takes a minute where twenty processes share two cores
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
