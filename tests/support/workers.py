"""Workers as processes: the product's own worker, with the misbehaving methods of ``stub_worker``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from broker_server.amqp.private_node import PrivateNode, find_rabbitmq_server
from broker_server.amqp.private_node.layout import NodeFolder, Ports
from tests.support.processes import CommandProcess


def start_worker(
    broker_url: str, folder: Path, *, ready: bool = True, settings: Mapping[str, str] | None = None
) -> CommandProcess:
    """Start a stub worker whose journal and order file are in ``folder``.

    Args:
        ready: Wait until it consumes.
        settings: More environment variables.
    """
    environment = {
        "BROKER_URL": broker_url,
        "JOURNAL_URL": f"sqlite:///{folder / 'journal.sqlite3'}",
        "ORDER_FILE": str(folder / "orders.txt"),
        "LOG_FORMAT": "json",
        **(settings or {}),
    }
    worker = CommandProcess([], environment=environment, program="from tests.support.stub_worker import main")
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
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
