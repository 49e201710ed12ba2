"""Subscribe and unsubscribe tasks, as they run in the threads of their lane."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from broker_client.errors import InvalidParameters, NotSubscribed, TaskFailed, VendorUnavailable
from broker_server.core.methods import TaskContext
from broker_server.core.stream_requests import Registration, StreamRequest, Wanted
from broker_server.core.stream_tasks import StreamTask
from broker_server.core.subscription_changes import Subscription, SubscriptionKey
from broker_server.results import Result
from broker_server.streams import desk as desk_module
from broker_server.streams.admin import SubscriptionView
from broker_server.streams.board import StreamBoard
from broker_server.streams.desk import NOT_KEPT, StreamDesk
from broker_server.streams.host import StreamThread
from tests.support.stream_parts import A, B, Studio, refusal, sub
from tests.support.waiting import wait_until


class FakeStore:
    """Keeps subscriptions in memory."""

    def __init__(self) -> None:
        self.kept: dict[SubscriptionKey, Subscription] = {}
        self.failure: Exception | None = None
        self.before_save: Callable[[], None] = lambda: None

    def save(self, vendor: str, subscriptions: Sequence[Subscription]) -> None:
        self.before_save()
        if self.failure is not None:
            raise self.failure
        self.kept.update((each.key, each) for each in subscriptions)

    def delete(self, vendor: str, subscriptions: Sequence[Subscription]) -> None:
        if self.failure is not None:
            raise self.failure
        for each in subscriptions:
            self.kept.pop(each.key, None)


class Room:
    """A desk, its thread, and the threads of its lane."""

    def __init__(self) -> None:
        self.boards: dict[str, StreamBoard] = {}
        self.store = FakeStore()
        self.studio: Studio
        self._made = threading.Event()
        self.thread = StreamThread(self._main)
        self._lane = ThreadPoolExecutor(4)

    def start(self) -> None:
        self.thread.start()
        assert self._made.wait(10)
        self.desk = StreamDesk(self.thread, self.boards, self.store, clock=self.studio.clock.now)

    def stop(self) -> None:
        self.thread.stop()
        self._lane.shutdown()

    async def _main(self) -> None:
        self.studio = self.open()
        self._made.set()
        await asyncio.Event().wait()

    def open(self) -> Studio:
        made = Studio()
        self.boards["fake"] = made.board
        return made

    def call(self, function: Callable[[], Any]) -> Any:
        """Do something on the event loop."""
        return self.thread.call(function, 5)

    def run(self, task: StreamTask) -> Future[Result]:
        """Run a task in the lane; returns once the board knows of it, or it is over."""
        running = self._lane.submit(self.desk.run, task)
        wait_until(lambda: running.done() or self.call(self._is_asked(task)))
        return running

    def _is_asked(self, task: StreamTask) -> Callable[[], bool]:
        wanted = task.request.wanted
        return lambda: all(
            self.studio.board.book.find(SubscriptionKey(task.task_id, each.registration)) for each in wanted
        )

    def settle(self) -> None:
        self.call(lambda: None)


@pytest.fixture
def room() -> Iterator[Room]:
    made = Room()
    made.start()
    yield made
    made.stop()


def task(
    *registrations: Registration,
    action: Any = "subscribe",
    task_id: str = "t",
    reply_to: str | None = "queue-t",
    **more: Any,
) -> StreamTask:
    context = TaskContext(
        task_id=task_id,
        received_at=sub().created_at,
        ensure_in_time=lambda: None,
        report_progress=lambda done, total: None,
        deadline=more.pop("deadline", None),
    )
    wanted = tuple(Wanted(registration=each, ticker=each.symbol) for each in registrations)
    request = StreamRequest(action=action, family="fake.price", wanted=wanted, snapshot=False, **more)
    return StreamTask(vendor="fake", request=request, reply_to=reply_to, correlation_id="c", context=context)


def test_a_subscription_is_acknowledged_once_the_vendor_has_answered(room: Room) -> None:
    running = room.run(task(A, B))
    assert not running.done()
    for each in (A, B):
        room.call(lambda each=each: room.studio.board.registered(each))
    result = running.result(10)
    assert result.kind == "ack"
    assert result.warnings == ()
    assert result.rows == [
        {"subscription": "t", "ticker": "A", "key": "trade.A", "mode": "realtime"},
        {"subscription": "t", "ticker": "B", "key": "trade.B", "mode": "realtime"},
    ]
    assert set(room.store.kept) == {("t", A), ("t", B)}
    room.call(lambda: room.studio.receive(A, n=1))
    assert room.studio.publisher.what("queue-t") == []
    assert result.on_arrived is not None
    result.on_arrived()
    room.settle()
    assert room.studio.publisher.what("queue-t") == [1]


def test_a_vendor_that_does_not_answer_is_not_waited_for_long(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "ANSWER_SECONDS", 0.01)
    result = room.run(task(A)).result(10)
    assert result.rows[0]["mode"] == "pending"
    assert result.on_arrived is not None
    result.on_arrived()
    room.call(lambda: room.studio.board.registered(A))
    assert room.studio.publisher.what("queue-t") == ["live"]


def test_the_deadline_ends_the_waiting(room: Room) -> None:
    deadline = room.studio.clock.now() + timedelta(seconds=1.01)
    assert room.run(task(A, deadline=deadline)).result(3).rows[0]["mode"] == "pending"


def test_a_direct_address_takes_no_stream(room: Room) -> None:
    with pytest.raises(InvalidParameters, match="a reply queue of its own"):
        room.desk.run(task(A, reply_to=None))


def test_a_refusal_takes_back_everything_the_task_asked_for(room: Room) -> None:
    running = room.run(task(A, B))
    room.call(lambda: room.studio.board.registered(A))
    room.call(lambda: room.studio.board.refused(B, refusal(), for_good=True))
    with pytest.raises(TaskFailed, match="no such ticker"):
        running.result(10)
    assert room.store.kept == {}
    assert room.call(room.studio.board.book.all) == ()
    assert room.studio.publisher.sent == []


def test_an_unsubscription_wins_over_a_subscription_that_waits(room: Room) -> None:
    running = room.run(task(A))
    ended = room.desk.run(task(action="unsubscribe"))
    assert ended.rows == [{"subscription": "t", "ticker": "A"}]
    with pytest.raises(NotSubscribed, match="was ended while"):
        running.result(10)
    assert room.store.kept == {}


def test_an_unsubscription_that_is_faster_than_the_journal_wins_too(room: Room) -> None:
    saving, saved = threading.Event(), threading.Event()

    def before_save() -> None:
        saving.set()
        assert saved.wait(10)

    room.store.before_save = before_save
    running = room.run(task(A))
    assert saving.wait(10)
    room.desk.run(task(action="unsubscribe"))
    saved.set()
    with pytest.raises(NotSubscribed):
        running.result(10)
    assert room.store.kept == {}


def test_a_journal_that_cannot_be_written_is_a_warning(room: Room) -> None:
    room.store.failure = OperationalError("insert", {}, Exception("disk full"))
    running = room.run(task(A))
    room.call(lambda: room.studio.board.registered(A))
    assert running.result(10).warnings == (NOT_KEPT,)
    assert room.desk.run(task(action="unsubscribe")).rows == [{"subscription": "t", "ticker": "A"}]


def test_a_task_that_comes_again_is_acknowledged_again_and_goes_on(room: Room) -> None:
    first = room.run(task(A))
    room.call(lambda: room.studio.board.registered(A))
    assert first.result(10).on_arrived is not None
    first.result(10).on_arrived()  # type: ignore[misc]
    room.call(lambda: room.studio.receive(A, n=1))
    kept = room.store.kept["t", A]
    room.studio.clock.advance(60)
    again = room.desk.run(task(A))
    again.on_arrived()  # type: ignore[misc]
    room.call(lambda: room.studio.receive(A, n=2))
    assert again.rows[0]["mode"] == "realtime"
    assert room.studio.publisher.epochs("queue-t") == [(0, 1), (0, 2)]
    assert room.store.kept["t", A] == kept  # created_at too


def test_a_task_that_comes_again_after_a_crash_goes_on_with_what_was_restored(room: Room) -> None:
    room.call(lambda: room.studio.board.restore([sub(correlation_id="c", family="fake.price")]))
    room.call(lambda: room.studio.board.registered(A))
    room.call(lambda: room.studio.receive(A, n=1))
    again = room.desk.run(task(A))
    again.on_arrived()  # type: ignore[misc]
    room.call(lambda: room.studio.receive(A, n=2))
    assert room.studio.publisher.what("queue-t") == ["reconnecting", "live", 1, 2]
    assert room.studio.publisher.epochs("queue-t") == [(0, 1), (0, 2)]


def test_a_lease_that_is_lost_in_the_middle_fails_the_task(room: Room) -> None:
    running = room.run(task(A))

    def lose() -> None:
        room.boards.clear()
        room.studio.close()

    room.call(lose)
    with pytest.raises(VendorUnavailable, match="try again"):
        running.result(10)
    # Who owns the account now has it from the journal, or gets the task again.
    assert set(room.store.kept) == {("t", A)}
    with pytest.raises(VendorUnavailable):
        room.desk.run(task(B))
    assert room.desk.listing() == []


def test_a_board_that_began_anew_in_the_middle_fails_the_task(room: Room) -> None:
    running = room.run(task(A))

    def begin_anew() -> None:
        room.studio.close()
        room.studio = room.open()

    room.call(begin_anew)
    with pytest.raises(VendorUnavailable, match="began anew"):
        running.result(10)
    assert room.store.kept == {}
    assert room.call(room.studio.board.book.all) == ()


def test_an_acknowledgement_that_arrives_after_the_board_is_gone_does_nothing(room: Room) -> None:
    running = room.run(task(A))
    room.call(lambda: room.studio.board.registered(A))
    result = running.result(10)
    room.call(room.boards.clear)
    result.on_arrived()  # type: ignore[misc]
    room.settle()
    assert room.studio.publisher.sent == []


def test_what_is_not_subscribed_cannot_be_ended(room: Room) -> None:
    with pytest.raises(NotSubscribed, match="has the task_id of the subscribe task"):
        room.desk.run(task(A, action="unsubscribe"))
    with pytest.raises(NotSubscribed, match=r"broker\.list-subscriptions"):
        room.desk.drop("t")


def test_listing_and_dropping(room: Room) -> None:
    room.call(lambda: room.studio.live(sub(), sub("t", B), sub("other")))
    listed = room.desk.listing()
    assert [(each["subscription"], each["key"], each["mode"]) for each in listed] == [
        ("t", "trade.A", "realtime"),
        ("other", "trade.A", "realtime"),
        ("t", "trade.B", "realtime"),
    ]
    assert [SubscriptionView.model_validate(each).model_dump(mode="json") for each in listed] == [
        each | {"created_at": "2026-11-20T00:00:00Z"} for each in listed
    ]
    assert listed[0]["created_at"] == "2026-11-20T00:00:00.000Z"
    assert listed[0]["method"] == "fake.subscribe-price"
    assert room.desk.drop("t") == [
        {"subscription": "t", "ticker": "A"},
        {"subscription": "t", "ticker": "B"},
    ]
    assert room.studio.publisher.what("queue-t") == ["dropped", "dropped"]
    assert [each["subscription"] for each in room.desk.listing()] == ["other"]


def test_a_thread_that_does_not_run_is_said_so(room: Room) -> None:
    room.thread.stop()
    with pytest.raises(VendorUnavailable, match="does not answer"):
        room.desk.run(task(A))
