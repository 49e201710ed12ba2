"""Executions: none lost, none twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from broker_client.errors import VendorUnavailable
from broker_server.core.fills import Published
from broker_server.core.listed_orders import ListedOrder, OrderList
from broker_server.core.methods import TaskContext
from broker_server.streams.executions import Executions
from broker_server.streams.fill_writer import FillWriter
from tests.support.fake_time import FakeClock
from tests.support.stream_parts import NOTICE, FakeStreams, Pauses, Record, Studio, fill, sub

OUTAGE = OperationalError("select", {}, Exception("disk full"))
TODAY = date(2026, 11, 20)
MIDNIGHT = datetime(2026, 11, 20, 15, tzinfo=UTC)
"""In Korea."""


@pytest.fixture(autouse=True)
def without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would run in a thread runs at the next turn of the event loop."""

    async def inline(function: Callable[..., Any], *arguments: Any) -> Any:
        await asyncio.sleep(0)
        return function(*arguments)

    monkeypatch.setattr(asyncio, "to_thread", inline)


class FakeRecord:
    """What outlives the worker."""

    def __init__(self) -> None:
        self.published: dict[date, dict[str, Published]] = {}
        self.baselines: set[date] = set()
        self.failures: list[Exception] = []
        self.writes: list[tuple[str, dict[str, int]]] = []

    def load(self, market: str, day: date) -> tuple[Mapping[str, Published], bool]:
        self._fail()
        return dict(self.published.get(day, {})), day in self.baselines

    def save(self, market: str, day: date, published: Mapping[str, Published]) -> None:
        self._fail()
        self.writes.append(("save", {number: each.quantity for number, each in published.items()}))
        self.published.setdefault(day, {}).update(published)

    def set_baseline(self, market: str, day: date, published: Mapping[str, Published]) -> None:
        self.save(market, day, published)
        self.writes[-1] = ("baseline", self.writes[-1][1])
        self.baselines.add(day)

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


class Orders:
    """The vendor's list."""

    def __init__(self) -> None:
        self.filled: dict[str, int] = {}
        self.failures: list[Exception] = []
        self.lists = 0
        self.during: Callable[[], None] = lambda: None

    def list_orders(self, market: str, context: TaskContext, since: datetime | None = None) -> OrderList:
        self.lists += 1
        context.ensure_in_time()
        self.during()
        if self.failures:
            raise self.failures.pop(0)
        return OrderList([_listed(number, filled) for number, filled in self.filled.items()])

    def clock_offset(self) -> timedelta:
        return timedelta()


def _listed(number: str, filled: int) -> ListedOrder:
    return ListedOrder(
        order_no=number,
        original=None,
        action="new",
        ticker="A",
        side="buy",
        quantity=1_000,
        price=Decimal(100),
        order_type="limit",
        venue="KRX",
        received_at=None,
        filled=filled,
        remaining=1_000 - filled,
        average_price=Decimal(100) if filled else None,
        cancelled=0,
        status="open",
    )


class Trading:
    """An account whose notices come in, and somebody who reads them."""

    def __init__(self, record: FakeRecord | None = None) -> None:
        self.studio = Studio(FakeStreams(own=(NOTICE,)))
        clock = self.studio.clock
        self.record = record or FakeRecord()
        self.orders = Orders()
        self.noticed = 0
        self.executions = Executions(
            self.studio.board,
            self.orders,  # type: ignore[arg-type]
            self.record,
            noticed=self._count,
            clock=clock.now,
            monotonic=clock.monotonic,
            pause=self.studio.pauses.pause,
        )
        self.studio.board.watchers.append(self.executions)
        self.studio.board.executions = self.executions
        self.studio.subscribe(sub("e", NOTICE))
        self.running = asyncio.ensure_future(self.executions.run())

    def _count(self) -> None:
        self.noticed += 1

    def connect(self) -> None:
        self.studio.board.registered(NOTICE)

    def lose(self) -> None:
        self.studio.board.interrupted([NOTICE], "cut")

    def notice(self, number: str, quantity: int) -> None:
        self.studio.board.received(NOTICE, fill(number, quantity))

    async def go(self, seconds: float) -> None:
        await self.studio.pauses.go(seconds)

    @property
    def told(self) -> list[tuple[str, int, bool]]:
        """What the subscriber was told: the order, the shares, and whether they were recovered."""
        events = [each.body["result"][0] for each in self.studio.publisher.to("queue-e")]
        fills = [each for each in events if each.get("event") == "fill"]
        return [(each["order_no"], each["quantity"], each.get("recovered", False)) for each in fills]

    async def stop(self) -> None:
        self.running.cancel()
        await asyncio.wait({self.running})
        self.studio.close()


@pytest.fixture
async def trading() -> AsyncIterator[Trading]:
    made = Trading()
    yield made
    await made.stop()


def about_an_order(event: str) -> Record:
    return Record("execution", "default", False, {"type": "execution", "event": event, "order_no": "1"})


async def begun(trading: Trading) -> None:
    """Past the first list, with nothing published."""
    trading.connect()
    await trading.go(3)
    assert trading.record.baselines == {TODAY}


async def test_a_notice_is_published_at_once_and_written_down(trading: Trading) -> None:
    await begun(trading)
    trading.notice("1", 5)
    trading.notice("1", 7)
    assert trading.told == [("1", 5, False), ("1", 7, False)]
    assert trading.noticed == 2
    await trading.go(1)
    assert trading.record.published[TODAY]["1"].quantity == 12
    assert trading.studio.publisher.what("fake.execution.default") == [100, 100]


async def test_what_was_filled_before_the_first_look_is_not_published(trading: Trading) -> None:
    trading.orders.filled["1"] = 30
    await begun(trading)
    assert trading.told == []
    assert trading.record.published[TODAY]["1"].quantity == 30
    await trading.go(10)
    time = trading.studio.clock.now().isoformat()
    trading.studio.board.received(NOTICE, fill("1", 5, time=time))
    trading.lose()
    trading.orders.filled["1"] = 35
    trading.connect()
    await trading.go(3)
    assert trading.told == [("1", 5, False)]


async def test_what_was_missed_is_recovered_once(trading: Trading) -> None:
    await begun(trading)
    trading.notice("1", 5)
    trading.lose()
    trading.orders.filled = {"1": 12, "2": 3}
    for _ in range(3):
        trading.connect()
        await trading.go(3)
        trading.lose()
    assert trading.told == [("1", 5, False), ("1", 7, True), ("2", 3, True)]
    assert trading.noticed == 3
    events = [each.body for each in trading.studio.publisher.to("queue-e") if each.body["kind"] == "event"]
    assert [each["sequence"] for each in events] == [1, 1, 2]
    # Its notice comes after all.
    trading.connect()
    trading.notice("2", 3)
    assert len(trading.told) == 3


async def test_of_a_notice_that_was_published_in_part_the_rest_is_news(trading: Trading) -> None:
    await begun(trading)
    trading.lose()
    trading.orders.filled = {"1": 4}
    trading.connect()
    await trading.go(3)
    trading.notice("1", 10)
    assert trading.told == [("1", 4, True), ("1", 6, False)]


async def test_notices_before_the_record_is_read_wait_in_order(trading: Trading) -> None:
    other = about_an_order("confirmed")
    trading.connect()
    trading.notice("1", 1)
    trading.studio.board.received(NOTICE, other)
    trading.notice("1", 2)
    assert trading.told == []
    await trading.go(0)
    events = [
        each.body["result"][0]["event"] for each in trading.studio.publisher.to("fake.execution.default")
    ]
    assert events == ["fill", "confirmed", "fill"]
    assert trading.told == [("1", 1, False), ("1", 2, False)]
    trading.notice("1", 3)
    trading.orders.filled["1"] = 6
    await trading.go(3)
    assert [quantity for _, quantity, _ in trading.told] == [1, 2, 3]


async def test_a_record_that_cannot_be_read_holds_up_no_execution_and_doubles_none(trading: Trading) -> None:
    trading.record.baselines.add(TODAY)
    trading.record.failures = [OUTAGE, OUTAGE]
    trading.connect()
    trading.notice("1", 5)
    await trading.go(0)
    assert trading.told == [("1", 5, False)]
    trading.orders.filled["1"] = 8
    await trading.go(20)
    assert trading.told == [("1", 5, False), ("1", 3, True)]
    assert trading.record.published[TODAY]["1"].quantity == 8


async def test_a_list_that_cannot_be_read_is_asked_for_again(trading: Trading) -> None:
    await begun(trading)
    trading.lose()
    trading.orders.failures = [VendorUnavailable("down"), ValueError("a defect"), VendorUnavailable("down")]
    trading.orders.filled["1"] = 5
    trading.connect()
    await trading.go(1)
    trading.notice("1", 2)
    assert trading.told == [("1", 2, False)]
    await trading.go(20)
    assert trading.told == [("1", 2, False), ("1", 3, True)]
    assert trading.orders.lists == 5


async def test_a_connection_that_comes_and_goes_asks_anew(trading: Trading) -> None:
    await begun(trading)
    trading.lose()
    trading.orders.filled["1"] = 5
    for _ in range(5):
        trading.connect()
        await trading.go(0.5)
        trading.lose()
    trading.connect()
    await trading.go(3)
    assert trading.told == [("1", 5, True)]


async def test_a_restart_neither_repeats_nor_forgets(trading: Trading) -> None:
    await begun(trading)
    trading.notice("1", 5)
    await trading.stop()
    later = Trading(trading.record)
    later.orders.filled = {"1": 7}
    later.connect()
    await later.go(3)
    assert later.told == [("1", 2, True)]
    await later.stop()


async def test_what_was_published_in_the_last_moment_is_written_down(trading: Trading) -> None:
    await begun(trading)
    trading.record.failures = [OUTAGE]
    trading.notice("1", 5)
    await trading.go(1)
    trading.notice("1", 6)
    await trading.stop()
    assert trading.record.published[TODAY]["1"].quantity == 11


async def test_a_new_day_has_a_new_ledger(trading: Trading) -> None:
    await begun(trading)
    trading.notice("1", 5)
    trading.studio.clock.advance(24 * 3600)
    trading.notice("1", 7)
    trading.notice("1", 1)
    await trading.go(0)
    assert trading.told == [("1", 5, False), ("1", 7, False), ("1", 1, False)]
    await trading.go(5)
    assert trading.record.published[TODAY + timedelta(days=1)]["1"].quantity == 8
    assert trading.record.published[TODAY]["1"].quantity == 5


async def test_on_a_new_day_nothing_was_before_our_time(trading: Trading) -> None:
    await begun(trading)
    trading.lose()
    trading.studio.clock.advance(24 * 3600)
    trading.orders.filled["9"] = 4
    trading.connect()
    await trading.go(3)
    assert trading.told == [("9", 4, True)]
    assert TODAY + timedelta(days=1) in trading.record.baselines


async def test_the_day_changes_while_a_list_is_read(trading: Trading) -> None:
    trading.studio.clock._start = MIDNIGHT - timedelta(seconds=1)
    trading.connect()
    await trading.go(0.5)
    assert trading.orders.lists == 1
    trading.studio.clock.advance(1)
    trading.notice("1", 5)
    assert trading.told == []
    await trading.go(2)
    assert trading.told == [("1", 5, False)]
    await trading.go(5)
    assert trading.record.published[TODAY + timedelta(days=1)]["1"].quantity == 5


async def test_notices_of_other_kinds_pass(trading: Trading) -> None:
    trading.studio.board.received(NOTICE, about_an_order("received"))
    assert len(trading.studio.publisher.to("queue-e")) == 1
    assert trading.noticed == 1


async def test_writing_is_tried_until_it_succeeds_and_only_the_newest_is_written() -> None:
    record, clock = FakeRecord(), FakeClock()
    pauses = Pauses(clock)
    writer = FillWriter(record, pauses.pause)
    running = asyncio.ensure_future(writer.run())
    record.failures = [OUTAGE, ValueError("a defect")]
    writer.add("domestic", TODAY, {"1": Published(1)}, baseline=True)
    await pauses.go(1)
    writer.add("domestic", TODAY, {"1": Published(2), "2": Published(1)})
    await pauses.go(20)
    assert record.writes == [("baseline", {"1": 2, "2": 1})]
    writer.add("domestic", TODAY, {"1": Published(3)})
    await pauses.go(0)
    assert record.writes[1:] == [("save", {"1": 3})]
    running.cancel()
    await asyncio.wait({running})
