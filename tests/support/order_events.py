"""Listens to ``broker.events`` on a connection of its own."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from tests.support.task_wire import TaskWire
from tests.support.waiting import PATIENCE, wait_until


class Listener:
    """A queue that is bound to the events of orders. A context manager.

    Args:
        url: The broker.
        key: What it is bound with.

    Attributes:
        events: What came so far: routing key and body.
    """

    def __init__(self, url: str, key: str = "order.kis.default.#") -> None:
        self._wire = TaskWire(url)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._queue: str = self._wire.channel.queue_declare("", exclusive=True).method.queue
        self._wire.channel.queue_bind(self._queue, "broker.events", key)

    def of(self, **wanted: Any) -> list[tuple[str, dict[str, Any]]]:
        """The events whose bodies have these values, in the order in which they came."""
        for message in self._wire.take_all(self._queue):
            self.events.append((message.routing_key, message.json))
        return [
            (key, body)
            for key, body in self.events
            if all(body.get(name) == value for name, value in wanted.items())
        ]

    def wait(self, key: str, **wanted: Any) -> dict[str, Any]:
        """The first event of that key with these values, once it came."""

        def came() -> dict[str, Any] | None:
            return next((body for each, body in self.of(**wanted) if each == key), None)

        body = wait_until(came, 2 * PATIENCE, f"the event {key} with {wanted}; there are {self.events[-5:]}")
        assert body is not None
        return body

    def __enter__(self) -> Self:
        """Return the listener itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unbind it by closing its connection."""
        self._wire.close()
