"""Several accounts of one vendor in one worker: nothing of one is ever done on another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from broker_client.protocol import TaskRequest
from broker_server.core.accounts import AccountKey
from broker_server.core.guards import Limits
from broker_server.core.methods import MethodRegistry, TaskContext
from broker_server.core.orders import State
from broker_server.journal.database import open_database
from broker_server.journal.orders import OrderJournal
from broker_server.journal.owners import Owners
from broker_server.orders.checks import OrderRules
from broker_server.orders.ownership import Grant
from broker_server.orders.replied import ReplyNotes
from broker_server.orders.task import OrderTask
from broker_server.results import Elsewhere, Result
from broker_server.wiring.order_office import OrderOffice
from broker_server.wiring.vendors import vendor_methods
from tests.support.order_office import Clock, FakeVendor, Recorder

FIRST, SECOND = AccountKey("fake"), AccountKey("fake", "second")


class LeasesOf:
    """The leases of one worker, by account; the test gives and takes them."""

    def __init__(self, owners: Owners, clock: Clock, name: str, *keys: AccountKey) -> None:
        self._owners, self._clock, self._name = owners, clock, name
        self.epochs: dict[AccountKey, int] = {}
        for key in keys:
            self.take(key)

    def take(self, key: AccountKey) -> None:
        self.epochs[key], _ = self._owners.take(
            *key, name=self._name, host="h", process=1, heartbeat=5, now=self._clock()
        )

    def grant(self, vendor: str, account: str) -> Grant | None:
        epoch = self.epochs.get(AccountKey(vendor, account))
        return None if epoch is None else Grant(epoch, True, 0.0, None)

    def adopted(self, vendor: str, account: str) -> bool:
        return False


class Worker:
    """A worker that may serve both accounts and owns some of them."""

    def __init__(self, engine: Engine, clock: Clock, *owned: AccountKey, name: str = "w-1") -> None:
        self.clock, self.journal = clock, OrderJournal(engine, "simulated")
        self.first, self.second = FakeVendor(clock), FakeVendor(clock)
        self.second.account = SECOND.account
        self.leases = LeasesOf(Owners(engine, "simulated"), clock, name, *owned)
        rules = OrderRules(
            environment="simulated",
            limits=Limits(per_day=2),
            limits_of={SECOND: Limits(quantity=20, per_day=3)},
        )
        self.recorder = Recorder()
        self.office = OrderOffice(
            rules,
            engine,
            [self.first, self.second],
            ownership=self.leases,
            bus=self.recorder,
            notes=ReplyNotes(self.journal),
            outbox=self.recorder,
            worker=name,
            clock=clock,
            waiting=lambda _: None,
            running=lambda _: False,
            settle=timedelta(seconds=60),
            poll_seconds=1,
            monotonic=clock.monotonic,
            pause=clock.pass_,
            after=lambda seconds, call: None,
        )
        self.registry = MethodRegistry(vendor_methods([self.first, self.second]))
        for method in self.office.methods(self.registry):
            self.registry.add(method)
        self.look()

    def look(self) -> None:
        for keeper in self.office.keepers.values():
            keeper.turn()

    def run(self, task_id: str, method: str = "fake.buy-order", **parameters: Any) -> Result:
        declared = self.registry.get(method)
        assert declared is not None
        request = TaskRequest(
            task_id=task_id, method=method, parameters=parameters, request_time=self.clock()
        )
        return self.office.desk.run(OrderTask(request=request, method=declared, reply_to="replies"))

    def booked(self) -> tuple[list[str], list[str]]:
        """The task ids of what each account took."""
        first, second = (
            [each.task_ids[row.order_no] for row in each.booked] for each in (self.first, self.second)
        )
        return first, second


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_database(f"sqlite:///{tmp_path / 'journal.db'}")
    yield made
    made.dispose()


@pytest.fixture
def both(engine: Engine) -> Worker:
    return Worker(engine, Clock(), FIRST, SECOND)


def code(result: Result) -> str | None:
    return None if result.error is None else result.error.code


def lost(context: TaskContext) -> None:
    raise ConnectionError("the answer never came")


def test_an_order_goes_to_the_account_that_it_names(both: Worker) -> None:
    assert code(both.run("a")) is None
    assert code(both.run("b", account="second")) is None
    assert both.booked() == (["a"], ["b"])
    assert [both.journal.find(each).order.account for each in "ab"] == ["default", "second"]  # type: ignore[union-attr]
    events = {key for key, _ in both.recorder.events}
    assert {"order.fake.default.accepted", "order.fake.second.accepted"} <= events
    assert code(both.run("c", account="third")) == "INVALID_PARAMETERS"


def test_a_cancel_by_task_id_of_another_account_sends_nothing(both: Worker) -> None:
    both.run("a")
    both.run("b", account="second")
    for cancel, account in (("b", "default"), ("a", "second")):
        refused = both.run(f"not-{cancel}", "fake.cancel-order", order_task_id=cancel, account=account)
        assert code(refused) == "INVALID_PARAMETERS"
        assert f"is an order of fake/{'second' if cancel == 'b' else 'default'}" in str(refused.error)
    assert both.booked() == (["a"], ["b"])
    assert code(both.run("c", "fake.cancel-order", order_task_id="b", account="second")) is None
    assert both.booked() == (["a"], ["b", "c"])


def test_the_limits_of_an_order_and_of_a_day_are_each_account_s_own(both: Worker) -> None:
    assert code(both.run("big", quantity=21)) is None
    assert code(both.run("too-big", quantity=21, account="second")) == "ORDER_GUARD"
    assert code(both.run("2")) is None
    assert code(both.run("3")) == "ORDER_GUARD", "the third of the day"
    assert [code(both.run(f"s{number}", account="second")) for number in range(4)] == [
        None,
        None,
        None,
        "ORDER_GUARD",
    ]


def test_what_is_unknown_of_an_account_is_looked_for_there_alone_and_holds_up_no_other(both: Worker) -> None:
    both.second.answer = lost
    both.run("s", account="second")
    both.second.answer = lambda context: None
    assert code(both.run("f")) is None, "an equal order of the other account does not wait"
    record = both.journal.find("s")
    assert record is not None
    assert record.order.state is State.UNKNOWN
    both.look()
    record = both.journal.find("s")
    assert record is not None
    assert (record.order.state, record.order.order_no) == (State.ACCEPTED, both.second.booked[0].order_no)


def test_a_worker_that_owns_one_leaves_the_other_s_orders_to_their_owner(engine: Engine) -> None:
    clock = Clock()
    mine, other = Worker(engine, clock, FIRST), Worker(engine, clock, SECOND, name="w-2")
    with pytest.raises(Elsewhere):
        mine.run("s", account="second")
    other.second.answer = lost
    other.run("s", account="second")
    clock.pass_(120)
    mine.look()
    record = mine.journal.find("s")
    assert record is not None
    assert record.order.state is State.UNKNOWN, "it is not this worker's to look for"
    # The owner ends, and this worker takes over.
    del other.leases.epochs[SECOND]
    mine.second.booked = other.second.booked
    mine.leases.take(SECOND)
    mine.look()
    record = mine.journal.find("s")
    assert record is not None
    assert record.order.state is State.ACCEPTED
    assert not mine.first.booked


def test_all_orders_are_taken_back_of_one_account_or_of_those_that_are_owned(both: Worker) -> None:
    both.run("a")
    both.run("b", account="second")
    every = "broker.cancel-all-orders"
    one = both.run("x", every, vendor="fake", account="second")
    assert [(row["account"], row["cancelled"]) for row in one.rows] == [("second", True)]
    rows = both.run("y", every, vendor="fake").rows
    assert {row["account"] for row in rows} == {"default", "second"}
    # The accounts number their orders alike here: each cancel is one of its own all the same.
    assert len({row["task_id"] for row in rows}) == len(rows)
    assert {row["order_no"] for row in rows if row["account"] == "default"} <= {
        row["order_no"] for row in rows if row["account"] == "second"
    }
