"""The one place that wires the parts of a worker together."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pika import URLParameters
from pika.adapters.asyncio_connection import AsyncioConnection
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine

from broker_client.protocol import Environment
from broker_server.amqp.connection import connect
from broker_server.amqp.control import ControlBus
from broker_server.amqp.counters import Counters
from broker_server.amqp.direct_addresses import DirectAddresses
from broker_server.amqp.events import EventPublisher, event_key
from broker_server.amqp.intake import Rules
from broker_server.amqp.lease import Leases
from broker_server.amqp.lease_claim import AccountClaim, Claimant
from broker_server.amqp.lease_keeper import LeaseKeeper
from broker_server.amqp.lease_timing import longest_send
from broker_server.amqp.outbox import OutcomeOutbox
from broker_server.amqp.owner_process import host_identity
from broker_server.amqp.redeliveries import RedeliveryGuard
from broker_server.amqp.session import Consumption, Session
from broker_server.amqp.task_runner import TaskRunner
from broker_server.amqp.worker import Worker
from broker_server.core.guards import Limits
from broker_server.core.methods import Method, MethodRegistry
from broker_server.core.vendor import Vendor
from broker_server.execution import LaneExecutor
from broker_server.journal.database import open_database
from broker_server.journal.identity import journal_id
from broker_server.journal.orders import OrderJournal
from broker_server.journal.owners import Owners
from broker_server.journal.starts import TaskStarts
from broker_server.market_sessions import load_market_sessions
from broker_server.ordering import OrderOffice
from broker_server.orders.admin import OrderAdmin
from broker_server.orders.attempt import Step, no_step
from broker_server.orders.checks import OrderRules
from broker_server.orders.replied import ReplyNotes
from broker_server.orders.session_rule import SessionCheckRule
from broker_server.settings import Settings, SettingsError, data_folder
from broker_server.vendors import kis
from broker_server.worker_methods import Counts, NoCounts, worker_methods

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
        config = kis_config(settings, simulated=simulated, cache_folder=cache_folder)
        vendors.append(kis.create(config, order_timeout=longest_send(settings.lease_heartbeat)))
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
    engine = create_engine("sqlite://")
    for method in (
        *OrderAdmin(OrderJournal(engine, "simulated"), None, registry, {}, None).methods(),
        *worker_methods(
            name="",
            environment="simulated",
            registry=registry,
            vendors=(),
            engine=engine,
            source=NoCounts(),
            bus=ControlBus("", "simulated"),
            clock=utc_now,
        ),
    ):
        registry.add(method)
    return registry


def order_rules(settings: Settings, environment: Environment) -> OrderRules:
    """What the settings allow of orders.

    Raises:
        SettingsError: The file of market sessions is wrong.
    """
    return OrderRules(
        environment=environment,
        refused=LEGACY_REFUSAL if settings.legacy_queues else None,
        max_age=timedelta(seconds=settings.order_max_age),
        zone=ZoneInfo(settings.timezone),
        allow_live=settings.allow_live_orders,
        users=settings.order_users,
        limits=Limits(
            quantity=settings.order_max_quantity,
            notional=settings.order_max_notional,
            per_day=settings.order_max_per_day,
            tickers=settings.order_tickers,
        ),
        session_rule=SessionCheckRule(
            load_market_sessions(settings.market_sessions_file),
            settings.session_check,
            round_the_clock=environment == "simulated",
        ),
    )


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
    step: Step = no_step,
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
        step: Told of each step of an order.

    Raises:
        LoginRefused, EnvironmentConflict, JournalError: The worker cannot serve; the message says why.
    """
    name = f"{socket.gethostname()}-{os.getpid()}"
    engine = open_database(journal_url)
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
    executor = LaneExecutor(settings.read_threads)
    counters = Counters()
    control = ControlBus(name, environment)
    events = EventPublisher(name, environment, clock)
    registry = MethodRegistry(method for vendor in vendors for method in vendor.methods())
    notes = ReplyNotes(OrderJournal(engine, environment))
    outbox = OutcomeOutbox(asyncio.get_running_loop(), notes.add)
    office = OrderOffice(
        order_rules(settings, environment),
        engine,
        vendors,
        ownership=leases,
        bus=events,
        notes=notes,
        outbox=outbox,
        worker=name,
        clock=clock,
        waiting=lambda task_id: runner.waiting_order(task_id),
        ahead=lambda task_id: runner.put_off_before(task_id),
        settle=timedelta(seconds=settings.reconcile_settle),
        poll_seconds=settings.order_poll_seconds,
        step=step,
    )
    for method in (
        *office.methods(registry),
        *worker_methods(
            name=name,
            environment=environment,
            registry=registry,
            vendors=vendors,
            engine=engine,
            source=Counts(counters, events, executor),
            bus=control,
            clock=clock,
        ),
        *extra_methods,
    ):
        registry.add(method)
    user = URLParameters(broker_url).credentials.username
    rules = Rules(environment, tuple(vendor.name for vendor in vendors), settings.max_body_bytes, user)
    consumption = Consumption(settings.task_prefetch, settings.order_prefetch, settings.legacy_queues)
    runner = TaskRunner(
        rules=rules,
        executor=executor,
        orders=office.desk,
        replied=notes.add,
        redeliveries=RedeliveryGuard(TaskStarts(engine), clock),
        clock=clock,
    )

    direct = DirectAddresses()

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
            outbox=outbox,
            control=control,
            events=events,
            confirmed=lambda: step("confirmed", ""),
        )

    def announce(state: str) -> None:
        events.publish(event_key("worker", name, state), {"type": "worker", "state": state})

    def started() -> None:
        announce("started")
        on_ready()

    async def announce_the_stop() -> None:
        await stop.wait()
        announce("stopping")

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
    stopping = asyncio.create_task(announce_the_stop())
    office.start()
    try:
        await worker.run(stop, started, on_standby)
    finally:
        stopping.cancel()
        events.close()
        control.stop()
        executor.stop()
        office.stop()
        for vendor in vendors:
            vendor.close()
        engine.dispose()
