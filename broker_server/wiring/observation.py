"""Wires what watches the worker: health, the endpoint of metrics, the service manager."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from broker_client.protocol import Environment
from broker_server.amqp.session import Session
from broker_server.core.instruments import Instruments
from broker_server.core.vendor import Vendor, key_of
from broker_server.observing.health import HealthCheck, HealthReport, NotConsuming
from broker_server.orders.ownership import Ownership
from broker_server.settings import Settings
from broker_server.status import StatusSource


class CurrentSession:
    """The session of the connection that there is now. For the event loop."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self._waits_for: str | None = None

    def begin(self, session: Session) -> Session:
        """There is a new one."""
        self._session = session
        return session

    def stand_by(self, waits_for: str) -> None:
        """Another worker owns ``vendor/account``."""
        self._waits_for = waits_for

    def ready(self) -> None:
        """It consumes."""
        self._waits_for = None

    async def consumers(self) -> Mapping[str, int]:
        """How many consumers the broker shows, by queue.

        Raises:
            NotConsuming: This worker takes no tasks now.
            AMQPError: The broker cannot be asked.
        """
        session = self._session
        if session is None or not session.is_connected:
            raise NotConsuming("there is no connection to RabbitMQ")
        if not session.is_consuming:
            if self._waits_for is not None:
                raise NotConsuming(f"standing by: another worker owns {self._waits_for}")
            raise NotConsuming("it does not consume yet, or not any more")
        return await session.consumers()


class Observation:
    """The watchers of one worker.

    Args:
        settings: Say whether and where there is an endpoint.
        name: The worker's.
        environment: The worker's.
        vendors: What is served.
        instruments: What measures.
        counts: What was counted.
        engine: Of the journal.
        ownership: The leases.
        clock: UTC.

    Raises:
        SettingsError: The port of the endpoint cannot be had.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        name: str,
        environment: Environment,
        vendors: Sequence[Vendor],
        instruments: Instruments,
        counts: StatusSource,
        engine: Engine,
        ownership: Ownership,
        clock: Callable[[], datetime],
    ) -> None:
        self.session = CurrentSession()
        by_place = {key_of(vendor).place: vendor for vendor in vendors}

        def status(place: str) -> dict[str, Any]:
            return by_place[place].status()

        self._check = HealthCheck(
            asyncio.get_running_loop(),
            consumers=self.session.consumers,
            places=tuple(by_place),
            status=status,
            streams=counts.streams,
            monotonic=time.monotonic,
        )
        self._endpoint = None
        if settings.metrics_port is None:
            return
        # Only with the setting: Prometheus' library takes a tenth of a second to import.
        from broker_server.observing.endpoint import Endpoint
        from broker_server.observing.journal_readings import JournalReadings, read_journal
        from broker_server.observing.sources import Sources

        accounts = tuple(key_of(vendor) for vendor in vendors)
        readings = JournalReadings(lambda: read_journal(engine, environment, accounts, clock()))
        sources = Sources(
            name=name,
            environment=environment,
            accounts=accounts,
            meter=instruments.meter,
            counts=counts,
            health=self._check.ready,
            grant=lambda key: ownership.grant(*key),
            status=lambda key: status(key.place),
            journal=readings.now,
        )
        self._endpoint = Endpoint(
            settings.metrics_host, settings.metrics_port, sources=sources, check=self._check
        )

    def report(self) -> HealthReport:
        """How the worker is, and where to look. Blocks for a moment; not for the event loop."""
        url = None if self._endpoint is None else self._endpoint.url
        return HealthReport(**self._check.ready().model_dump(), endpoint=url)

    def start(self) -> None:
        """Begin to answer."""
        if self._endpoint is not None:
            self._endpoint.start()

    def close(self) -> None:
        """Answer no more."""
        if self._endpoint is not None:
            self._endpoint.close()
