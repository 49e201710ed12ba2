"""Wires the order desk, its record, its keepers and its methods together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Engine

from broker_server.core.accounts import AccountKey
from broker_server.core.methods import Method, MethodRegistry
from broker_server.core.orders import Order, State
from broker_server.core.others import Others
from broker_server.core.vendor import Vendor, key_of
from broker_server.journal.foreign import ForeignOrders
from broker_server.journal.halts import Halts
from broker_server.journal.orders import OrderJournal
from broker_server.journal.owners import Owners
from broker_server.orders.admin import OrderAdmin
from broker_server.orders.announcements import Announcer, EventBus
from broker_server.orders.books import BookKeeper
from broker_server.orders.checks import OrderChecks, OrderRules
from broker_server.orders.desk import OrderDesk
from broker_server.orders.floors import NumberFloors
from broker_server.orders.gate import Gate, Step, no_step, pause
from broker_server.orders.keeper import AccountKeeper, Outbox
from broker_server.orders.late_verdicts import LateVerdicts
from broker_server.orders.nudge import After, Nudge, after
from broker_server.orders.obstacles import Ahead, Obstacles, nobody_ahead
from broker_server.orders.ownership import Ownership
from broker_server.orders.replied import ReplyNotes
from broker_server.orders.sending import OrderSending
from broker_server.orders.task import OrderTask
from broker_server.orders.users import reserved

NOTICE_SECONDS = 0.3
"""From a vendor's notice until the look at its list of orders: several that come together are one look."""


class OrderOffice:
    """Everything about orders that one worker has.

    Args:
        rules: What it allows.
        engine: The journal's database.
        vendors: Those of this worker.
        ownership: The leases.
        bus: ``broker.events``.
        notes: Notes which outcomes have reached their client.
        outbox: For outcomes outside a task.
        worker: The name of this worker.
        clock: UTC.
        waiting: Finds an order that waits for its turn, by task_id.
        running: Whether a thread of this worker runs an order now, by task_id.
        run_now: The orders of a task_id that threads of this worker run now.
        ahead: Finds the orders that were put off and came before a task_id.
        settle: How long after its send an order may still turn up at the vendor.
        poll_seconds: Between two looks at open orders; at most so long after a change comes the next look.
        after: Calls something after some seconds.
        step: Told of each step of an order.
    """

    def __init__(
        self,
        rules: OrderRules,
        engine: Engine,
        vendors: Sequence[Vendor],
        *,
        ownership: Ownership,
        bus: EventBus,
        notes: ReplyNotes,
        outbox: Outbox,
        worker: str,
        clock: Callable[[], datetime],
        waiting: Callable[[str], OrderTask | None],
        running: Callable[[str], bool],
        run_now: Callable[[str], Sequence[OrderTask]] = lambda _: (),
        ahead: Ahead = nobody_ahead,
        settle: timedelta,
        poll_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = pause,
        after: After = after,
        step: Step = no_step,
    ) -> None:
        self._vendors = {key_of(vendor): vendor for vendor in vendors}
        self._ownership = ownership
        self._clock = clock
        self._users = rules.users
        self.journal = OrderJournal(engine, rules.environment)
        self.halts = Halts(engine, rules.environment)
        self._owners = Owners(engine, rules.environment)
        self._notes = notes
        self._outbox = outbox
        self._announcer = Announcer(bus)
        floors = NumberFloors(
            self.journal,
            lambda key: self._vendors[key].orders.clock_offset(),
            lambda key, market: market in self._vendors[key].orders.rising,
        )
        self.books = BookKeeper(
            self.journal,
            ForeignOrders(engine, rules.environment),
            self._announcer,
            floors,
            self._settled,
            worker=worker,
            environment=rules.environment,
            clock=clock,
            settle=settle,
            day_over=rules.day_over,
        )
        late = LateVerdicts(self.journal, self._changed, self._wake, worker=worker)
        self.keepers = {
            key: AccountKeeper(
                vendor,
                key.account,
                journal=self.journal,
                ownership=ownership,
                books=self.books,
                late=late,
                outbox=outbox,
                worker=worker,
                environment=rules.environment,
                clock=clock,
                poll_seconds=poll_seconds,
                running=running,
                monotonic=monotonic,
            )
            for key, vendor in self._vendors.items()
        }
        self._nudges = {key: Nudge(partial(self._wake, key), poll_seconds, after) for key in self.keepers}
        self._notices = {key: Nudge(partial(self._wake, key), NOTICE_SECONDS, after) for key in self.keepers}
        self._noticed_at: dict[AccountKey, datetime] = {}
        obstacles = Obstacles(self.journal, ahead, clock)
        checks = OrderChecks(rules, self._vendors, self.journal, self.halts, clock)
        gate = Gate(
            checks=checks,
            journal=self.journal,
            ownership=ownership,
            floors=floors,
            obstacles=obstacles,
            worker=worker,
            clock=clock,
            monotonic=monotonic,
            pause=pause,
            step=step,
        )
        self.desk = OrderDesk(
            journal=self.journal,
            checks=checks,
            sending=OrderSending(gate),
            ownership=ownership,
            floors=floors,
            late=late,
            obstacles=obstacles,
            worker=worker,
            environment=rules.environment,
            clock=clock,
            changed=self._changed,
            settled_start=self._settled_start,
            waiting=waiting,
            running=run_now,
            zone=rules.zone,
            step=step,
        )

    def methods(self, registry: MethodRegistry, others: Others | None = None) -> list[Method[Any]]:
        """The ``broker.*`` methods about orders.

        Args:
            registry: Holds the cancel methods of the vendors.
            others: The other workers; ``None`` where there are none.
        """
        admin = OrderAdmin(
            self.journal,
            self.books,
            registry,
            self._vendors,
            self.desk.run,
            others,
            known_here=lambda key: self._owners.current(*key) is not None,
            holds=lambda key: self._ownership.grant(*key) is not None,
        )
        return [
            reserved(method, self._users, "settle orders")
            if method.name == "broker.resolve-order"
            else method
            for method in admin.methods()
        ]

    def start(self) -> None:
        """Begin to keep the accounts and the notes."""
        self._notes.start()
        for keeper in self.keepers.values():
            keeper.start()

    def look(self, key: AccountKey) -> None:
        """Let an account's keeper look now: its lease was taken or lost."""
        self._wake(key)

    def noticed(self, key: AccountKey) -> None:
        """The vendor has told of something that happened to an order. For any thread."""
        notice = self._notices.get(key)
        if notice is not None:
            self._noticed_at[key] = self._clock()
            notice()

    def stop(self) -> None:
        """Stop keeping, and write down the last notes."""
        for keeper in self.keepers.values():
            keeper.stop()
        self._notes.stop()

    def _changed(self, before: Order, after: Order) -> None:
        self._announcer.changed(before, after)
        if after.state is State.UNKNOWN and before.state is not State.UNKNOWN:
            self._wake(after.key)
        elif before.state is State.SENDING and self._was_noticed_since(after.key, after.sent_at):
            self._notices[after.key]()  # perhaps of this order, whose answer was not there yet
        elif after.key in self._nudges:  # each look costs a call of the rate limit
            self._nudges[after.key]()

    def _was_noticed_since(self, key: AccountKey, sent_at: datetime | None) -> bool:
        noticed_at = self._noticed_at.get(key)
        return noticed_at is not None and sent_at is not None and noticed_at >= sent_at

    def _wake(self, key: AccountKey) -> None:
        keeper = self.keepers.get(key)
        if keeper is not None:
            keeper.wake()

    def _settled(self, order: Order) -> None:
        record = self.journal.find(order.task_id)
        if record is not None and record.outcome is not None:
            self._outbox.send(record)

    def _settled_start(self, vendor: str, account: str) -> bool:
        keeper = self.keepers.get(AccountKey(vendor, account))
        return keeper is None or keeper.started
