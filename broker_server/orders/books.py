"""Compares the vendor's list of orders with the record, and writes down what the list tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from broker_server.core.methods import TaskContext
from broker_server.core.orders import UNSETTLED, Accepted, Event, IllegalTransition, Order, Progress, State
from broker_server.core.reconciliation import Finding, follow, ours, reconcile
from broker_server.core.vendor import OrderList, Vendor
from broker_server.journal.foreign import ForeignOrders
from broker_server.journal.order_rows import trading_day
from broker_server.journal.orders import OrderJournal
from broker_server.orders.announcements import Announcer
from broker_server.orders.floors import NumberFloors
from broker_server.orders.outcomes import settled_outcome

log = structlog.get_logger(__name__)

DAYS_BACK = timedelta(days=4)
"""How long ago an order that a list of today still shows can have been sent: the night session, a weekend."""

Settled = Callable[[Order], None]
Outcome = Callable[[Order], bytes | None]


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

    def compare(self, vendor: Vendor, account: str, market: str, context: TaskContext) -> OrderList:
        """Ask for a list, and write down what it tells.

        Returns:
            The list.

        Raises:
            TaskFailed: The list cannot be read.
        """
        asked_at = self._clock()
        listed = vendor.orders.list_orders(market, context)
        for each in listed.orders:
            self._floors.note(vendor.name, account, market, each.order_no, asked_at)
        self._reconcile(vendor, account, market, listed, asked_at)
        known = self._ours(vendor, account, market, listed)
        self._follow(known, listed)
        self._announce_foreign(vendor, account, market, known, listed)
        return listed

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
        """Write down the outcome of an order that was not known, and answer its client."""

        def outcome(after: Order) -> bytes | None:
            if after.state in UNSETTLED:
                return None  # the client has that answer already
            return settled_outcome(after, environment=self._environment, now=self._clock())

        before, after = self.change(task_id, event, outcome=outcome, by=by)
        if after.state is not before.state:
            log.info("order settled", task_id=task_id, state=after.state, reason=after.reason)
            self._settled(after)

    def _ours(self, vendor: Vendor, account: str, market: str, listed: OrderList) -> dict[str, Order]:
        """The listed orders that are ours, by the number as the list writes it."""
        since = trading_day(self._clock() - DAYS_BACK)
        numbered = self._journal.numbered(vendor.name, account, market, since=since)
        found = ((each.order_no, ours(each, numbered)) for each in listed.orders)
        return {order_no: order for order_no, order in found if order is not None}

    def _reconcile(
        self, vendor: Vendor, account: str, market: str, listed: OrderList, asked_at: datetime
    ) -> None:
        unknown = [
            record.order
            for record in self._journal.unsettled(vendor.name, account)
            if record.order.details.market == market
        ]
        day = trading_day(asked_at - timedelta(days=1))
        denied = [
            record.order
            for record in self._journal.not_sent_since(vendor.name, account, day)
            if record.order.details.market == market and record.order.sent_at is not None
        ]
        offset = vendor.orders.clock_offset()

        def find(orders: list[Order]) -> list[Finding]:
            return reconcile(
                orders,
                listed,
                self._ours(vendor, account, market, listed).keys(),
                asked_at=asked_at,
                clock_offset=offset,
                settle=self._settle,
            )

        for finding in find(unknown) if unknown else ():
            self._apply(finding)
        for finding in find([replace(each, state=State.UNKNOWN) for each in denied]) if denied else ():
            if isinstance(finding.events[0], Accepted):
                self._apply(finding)

    def _apply(self, finding: Finding) -> None:
        try:
            for event in finding.events:
                if isinstance(event, Progress):
                    self.change(finding.task_id, event)
                else:
                    self.settle(finding.task_id, event)
        except IllegalTransition as error:
            log.info("an order changed in the meantime", reason=str(error))

    def _follow(self, known: dict[str, Order], listed: OrderList) -> None:
        for each in listed.orders:
            order = known.get(each.order_no)
            if order is not None and order.state is State.ACCEPTED and order.status is not None:
                self.change(order.task_id, follow(each))

    def _announce_foreign(
        self, vendor: Vendor, account: str, market: str, known: dict[str, Order], listed: OrderList
    ) -> None:
        now = self._clock()
        if any(
            record.order.details.market == market for record in self._journal.unsettled(vendor.name, account)
        ):
            return  # one of them may still turn out to be ours
        day = trading_day(now)
        announced = self._foreign.known(vendor.name, account, market, day)
        for each in listed.orders:
            seen = (each.status.value, each.filled)
            if each.order_no in known or announced.get(each.order_no) == seen:
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
