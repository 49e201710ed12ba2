"""One worker per module for the tests that leave it as it was, and fresh ones for the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from broker_server.amqp.private_node import PrivateNode
from tests.support.broker_cleaning import clean
from tests.support.processes import CommandProcess
from tests.support.task_wire import TaskWire
from tests.support.workers import start_worker

StartWorker = Callable[..., CommandProcess]


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the module's worker keeps its journal and its orders."""
    return tmp_path_factory.mktemp("worker")


@pytest.fixture(scope="module")
def worker(_test_broker: Any, shared_folder: Path) -> Iterator[CommandProcess]:
    """The module's worker. When it ends, no task may be left unacked."""
    clean(_test_broker.url, _test_broker.management)
    with start_worker(_test_broker.url, shared_folder) as process:
        yield process
        assert process.terminate() == 0, process.output
    with TaskWire(_test_broker.url) as wire:
        for queue in ("tasks", "tasks.orders", "tasks.expired"):
            assert wire.depth(queue) == 0, queue
    clean(_test_broker.url, _test_broker.management)


@pytest.fixture
def wire(worker: CommandProcess, broker_url: str) -> Iterator[TaskWire]:
    """A client of the module's worker. Whatever the test did, the worker must answer afterwards."""
    with TaskWire(broker_url) as client:
        yield client
        assert client.call("broker.ping")["status"] == "TASK_SUCCEED", worker.output
        assert worker.process.poll() is None


@pytest.fixture
def new_worker(tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers of the test's own: ``new_worker(url, ready=…, settings=…, folder=…)``."""
    with ExitStack() as running:

        def start(url: str, folder: Path = tmp_path, **options: Any) -> CommandProcess:
            return running.enter_context(start_worker(url, folder, **options))

        yield start


@pytest.fixture(scope="module")
def own_node() -> Iterator[PrivateNode]:
    """A node that the module's tests may restart and block; each cleans up behind itself."""
    with PrivateNode.start() as node:
        yield node


@pytest.fixture
def own_broker(own_node: PrivateNode) -> Iterator[str]:
    """The URL of the module's own node, clean before and after."""
    clean(own_node.url, None)
    yield own_node.url
    clean(own_node.url, None)
