"""Compares the vendor's list of orders with the record, and writes down what the list tells."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from broker_server.core.listed_orders import ListedOrder, OrderList
from broker_server.core.methods import TaskContext
from broker_server.core.orders import (
    OPEN,
    UNSETTLED,
    Accepted,
    Event,
    IllegalTransition,
    Order,
    Progress,
    State,
    Status,
    Stuck,
    apply,
)
from broker_server.core.reconciliation import CLOCK_SLACK, Finding, expired, follow, number, ours, reconcile
from broker_server.core.vendor import Vendor
from broker_server.journal.foreign import ForeignOrders
from broker_server.journal.order_rows import trading_day
from broker_server.journal.orders import MOST_NUMBERS, OrderJournal
from broker_server.orders.announcements import Announcer
from broker_server.orders.floors import NumberFloors
from broker_server.orders.outcomes import settled_outcome

log = structlog.get_logger(__name__)

DAYS_BACK = timedelta(days=4)
"""How long ago an order that a list of today still shows can have been sent: the night session, a weekend."""

LATE_EVIDENCE = timedelta(minutes=5)
"""An order that is said not to have been sent is looked for until then, counted from its send."""
LONGEST_LOOK_BACK = timedelta(days=10)
"""Lists are asked from the send of the oldest unsettled order on, but not further back than this."""

Settled = Callable[[Order], None]
Outcome = Callable[[Order], bytes | None]


class NumberTaken(IllegalTransition):
    """Another order of ours has that number of the vendor."""


@dataclass(frozen=True, slots=True)
class _Ours:
    """What of a list is ours.

    Attributes:
        orders: As recorded, by their rows; without those below.
        done: Rows of orders that are over, and of which the record has all that the rows tell.
    """

    orders: dict[ListedOrder, Order]
    done: set[ListedOrder]

    @property
    def rows(self) -> set[ListedOrder]:
        """All of them."""
        return self.done.union(self.orders)


class BookKeeper:
    """Safe to use from many threads.

    Args:
        journal: The record.
        foreign: Orders that were entered elsewhere.
        announcer: Told of every change.
        floors: Told of every order number.
        settled: Told of an order whose outcome is known at last, to answer its client.
        worker: The name of this worker.
        environment: The worker's.
        clock: UTC.
        settle: See `broker_server.core.reconciliation.reconcile`.
        day_over: Whether the market cannot fill an order any more, by its trading day.
    """

    def __init__(
        self,
        journal: OrderJournal,
        foreign: ForeignOrders,
        announcer: Announcer,
        floors: NumberFloors,
        settled: Settled,
        *,
        worker: str,
        environment: str,
        clock: Callable[[], datetime],
        settle: timedelta,
        day_over: Callable[[Order, datetime], bool],
    ) -> None:
        self._journal = journal
        self._foreign = foreign
        self._announcer = announcer
        self._floors = floors
        self._settled = settled
        self._worker = worker
        self._environment = environment
        self._clock = clock
        self._settle = settle
        self._day_over = day_over
        self._sought_in_vain: set[str] = set()
        self._done: dict[tuple[str, str, str], set[int]] = {}

    def compare(self, vendor: Vendor, account: str, market: str, context: TaskContext) -> OrderList:
        """Ask for a list, and write down what it tells.

        Returns:
            The list.

        Raises:
            TaskFailed: The list cannot be read.
        """
        asked_at = self._clock()
        since = self._since(vendor, account, market, asked_at)
        listed = vendor.orders.list_orders(market, context, since)
        for each in listed.orders:
            self._floors.note_listed(vendor.name, account, market, each.order_no, each.received_at)
        # In this order: what is ours only after the look-up is pending, and so is not taken for foreign.
        pending = self._is_pending(vendor, account, market)
        known = self._ours(vendor, account, market, listed)
        absent = self._absent(vendor, account, market, known.orders, listed, asked_at)
        if absent and listed.incomplete is None:
            # A list without an order that is on record as open proves nothing of any other order.
            first = absent[0]
            why = f"it does not show {first.order_no} ({first.task_id}), which is on record as open"
            self._give_up_on(absent, asked_at)
            listed = replace(listed, incomplete=why)
        if self._reconcile(vendor, account, market, listed, asked_at):
            pending = self._is_pending(vendor, account, market)
            known = self._ours(vendor, account, market, listed)
        done = self._follow(known.orders, asked_at)
        self._done[vendor.name, account, market] = {hash(each) for each in known.done.union(done)}
        if not pending:  # one of them may still turn out to be ours
            self._announce_foreign(vendor, account, market, known.rows, listed, since)
        return listed

    def is_sought(self, order: Order) -> bool:
        """Whether it makes sense to ask for an open order: not if its day is over and its list lacks it."""
        now = self._clock()
        if order.sent_at is None or now - order.sent_at >= LONGEST_LOOK_BACK:
            return False
        return order.task_id not in self._sought_in_vain

    def change(
        self, task_id: str, event: Event, *, outcome: Outcome | None = None, by: str = ""
    ) -> tuple[Order, Order]:
        """Write down an event and announce it.

        Raises:
            IllegalTransition: The event cannot follow what is recorded.
        """
        now = self._clock()
        before, after = self._journal.change(task_id, event, now=now, by=by or self._worker, outcome=outcome)
        alarm = None
        if before.state is State.NOT_SENT and after.state is State.ACCEPTED:
            alarm = "this order was said not to have been sent, and the vendor has it"
            log.error("an order that was said not to have been sent was found", task_id=task_id)
        if before != after:
            self._announcer.changed(before, after, alarm=alarm)
        return before, after

    def settle(self, task_id: str, event: Event, *, by: str = "") -> None:
        """Write down the outcome of an order that was not known, and answer its client.

        Raises:
            NumberTaken: It would give it a number that another order of ours has that day.
            IllegalTransition: The event cannot follow what is recorded.
        """
        if isinstance(event, Accepted) and event.order_no is not None:
            self._ensure_free(task_id, event.order_no)

        def outcome(after: Order) -> bytes | None:
            if after.state in UNSETTLED:
                return None  # the client has that answer already
            return settled_outcome(after, environment=self._environment, now=self._clock())

        before, after = self.change(task_id, event, outcome=outcome, by=by)
        if after.state is not before.state:
            log.info("order settled", task_id=task_id, state=after.state, reason=after.reason)
            self._settled(after)

    def _ensure_free(self, task_id: str, order_no: str) -> None:
        record = self._journal.find(task_id)
        holder = None if record is None else self._journal.number_holder(record.order, order_no)
        if holder is not None:
            raise NumberTaken(f"the vendor's number {order_no} is that of another order of ours ({holder})")

    def _since(self, vendor: Vendor, account: str, market: str, now: datetime) -> datetime | None:
        """From when on a list must be to show whatever is looked for, in the vendor's clock."""
        sent = [
            record.order.sent_at or record.order.received_at
            for record in self._journal.unsettled(vendor.name, account)
            if record.order.details.market == market
        ]
        sent += [
            order.sent_at
            for order in self._denied(vendor.name, account, market, now)
            if order.sent_at is not None and now - order.sent_at < LATE_EVIDENCE
        ]
        sent += [
            order.sent_at
            for order in self._open(vendor, account, market)
            if order.sent_at is not None and self.is_sought(order) and self._day_over(order, now)
        ]
        if not sent:
            return None
        now += vendor.orders.clock_offset()
        return max(min(sent) + vendor.orders.clock_offset() - CLOCK_SLACK, now - LONGEST_LOOK_BACK)

    def _open(self, vendor: Vendor, account: str, market: str) -> list[Order]:
        records = self._journal.open(vendor.name, account)
        return [record.order for record in records if record.order.details.market == market]

    def _absent(
        self,
        vendor: Vendor,
        account: str,
        market: str,
        known: dict[ListedOrder, Order],
        listed: OrderList,
        asked_at: datetime,
    ) -> list[Order]:
        """Open orders of ours that the list should show and does not."""
        offset = vendor.orders.clock_offset()
        shown = {order.task_id for order in known.values()}
        return [
            order
            for order in self._open(vendor, account, market)
            if order.task_id not in shown
            and order.task_id not in self._sought_in_vain
            and order.sent_at is not None
            and order.sent_at < asked_at
            and (listed.since is None or order.sent_at + offset - CLOCK_SLACK >= listed.since)
        ]

    def _give_up_on(self, absent: list[Order], asked_at: datetime) -> None:
        """Stop asking for orders whose day is over and which the list of that day does not show; say so."""
        for order in absent:
            if not self._day_over(order, asked_at):
                continue
            self._sought_in_vain.add(order.task_id)
            reason = f"its trading day ended, and the vendor's list does not show {order.order_no}"
            log.error("an open order is not in the vendor's list", task_id=order.task_id, reason=reason)
            status = order.status or Status.WORKING
            self.change(order.task_id, Progress(order.filled, status, order.average_price, reason=reason))

    def _denied(self, vendor: str, account: str, market: str, now: datetime) -> list[Order]:
        """Orders that lists did not show, and that may still turn up."""
        return [
            record.order
            for record in self._journal.not_sent_since(vendor, account, trading_day(now - timedelta(days=1)))
            if record.order.details.market == market
            and record.order.missed > 0
            and record.order.sent_at is not None
        ]

    def _is_pending(self, vendor: Vendor, account: str, market: str) -> bool:
        """Whether the outcome of an order of ours is open."""
        unsettled = self._journal.unsettled(vendor.name, account)
        return any(record.order.details.market == market for record in unsettled)

    def _ours(self, vendor: Vendor, account: str, market: str, listed: OrderList) -> _Ours:
        """The listed orders that are ours.

        On a day of thousands of orders nearly all are over. A row that was compared with the record of such
        an order, and is the same again, is known by its hash alone.
        """
        offset = vendor.orders.clock_offset()
        since = self._clock() - DAYS_BACK
        if listed.since is not None:
            since = min(since, listed.since - offset - DAYS_BACK)
        known = self._done.get((vendor.name, account, market), set())
        done: set[ListedOrder] = set()
        rest: list[ListedOrder] = []
        for each in listed.orders:
            if hash(each) in known:
                done.add(each)
            else:
                rest.append(each)
        numbers = {number(each.order_no) for each in rest}
        numbered = self._journal.numbered(
            vendor.name,
            account,
            market,
            since=trading_day(since),
            numbers=numbers if len(numbers) <= MOST_NUMBERS else None,
        )
        found = ((each, ours(each, numbered, offset)) for each in rest)
        return _Ours({each: order for each, order in found if order is not None}, done)

    def _reconcile(
        self, vendor: Vendor, account: str, market: str, listed: OrderList, asked_at: datetime
    ) -> bool:
        """Settle what the list settles; whether it told anything."""
        unsettled = [
            record.order
            for record in self._journal.unsettled(vendor.name, account)
            if record.order.details.market == market
        ]
        denied = self._denied(vendor.name, account, market, asked_at)
        if not unsettled and not denied:
            return False
        resent = {order.task_id: self._journal.sent_equally(order) for order in denied}
        findings = reconcile(
            [*unsettled, *denied],
            listed,
            self._ours(vendor, account, market, listed).rows,
            asked_at=asked_at,
            clock_offset=vendor.orders.clock_offset(),
            settle=self._settle,
            resent={task_id: sent_at for task_id, sent_at in resent.items() if sent_at is not None},
        )
        for finding in findings:
            self._apply(finding)
        return bool(findings)

    def _apply(self, finding: Finding) -> None:
        try:
            for event in finding.events:
                if isinstance(event, Progress):
                    self.change(finding.task_id, event)
                else:
                    self.settle(finding.task_id, event)
        except NumberTaken as error:
            log.error("an order cannot be settled", task_id=finding.task_id, reason=str(error))
            self._give_up(finding.task_id, f"{error}; settle it by broker.resolve-order")
        except IllegalTransition as error:
            log.info("an order changed in the meantime", reason=str(error))

    def _give_up(self, task_id: str, reason: str) -> None:
        try:
            self.change(task_id, Stuck(reason))
        except IllegalTransition as error:
            log.info("an order changed in the meantime", reason=str(error))

    def _follow(self, known: dict[ListedOrder, Order], asked_at: datetime) -> list[ListedOrder]:
        """Write down what the rows tell of our orders; the rows of those that are over, and tell nothing."""
        done = []
        for each, order in known.items():
            if order.state is not State.ACCEPTED or order.status is None:
                continue
            over = each.status in OPEN and order.is_open and self._day_over(order, asked_at)
            event = expired(each) if over else follow(each)
            if apply(order, event, asked_at) != order:  # what says nothing new costs no look at the record
                self.change(order.task_id, event)
            elif not order.is_open and each.status not in OPEN and each.received_at is not None:
                done.append(each)  # without the time it could be another day's, with the same number
        return done

    def _announce_foreign(
        self,
        vendor: Vendor,
        account: str,
        market: str,
        ours: Collection[ListedOrder],
        listed: OrderList,
        since: datetime | None,
    ) -> None:
        now = self._clock()
        day = trading_day(now)
        announced = self._foreign.known(vendor.name, account, market, day)
        earlier = since is not None and trading_day(since) != day
        for each in listed.orders:
            if earlier and (each.received_at is None or trading_day(each.received_at) != day):
                continue  # its own day has announced it
            seen = (each.status.value, each.filled)
            if each in ours or announced.get(each.order_no) == seen:
                continue
            self._foreign.keep(
                vendor.name,
                account,
                market,
                day,
                order_no=each.order_no,
                status=each.status.value,
                filled=each.filled,
                now=now,
            )
            self._announcer.foreign(vendor.name, account, each)
