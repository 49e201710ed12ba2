"""The one place that wires the parts of a worker together."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pika.adapters.asyncio_connection import AsyncioConnection
from pydantic import SecretStr
from sqlalchemy import Engine

from broker_client.protocol import Environment
from broker_server.admin import admin_methods
from broker_server.amqp.connection import connect
from broker_server.amqp.counters import Counters
from broker_server.amqp.direct_addresses import DirectAddresses
from broker_server.amqp.intake import Rules
from broker_server.amqp.lease import Leases
from broker_server.amqp.lease_claim import AccountClaim, Claimant
from broker_server.amqp.lease_keeper import LeaseKeeper
from broker_server.amqp.order_runner import OrderRunner
from broker_server.amqp.owner_process import host_identity
from broker_server.amqp.redeliveries import RedeliveryGuard
from broker_server.amqp.session import Consumption, Session
from broker_server.amqp.task_runner import TaskRunner
from broker_server.amqp.worker import Worker
from broker_server.core.methods import Method, MethodRegistry
from broker_server.core.vendor import Vendor
from broker_server.execution import LaneExecutor
from broker_server.journal.database import open_database
from broker_server.journal.identity import journal_id
from broker_server.journal.orders import OrderAttempts
from broker_server.journal.owners import Owners
from broker_server.journal.starts import TaskStarts
from broker_server.settings import Settings, SettingsError, data_folder
from broker_server.vendors import kis

LEGACY_REFUSAL = (
    "LEGACY_QUEUES is on: its queues do not survive a restart of the broker, so this worker takes no orders; "
    "switch it off to place orders"
)


def utc_now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def kis_config(settings: Settings, *, simulated: bool, cache_folder: Path) -> kis.KisConfig:
    """The KIS adapter's configuration.

    Args:
        simulated: The server behind ``KIS_REST_URL`` is a simulator.
        cache_folder: Where access tokens are kept.

    Raises:
        SettingsError: A key is missing, or a setting contradicts another.
    """
    if settings.kis_app_key is None or settings.kis_app_secret is None:
        keys = {"KIS_APP_KEY": settings.kis_app_key, "KIS_APP_SECRET": settings.kis_app_secret}
        missing = " and ".join(name for name, value in keys.items() if value is None)
        raise SettingsError(
            f"{missing}: not set; put your KIS key pair into .env (see .env.example), or use run --simulate"
        )
    try:
        return kis.KisConfig(
            environment=settings.kis_environment or "paper",
            simulated=simulated,
            app_key=settings.kis_app_key,
            app_secret=settings.kis_app_secret,
            account=settings.kis_account,
            rest_url=settings.kis_rest_url,
            rate_limit=settings.kis_rate_limit,
            cust_type=settings.kis_custtype,
            cache_folder=cache_folder,
        )
    except ValueError as error:
        raise SettingsError(str(error)) from None


def make_vendors(settings: Settings, *, simulated: bool, cache_folder: Path) -> list[Vendor]:
    """The adapters of the configured vendors.

    Raises:
        SettingsError: One of them lacks a setting.
    """
    vendors: list[Vendor] = []
    if "kis" in settings.vendors:
        vendors.append(kis.create(kis_config(settings, simulated=simulated, cache_folder=cache_folder)))
    return vendors


def catalogue() -> MethodRegistry:
    """Every method of this version, for listings; nothing is connected."""
    config = kis.KisConfig(
        environment="real",
        simulated=False,
        app_key=SecretStr("none"),
        app_secret=SecretStr("none"),
        account=None,
        cache_folder=data_folder() / "kis",
    )
    registry = MethodRegistry(kis.create(config).methods())
    for method in admin_methods(
        name="", environment="simulated", registry=registry, vendors=[], source=_NoCounts(), clock=utc_now
    ):
        registry.add(method)
    return registry


class _NoCounts:
    def tasks(self) -> dict[str, Any]:
        return {}

    def lanes(self) -> dict[str, dict[str, int]]:
        return {}


class _Counts:
    def __init__(self, counters: Counters, executor: LaneExecutor) -> None:
        self._counters = counters
        self._executor = executor

    def tasks(self) -> dict[str, Any]:
        return self._counters.as_dict()

    def lanes(self) -> dict[str, dict[str, int]]:
        return self._executor.status()


def account_identity(settings: Settings) -> str | None:
    """Names the brokerage account to other workers without showing its number; ``None`` without one."""
    if settings.kis_account is None:
        return None
    text = f"{settings.kis_environment or 'paper'}/{settings.kis_account}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def make_leases(
    settings: Settings,
    engine: Engine,
    *,
    broker_url: str,
    environment: Environment,
    vendors: Sequence[Vendor],
    name: str,
    identity: str | None,
    adopt_journal: bool,
    clock: Callable[[], datetime],
) -> Leases:
    """The leases of a worker's vendors; see `serve` for the arguments."""
    if not vendors:
        return Leases(None)
    heartbeat = settings.lease_heartbeat
    claimant = Claimant(
        name=name,
        host=host_identity(),
        process=os.getpid(),
        environment=environment,
        journal=journal_id(engine, clock()),
        heartbeat=heartbeat,
        adopt=adopt_journal,
    )
    claims = [
        AccountClaim(
            vendor.name,
            "default",
            identity=identity,
            claimant=claimant,
            owners=Owners(engine, environment),
            open_publisher=lambda: connect(broker_url, name=f"{name} pin", heartbeat=heartbeat),
            clock=clock,
        )
        for vendor in vendors
    ]
    return Leases(LeaseKeeper(url=broker_url, name=name, heartbeat=heartbeat, claims=claims))


async def serve(
    settings: Settings,
    *,
    broker_url: str,
    environment: Environment,
    journal_url: str,
    vendors: Sequence[Vendor],
    identity: str | None,
    adopt_journal: bool,
    stop: asyncio.Event,
    on_ready: Callable[[], None],
    on_standby: Callable[[str], None],
    extra_methods: Iterable[Method[Any]] = (),
    clock: Callable[[], datetime] = utc_now,
) -> None:
    """Run a worker until ``stop`` is set.

    Args:
        broker_url: The broker to serve.
        environment: What every reply of this worker carries.
        journal_url: The journal's database.
        vendors: The adapters; closed at the end.
        identity: Of the brokerage account, as `account_identity` gives it, or of the simulator.
        adopt_journal: This journal takes the place of the one that the account's orders are recorded in.
        on_ready: Called when the worker consumes.
        on_standby: Called with ``vendor/account`` when another worker owns that one.
        extra_methods: More methods than the adapters bring.

    Raises:
        LoginRefused, EnvironmentConflict, JournalError: The worker cannot serve; the message says why.
    """
    name = f"{socket.gethostname()}-{os.getpid()}"
    engine = open_database(journal_url)
    executor = LaneExecutor(settings.read_threads)
    counters = Counters()
    registry = MethodRegistry(method for vendor in vendors for method in vendor.methods())
    for method in (
        *admin_methods(
            name=name,
            environment=environment,
            registry=registry,
            vendors=vendors,
            source=_Counts(counters, executor),
            clock=clock,
        ),
        *extra_methods,
    ):
        registry.add(method)
    rules = Rules(environment, tuple(vendor.name for vendor in vendors), settings.max_body_bytes)
    consumption = Consumption(settings.task_prefetch, settings.order_prefetch, settings.legacy_queues)
    refused = LEGACY_REFUSAL if settings.legacy_queues else None
    runner = TaskRunner(
        rules=rules,
        executor=executor,
        orders=OrderRunner(OrderAttempts(engine, environment), rules, refused, clock),
        redeliveries=RedeliveryGuard(TaskStarts(engine), clock),
        clock=clock,
    )

    direct = DirectAddresses()
    leases = make_leases(
        settings,
        engine,
        broker_url=broker_url,
        environment=environment,
        vendors=vendors,
        name=name,
        identity=identity,
        adopt_journal=adopt_journal,
        clock=clock,
    )

    def make_session(connection: AsyncioConnection) -> Session:
        return Session(
            connection,
            name=name,
            registry=registry,
            rules=rules,
            consumption=consumption,
            runner=runner,
            counters=counters,
            clock=clock,
            direct=direct,
        )

    # What is there now stays for good: the garbage collector need not look at it again on the hot path.
    gc.collect()
    gc.freeze()
    worker = Worker(
        url=broker_url,
        name=name,
        make_session=make_session,
        runner=runner,
        leases=leases,
        direct=direct,
        counters=counters,
    )
    try:
        await worker.run(stop, on_ready, on_standby)
    finally:
        executor.stop()
        for vendor in vendors:
            vendor.close()
        engine.dispose()
