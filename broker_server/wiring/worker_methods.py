"""Every ``broker.*`` method of a worker, wired to the worker's journal and to the other workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from broker_client.protocol import Environment
from broker_server.admin import admin_methods
from broker_server.amqp.control import ControlBus
from broker_server.amqp.counters import Counters
from broker_server.amqp.events import EventPublisher
from broker_server.amqp.neighbours import Neighbours
from broker_server.amqp.recent_tasks import RecentTasks
from broker_server.core.methods import Method, MethodRegistry
from broker_server.core.served_accounts import Holds
from broker_server.core.vendor import Vendor
from broker_server.execution import LaneExecutor
from broker_server.halting import KillSwitch, halting_methods
from broker_server.journal.halts import Halts
from broker_server.journal.owners import Owners
from broker_server.observing.health import HealthReport
from broker_server.status import StatusReporter, StatusSource, status_method
from broker_server.wiring.stream_office import StreamOffice


def worker_methods(
    *,
    name: str,
    environment: Environment,
    registry: MethodRegistry,
    vendors: Sequence[Vendor],
    holds: Holds = lambda _: True,
    engine: Engine,
    source: StatusSource,
    bus: ControlBus,
    neighbours: Neighbours,
    announce: Callable[[str, dict[str, Any]], None],
    clock: Callable[[], datetime],
    users: frozenset[str] | None = None,
    health: Callable[[], HealthReport | None] = lambda: None,
) -> list[Method[Any]]:
    """The methods of the worker itself; what they need of the other workers is registered at the bus.

    Args:
        holds: Whether this worker owns an account.
        announce: Publishes an event under a routing key.
        users: The only AMQP users that may resume orders; ``None`` for any.
        health: Tells whether the worker is ready.
    """
    switch = KillSwitch(
        name=name,
        halts=Halts(engine, environment),
        owners=Owners(engine, environment),
        bus=bus,
        clock=clock,
        neighbours=neighbours,
        announce=announce,
    )
    reporter = StatusReporter(
        name=name,
        environment=environment,
        vendors=vendors,
        holds=holds,
        source=source,
        switch=switch,
        bus=bus,
        neighbours=neighbours,
        clock=clock,
        health=health,
    )
    return [
        *admin_methods(name=name, registry=registry, clock=clock),
        *halting_methods(switch, users),
        status_method(reporter),
    ]


class NoCounts:
    """Of a worker that does not run, for listings."""

    def tasks(self) -> dict[str, Any]:
        """Counts since the start."""
        return {}

    def events(self) -> dict[str, int]:
        """Events published, waiting, dropped and refused."""
        return {}

    def lanes(self) -> dict[str, dict[str, int]]:
        """Waiting and running tasks by pool."""
        return {}

    def streams(self) -> dict[str, Any]:
        """Ticks, and the live data of each vendor."""
        return {}

    def recent(self) -> list[dict[str, Any]]:
        """The tasks that were finished last, the newest first."""
        return []


class Counts:
    """Of a running worker."""

    def __init__(
        self,
        counters: Counters,
        events: EventPublisher,
        executor: LaneExecutor,
        live: StreamOffice,
        recent: RecentTasks,
    ) -> None:
        self._recent = recent
        self._counters = counters
        self._events = events
        self._executor = executor
        self._live = live

    def tasks(self) -> dict[str, Any]:
        """Counts since the start."""
        return self._counters.as_dict()

    def events(self) -> dict[str, int]:
        """Events published, waiting, dropped and refused."""
        return self._events.counts()

    def lanes(self) -> dict[str, dict[str, int]]:
        """Waiting and running tasks by pool."""
        return self._executor.status()

    def streams(self) -> dict[str, Any]:
        """Ticks, and the live data of each vendor."""
        return self._live.status()

    def recent(self) -> list[dict[str, Any]]:
        """The tasks that were finished last, the newest first."""
        return self._recent.rows()
