"""One vendor's live data while this worker owns it: defects, lost leases, and what goes on after them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from broker_server.core.accounts import AccountKey
from broker_server.core.fills import Published
from broker_server.core.listed_orders import OrderList
from broker_server.core.subscription_changes import Subscription
from broker_server.market_sessions import load_market_sessions
from broker_server.streams.board import StreamBoard
from broker_server.streams.outlets import epochs
from broker_server.wiring.vendor_streams import StreamOptions, StreamParts, VendorStreams
from tests.support.fake_time import FakeClock
from tests.support.stream_parts import (
    NOTICE,
    A,
    B,
    C,
    FakeBus,
    FakePublisher,
    FakeStreams,
    fill,
    record,
    sub,
    turns,
)
from tests.support.waiting import wait_until_async

OUTAGE = OperationalError("select", {}, Exception("disk full"))


class FakeStore:
    """What is on record."""

    def __init__(self, *kept: Subscription) -> None:
        self.kept = list(kept)
        self.forgotten: list[Subscription] = []
        self.failures: list[Exception] = []
        self.loads = 0

    def load(self, vendor: str) -> list[Subscription]:
        self.loads += 1
        if self.failures:
            raise self.failures.pop(0)
        return list(self.kept)

    def delete_later(self, vendor: str, subscriptions: Sequence[Subscription]) -> None:
        self.forgotten += subscriptions


class FakeFills:
    """What was published of executions."""

    def __init__(self) -> None:
        self.saved: dict[str, Published] = {}

    def load(self, market: str, day: date) -> tuple[dict[str, Published], bool]:
        return dict(self.saved), True

    def save(self, market: str, day: date, published: dict[str, Published]) -> None:
        self.saved.update(published)

    set_baseline = save


class Orders:
    """An account without orders."""

    def list_orders(self, *_: object, **__: object) -> OrderList:
        return OrderList([])

    def clock_offset(self) -> timedelta:
        return timedelta()


class Served:
    """A vendor whose live data are served, until the lease is lost."""

    def __init__(self, *kept: Subscription) -> None:
        self.clock = FakeClock()
        self.streams = FakeStreams(own=(NOTICE,))
        self.store = FakeStore(*kept)
        self.fills = FakeFills()
        self.publisher = FakePublisher()
        self.boards: dict[str, StreamBoard] = {}
        self.again = asyncio.Event()
        self.vendor = VendorStreams(
            AccountKey("fake"),
            self.streams,
            Orders(),  # type: ignore[arg-type]
            fills=self.fills,  # type: ignore[arg-type]
            noticed=lambda: None,
            parts=StreamParts(
                environment="simulated",
                store=self.store,  # type: ignore[arg-type]
                sessions=load_market_sessions(None),
                hours=False,
                bus=FakeBus(),
                new_epoch=epochs(1),
                clock=self.clock.now,
                monotonic=self.clock.monotonic,
                options=StreamOptions(grace=60, lifetime=10, polling_interval=5, stale_after=60),
            ),
            boards=self.boards,
            pause=self._pause,
        )
        self.serving: asyncio.Future[Any] | None = None

    async def _pause(self, seconds: float) -> None:
        await self.again.wait()
        self.again.clear()

    async def take(self) -> None:
        """The lease is taken."""
        self.serving = asyncio.ensure_future(self.vendor.serve(self.publisher))
        await self.served()

    async def served(self) -> None:
        await wait_until_async(lambda: self.boards)

    async def lose(self) -> None:
        """The lease is lost."""
        if self.serving is not None:
            self.serving.cancel()
            await asyncio.wait({self.serving})
        assert self.boards == {}
        assert self.vendor.status() is None
        assert self.vendor.delivery is None

    async def break_down(self) -> None:
        """The board ends by a defect, and another one begins."""
        self.streams.feed.break_down()
        await wait_until_async(lambda: not self.boards)
        self.again.set()
        await self.served()

    def subscribe(self, subscription: Subscription, *, answered: bool = True) -> None:
        taken = self.boards["fake"].subscribe([subscription])
        if answered:
            self.boards["fake"].standings(taken.receivers)
            self.boards["fake"].begin(taken.receivers)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    made = Served(sub())
    await made.take()
    yield made
    await made.lose()


async def test_it_takes_up_what_is_on_record(served: Served) -> None:
    assert served.streams.feed.wanted == (NOTICE, A)
    assert served.publisher.what("queue-t") == ["reconnecting"]
    served.boards["fake"].registered(A)
    assert served.vendor.status() == {
        "subscriptions": 1,
        "wanted": 2,
        "confirmed": 1,
        "polled": 0,
        "stale": 0,
        "feed": {"state": "fake"},
    }


async def test_a_lease_that_comes_back_takes_up_what_is_on_record_then(served: Served) -> None:
    served.boards["fake"].registered(A)
    served.boards["fake"].received(A, record(A, n=1))
    served.subscribe(sub("not written", B))
    await served.lose()
    served.store.kept.append(sub("meanwhile", C))
    await served.take()
    assert {each.task_id for each in served.boards["fake"].book.all()} == {"t", "meanwhile"}
    served.boards["fake"].registered(A)
    served.boards["fake"].received(A, record(A, n=2))
    assert served.publisher.epochs("queue-t") == [(0, 1), (1, 1)]
    assert served.publisher.epochs("fake.trade.A") == [(0, 1), (1, 1)]
    assert served.store.forgotten == []  # they are another worker's


async def test_after_a_defect_goes_on_also_what_was_never_written_down(served: Served) -> None:
    served.subscribe(sub("not written", B))
    served.subscribe(sub("not answered", C), answered=False)
    waiting = served.boards["fake"].subscribe([sub("waits", C)])
    await served.break_down()
    assert waiting.answers[0].done()
    assert {each.task_id for each in served.boards["fake"].book.all()} == {"t", "not written"}
    assert {each.task_id for each in served.store.forgotten} == {"not answered", "waits"}
    assert served.store.loads == 1
    assert served.publisher.what("queue-not written") == ["reconnecting"]
    served.boards["fake"].unsubscribe("t", "fake.price", [])
    await served.break_down()  # what ended does not come back
    assert {each.task_id for each in served.boards["fake"].book.all()} == {"not written"}


async def test_a_journal_that_cannot_be_read_is_asked_again() -> None:
    served = Served(sub())
    served.store.failures = [OUTAGE]
    served.again.set()
    await served.take()
    assert len(served.boards["fake"].book.all()) == 1
    await served.lose()


async def test_a_defect_before_it_begins_is_no_end(logged: list[dict[str, Any]]) -> None:
    served = Served(sub())
    served.streams.with_persons = True
    opened = served.streams.open_feed

    class Failing(FakeStreams):
        def open_feed(self, listener: Any) -> Any:
            if not self.looks:
                self.looks.append(A)
                raise ValueError("a defect")
            return opened(listener)

    served.vendor._streams = Failing()
    served.again.set()
    await served.take()
    assert [each["event"] for each in logged] == ["live data cannot begin; once more"]
    await served.lose()


async def test_what_was_published_to_the_last_moment_is_on_record(served: Served) -> None:
    board = served.boards["fake"]
    board.registered(NOTICE)
    await wait_until_async(lambda: served.vendor._board is board and board.executions is not None)
    board.received(NOTICE, fill("1", 5))
    await wait_until_async(lambda: served.publisher.to("fake.execution.default"))
    board.received(NOTICE, fill("1", 6))
    await served.lose()
    assert served.fills.saved["1"].quantity == 11


async def test_nothing_is_left_running(served: Served) -> None:
    before = {each for each in asyncio.all_tasks() if not each.done()}
    await served.lose()
    await turns()
    after = {each for each in asyncio.all_tasks() if not each.done()}
    assert len(after) == 1
    assert len(before) > 5
