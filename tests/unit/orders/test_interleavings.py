"""Sends, redeliveries, crashes, reconciliation and fills in any order: the record and the truth agree."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from broker_client.errors import OrderOutcomeIsUnknown, TaskFailed, VendorRejected, VendorUnavailable
from broker_server.core.methods import TaskContext
from broker_server.core.orders import State, Status
from broker_server.results import Elsewhere, Later
from tests.support.order_office import Clock, Desk, FakeVendor, journal

STEPS = ("before_claim", "claimed", "before_sending", "sending", "sent", "recorded")
TASKS = st.sampled_from(["t-1", "t-2", "t-3", "t-4"])


class Crashed(BaseException):
    """The worker dies here."""


class Orders(RuleBasedStateMachine):
    """One account, workers that come and go, and a vendor that answers as it likes."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.engine = journal(Path(self.folder.name))
        self.clock = Clock()
        self.vendor = FakeVendor(self.clock)
        self.workers = 0
        self.crash_at: str | None = None
        self.dead = False
        self.start_worker()

    def start_worker(self) -> None:
        self.workers += 1
        self.dead = False
        self.crash_at = None
        self.desk = Desk(
            self.engine,
            self.vendor,
            self.clock,
            name=f"w-{self.workers}",
            step=self.step,
            settled_start=False,
        )
        for name in ("change", "insert", "find", "readdress"):
            self.guard(name)
        if self.workers % 3:
            self.desk.look()  # the keeper is mostly faster than the first order

    def guard(self, name: str) -> None:
        """A dead worker writes nothing."""
        original = getattr(self.desk.office.journal, name)

        def guarded(*arguments: Any, **more: Any) -> Any:
            if self.dead:
                raise Crashed
            return original(*arguments, **more)

        setattr(self.desk.office.journal, name, guarded)

    def step(self, name: str, _: str) -> None:
        if name == self.crash_at:
            self.dead = True
            raise Crashed

    @rule(
        task_id=TASKS,
        take=st.booleans(),
        answer=st.sampled_from(["ok", "lost", "odd", "no byte left"]),
        crash_at=st.none() | st.sampled_from(STEPS),
        quantity=st.sampled_from([10, 20]),
    )
    def deliver(self, task_id: str, take: bool, answer: str, crash_at: str | None, quantity: int) -> None:
        """A message comes, for the first time or again."""
        vendor = self.vendor
        vendor.take = take and answer != "no byte left"

        def respond(context: TaskContext) -> None:
            if answer == "lost":
                raise OrderOutcomeIsUnknown("time-out")
            if answer == "odd":
                raise VendorRejected("no") if not vendor.take else RuntimeError("odd")
            if answer == "no byte left":
                context.not_taken()
                raise VendorUnavailable("no connection")

        vendor.answer = respond
        self.crash_at = crash_at
        task = self.desk.task(task_id, quantity=quantity if task_id != "t-1" else 10)
        try:
            self.desk.office.desk.run(task)
        except (TaskFailed, Later, Elsewhere):
            pass
        except Crashed:
            self.start_worker()
        finally:
            self.crash_at = None

    @rule()
    def restart(self) -> None:
        """The worker is killed between two orders."""
        self.start_worker()

    @rule(incomplete=st.booleans())
    def look(self, incomplete: bool) -> None:
        """The keeper asks the vendor."""
        self.vendor.incomplete = "one page is missing" if incomplete else None
        self.desk.look()
        self.vendor.incomplete = None

    @rule(seconds=st.sampled_from([1, 5, 40]))
    def wait(self, seconds: int) -> None:
        self.clock.pass_(seconds)

    @rule(index=st.integers(0, 5), filled=st.integers(0, 20))
    def fill(self, index: int, filled: int) -> None:
        """The market fills some of an order."""
        if index < len(self.vendor.booked):
            listed = self.vendor.booked[index]
            filled = max(listed.filled, min(filled, listed.quantity))
            status = Status.FILLED if filled == listed.quantity else Status.PARTIALLY_FILLED
            self.vendor.booked[index] = replace(
                listed,
                filled=filled,
                remaining=listed.quantity - filled,
                status=status if filled else Status.WORKING,
            )

    @invariant()
    def nothing_is_booked_twice(self) -> None:
        if hasattr(self, "vendor"):
            booked = list(self.vendor.task_ids.values())
            assert len(booked) == len(set(booked)), "an order was sent twice"

    @invariant()
    def the_record_agrees_with_the_truth(self) -> None:
        if not hasattr(self, "vendor") or self.dead:
            return
        numbers = {task_id: order_no for order_no, task_id in self.vendor.task_ids.items()}
        for record in self.desk.office.journal.listed(limit=100):
            order = record.order
            order_no = numbers.get(order.task_id)
            if order.state is State.ACCEPTED:
                assert order.order_no == order_no
            elif order.state not in (State.SENDING, State.UNKNOWN):
                assert order_no is None, f"{order.task_id} is {order.state} and was booked"
        for task_id in numbers:
            assert self.desk.office.journal.find(task_id) is not None

    def teardown(self) -> None:
        """In the end everything that was booked is known."""
        if not hasattr(self, "vendor"):
            return
        self.start_worker()
        for _ in range(4):
            self.desk.look()
            self.clock.pass_(40)
        for order_no, task_id in self.vendor.task_ids.items():
            order = self.desk.record(task_id).order
            assert order.state in (State.ACCEPTED, State.UNKNOWN)
            assert order.state is State.UNKNOWN or order.order_no == order_no
            assert order.state is State.ACCEPTED or order.reason
        self.engine.dispose()
        self.folder.cleanup()


TestOrders = Orders.TestCase
TestOrders.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
