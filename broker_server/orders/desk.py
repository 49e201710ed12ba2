"""The order desk: every order passes here once, and its record says what became of it.

Runs in the threads of the order and cancel lanes. The order of checks is the policy: what is on record
answers first, so no later rule answers for an order that may have been placed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import SQLAlchemyError

from broker_client.errors import (
    InternalError,
    OrdersDisabled,
    TaskExpired,
    TaskFailed,
)
from broker_server.core.orders import (
    Accepted,
    Event,
    IllegalTransition,
    Order,
    OrderDetails,
    Refused,
    State,
    apply,
)
from broker_server.journal.order_rows import KST, Record, trading_day
from broker_server.journal.orders import OrderJournal
from broker_server.orders.announcements import belated
from broker_server.orders.attempt import Attempt
from broker_server.orders.checks import OrderChecks
from broker_server.orders.floors import NumberFloors
from broker_server.orders.gate import Step, no_step
from broker_server.orders.late_verdicts import LateVerdicts
from broker_server.orders.obstacles import Obstacles
from broker_server.orders.outcomes import FINAL, conflict, encode_outcome, final, outcome_unknown
from broker_server.orders.ownership import Grant, Ownership
from broker_server.orders.sending import OrderSending, defect, failed
from broker_server.orders.task import OrderTask
from broker_server.orders.withdrawal import Withdrawals
from broker_server.results import Elsewhere, Later, LaterInOrder, Result

log = structlog.get_logger(__name__)

Changed = Callable[[Order, Order], None]
"""Told of every change of a record: the order before and after."""


class OrderDesk:
    """Sends an order once.

    Args:
        journal: Where everything is recorded.
        checks: What an order must pass.
        sending: Sends what passed.
        ownership: The leases of this worker.
        floors: Told of every order number.
        late: Keeps the verdicts that the journal cannot take.
        obstacles: Finds what an order has to wait for.
        worker: The name of this worker.
        environment: The worker's.
        clock: UTC.
        changed: Told of every change of a record.
        settled_start: Whether what an earlier worker left of an account was looked into.
        waiting: Finds an order that waits for its turn in this worker, by task_id.
        running: The orders of a task_id that threads of this worker run now.
        zone: Of a ``request_time`` without an offset.
        step: Told of each step of an order.
    """

    def __init__(
        self,
        *,
        journal: OrderJournal,
        checks: OrderChecks,
        sending: OrderSending,
        ownership: Ownership,
        floors: NumberFloors,
        late: LateVerdicts,
        obstacles: Obstacles,
        worker: str,
        environment: str,
        clock: Callable[[], datetime],
        changed: Changed,
        settled_start: Callable[[str, str], bool],
        waiting: Callable[[str], OrderTask | None],
        running: Callable[[str], Sequence[OrderTask]] = lambda _: (),
        zone: ZoneInfo = KST,
        step: Step = no_step,
    ) -> None:
        self._journal = journal
        self._checks = checks
        self._sending = sending
        self._ownership = ownership
        self._floors = floors
        self._late = late
        self._obstacles = obstacles
        self._worker = worker
        self._environment = environment
        self._clock = clock
        self._changed = changed
        self._settled_start = settled_start
        self._zone = zone
        self._step = step
        self._withdrawals = Withdrawals(journal, waiting, running, self._refuse_waiting, self._refuse_record)

    def run(self, task: OrderTask) -> Result:
        """Run an order task.

        Raises:
            TaskFailed: The order was refused, and that is not on record.
            Later: It has to wait for another order; run it again in a moment.
            Elsewhere: The account is another worker's; leave the message to it.
        """
        attempt: Attempt | None = None
        if task.is_of_all_accounts:
            task.alias = self._held_account(task.vendor)
        try:
            record = self._journal.find(task.task_id)
            if record is not None and not _unsent(record, task):
                return self._answer_known(task, record)
            if record is not None and self._is_of_another_day(
                record.order.details, task, record.order.received_at
            ):
                return self._give_up(task, record.order)
            if task.died is not None:
                return Result(error=task.died, poison=isinstance(task.died, InternalError))
            misnamed = self._misnamed(task)
            if misnamed is not None:
                return Result(error=self._refusal(task, misnamed))
            epoch = self._epoch(task)
            if not epoch:
                return self._send_unrecorded(task)
            refusal = self._refusal(task)
            if refusal is not None:
                return self._refuse(task, refusal, record, epoch)
            order = self._claim(task, record, epoch)
            attempt = self._sending.attempt(task, order)
            return self._conclude(task, attempt, *self._decide(task, attempt))
        except SQLAlchemyError as error:
            return self._without_journal(task, attempt, error)

    def _answer_known(self, task: OrderTask, record: Record) -> Result:
        order = record.order
        if order.payload_hash != task.payload:
            raise conflict(order, "another order")
        if trading_day(order.received_at) != trading_day(self._clock()):
            raise conflict(order, "the same order on another trading day")
        self._readdress(task, record)
        if record.outcome is not None:
            return Result(replay=record.outcome, recorded=True)
        late = self._late.outcome(task.task_id)
        if late is not None:
            return Result(replay=late)
        return Result(error=outcome_unknown(order), recorded=True)

    def _readdress(self, task: OrderTask, record: Record) -> None:
        """Send what comes later where this message asks for it, unless that is gone by then."""
        address = task.reply_to, task.correlation_id
        if task.reply_to is not None and address != (record.reply_to, record.correlation_id):
            self._journal.readdress(task.task_id, task.reply_to, task.correlation_id)

    def _epoch(self, task: OrderTask) -> int:
        """The epoch of the lease; 0 for a cancel while the journal cannot give one."""
        grant = self._grant(task)
        if task.is_cancel and grant.unrecorded:
            return 0
        if grant.refused is not None and not task.is_cancel:
            raise OrdersDisabled(grant.refused, retryable=True if grant.unrecorded else None)
        return grant.epoch

    def _grant(self, task: OrderTask) -> Grant:
        grant = self._ownership.grant(task.vendor, task.account)
        if grant is None:
            raise Elsewhere("this worker does not own the account")
        return grant

    def _held_account(self, vendor: str) -> str | None:
        """An account of the vendor that this worker owns."""
        known = self._checks.accounts(vendor)
        return next((key.account for key in known if self._ownership.grant(*key) is not None), None)

    def _misnamed(self, task: OrderTask) -> TaskFailed | None:
        """What is wrong with the parameters or the account that they name; no lease is needed to say it."""
        try:
            self._checks.validate(task)
            self._checks.ensure_served(task)
        except TaskFailed as error:
            return error
        return None

    def _refusal(self, task: OrderTask, invalid: TaskFailed | None = None) -> TaskFailed | None:
        """Run every check; what a check says is returned, to be recorded if the order can be described.

        Args:
            invalid: What is known to be wrong; the halt, age and permissions are told before it.
        """
        if task.withdrawn is not None:
            return task.withdrawn
        try:
            self._checks.ensure_not_halted(task)
            self._ensure_in_time(task)
            self._checks.ensure_permitted(task)
            if invalid is not None:
                raise invalid
            assert task.details is not None  # noqa: S101 - validated above
            self._ensure_number_holds(task)
            self._ensure_free(task)
            self._checks.ensure_within_limits(task, task.details, self._sending.context(task))
        except TaskFailed as refusal:
            return refusal
        return None

    def _ensure_in_time(self, task: OrderTask) -> None:
        try:
            self._checks.ensure_in_time(task)
        except TaskExpired as error:
            obstacle = self._obstacles.find(task)
            raise error if obstacle is None else obstacle.error() from None

    def _ensure_number_holds(self, task: OrderTask) -> None:
        """Order numbers begin anew each day: an old cancel by number may be about another order by now."""
        made = task.request.request_time or task.stamped_at
        if not task.is_cancel or task.details is None or task.details.original is None or made is None:
            return
        if made.tzinfo is None:
            made = made.replace(tzinfo=self._zone)
        if self._is_of_another_day(task.details, task, made):
            raise TaskExpired(
                f"the cancel was made at {made.isoformat()}, and order numbers begin anew each day: "
                f"{task.details.original} may be another order's by now; nothing was sent. Name the order by "
                f"order_task_id, or send a new cancel"
            )

    def _is_of_another_day(self, details: OrderDetails, task: OrderTask, at: datetime) -> bool:
        return self._checks.is_of_another_day(task.vendor, details.market, at)

    def _ensure_free(self, task: OrderTask) -> None:
        """Wait for what an earlier worker left behind, and for an equal order of unknown outcome."""
        if task.is_cancel:
            return
        self._obstacles.ensure_free(task)
        if not self._settled_start(task.vendor, task.account):
            raise LaterInOrder("waits until the unsettled orders of the account have been looked into")

    def _refuse(self, task: OrderTask, error: TaskFailed, record: Record | None, epoch: int) -> Result:
        """Record a refusal for good, so that a stray copy cannot run later."""
        if task.details is None:
            return Result(error=error)
        if not isinstance(error, TaskExpired):
            final(error)
        if record is not None:
            return self._refuse_known(task, error)
        outcome = self._encode(task, [], error)
        now = self._clock()
        order = apply(self._new_order(task, epoch, now), Refused(error.message), now)
        if not self._insert(order, task, outcome):
            raise Later("the same task_id was recorded a moment ago")
        self._changed(order, order)
        return Result(error=error, recorded=True, outcome=outcome)

    def _give_up(self, task: OrderTask, order: Order) -> Result:
        """Refuse what was received on another day and never sent; its task_id stays used."""
        result = self._refuse_known(task, _never_sent(order))
        if result.replay is not None:
            return result
        refused = replace(order, state=State.REFUSED)
        raise conflict(refused, "the same order on another trading day, and nothing was sent")

    def _refuse_known(self, task: OrderTask, error: TaskFailed) -> Result:
        """Refuse what is on record as received and not sent."""
        outcome = self._encode(task, [], error)
        try:
            self._refuse_record(task.task_id, Refused(error.message), error, outcome)
        except IllegalTransition:
            current = self._journal.find(task.task_id)  # decided by somebody else in the meantime
            if current is None or _unsent(current, task):
                raise Later("the record changed a moment ago") from None
            return self._answer_known(task, current)
        return Result(error=error, recorded=True, outcome=outcome)

    def _refuse_waiting(self, task: OrderTask, error: TaskFailed) -> None:
        """Record the refusal of an order whose turn has not come."""
        self._checks.validate(task)
        self._checks.ensure_served(task)
        self._refuse(task, error, None, self._grant(task).epoch)

    def _refuse_record(
        self, task_id: str, refused: Refused, error: TaskFailed, outcome: bytes | None = None
    ) -> Order:
        """Record the refusal of an order that was received and not sent."""
        now = self._clock()
        outcome = outcome or encode_outcome(task_id, [], error, environment=self._environment, now=now)
        before, after = self._journal.change(task_id, refused, now=now, by=self._worker, outcome=outcome)
        self._changed(before, after)
        return after

    def _claim(self, task: OrderTask, record: Record | None, epoch: int) -> Order:
        if record is None:
            order = self._new_order(task, epoch, self._clock())
            self._step("before_claim", task.task_id)
            if not self._insert(order, task, None):
                raise Later("the same task_id was recorded a moment ago")
            self._step("claimed", task.task_id)
            return order
        order = record.order
        if order.account != task.account or order.epoch < epoch:
            if not self._journal.adopt(order, owner=self._worker, epoch=epoch, account=task.account):
                raise Later("the record changed a moment ago")
            order = replace(
                order, account=task.account, owner=self._worker, epoch=epoch, version=order.version + 1
            )
        self._readdress(task, record)
        return order

    def _new_order(self, task: OrderTask, epoch: int, now: datetime) -> Order:
        assert task.details is not None  # noqa: S101 - validated before
        return Order(
            task_id=task.task_id,
            method=task.method.name,
            payload_hash=task.payload,
            vendor=task.vendor,
            account=task.account,
            details=task.details,
            received_at=now,
            owner=self._worker,
            epoch=epoch,
            user=task.user,
        )

    def _insert(self, order: Order, task: OrderTask, outcome: bytes | None) -> bool:
        return self._journal.insert(
            order,
            event="Received" if order.state is State.RECEIVED else "Refused",
            outcome=outcome,
            reply_to=task.reply_to,
            correlation_id=task.correlation_id,
        )

    def _decide(self, task: OrderTask, attempt: Attempt) -> tuple[Result, Event]:
        received_at = self._clock() if attempt.order is None else attempt.order.received_at
        try:
            withdrawn = self._withdrawals.withdraw(task, self._clock() - received_at)
        except TaskFailed as error:
            return failed(attempt, error)
        if withdrawn is not None:
            return withdrawn, Accepted(None, reason="the order had not been sent, or is gone")
        return self._sending.send(task, attempt)

    def _conclude(self, task: OrderTask, attempt: Attempt, result: Result, event: Event) -> Result:
        """Record the verdict. When it cannot be recorded, the reply still tells it."""
        self._step("sent", task.task_id)
        now = self._clock()
        if isinstance(event, Accepted) and attempt.details is not None:
            self._floors.note(task.vendor, task.account, attempt.details.market, event.order_no, now)
        try:
            outcome = self._encode(task, result.rows, result.error, result.warnings, result.truncated)
        except TypeError as error:
            result, event = failed(attempt, defect(task, error))
            outcome = self._encode(task, [], result.error)
        try:
            before, after = self._journal.change(
                task.task_id, event, now=now, by=self._worker, outcome=outcome, known=attempt.order
            )
        except IllegalTransition:
            return self._settled_meanwhile(task, result)
        except SQLAlchemyError as error:
            log.error(
                "the journal cannot keep an order's outcome",
                task_id=task.task_id,
                reason=_first_line(error),
            )
            self._late.keep(task.task_id, task.key, event, outcome, now)
            return replace(result, recorded=False)
        self._step("recorded", task.task_id)
        if belated(before, after):
            log.error("an order that was said not to have been sent was accepted", task_id=task.task_id)
        self._changed(before, after)
        return replace(result, outcome=outcome)

    def _settled_meanwhile(self, task: OrderTask, result: Result) -> Result:
        """What reconciliation has found is the answer."""
        try:
            record = self._journal.find(task.task_id)
            return result if record is None else self._answer_known(task, record)
        except SQLAlchemyError:
            return replace(result, recorded=False)

    def _encode(
        self,
        task: OrderTask,
        rows: Sequence[Any],
        error: TaskFailed | None,
        warnings: Sequence[str] = (),
        truncated: str | None = None,
    ) -> bytes:
        return encode_outcome(
            task.task_id,
            rows,
            error,
            environment=self._environment,
            now=self._clock(),
            warnings=warnings,
            truncated=truncated,
        )

    def _without_journal(self, task: OrderTask, attempt: Attempt | None, error: SQLAlchemyError) -> Result:
        """A journal that cannot be used refuses orders; a cancel goes on without a record."""
        log.error("the journal cannot be used", task_id=task.task_id, reason=_first_line(error))
        if task.is_cancel and (attempt is None or not attempt.began):
            return self._send_unrecorded(task)
        raise OrdersDisabled(
            "the journal cannot be read or written, so the order was not sent; on the worker's machine, "
            "broker-server check says why",
            retryable=True,
        ) from None

    def _send_unrecorded(self, task: OrderTask) -> Result:
        """Send a cancel that the journal cannot record: one of everything, which does no harm twice."""
        self._checks.ensure_permitted(task)
        self._checks.validate(task)
        self._checks.ensure_served(task)
        self._ensure_number_holds(task)
        if task.details is not None and task.details.quantity is not None:
            raise OrdersDisabled(
                "the journal cannot be used, and without it a cancel of a part could be sent twice; cancel "
                "the whole order (without quantity), or wait for the journal",
                retryable=True,
            )
        try:
            result, _ = self._sending.send(task, self._sending.attempt(task, None))
        except SQLAlchemyError:
            raise OrdersDisabled(
                "the journal cannot be read, so the order of that task_id cannot be found; name it by "
                "order_no, as its receipt and the vendor's list of open orders have it",
                retryable=True,
            ) from None
        return replace(result, recorded=False)


def _unsent(record: Record, task: OrderTask) -> bool:
    """Whether the record is of this very order, which no worker has sent."""
    return record.order.state is State.RECEIVED and record.order.payload_hash == task.payload


def _never_sent(order: Order) -> TaskExpired:
    return TaskExpired(
        f"the task was received at {order.received_at.isoformat()} and not sent before its trading day was "
        f"over; nothing was sent, and {FINAL}"
    )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
