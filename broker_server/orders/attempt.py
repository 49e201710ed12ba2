"""One attempt to send an order: the last gate before its bytes leave."""

from __future__ import annotations

from broker_client.errors import InvalidParameters, OrdersDisabled
from broker_server.core.methods import TaskContext
from broker_server.core.orders import Order, OrderDetails, Sending
from broker_server.journal.orders import RecordChanged, StaleEpoch
from broker_server.orders.gate import Gate
from broker_server.orders.ownership import Grant
from broker_server.orders.task import OrderTask
from broker_server.results import Elsewhere, Later

PROBE_PAUSE = 0.05


class Attempt:
    """What the vendor's handler talks to through its context.

    Attributes:
        began: The record says ``SENDING``, or the order left without a record.
        may_be_taken: A byte may have left since the last proof that the vendor took nothing.
        details: What was, or is to be, sent.
        order: Its record as this attempt knows it; ``None`` for one that leaves without a record.

    Args:
        gate: What it has to get past.
    """

    def __init__(self, task: OrderTask, order: Order | None, gate: Gate) -> None:
        self._task = task
        self.order = order
        self._gate = gate
        self.began = False
        self.may_be_taken = False
        self.details = task.details
        self._named: Order | None = None

    def before_send(self, details: OrderDetails, context: TaskContext) -> None:
        """Let the order pass, or raise.

        Raises:
            TaskFailed: A check says no.
            Later: It waits for another order, or another attempt of it was faster.
            Elsewhere: Another worker owns the account.
        """
        if not self.began:
            # This may have to ask the vendor for a price: what holds for a moment only is looked at after it.
            self._gate.checks.ensure_within_limits(self._task, details, context, complete=True)
            self._ensure_named(details)
            if details != self._task.details:
                self._gate.obstacles.ensure_free(self._task, details)
        self._ensure_allowed(details)
        self._task.ensure_not_withdrawn()
        self._begin(details)
        # The journal may have been slow: what held before may not hold any more.
        self._ensure_allowed(details)
        self.details = details
        self.may_be_taken = True

    def not_taken(self) -> None:
        """The vendor provably has nothing of it."""
        self.may_be_taken = False

    def name(self, order: Order) -> None:
        """The task names its order by the task that placed it."""
        self._named = order

    def _ensure_allowed(self, details: OrderDetails) -> None:
        self._wait_for_lease(details)
        self._gate.checks.ensure_in_time(self._task)
        self._gate.checks.ensure_not_halted(self._task)
        self._gate.checks.ensure_live_allowed(self._task)

    def _ensure_named(self, details: OrderDetails) -> None:
        """Order numbers begin anew each day: what the vendor found must be what the task means."""
        if self._named is None:
            return
        named = self._named
        pairs = ((named.details.ticker, details.ticker), (named.details.side, details.side))
        if any(None not in pair and pair[0] != pair[1] for pair in pairs):
            raise InvalidParameters(
                f"order_task_id: the vendor has another order under the number {named.order_no} by now "
                f"({details.ticker}); nothing was sent"
            )

    def _begin(self, details: OrderDetails) -> None:
        if self.order is not None:
            floor = self._gate.floors.current(
                self._task.vendor, self._task.account, details.market, self._gate.clock()
            )
            self._gate.step("before_sending", self._task.task_id)
            try:
                _, self.order = self._gate.journal.change(
                    self._task.task_id,
                    Sending(details, floor),
                    now=self._gate.clock(),
                    by=self._gate.worker,
                    known=self.order,
                )
            except StaleEpoch as error:
                raise Elsewhere(str(error)) from None
            except RecordChanged as error:
                if self.began:
                    raise Elsewhere(str(error)) from None
                raise Later("the record changed a moment ago") from None
        self.began = True
        self._gate.step("sending", self._task.task_id)

    def _wait_for_lease(self, details: OrderDetails) -> None:
        while True:
            grant = self._gate.ownership.grant(self._task.vendor, self._task.account)
            if grant is None or (self.order is not None and grant.epoch != self.order.epoch):
                raise Elsewhere("the lease of the account is lost")
            if grant.refused is not None and not details.is_cancel:
                raise OrdersDisabled(grant.refused)
            if grant.fresh and (details.is_cancel or self._open(grant)):
                return
            self._gate.checks.ensure_in_time(self._task)
            self._gate.pause(PROBE_PAUSE)

    def _open(self, grant: Grant) -> bool:
        return self._gate.monotonic() >= grant.orders_from
