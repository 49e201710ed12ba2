"""Keeps the record of one account true: settles what is unsettled, follows what is open.

A thread of its own. It asks the vendor only while something is unsettled or open, or was denied a moment ago,
and never stands in the way of an order.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from broker_client.errors import TaskFailed, TaskTimeout, VendorUnavailable
from broker_server.core.accounts import AccountKey
from broker_server.core.methods import TaskContext
from broker_server.core.orders import IllegalTransition, Lost, Order, Refused, State, Stuck
from broker_server.core.vendor import Vendor
from broker_server.journal.order_rows import Record, trading_day
from broker_server.journal.orders import OrderJournal
from broker_server.orders.books import LATE_EVIDENCE, BookKeeper
from broker_server.orders.late_verdicts import LateVerdicts
from broker_server.orders.outcomes import settled_outcome
from broker_server.orders.ownership import Grant, Ownership

log = structlog.get_logger(__name__)

SHORTEST_PAUSE = 1.0
LONGEST_PAUSE = 15.0
JOURNAL_PAUSE = 5.0
REST = 2.0
"""A look is followed by a rest of so many times as long, whatever wakes the keeper: on a day of thousands of
orders neither the rate limit nor the processor is for lists alone."""
LONGEST_REST = 5.0
IDLE_SECONDS = 60.0
LEASE_PAUSE = 0.2
START_SECONDS = 30.0
ROUND_SECONDS = 25.0
LONGEST_EXCHANGE = timedelta(seconds=30)
"""Longer than any thread of this worker sends an order."""
LOST_MESSAGE = timedelta(minutes=10)
"""A received order whose message did not come back by then was answered or dropped with its queue."""


class Outbox(Protocol):
    """Publishes replies outside a task. Safe to use from any thread; returns at once."""

    def send(self, record: Record) -> None:
        """Publish the outcome of a record to its reply queue, and note when it is safe."""


class AccountKeeper:
    """The keeper of one account.

    Args:
        vendor: Asked for its lists of orders.
        account: The alias.
        journal: Where everything is recorded.
        ownership: Works only while this worker owns the account.
        books: Compares a list with the record.
        late: Verdicts that the journal could not take.
        outbox: For outcomes that are settled after their reply, or were never replied.
        worker: The name of this worker.
        environment: The worker's.
        clock: UTC.
        poll_seconds: Between two looks at open orders.
        running: Whether a thread of this worker is sending an order now, by task_id: when the lease was lost
            and taken back meanwhile, it will tell the verdict itself.
    """

    def __init__(
        self,
        vendor: Vendor,
        account: str,
        *,
        journal: OrderJournal,
        ownership: Ownership,
        books: BookKeeper,
        late: LateVerdicts,
        outbox: Outbox,
        worker: str,
        environment: str,
        clock: Callable[[], datetime],
        poll_seconds: float,
        running: Callable[[str], bool] = lambda task_id: False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vendor = vendor
        self._account = account
        self._journal = journal
        self._ownership = ownership
        self._books = books
        self._late = late
        self._outbox = outbox
        self._worker = worker
        self._environment = environment
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._running = running
        self._monotonic = monotonic
        self._epoch: int | None = None
        self._started = False
        self._failures = 0
        self._wake = threading.Event()
        self._stopped = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"keeper-{vendor.name}-{account}", daemon=True)

    @property
    def started(self) -> bool:
        """Whether what an earlier worker left behind was looked into, once."""
        grant = self._ownership.grant(self._vendor.name, self._account)
        return self._started and grant is not None and grant.epoch == self._epoch

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Look now."""
        self._failures = 0
        self._wake.set()

    def stop(self) -> None:
        """End, after what it does now."""
        self._stopped = True
        self._ended.set()
        self._wake.set()

    def _run(self) -> None:
        pause = 0.0
        while not self._stopped:
            self._wake.wait(pause)
            self._wake.clear()
            began = self._monotonic()
            try:
                pause = self.turn()
            except TaskFailed as error:
                log.warning("the keeper cannot begin; it tries again", reason=str(error))
                pause = SHORTEST_PAUSE
            except SQLAlchemyError as error:
                log.error("the journal cannot be used by the keeper", reason=str(error).splitlines()[0])
                pause = JOURNAL_PAUSE
            except Exception:
                log.exception("the keeper failed; it tries again")
                pause = LONGEST_PAUSE
            self._ended.wait(min(LONGEST_REST, REST * (self._monotonic() - began)))

    def turn(self) -> float:
        """Do what is due.

        Returns:
            Seconds until the next turn, unless something wakes it before.
        """
        self._late.write(AccountKey(self._vendor.name, self._account))
        grant = self._ownership.grant(self._vendor.name, self._account)
        if grant is None or grant.refused is not None:
            self._started = False
            return LEASE_PAUSE
        if not grant.fresh or self._monotonic() < grant.orders_from:
            return LEASE_PAUSE
        if grant.epoch != self._epoch:
            self._begin(grant)
        return self._look(grant)

    def _begin(self, grant: Grant) -> None:
        """Take over what an earlier owner, or this worker before a restart, left behind."""
        self._started = False
        vendor, account = self._vendor.name, self._account
        self._give_up_on_the_lost(grant)
        for record in self._journal.unsent(vendor, account):
            order = record.order
            lost = order.epoch < grant.epoch and self._clock() - order.received_at > LOST_MESSAGE
            if lost and not order.details.is_cancel:  # a cancel is never too late
                self._change(order, Refused("its worker ended before it was sent; nothing was sent"))
        for record in self._journal.unreplied(vendor, account):
            self._outbox.send(record)
        if self._ownership.adopted(vendor, account):
            self._read_the_whole_day()
        if self._journal.unsettled(vendor, account):
            log.info("unsettled orders of an earlier worker are looked into", vendor=vendor, account=account)
            self._round(START_SECONDS)
            for record in self._journal.unsettled(vendor, account):
                if record.order.state is State.UNKNOWN and not record.order.stuck:
                    reason = record.order.reason or "not found yet"
                    self._change(record.order, Stuck(reason))
        self._epoch = grant.epoch
        self._started = True

    def _read_the_whole_day(self) -> None:
        """Learn of the orders that the journal before this one sent.

        Raises:
            TaskFailed: A list cannot be read to its end; no order leaves until it can.
        """
        for market in self._vendor.orders.markets:
            listed = self._books.compare(self._vendor, self._account, market, self._context(START_SECONDS))
            if listed.incomplete is not None:
                raise VendorUnavailable(f"the account's orders cannot all be read: {listed.incomplete}")
        log.info("the day's orders were read for the adopted journal", vendor=self._vendor.name)

    def _give_up_on_the_lost(self, grant: Grant) -> None:
        """Look into every order that was being sent and that nobody is sending any more."""
        now = self._clock()
        for record in self._journal.unsettled(self._vendor.name, self._account):
            order = record.order
            on_its_way = order.epoch == grant.epoch and now - (order.sent_at or now) < LONGEST_EXCHANGE
            if order.state is State.SENDING and not on_its_way and not self._running(order.task_id):
                self._change(
                    order, Lost("its worker ended, or its journal failed, before its answer was kept")
                )

    def _look(self, grant: Grant) -> float:
        vendor, account = self._vendor.name, self._account
        self._give_up_on_the_lost(grant)
        unsettled = any(
            record.order.state is State.UNKNOWN for record in self._journal.unsettled(vendor, account)
        )
        if not unsettled and not self._open() and not self._denied():
            return IDLE_SECONDS
        self._round(ROUND_SECONDS)
        if not unsettled:
            return self._poll_seconds
        self._failures += 1
        return min(LONGEST_PAUSE, SHORTEST_PAUSE * 2.0 ** min(self._failures - 1, 10))

    def _round(self, seconds: float) -> None:
        """Ask for every list that something unsettled or open is on."""
        vendor, account = self._vendor.name, self._account
        records = [
            *self._journal.unsettled(vendor, account),
            *self._open(),
            *self._denied(),
        ]
        context = self._context(seconds)
        for market in dict.fromkeys(record.order.details.market for record in records):
            if market not in self._vendor.orders.markets:
                continue
            try:
                listed = self._books.compare(self._vendor, account, market, context)
            except TaskFailed as error:
                log.warning("the vendor's orders cannot be read", market=market, reason=str(error))
            except SQLAlchemyError:
                raise
            except Exception:  # one order that cannot be compared must not hold up every other one
                log.exception("the vendor's orders cannot be compared", market=market)
            else:
                if listed.incomplete is not None:
                    log.warning(
                        "the vendor's list of orders settles nothing", market=market, reason=listed.incomplete
                    )

    def _open(self) -> list[Record]:
        """Orders that the market may fill."""
        records = self._journal.open(self._vendor.name, self._account)
        return [record for record in records if self._books.is_sought(record.order)]

    def _denied(self) -> list[Record]:
        """Orders that the vendor's lists did not show and that may still turn up in them."""
        since = self._clock() - LATE_EVIDENCE
        records = self._journal.not_sent_since(self._vendor.name, self._account, trading_day(since))
        return [
            record
            for record in records
            if record.order.missed and record.order.sent_at is not None and record.order.sent_at > since
        ]

    def _context(self, seconds: float) -> TaskContext:
        give_up_at = self._monotonic() + seconds

        def ensure_in_time() -> None:
            if self._stopped or self._monotonic() > give_up_at:
                raise TaskTimeout("the vendor's list of orders did not come in time")

        return TaskContext(
            task_id="keeper",
            received_at=self._clock(),
            ensure_in_time=ensure_in_time,
            report_progress=lambda done, total: None,
        )

    def _change(self, order: Order, event: Lost | Refused | Stuck) -> None:
        try:
            self._books.change(
                order.task_id,
                event,
                outcome=lambda after: settled_outcome(
                    after, environment=self._environment, now=self._clock()
                ),
            )
        except IllegalTransition as error:
            log.info("an order changed in the meantime", reason=str(error))
