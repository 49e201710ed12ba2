"""Questions to the other workers of a broker, over ``broker.control``, and who of them is not there."""

from __future__ import annotations

from typing import Any

from broker_client.errors import TaskFailed
from broker_server.amqp.control import ControlBus
from broker_server.amqp.neighbours import Neighbours
from broker_server.core.others import Answer, Heard, Rows

ASKER = "asked_by"


class Fleet:
    """Implements `core.others.Others`.

    Args:
        bus: Reaches them.
        neighbours: Tells which vendors have no worker now.
    """

    def __init__(self, bus: ControlBus, neighbours: Neighbours) -> None:
        self._bus = bus
        self._neighbours = neighbours

    def serve(self, command: str, answer: Answer) -> None:
        """See `core.others.Others`."""

        def handle(arguments: dict[str, Any]) -> dict[str, Any]:
            asker = arguments.pop(ASKER, None)
            return {"rows": [] if asker == self._bus.address else answer(arguments)}

        self._bus.on(command, handle, apart=True)

    def ask(
        self, command: str, arguments: dict[str, Any], *, vendor: str | None = None, seconds: float = 2.0
    ) -> Heard:
        """See `core.others.Others`."""
        self._neighbours.refresh()
        away = [name for name in self._neighbours.records_away() if vendor in (None, name)]
        own = self._bus.address
        try:
            gathered = self._bus.ask_everybody(command, arguments | {ASKER: own}, timeout=seconds)
        except TaskFailed as error:
            return Heard([], away, [error.message])
        rows: Rows = []
        silent: list[str] = []
        for reply in gathered.replies:
            if reply.result is None:
                silent.append(f"{reply.worker} could not answer: {reply.error}")
            else:
                rows += reply.result.get("rows", [])
        if gathered.missing:
            silent.append(f"no answer within {seconds:g} s from {', '.join(gathered.missing_names())}")
        return Heard(rows, away, silent)
