"""Workers of Kiwoom by either way, against one simulator that outlives them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from tests.support.kiwoom_brokerage import KiwoomBrokerage
from tests.support.live_data import Subscriber
from tests.support.processes import CommandProcess
from tests.support.waiting import PATIENCE, wait_until

BACKENDS = ("rest", "openapi-plus")
_numbers = count(1)
_NO_LIMIT = {"query_windows": [[10_000, 1]], "answer_seconds": 0.005}


class ControlBrokerage(KiwoomBrokerage):
    """A simulated Kiwoom without limits, whose control of OpenAPI+ is without limits too.

    Args:
        start: When its clock begins; now when left out.
    """

    def __init__(self, start: datetime | None = None) -> None:
        super().__init__(start=start)
        self.controls(**_NO_LIMIT)

    def controls(self, **changes: Any) -> list[dict[str, Any]]:
        """Change how controls behave; returns what is known of each, the newest last."""
        answer = self.control("POST", "/openapi-plus", changes)
        controls: list[dict[str, Any]] = answer["controls"]
        return controls

    def calm_controls(self) -> None:
        """No fault any more."""
        self.control("DELETE", "/openapi-plus")
        self.controls(**_NO_LIMIT)

    def asked(self, tr: str) -> int:
        """How many queries of a TR the newest control was sent."""
        return int(self.controls()[-1]["queries"].get(tr, 0))

    def worker(self, backend: str, environment: Literal["real", "mock"] = "real") -> dict[str, str]:
        """What a worker needs to be its customer by that way, besides ``--simulate``."""
        settings = {**self.settings(environment), **self.live_settings()}
        if backend == "openapi-plus":
            for name in ("KIWOOM_APP_KEY", "KIWOOM_APP_SECRET", "KIWOOM_ACCOUNT", "KIWOOM_WS_URL"):
                del settings[name]
        return {**settings, "KIWOOM_BACKEND": backend}


class Host:
    """One worker after the other, with one journal, and a client. A context manager.

    Args:
        url: The broker.
        folder: For what the workers keep.
        brokerage: Whose customer they are.
        backend: By which way.
        settings: More environment variables.

    Attributes:
        url: The broker.
        wire: The client.
        worker: The newest worker.
    """

    worker: CommandProcess

    def __init__(
        self,
        url: str,
        folder: Path,
        brokerage: ControlBrokerage,
        backend: str = "openapi-plus",
        settings: Mapping[str, str] | None = None,
        environment: Literal["real", "mock"] = "real",
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.url = url
        self.brokerage = brokerage
        self._folder = folder
        self._settings = {
            "BROKER_URL": url,
            "JOURNAL_URL": f"sqlite:///{folder / 'journal.sqlite3'}",
            "XDG_DATA_HOME": str(folder),
            "LOG_FORMAT": "json",
            "ORDER_POLL_SECONDS": "0.5",
            "RECONCILE_SETTLE": "2",
            "ORDER_MAX_AGE": "600",  # a slow machine is no test of the age
            **brokerage.worker(backend, environment),
            **(settings or {}),
        }
        self._running = ExitStack()
        self.wire = self._running.enter_context(Subscriber(url))

    def start(self) -> Self:
        """Start a worker and wait until it consumes."""
        self.worker = self._running.enter_context(self.standby())
        self.worker.wait_ready()
        return self

    def standby(self) -> CommandProcess:
        """One more worker, which may have to wait for the first one to end."""
        command = ("run", "--simulate", "--vendors", "kiwoom")
        return CommandProcess(command, environment=self._settings, folder=self._folder)

    def restart(self) -> None:
        """What the supervisor does with a worker whose control is gone."""
        assert self.worker.terminate() == 0, self.worker.output
        self.start()

    def send(self, method: str, parameters: Mapping[str, Any], **options: Any) -> str:
        """Publish a task and return its id; an order where our own clients publish it."""
        if method.endswith("-order"):
            options.setdefault("to", "tasks.orders")
        return self.wire.send(method, dict(parameters), **options)

    def error(self, task_id: str, *, count: int = 1) -> dict[str, Any]:
        """The error that a task was answered with."""
        reply = self.wire.wait(task_id, count=count).json
        assert reply["status"] == "TASK_FAILED", (reply, self.worker.output)
        error: dict[str, Any] = reply["error"]
        return error

    def rows(self, task_id: str, *, count: int = 1) -> list[Any]:
        """The result that a task was answered with."""
        reply = self.wire.wait(task_id, count=count).json
        assert reply["status"] == "TASK_SUCCEED", (reply, self.worker.output)
        rows: list[Any] = reply["result"]
        return rows

    def call(self, method: str, parameters: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """The first row of a task that succeeds."""
        return self.rows(self.send(method, parameters or {}, **options))[0]

    def kiwoom(self) -> dict[str, Any]:
        """What the worker says of its way to Kiwoom."""
        found: dict[str, Any] = self.call("broker.get-status")["vendors"]["kiwoom"]
        return found

    def wait_order(self, task_id: str, **wanted: Any) -> dict[str, Any]:
        """The order, once ``broker.get-order`` shows it like this."""

        def shown() -> dict[str, Any]:
            row: dict[str, Any] = self.call("broker.get-order", {"task_id": task_id})
            assert wanted.items() <= row.items(), row
            return row

        return wait_until(shown, 2 * PATIENCE, f"the order {task_id} with {wanted}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.close()


class AmqpCaller:
    """Calls the original's methods over AMQP, as its clients do.

    Args:
        wire: A client.
    """

    def __init__(self, wire: Subscriber) -> None:
        self._wire = wire

    def call(self, method: str, /, **parameters: Any) -> dict[str, Any]:
        """The reply of a task with these parameters."""
        document = {
            "task_id": f"original-{next(_numbers)}",
            "method": method,
            "parameters": parameters,
            "request_time": f"{datetime.now()}",  # noqa: DTZ005 - as the original's users wrote it
        }
        self._wire.publish(json.dumps(document).encode())
        return self._wire.wait(document["task_id"]).json
