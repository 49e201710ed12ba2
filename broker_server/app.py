"""The one place that wires the parts of a worker together."""

from __future__ import annotations

import asyncio
import gc
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
from sqlalchemy import create_engine

from broker_client.protocol import Environment
from broker_server.amqp.control import ControlBus
from broker_server.amqp.counters import Counters
from broker_server.amqp.direct_addresses import DirectAddresses
from broker_server.amqp.events import EventPublisher, event_key
from broker_server.amqp.intake import Rules
from broker_server.amqp.outbox import OutcomeOutbox
from broker_server.amqp.redeliveries import RedeliveryGuard
from broker_server.amqp.session import Consumption, Session
from broker_server.amqp.task_runner import TaskRunner
from broker_server.amqp.worker import Worker
from broker_server.core.guards import Limits
from broker_server.core.methods import Method, MethodRegistry
from broker_server.core.vendor import Vendor
from broker_server.execution import LaneExecutor
from broker_server.journal.database import open_database
from broker_server.journal.orders import OrderJournal
from broker_server.journal.owners import Owners
from broker_server.journal.starts import TaskStarts
from broker_server.market_sessions import load_market_sessions
from broker_server.ordering import OrderOffice
from broker_server.orders.admin import OrderAdmin
from broker_server.orders.attempt import Step, no_step
from broker_server.orders.checks import OrderRules
from broker_server.orders.ownership import Grant
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


class _SoleOwner:
    """TEMPORARY until the leases are merged."""

    def __init__(self, owners: Owners, name: str, vendors: Sequence[Vendor]) -> None:
        self._epochs = {
            vendor.name: owners.take(
                vendor.name,
                "default",
                name=name,
                host=socket.gethostname(),
                process=os.getpid(),
                now=utc_now(),
            )[0]
            for vendor in vendors
        }

    def grant(self, vendor: str, account: str) -> Grant | None:
        epoch = self._epochs.get(vendor)
        return None if epoch is None else Grant(epoch, True, 0.0)


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


async def serve(
    settings: Settings,
    *,
    broker_url: str,
    environment: Environment,
    journal_url: str,
    vendors: Sequence[Vendor],
    stop: asyncio.Event,
    on_ready: Callable[[], None],
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
        on_ready: Called when the worker consumes.
        extra_methods: More methods than the adapters bring.
        step: Told of each step of an order.

    Raises:
        LoginRefused, EnvironmentConflict, JournalError: The worker cannot serve; the message says why.
    """
    name = f"{socket.gethostname()}-{os.getpid()}"
    engine = open_database(journal_url)
    ownership = _SoleOwner(Owners(engine, environment), name, vendors)
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
        ownership=ownership,
        bus=events,
        notes=notes,
        outbox=outbox,
        worker=name,
        clock=clock,
        waiting=lambda task_id: runner.waiting_order(task_id),
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
        direct=direct,
        counters=counters,
    )
    stopping = asyncio.create_task(announce_the_stop())
    office.start()
    try:
        await worker.run(stop, started)
    finally:
        stopping.cancel()
        events.close()
        control.stop()
        executor.stop()
        office.stop()
        for vendor in vendors:
            vendor.close()
        engine.dispose()
