"""Questions to the other workers of a broker, over ``broker.control``, and who of them is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from broker_client.errors import TaskFailed
from broker_server.amqp.control import ControlBus
from broker_server.amqp.forwarding import VENDORS
from broker_server.amqp.neighbours import Neighbours
from broker_server.core.accounts import AccountKey, is_alias
from broker_server.core.others import Answer, Heard, Rows

ASKER = "asked_by"
ACCOUNTS = "accounts"
INTRODUCE_SECONDS = 1.0
log = structlog.get_logger(__name__)


class Fleet:
    """Implements `core.others.Others`.

    Args:
        bus: Reaches them.
        neighbours: Tells which vendors have no worker now.
    """

    def __init__(self, bus: ControlBus, neighbours: Neighbours) -> None:
        self._bus = bus
        self._neighbours = neighbours

    def introduce(self, accounts: Sequence[AccountKey]) -> None:
        """Tell the others on each new connection which accounts this worker may serve, and learn theirs."""
        own = {ACCOUNTS: [key.label for key in accounts]}

        def handle(arguments: dict[str, Any]) -> dict[str, Any]:
            self._neighbours.learn(_accounts(arguments))
            return own

        def ask() -> None:
            try:
                gathered = self._bus.ask_everybody(ACCOUNTS, own, timeout=INTRODUCE_SECONDS)
            except TaskFailed as error:
                log.warning("the other workers' accounts could not be learnt", reason=error.message)
                return
            for reply in gathered.replies:
                self._neighbours.learn(_accounts(reply.result or {}))

        self._bus.on(ACCOUNTS, handle)
        self._bus.when_open(ask)

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
        looked = self._neighbours.refresh()
        away = [
            place
            for place in self._neighbours.records_away()
            if vendor in (None, AccountKey.of(place).vendor)
        ]
        own = self._bus.address
        try:
            gathered = self._bus.ask_everybody(command, arguments | {ASKER: own}, timeout=seconds)
        except TaskFailed as error:
            return Heard([], away, [error.message])
        rows: Rows = []
        silent = [] if looked else ["whether other workers are away could not be seen in time"]
        for reply in gathered.replies:
            if reply.result is None:
                silent.append(f"{reply.worker} could not answer: {reply.error}")
            else:
                rows += reply.result.get("rows", [])
        if gathered.missing:
            silent.append(f"no answer within {seconds:g} s from {', '.join(gathered.missing_names())}")
        return Heard(rows, away, silent)


def _accounts(told: Mapping[str, Any]) -> list[AccountKey]:
    labels = told.get(ACCOUNTS)
    keys = (
        [AccountKey.of(each) for each in labels if isinstance(each, str)] if isinstance(labels, list) else []
    )
    return [key for key in keys if key.vendor in VENDORS and is_alias(key.account)]
