"""What becomes of a task whose handler, reply or connection misbehaves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from pika.spec import BasicProperties
from structlog.contextvars import get_contextvars

from broker_client.errors import TaskExpired
from broker_client.protocol import TaskRequest
from broker_server.amqp.acks import Acks
from broker_server.amqp.counters import Counters
from broker_server.amqp.delivery import Delivery, ReplyAddress
from broker_server.amqp.direct_addresses import DirectAddresses
from broker_server.amqp.intake import Rules
from broker_server.amqp.publisher import Fate
from broker_server.amqp.recent_tasks import MOST, RecentTasks
from broker_server.amqp.redeliveries import STARTS_WITHOUT_END, RedeliveryGuard
from broker_server.amqp.replies import Replier
from broker_server.amqp.running import Recipient
from broker_server.amqp.task_runner import TaskRunner
from broker_server.amqp.topology import REJECTED_QUEUE
from broker_server.core.instruments import Instruments
from broker_server.core.methods import Lane, Method, MethodKind, NoParameters, Outcome
from broker_server.core.stream_requests import StreamRequest
from broker_server.core.stream_tasks import StreamTask
from broker_server.execution import LaneExecutor
from broker_server.journal.database import open_database
from broker_server.journal.starts import TaskStarts, message_key
from broker_server.orders.task import OrderTask
from broker_server.results import Elsewhere, Later, Result
from tests.support.waiting import wait_until_async

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


class FakeChannel:
    """A consuming channel that remembers what was acked."""

    def __init__(self) -> None:
        self.is_open = True
        self.acked: list[int] = []
        self.given_back: list[int] = []

    def basic_nack(self, tag: int, requeue: bool) -> None:
        assert requeue
        self.given_back.append(tag)

    def basic_ack(self, tag: int, multiple: bool = False) -> None:
        self.acked += range(max(self.acked, default=0) + 1, tag) if multiple else ()
        self.acked.append(tag)


class FakePublisher:
    """Keeps what is published; a test decides each fate.

    Attributes:
        fate: What every message meets at once, or ``None`` to leave it open.
    """

    def __init__(self, fate: Fate | None = Fate.CONFIRMED) -> None:
        self.fate = fate
        self.published: list[tuple[str, bytes]] = []

    @property
    def in_flight(self) -> int:
        return 0

    def publish(
        self,
        routing_key: str,
        body: bytes,
        properties: BasicProperties,
        on_fate: Callable[[Fate], None],
        *,
        mandatory: bool = True,
    ) -> None:
        self.published.append((routing_key, body))
        if self.fate is not None:
            asyncio.get_running_loop().call_soon(on_fate, self.fate)

    def replies(self, queue: str = "client") -> list[dict[str, Any]]:
        return [orjson.loads(body) for key, body in self.published if key == queue]


class Link:
    """One connection as a task sees it."""

    def __init__(self, fate: Fate | None = Fate.CONFIRMED) -> None:
        self.channel = FakeChannel()
        self.acks = Acks(self.channel)
        self.publisher = FakePublisher(fate)
        direct = DirectAddresses()
        self.replier = Replier(self.publisher, Counters(), "simulated", lambda: NOW, direct)  # type: ignore[arg-type]

    def recipient(self, body: bytes = b"{}", *, tag: int = 1, redelivered: bool = False) -> Recipient:
        delivery = Delivery(self.channel, self.acks, tag, "tasks", redelivered, BasicProperties(), body)
        return Recipient(delivery, ReplyAddress("client"), self.replier)


class NoStreams:
    def run(self, task: StreamTask) -> Result:
        raise AssertionError(f"no subscription is asked for here: {task}")


class FakeDesk:
    """Runs the handler of an order and nothing else."""

    def __init__(self) -> None:
        self.replied: list[tuple[str, bytes]] = []

    def run(self, task: OrderTask) -> Result:
        rows = list(task.method.handler(task.parameters, None).rows)
        return Result(rows, recorded=True, outcome=b"kept")


class Bench:
    """A task runner with a real journal and real lanes."""

    def __init__(self, folder: Path) -> None:
        self.executor = LaneExecutor(2)
        self.engine = open_database(f"sqlite:///{folder / 'journal.sqlite3'}")
        self.starts = TaskStarts(self.engine)
        self.desk = FakeDesk()
        self.instruments = Instruments()
        self.recent = RecentTasks()
        rules = Rules("simulated", (), 1_000_000)
        self.runner = TaskRunner(
            rules=rules,
            executor=self.executor,
            orders=self.desk,
            streams=NoStreams(),
            replied=lambda *note: self.desk.replied.append(note),
            redeliveries=RedeliveryGuard(self.starts, lambda: NOW),
            clock=lambda: NOW,
            instruments=self.instruments,
            recent=self.recent,
        )

    def close(self) -> None:
        self.runner.close()
        self.executor.stop()
        self.engine.dispose()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def method(
    handler: Callable[..., Outcome], *, kind: MethodKind = "read", lane: Lane = Lane.QUOTE
) -> Method[Any]:
    return Method(
        name="stub.do", vendor="stub", kind=kind, lane=lane, summary="For tests.",
        parameters=NoParameters, handler=handler,
    )  # fmt: skip


def request(task_id: str = "t") -> TaskRequest:
    return TaskRequest(task_id=task_id, method="stub.do")


def returning(*rows: object) -> Callable[..., Outcome]:
    return lambda *_: Outcome(list(rows))


def raising(error: BaseException) -> Callable[..., Outcome]:
    def handler(*_: object) -> Outcome:
        raise error

    return handler


async def only_reply(link: Link) -> dict[str, Any]:
    await wait_until_async(lambda: link.channel.acked)
    (reply,) = link.publisher.replies()
    return reply


@pytest.mark.parametrize(
    "row", [pytest.param(object(), id="an object"), Decimal("1.5"), {1, 2}, {"a": b"bytes"}], ids=repr
)
async def test_read_with_rows_that_are_no_json_is_answered_internal(bench: Bench, row: object) -> None:
    link = Link()
    bench.runner.admit(request(), method(returning(row)), link.recipient())
    assert (await only_reply(link))["error"]["code"] == "INTERNAL"
    assert bench.runner.in_work == 0


async def test_what_is_logged_while_a_task_is_in_work_names_it(bench: Bench) -> None:
    def handler(*_: object) -> Outcome:
        return Outcome([get_contextvars()])

    for task_id in ("first", "second"):
        link = Link()
        bench.runner.admit(request(task_id), method(handler), link.recipient())
        assert (await only_reply(link))["result"] == [{"task_id": task_id}]
    link = Link()
    seen: list[object] = []
    bench.executor.submit(Lane.QUOTE, lambda: seen.append(get_contextvars()))
    await wait_until_async(lambda: seen)
    assert seen == [{}], "the lane's thread forgets it"


@pytest.mark.parametrize(
    ("handler", "status"), [(returning(1), "TASK_SUCCEED"), (raising(RuntimeError()), "INTERNAL")]
)
async def test_a_task_is_measured_by_its_method_and_how_it_ended(
    bench: Bench, handler: Callable[..., Outcome], status: str
) -> None:
    link = Link()
    bench.runner.admit(request(), method(handler), link.recipient())
    await only_reply(link)
    (series,) = bench.instruments.meter.tasks.read()
    assert (series.labels, series.count) == (("stub.do", status), 1)
    (waited,) = bench.instruments.meter.waits.read()
    assert (waited.labels, waited.count) == (("quote",), 1)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=repr)
@pytest.mark.parametrize(
    ("kind", "lane"), [("read", Lane.QUOTE), ("order", Lane.ORDER), ("order", Lane.CANCEL)]
)
async def test_handler_that_asks_to_exit_is_answered_and_its_lane_lives(
    bench: Bench, error: BaseException, kind: MethodKind, lane: Lane
) -> None:
    for number in range(3):
        link = Link()
        task = request(f"exit-{number}")
        bench.runner.admit(task, method(raising(error), kind=kind, lane=lane), link.recipient())
        assert (await only_reply(link))["error"]["code"] == "INTERNAL"
    link = Link()
    bench.runner.admit(request("after"), method(returning(1), kind=kind, lane=lane), link.recipient())
    assert (await only_reply(link))["result"] == [1]


async def test_poison_whose_copy_was_in_flight_when_the_connection_was_lost_is_answered_after_it(
    bench: Bench,
) -> None:
    body = b'{"task_id": "t", "method": "stub.do"}'
    for _ in range(STARTS_WITHOUT_END):
        bench.starts.record(message_key("t", body), "t", "stub.do", NOW)
    lost, next_link = Link(fate=None), Link()
    handler = method(raising(AssertionError("it kills its worker")))
    bench.runner.admit(request(), handler, lost.recipient(body, redelivered=True))
    await wait_until_async(lambda: lost.publisher.published)
    assert [queue for queue, _ in lost.publisher.published] == [REJECTED_QUEUE]
    lost.channel.is_open = False

    bench.runner.admit(request(), handler, next_link.recipient(body, redelivered=True))
    assert (await only_reply(next_link))["error"]["code"] == "INTERNAL"
    assert [queue for queue, _ in next_link.publisher.published] == [REJECTED_QUEUE, "client"]
    assert bench.runner.in_work == 0


async def test_reply_of_a_lost_connection_waits_for_the_redelivery(bench: Bench) -> None:
    lost, next_link = Link(), Link()
    calls = []

    def handler(*_: object) -> Outcome:
        calls.append(1)
        lost.channel.is_open = False
        return Outcome([7])

    bench.runner.admit(request(), method(handler), lost.recipient())
    await wait_until_async(lambda: bench.runner.running == 0 and calls)
    bench.runner.admit(request(), method(handler), next_link.recipient(redelivered=True))
    assert (await only_reply(next_link))["result"] == [7]
    assert lost.channel.acked == []
    assert calls == [1]


async def test_copy_that_joins_a_task_in_work_gets_the_same_reply(bench: Bench) -> None:
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()
    calls = []

    def handler(*_: object) -> Outcome:
        calls.append(1)
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(60)
        return Outcome([7])

    link = Link()
    bench.runner.admit(request(), method(handler), link.recipient(tag=1))
    bench.runner.admit(request(), method(handler), link.recipient(tag=2))
    gate.set()
    await wait_until_async(lambda: len(link.channel.acked) == 2)
    assert [reply["result"] for reply in link.publisher.replies()] == [[7], [7]]
    assert calls == [1]


async def test_held_orders_begin_when_the_broker_takes_messages_again(bench: Bench) -> None:
    link = Link()
    bench.runner.hold_orders(True)
    bench.runner.admit(request("o"), method(returning(1), kind="order", lane=Lane.ORDER), link.recipient())
    bench.runner.admit(request("r"), method(returning(2)), link.recipient(tag=2))
    await wait_until_async(lambda: link.channel.acked)
    assert link.channel.acked == [2]
    bench.runner.hold_orders(False)
    await wait_until_async(lambda: sorted(link.channel.acked) == [1, 2])


class HesitantChannel(FakeChannel):
    """A channel that keeps a lane's thread waiting at its first look, just before it would begin a task."""

    def __init__(self) -> None:
        self.looked, self.go_on = threading.Event(), threading.Event()
        super().__init__()

    @property
    def is_open(self) -> bool:
        if threading.current_thread() is not threading.main_thread():
            self.looked.set()
            self.go_on.wait(60)
        return True

    @is_open.setter
    def is_open(self, _: bool) -> None:
        return


@pytest.mark.parametrize(("kind", "lane"), [("read", Lane.QUOTE), ("order", Lane.ORDER)])
async def test_task_that_a_thread_has_just_taken_does_not_begin_once_what_waits_is_forgotten(
    bench: Bench, kind: MethodKind, lane: Lane
) -> None:
    link, calls = Link(), []
    link.channel = channel = HesitantChannel()

    def handler(*_: object) -> Outcome:
        calls.append(1)
        return Outcome([7])

    bench.runner.admit(request(), method(handler, kind=kind, lane=lane), link.recipient())
    await wait_until_async(channel.looked.is_set)
    bench.runner.begin_nothing_more()
    channel.go_on.set()
    await wait_until_async(lambda: bench.runner.running == 0)
    assert (calls, channel.acked, bench.runner.in_work) == ([], [], 0)


async def test_order_that_runs_is_in_work_until_its_outcome_is_recorded(bench: Bench) -> None:
    link, begun, gate = Link(), [], threading.Event()

    def handler(*_: object) -> Outcome:
        begun.append(1)
        gate.wait(60)
        return Outcome([7])

    bench.runner.admit(request(), method(handler, kind="order", lane=Lane.ORDER), link.recipient())
    bench.runner.admit(request("r"), method(handler), link.recipient(tag=2))
    await wait_until_async(lambda: len(begun) == 2)
    bench.runner.begin_nothing_more()
    assert (bench.runner.orders_in_work, bench.runner.in_work) == (1, 2)
    gate.set()
    await wait_until_async(lambda: sorted(link.channel.acked) == [1, 2])
    assert bench.runner.orders_in_work == 0


async def test_an_order_that_cannot_be_decided_yet_is_run_again(bench: Bench) -> None:
    link, calls = Link(), []

    def handler(*_: object) -> Outcome:
        calls.append(1)
        if len(calls) < 3:
            raise Later("not yet")
        return Outcome([7])

    bench.runner.admit(request(), method(handler, kind="order", lane=Lane.ORDER), link.recipient())
    assert (await only_reply(link))["result"] == [7]
    assert len(calls) == 3
    await wait_until_async(lambda: bench.desk.replied == [("t", b"kept")])


@pytest.mark.parametrize("fate", [Fate.RETURNED, Fate.REFUSED])
async def test_a_reply_that_could_not_even_be_kept_is_still_owed(bench: Bench, fate: Fate) -> None:
    link = Link(fate)
    bench.runner.admit(request(), method(returning(7), kind="order", lane=Lane.ORDER), link.recipient())
    await wait_until_async(lambda: link.channel.acked)
    assert (bench.desk.replied, bench.runner.in_work) == ([], 0)


async def test_an_order_of_another_worker_goes_back_unanswered(bench: Bench) -> None:
    link = Link()
    order = method(raising(Elsewhere("the lease is lost")), kind="order", lane=Lane.ORDER)
    bench.runner.admit(request(), order, link.recipient())
    bench.runner.admit(request(), order, link.recipient(tag=2, redelivered=True))
    await wait_until_async(lambda: bench.runner.in_work == 0)
    assert (link.publisher.published, link.channel.acked, link.channel.given_back) == ([], [], [1, 2])


async def test_an_order_of_another_worker_whose_connection_ended_is_only_forgotten(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker_server.amqp.task_runner.GIVE_BACK_SECONDS", 0.01)
    link = Link()
    order = method(raising(Elsewhere("the lease is lost")), kind="order", lane=Lane.ORDER)
    bench.runner.admit(request(), order, link.recipient())
    link.channel.is_open = False
    await wait_until_async(lambda: bench.runner.in_work == 0)
    assert (link.publisher.published, link.channel.given_back) == ([], [])


async def test_an_order_that_is_put_off_again_and_again_ends_in_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, calls = Link(), []

    def handler(*_: object) -> Outcome:
        calls.append(1)
        raise Later("not yet")

    bench.runner.admit(request(), method(handler, kind="order", lane=Lane.ORDER), link.recipient())
    await wait_until_async(lambda: calls)
    monkeypatch.setattr("broker_server.amqp.task_runner.TIME_BUDGET_SECONDS", 0)
    error = (await only_reply(link))["error"]
    assert error["code"] == "TASK_EXPIRED"
    assert "nothing was sent" in error["message"]
    assert bench.runner.in_work == 0


async def test_an_order_that_runs_again_is_the_same_to_the_desk(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, seen, gate = Link(), [], threading.Event()

    def run(task: OrderTask) -> Result:
        seen.append(task)
        if len(seen) == 1:
            raise Later("not yet")
        gate.wait(60)
        return Result([7])

    monkeypatch.setattr(bench.desk, "run", run)
    bench.runner.admit(request(), method(returning(), kind="order", lane=Lane.ORDER), link.recipient())
    await wait_until_async(lambda: len(seen) == 2)
    assert bench.runner.orders_run_now("t") == [seen[0]]
    assert bench.runner.orders_run_now("other") == []
    gate.set()
    assert (await only_reply(link))["result"] == [7]
    assert seen[0] is seen[1]


async def test_what_was_finished_last_is_told_without_parameters(bench: Bench) -> None:
    for number in range(MOST + 1):
        link = Link()
        handler = raising(TaskExpired("late")) if number == MOST else returning(1)
        bench.runner.admit(request(f"t{number}"), method(handler), link.recipient())
        await only_reply(link)
    rows = bench.recent.rows()
    assert [row["task_id"] for row in rows] == [f"t{number}" for number in range(MOST, 0, -1)]
    assert rows[0].pop("seconds") >= 0
    assert rows[0] == {
        "task_id": f"t{MOST}",
        "method": "stub.do",
        "status": "TASK_FAILED",
        "error": "TASK_EXPIRED",
        "time": "2026-11-20T09:00:00.000Z",
    }
    assert (rows[1]["status"], rows[1]["error"]) == ("TASK_SUCCEED", None)


def test_looking_at_the_workers_pushes_nothing_out() -> None:
    recent = RecentTasks()
    recent.add("one", "kis.get-balance", None, 0.1, NOW)
    for number in range(MOST):
        recent.add(f"look-{number}", "broker.get-status", None, 0.1, NOW)
    assert [row["task_id"] for row in recent.rows()] == ["one"]


class FakeStreamDesk:
    """Acknowledges, and notes what it was asked and when the acknowledgement had arrived."""

    def __init__(self) -> None:
        self.asked: list[StreamTask] = []
        self.threads: list[str] = []
        self.arrived: list[str] = []

    def run(self, task: StreamTask) -> Result:
        self.asked.append(task)
        self.threads.append(threading.current_thread().name)
        return Result(
            [{"mode": "realtime"}], kind="ack", on_arrived=lambda: self.arrived.append(task.task_id)
        )


def stream_method() -> Method[Any]:
    made = method(raising(AssertionError("its handler is never called")), kind="stream", lane=Lane.STREAM)
    return replace(made, stream=lambda _: StreamRequest(action="subscribe", family="stub.price"))


async def test_subscription_is_acknowledged_by_the_stream_desk(bench: Bench) -> None:
    link, desk = Link(), FakeStreamDesk()
    bench.runner._streams = desk
    bench.runner.admit(request(), stream_method(), link.recipient())
    reply = await only_reply(link)
    assert (reply["kind"], reply["result"]) == ("ack", [{"mode": "realtime"}])
    (task,) = desk.asked
    assert (task.vendor, task.reply_to, task.task_id) == ("stub", "client", "t")
    assert desk.threads[0].startswith("streams")
    assert desk.arrived == ["t"]


async def test_stream_begins_only_once_its_acknowledgement_is_confirmed(bench: Bench) -> None:
    lost, link, desk = Link(fate=None), Link(), FakeStreamDesk()
    bench.runner._streams = desk
    bench.runner.admit(request(), stream_method(), lost.recipient())
    await wait_until_async(lambda: lost.publisher.published)
    assert desk.arrived == []
    lost.channel.is_open = False
    bench.runner.admit(request(), stream_method(), link.recipient(redelivered=True))
    await only_reply(link)
    assert desk.arrived == ["t"]
    assert len(desk.asked) == 1


async def test_subscription_to_a_direct_address_has_no_queue(bench: Bench) -> None:
    link, desk = Link(), FakeStreamDesk()
    bench.runner._streams = desk
    recipient = link.recipient()
    recipient.address = ReplyAddress("amq.rabbitmq.reply-to.abc")
    bench.runner.admit(request(), stream_method(), recipient)
    await wait_until_async(lambda: desk.asked)
    assert desk.asked[0].reply_to is None
