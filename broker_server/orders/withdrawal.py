"""Cancels of orders that have not left: they are taken back without asking the vendor."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import timedelta

from broker_client.errors import InvalidParameters, TaskCancelled, TaskExpired, TaskFailed
from broker_server.account_errors import ensure_same_account
from broker_server.core.orders import IllegalTransition, Order, Refused, State
from broker_server.journal.order_rows import Record
from broker_server.journal.orders import OrderJournal
from broker_server.orders.outcomes import FINAL, receipt
from broker_server.orders.task import OrderTask
from broker_server.results import Later, Result

Refuse = Callable[[OrderTask, TaskFailed], None]
RefuseRecord = Callable[[str, Refused, TaskFailed], Order]

PATIENCE = timedelta(seconds=10)
"""A cancel waits so long until it is known what became of its order."""


class Withdrawals:
    """Takes back what waits.

    Args:
        journal: What is on record.
        waiting: Finds an order that waits for its turn in this worker, by task_id.
        running: The orders of a task_id that threads of this worker run now.
        refuse: Records the refusal of an order that has no record yet.
        refuse_record: Records the refusal of one that has.
    """

    def __init__(
        self,
        journal: OrderJournal,
        waiting: Callable[[str], OrderTask | None],
        running: Callable[[str], Sequence[OrderTask]],
        refuse: Refuse,
        refuse_record: RefuseRecord,
    ) -> None:
        self._journal = journal
        self._waiting = waiting
        self._running = running
        self._refuse = refuse
        self._refuse_record = refuse_record

    def withdraw(self, task: OrderTask, waited: timedelta) -> Result | None:
        """Answer a cancel by task_id that needs no vendor.

        Args:
            waited: Since the cancel was received.

        Returns:
            ``None`` when the vendor has to be asked.

        Raises:
            InvalidParameters: There is no such order, or it is of another account.
            Later: Its outcome is not known yet.
            TaskExpired: The same, and the cancel has waited long enough.
        """
        target = None if task.details is None else task.details.original_task_id
        if target is None or not task.is_cancel:
            return None
        record = self._journal.find(target)
        if record is not None:
            ensure_same_account(record.order.key, task.key, target)
        if record is None or record.order.state is State.RECEIVED:
            if self._take_back(target, record, by=task):
                raise Later(f"{target} is in its checks") if waited < PATIENCE else _undecided(target)
            record = self._journal.find(target)
        if record is None:
            raise InvalidParameters(f"order_task_id: no order {target} is on record or waits for its turn")
        order = record.order
        if order.state in (State.SENDING, State.UNKNOWN):
            if waited >= PATIENCE:
                raise _undecided(target)
            raise Later(f"the outcome of {target} is not known yet")
        if order.state is State.ACCEPTED:
            return None
        row = receipt(order) | {"action": "cancel", "already_done": True, "state": order.state.lower()}
        return Result([row], recorded=True)

    def _take_back(self, target: str, record: Record | None, *, by: OrderTask) -> bool:
        """Refuse what has not left.

        Returns:
            Whether a thread runs it that has not recorded it yet; it finds out at its last gate.
        """
        error = TaskCancelled(f"the order was taken back by {by.task_id} before it was sent; {FINAL}")
        if record is None:
            waiting = self._waiting(target)
            if waiting is not None:
                ensure_same_account(waiting.key, by.key, target)
                self._refuse(waiting, error)
                return False
        running = self._running(target)
        for each in running:
            ensure_same_account(each.key, by.key, target)
        for each in running:
            each.withdraw(error)
        if record is None:
            return bool(running)
        with contextlib.suppress(IllegalTransition):  # it has just left
            self._refuse_record(target, Refused(error.message), error)
        return False


def _undecided(target: str) -> TaskExpired:
    return TaskExpired(
        f"the outcome of the order {target} is not known yet, so its number is not known either; no cancel "
        f"was sent. Name the order by order_no (see the brokerage's list of open orders), or wait until "
        f"it is settled (wait_settled, broker.get-order), then send a new cancel"
    )
