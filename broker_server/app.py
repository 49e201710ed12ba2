"""The one place that wires the parts of a worker together."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pika.adapters.asyncio_connection import AsyncioConnection

from broker_client.address import login_user, url_list
from broker_client.protocol import Environment
from broker_server.amqp.control import ControlBus
from broker_server.amqp.counters import Counters
from broker_server.amqp.direct_addresses import DirectAddresses
from broker_server.amqp.events import EventPublisher, event_key
from broker_server.amqp.forwarding import VENDORS
from broker_server.amqp.intake import Rules
from broker_server.amqp.neighbours import Neighbours
from broker_server.amqp.outbox import OutcomeOutbox
from broker_server.amqp.recent_tasks import RecentTasks
from broker_server.amqp.redeliveries import RedeliveryGuard
from broker_server.amqp.session import Consumption, Session
from broker_server.amqp.task_runner import TaskRunner
from broker_server.amqp.worker import Worker
from broker_server.core.accounts import AccountKey
from broker_server.core.instruments import Instruments
from broker_server.core.methods import Method, MethodRegistry
from broker_server.core.vendor import Vendor, key_of
from broker_server.execution import LaneExecutor
from broker_server.fleet import Fleet
from broker_server.heap import give_back_regularly
from broker_server.journal.database import open_database
from broker_server.journal.orders import OrderJournal
from broker_server.journal.starts import TaskStarts
from broker_server.observing.service_manager import ServiceManager
from broker_server.orders.gate import Step, no_step
from broker_server.orders.replied import ReplyNotes
from broker_server.settings import Settings
from broker_server.vendors import kiwoom
from broker_server.wiring.clock import utc_now
from broker_server.wiring.hosts import announce_hosts, is_supervised
from broker_server.wiring.leases import make_leases
from broker_server.wiring.observation import Observation
from broker_server.wiring.order_office import OrderOffice
from broker_server.wiring.order_rules import order_rules
from broker_server.wiring.stream_office import make_stream_office
from broker_server.wiring.vendors import vendor_methods
from broker_server.wiring.worker_methods import Counts, worker_methods


async def serve(
    settings: Settings,
    *,
    broker_url: str,
    environment: Environment,
    journal_url: str,
    vendors: Sequence[Vendor],
    identity: Mapping[AccountKey, str | None],
    adopt_journal: bool,
    hours: bool,
    trial: bool = False,
    stop: asyncio.Event,
    on_ready: Callable[[], None],
    on_standby: Callable[[str], None],
    extra_methods: Iterable[Method[Any]] = (),
    clock: Callable[[], datetime] = utc_now,
    step: Step = no_step,
    instruments: Instruments | None = None,
) -> None:
    """Run a worker until ``stop`` is set.

    Args:
        broker_url: The broker to serve; several hosts of a cluster with commas between them.
        environment: What every reply of this worker carries.
        journal_url: The journal's database.
        vendors: The adapters, one for each account; closed at the end.
        identity: Of each brokerage account, as `account_identities` gives it, or of its simulator.
        adopt_journal: This journal takes the place of the one that the account's orders are recorded in.
        hours: Whether the markets keep their hours: a simulated one may trade around the clock.
        trial: The broker is a private node, which keeps the queues of earlier trials.
        on_ready: Called when the worker consumes.
        on_standby: Called with ``vendor/account`` when another worker owns that one.
        extra_methods: More methods than the adapters bring.
        step: Told of each step of an order.
        instruments: Measure and trace what is done.

    Raises:
        LoginRefused, EnvironmentConflict, JournalError, SettingsError: The worker cannot serve; the message
            says why.
    """
    instruments = instruments or Instruments()
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
    recent = RecentTasks()
    control = ControlBus(name, environment)
    events = EventPublisher(name, environment, clock)
    accounts = [key_of(vendor) for vendor in vendors]
    served = {vendor.name for vendor in vendors}
    absent = [each for each in VENDORS if each not in served]
    neighbours = Neighbours(absent, fleeting=trial, own=accounts)
    fleet = Fleet(control, neighbours)
    fleet.introduce(accounts)

    def holds(key: AccountKey) -> bool:
        return leases.grant(*key) is not None

    registry = MethodRegistry(vendor_methods(vendors, holds))
    styles = kiwoom.styles(compat=settings.sapi_compat, zone=ZoneInfo(settings.timezone))
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
        running=lambda task_id: runner.runs_order(task_id),
        run_now=lambda task_id: runner.orders_run_now(task_id),
        ahead=lambda task_id: runner.put_off_before(task_id),
        settle=timedelta(seconds=settings.reconcile_settle),
        poll_seconds=settings.order_poll_seconds,
        step=step,
    )
    live = make_stream_office(
        settings,
        url=broker_url,
        worker=name,
        environment=environment,
        hours=hours,
        vendors=vendors,
        engine=engine,
        bus=events,
        noticed=office.noticed,
        clock=clock,
        styles=styles.events,
        meter=instruments.meter,
    )
    counts = Counts(counters, events, executor, live, recent)
    observation = Observation(
        settings,
        name=name,
        environment=environment,
        vendors=vendors,
        instruments=instruments,
        counts=counts,
        engine=engine,
        ownership=leases,
        clock=clock,
    )
    for method in (
        *office.methods(registry, fleet),
        *live.methods(fleet),
        *worker_methods(
            name=name,
            environment=environment,
            registry=registry,
            vendors=vendors,
            holds=holds,
            engine=engine,
            source=counts,
            health=observation.report,
            bus=control,
            neighbours=neighbours,
            announce=events.publish,
            clock=clock,
            users=settings.order_users,
        ),
        *extra_methods,
    ):
        registry.add(method)
    rules = Rules(
        environment,
        tuple(accounts),
        settings.max_body_bytes,
        login_user(url_list(broker_url)[0]),
        styles.of,
        holds,
    )
    consumption = Consumption(settings.task_prefetch, settings.order_prefetch, settings.legacy_queues)
    runner = TaskRunner(
        rules=rules,
        executor=executor,
        orders=office.desk,
        streams=live.desk,
        replied=notes.add,
        redeliveries=RedeliveryGuard(TaskStarts(engine), clock),
        clock=clock,
        instruments=instruments,
        recent=recent,
    )

    direct = DirectAddresses()
    manager = ServiceManager()

    def make_session(connection: AsyncioConnection) -> Session:
        session = Session(
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
            neighbours=neighbours,
            confirmed=lambda: step("confirmed", ""),
            instruments=instruments,
        )
        return observation.session.begin(session)

    def announce(state: str) -> None:
        events.publish(event_key("worker", name, state), {"type": "worker", "state": state})

    def started() -> None:
        announce("started")
        observation.session.ready()
        manager.ready("consuming")
        on_ready()

    def stands_by(waits_for: str) -> None:
        observation.session.stand_by(waits_for)
        manager.ready(f"standing by: another worker owns {waits_for}")
        on_standby(waits_for)

    async def announce_the_stop() -> None:
        await stop.wait()
        announce("stopping")
        manager.stopping()

    # What is there now stays for good: the garbage collector need not look at it again on the hot path.
    gc.collect()
    gc.freeze()
    gc.collect()  # a full collection is due when a quarter is new: of what is left, not of what was frozen
    worker = Worker(
        url=broker_url,
        name=name,
        make_session=make_session,
        runner=runner,
        leases=leases,
        let_go=live.stop,
        direct=direct,
        counters=counters,
    )
    stopping = asyncio.create_task(announce_the_stop())
    giving_back = asyncio.create_task(give_back_regularly())
    leases.listeners.append(lambda key, _: office.look(key))
    leases.listeners.append(live.on_lease)
    if not is_supervised():
        announce_hosts(vendors, events)
    office.start()
    live.start()
    observation.start()
    try:
        await worker.run(stop, started, stands_by)
    finally:
        stopping.cancel()
        giving_back.cancel()
        manager.close()
        observation.close()
        events.close()
        control.stop()
        executor.stop()
        office.stop()
        for vendor in vendors:
            vendor.close()
        instruments.tracer.close()
        engine.dispose()
