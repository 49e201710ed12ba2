"""``broker.get-status``: what each worker of this environment serves, has done and is waiting for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

from pydantic import BaseModel

from broker_client import __version__
from broker_client.errors import TaskFailed
from broker_client.protocol import Environment, utc_text
from broker_server.amqp.control import ControlBus
from broker_server.amqp.neighbours import Neighbours
from broker_server.core.methods import Lane, Method, NoParameters, Outcome, TaskContext
from broker_server.core.served_accounts import Holds
from broker_server.core.vendor import Vendor, key_of
from broker_server.halting import HaltState, KillSwitch
from broker_server.observing.health import HealthReport

GATHER_SECONDS = 1.0
COMMAND = "get-status"


class AbsentVendor(BaseModel):
    """A vendor without a worker: its tasks wait.

    Attributes:
        state: What the program that its adapter lives in last said of itself, such as ``LOGIN_REQUIRED``;
            null where it has none, or it has said nothing.
        reason: In its words.
        restart_needed: Nothing helps but a new process of it.
        told_at: When it said so, UTC, ISO 8601.
        age: Seconds since then.
        told_by: Who said it: the worker, or its supervisor.
    """

    state: str | None = None
    reason: str | None = None
    restart_needed: bool | None = None
    told_at: str | None = None
    age: float | None = None
    told_by: str | None = None


class RecentTask(BaseModel):
    """A task that has been finished.

    Attributes:
        error: The error's code; null if it succeeded.
        seconds: From its arrival to its outcome.
        time: Of its outcome, UTC.
    """

    task_id: str
    method: str
    status: Literal["TASK_SUCCEED", "TASK_FAILED"]
    error: str | None
    seconds: float
    time: str


class ServedAccount(BaseModel):
    """An account of a worker.

    Attributes:
        account: Its alias.
        owned: Whether the worker holds its lease; else another one does, or takes it in a moment.
    """

    vendor: str
    account: str
    owned: bool


class WorkerStatus(BaseModel):
    """One worker; the one that answers comes first.

    When workers did not answer in time, the last element says so: its ``worker`` is null, and ``error`` tells
    how many of how many, and which if that is known; it has no other keys.

    Attributes:
        halted: Since when, by whom and why this worker sends no orders; null when it does.
        tasks: Counts since the start.
        events: Events for ``broker.events``: published, waiting, dropped for want of a connection, refused.
        lanes: Waiting and running tasks by thread pool.
        streams: Live data: ``ticks`` published, waiting, conflated and dropped, and by vendor what is
            subscribed, confirmed, polled and stale, and how its connections are.
        vendors: What each adapter says of itself: by vendor, of more accounts by ``kis/second``.
        accounts: The accounts that it may serve, by alias: whether it owns each now, or stands by.
        away: The vendors, and the accounts such as ``kis/second``, that were served on this broker and have
            no worker now, as this worker sees it.
        health: Whether it is ready, by its consumers at the broker and its vendors' sessions; null where that
            is not known.
        recent: The tasks that were finished last, the newest first; without their parameters.
    """

    worker: str
    environment: Environment
    version: str
    started_at: str
    time: str
    halted: HaltState | None
    tasks: dict[str, Any]
    events: dict[str, int]
    lanes: dict[str, dict[str, int]]
    streams: dict[str, Any]
    vendors: dict[str, dict[str, Any]]
    accounts: list[ServedAccount] = []
    away: dict[str, AbsentVendor] = {}
    health: HealthReport | None = None
    recent: list[RecentTask] = []


class StatusSource(Protocol):
    """Counts of this worker."""

    def tasks(self) -> dict[str, Any]:
        """Counts since the start."""

    def events(self) -> dict[str, int]:
        """Events published, waiting, dropped and refused."""

    def lanes(self) -> dict[str, dict[str, int]]:
        """Waiting and running tasks by pool."""

    def streams(self) -> dict[str, Any]:
        """Ticks, and the live data of each vendor."""

    def recent(self) -> list[dict[str, Any]]:
        """The tasks that were finished last, the newest first."""


class StatusReporter:
    """Tells how this worker is, and gathers how the others are.

    Args:
        name: The worker's.
        environment: The worker's.
        holds: Whether it owns an account.
        switch: Tells whether orders are halted.
        bus: Reaches the other workers.
        neighbours: Tells which vendors have no worker.
        clock: Gives UTC.
        health: Tells whether the worker is ready.
    """

    def __init__(
        self,
        *,
        name: str,
        environment: Environment,
        vendors: Sequence[Vendor],
        holds: Holds = lambda _: True,
        source: StatusSource,
        switch: KillSwitch,
        bus: ControlBus,
        neighbours: Neighbours,
        clock: Callable[[], datetime],
        health: Callable[[], HealthReport | None] = lambda: None,
    ) -> None:
        self._health = health
        self._neighbours = neighbours
        self._name = name
        self._environment = environment
        self._vendors = vendors
        self._holds = holds
        self._source = source
        self._switch = switch
        self._bus = bus
        self._clock = clock
        self._started_at = clock()
        bus.on(COMMAND, lambda _: self.own().model_dump(mode="json"))

    def own(self) -> WorkerStatus:
        """How this worker is. Blocks: the kill switch is read from the journal."""
        return WorkerStatus(
            worker=self._name,
            environment=self._environment,
            version=__version__,
            started_at=utc_text(self._started_at),
            time=utc_text(self._clock()),
            halted=self._switch.state(),
            tasks=self._source.tasks(),
            events=self._source.events(),
            lanes=self._source.lanes(),
            streams=self._source.streams(),
            recent=[RecentTask(**each) for each in self._source.recent()],
            vendors={key_of(vendor).place: vendor.status() for vendor in self._vendors},
            accounts=[
                ServedAccount(vendor=each.name, account=each.account, owned=self._holds(key_of(each)))
                for each in self._vendors
            ],
            away={
                vendor: absent_vendor(each.told or {}, self._clock())
                for vendor, each in self._neighbours.away().items()
            },
            health=self._health(),
        )

    def gather(self) -> list[dict[str, Any]]:
        """Every worker, this one first. Blocks for at most `GATHER_SECONDS`."""
        self._neighbours.refresh()
        own = self.own().model_dump(mode="json")
        try:
            gathered = self._bus.ask_everybody(COMMAND, {}, timeout=GATHER_SECONDS)
        except TaskFailed as error:
            return [own, {"worker": None, "error": error.message}]
        others = [reply for reply in gathered.replies if reply.address != self._bus.address]
        others.sort(key=lambda reply: reply.worker)
        rows = [
            own,
            *(reply.result or {"worker": reply.worker, "error": reply.error} for reply in others),
        ]
        if gathered.missing:
            silence = (
                f"{gathered.missing} of {gathered.expected} workers did not answer within "
                f"{GATHER_SECONDS:g} s: {', '.join(gathered.missing_names())}"
            )
            rows.append({"worker": None, "error": silence})
        return rows


def absent_vendor(told: Mapping[str, Any], now: datetime) -> AbsentVendor:
    """What is known of a vendor without a worker.

    Args:
        told: The last event of its program; empty where there is none.
    """
    try:
        at = datetime.fromisoformat(str(told["time"])) if told else None
        return AbsentVendor(
            state=told.get("state"),
            reason=told.get("reason"),
            restart_needed=told.get("restart_needed"),
            told_at=utc_text(at) if at is not None else None,
            age=round((now - at).total_seconds(), 1) if at is not None else None,
            told_by=told.get("worker"),
        )
    except (KeyError, ValueError, TypeError):  # not of our making
        return AbsentVendor()


def status_method(reporter: StatusReporter) -> Method[Any]:
    """``broker.get-status``."""

    def get_status(_: NoParameters, __: TaskContext) -> Outcome:
        return Outcome(reporter.gather())

    return Method(
        name="broker.get-status",
        vendor="broker",
        kind="admin",
        lane=Lane.ACCOUNT,
        summary="Show what each worker serves, has done and is waiting for, and whether orders are halted.",
        parameters=NoParameters,
        result=WorkerStatus,
        handler=get_status,
        example={},
    )
