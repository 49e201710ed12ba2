"""The methods that show, settle and take back orders: ``broker.get-order`` and its relatives."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import orjson
import structlog

from broker_client.errors import (
    ERRORS_BY_CODE,
    BrokerError,
    InvalidParameters,
    TaskFailed,
    VendorNotConfigured,
)
from broker_client.protocol import TaskRequest
from broker_server.core.accounts import DEFAULT, AccountKey
from broker_server.core.listed_orders import ListedOrder
from broker_server.core.methods import Lane, Method, MethodRegistry, Outcome, TaskContext
from broker_server.core.orders import (
    Accepted,
    Event,
    IllegalTransition,
    NotSent,
    Order,
    OrderDetails,
    Rejected,
    State,
)
from broker_server.core.others import Heard, NoOthers, Others
from broker_server.core.reconciliation import CLOCK_SLACK, number
from broker_server.core.vendor import Vendor
from broker_server.journal.order_rows import Record
from broker_server.journal.orders import OrderJournal
from broker_server.orders.admin_models import (
    CancelAllOrders,
    CancelledOrder,
    GetOrder,
    ListOrders,
    OrderView,
    ResolveOrder,
)
from broker_server.orders.books import BookKeeper, NumberTaken
from broker_server.orders.cancelling import Cancelled
from broker_server.orders.lookup import OrderLookup, not_on_record
from broker_server.orders.task import OrderTask
from broker_server.results import Result

log = structlog.get_logger(__name__)

RESOLVE, FAILED = "resolve-order", "failed"
CANCEL_ALL = "cancel-all-orders"
RESOLVE_SECONDS = 20.0
"""The worker that settles an order may have to read the vendor's list first."""
CANCEL_SECONDS = 25.0
"""Another worker has to read its accounts' lists, and to send a cancel for each order on them."""
LONGEST_TASK_ID = 255
LONGEST_NAME = 255
"""Of who did something, in the journal."""


class OrderAdmin:
    """The handlers.

    Args:
        journal: What they show.
        books: What they settle with; ``None`` for a listing of the methods.
        registry: Holds the cancel methods of the vendors.
        vendors: The adapters of this worker, by account.
        run_order: Runs an order task as if it had come by message; ``None`` for a listing.
        others: The other workers.
        known_here: Whether this journal is that of the worker for an account, too.
        holds: Whether this worker owns an account.
    """

    def __init__(
        self,
        journal: OrderJournal,
        books: BookKeeper | None,
        registry: MethodRegistry,
        vendors: Mapping[AccountKey, Vendor],
        run_order: Callable[[OrderTask], Result] | None,
        others: Others | None = None,
        *,
        known_here: Callable[[AccountKey], bool] = lambda _: False,
        holds: Callable[[AccountKey], bool] = lambda _: True,
    ) -> None:
        self._holds = holds
        self._others = others or NoOthers()
        self._known_here = known_here
        self._lookup = OrderLookup(journal, self._others, known_here)
        self._others.serve(RESOLVE, self._resolve_for_another)
        self._others.serve(CANCEL_ALL, self._cancel_for_another)
        self._journal = journal
        self._books = books
        self._registry = registry
        self._vendors = vendors
        self._run_order = run_order

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        return [
            Method(
                name="broker.get-order",
                vendor="broker",
                kind="admin",
                lane=Lane.ACCOUNT,
                summary="Show what became of an order, with every step of it.",
                parameters=GetOrder,
                result=OrderView,
                handler=self.get_order,
                example={"task_id": "my-order-1"},
            ),
            Method(
                name="broker.list-orders",
                vendor="broker",
                kind="admin",
                lane=Lane.ACCOUNT,
                summary="List the orders that the journal has, newest first.",
                parameters=ListOrders,
                result=OrderView,
                handler=self.list_orders,
                example={},
            ),
            Method(
                name="broker.resolve-order",
                vendor="broker",
                kind="admin",
                lane=Lane.ACCOUNT,
                summary="Settle an order of unknown outcome by hand.",
                parameters=ResolveOrder,
                result=OrderView,
                handler=self.resolve_order,
            ),
            Method(
                name="broker.cancel-all-orders",
                vendor="broker",
                kind="order",
                lane=Lane.CANCEL,
                summary="Cancel every order of an account that is open at the brokerage; halt first, or "
                "orders that still wait are sent after it.",
                parameters=CancelAllOrders,
                result=CancelledOrder,
                handler=self.cancel_all,
                details=lambda parameters: OrderDetails(
                    action="cancel", market="all", ticker=parameters.ticker
                ),
            ),
        ]

    def get_order(self, parameters: GetOrder, _: TaskContext) -> Outcome:
        """One order."""
        return Outcome(self._lookup.get(parameters))

    def list_orders(self, parameters: ListOrders, _: TaskContext) -> Outcome:
        """The orders that fit."""
        return Outcome(*self._lookup.listed(parameters))

    def resolve_order(self, parameters: ResolveOrder, context: TaskContext) -> Outcome:
        """Settle by hand what reconciliation could not, in the record of the account's owner."""
        who = f"hand of {context.user}" if context.user else "hand"
        by = f"{who} ({context.task_id})"[:LONGEST_NAME]
        record = self._recorded(parameters)
        if record is not None and self._is_owned(record.order.key):
            return Outcome(self._resolve(record.order, parameters, by, context))
        asked = {"parameters": parameters.model_dump(mode="json"), "by": by, "task_id": context.task_id}
        heard = self._others.ask(RESOLVE, asked, vendor=parameters.vendor, seconds=RESOLVE_SECONDS)
        for row in heard.rows:
            if FAILED in row:
                raise ERRORS_BY_CODE[row[FAILED]["code"]](row[FAILED]["message"])
            return Outcome([row])
        if record is not None:  # a record that is shared with a worker that is away
            return Outcome(self._resolve(record.order, parameters, by, context))
        raise not_on_record(
            GetOrder(task_id=parameters.task_id, vendor=parameters.vendor), heard.gaps(self._known_here)
        )

    def _resolve_for_another(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        """Settle an order of an account of this worker that another worker was asked to settle."""
        parameters = ResolveOrder.model_validate(given["parameters"])
        record = self._recorded(parameters)
        if record is None or not self._is_owned(record.order.key):
            return []
        context = TaskContext(
            task_id=given["task_id"],
            received_at=record.order.received_at,
            ensure_in_time=lambda: None,
            report_progress=lambda *_: None,
        )
        try:
            settled = self._resolve(record.order, parameters, given["by"], context)
            return [each.model_dump(mode="json") for each in settled]
        except TaskFailed as failure:
            return [{FAILED: {"code": failure.code, "message": failure.message}}]

    def _is_owned(self, key: AccountKey) -> bool:
        return key in self._vendors and self._holds(key)

    def _recorded(self, parameters: ResolveOrder) -> Record | None:
        record = self._journal.find(parameters.task_id)
        return None if record is None or parameters.vendor not in (None, record.order.vendor) else record

    def _resolve(
        self, order: Order, parameters: ResolveOrder, by: str, context: TaskContext
    ) -> list[OrderView]:
        if order.state is not State.UNKNOWN:
            raise InvalidParameters(
                f"task_id: the order is {order.state}; only one of UNKNOWN outcome is settled by hand"
            )
        event: Event
        if parameters.order_no is not None:
            order_no = self._as_listed(order, parameters.order_no, context)
            event = Accepted(order_no, by="hand", reason=parameters.reason)
        elif parameters.state == "REJECTED":
            event = Rejected(parameters.reason, by="hand")
        else:
            event = NotSent(parameters.reason, by="hand")
        assert self._books is not None  # noqa: S101 - a listing runs nothing
        try:
            self._books.settle(parameters.task_id, event, by=by)
        except NumberTaken as error:
            raise InvalidParameters(f"order_no: {error}") from None
        except IllegalTransition as error:
            raise InvalidParameters(f"task_id: {error}") from None
        return self._lookup.own(GetOrder(task_id=parameters.task_id))

    def _as_listed(self, order: Order, order_no: str, context: TaskContext) -> str:
        """The number as the vendor writes it; as it was given when the vendor does not list it."""
        vendor, market = self._vendors.get(order.key), order.details.market
        if vendor is None or market not in vendor.orders.markets:
            return order_no
        sent_at = (order.sent_at or order.received_at) + vendor.orders.clock_offset() - CLOCK_SLACK
        try:
            listed = vendor.orders.list_orders(market, context, sent_at)
        except TaskFailed as error:
            log.warning("the vendor's orders cannot be read", market=market, reason=str(error))
            return order_no
        wanted = number(order_no.strip())
        return next((each.order_no for each in listed.orders if number(each.order_no) == wanted), order_no)

    def cancel_all(self, parameters: CancelAllOrders, context: TaskContext) -> Outcome:
        """Cancel what the vendor lists as open, one by one; each cancel is an order task of its own.

        Orders that have not been sent are left alone, and are sent afterwards unless orders are halted.
        """
        if not any(key.vendor == parameters.vendor for key in self._vendors):
            raise VendorNotConfigured(f"vendor: this worker does not serve {parameters.vendor}")
        if parameters.account is not None:
            return self._cancel_own(parameters, context).outcome()
        with ThreadPoolExecutor(1) as pool:  # no account waits for another one's worker
            asking = pool.submit(self._ask_to_cancel, parameters, context)
            done = self._cancel_own(parameters, context)
            heard = asking.result()
        for row in heard.rows:
            done.add(row)
        done.problems += [f"no worker serves {each} now, so its orders stay" for each in heard.away]
        done.problems += heard.silent
        return done.outcome()

    def _ask_to_cancel(self, parameters: CancelAllOrders, context: TaskContext) -> Heard:
        asked = {
            "parameters": parameters.model_dump(mode="json"),
            "task_id": context.task_id,
            "user": context.user,
            "received_at": context.received_at.isoformat(),
        }
        return self._others.ask(CANCEL_ALL, asked, vendor=parameters.vendor, seconds=CANCEL_SECONDS)

    def _cancel_for_another(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        """Cancel the orders of this worker's accounts when another worker was asked to cancel all."""
        parameters = CancelAllOrders.model_validate(given["parameters"])
        context = TaskContext(
            task_id=given["task_id"],
            received_at=datetime.fromisoformat(given["received_at"]),
            ensure_in_time=lambda: None,
            report_progress=lambda *_: None,
            user=given["user"],
        )
        return self._cancel_own(parameters, context).told()

    def _cancel_own(self, parameters: CancelAllOrders, context: TaskContext) -> Cancelled:
        done = Cancelled()
        for key, vendor in self._vendors.items():
            wanted = key.vendor == parameters.vendor and parameters.account in (None, key.account)
            if wanted and self._holds(key):
                self._cancel_account(vendor, parameters, context, done)
        return done

    def _cancel_account(
        self, vendor: Vendor, parameters: CancelAllOrders, context: TaskContext, done: Cancelled
    ) -> None:
        of = "" if vendor.account == DEFAULT else f" of {vendor.account}"
        for market in vendor.orders.markets:
            try:
                listed = vendor.orders.list_orders(market, context)
            except TaskFailed as error:
                done.failure = done.failure or error
                done.problems.append(f"the {market} orders{of} could not be read: {error.message}")
                continue
            if listed.incomplete is not None:
                done.problems.append(f"not all {market} orders{of} could be read: {listed.incomplete}")
            done.rows += [
                self._cancel(vendor, market, each, context)
                for each in listed.orders
                if each.remaining > 0 and parameters.ticker in (None, each.ticker)
            ]

    def _cancel(
        self, vendor: Vendor, market: str, listed: ListedOrder, context: TaskContext
    ) -> CancelledOrder:
        method = self._registry.get(vendor.orders.cancel_methods[market])
        assert method is not None  # noqa: S101 - the vendor declares it
        named = {} if vendor.account == DEFAULT else {"account": vendor.account}
        request = TaskRequest(
            task_id=_part_id(context.task_id, vendor.account, market, listed.order_no),
            method=method.name,
            parameters={"order_no": listed.order_no, **named},
        )
        assert self._run_order is not None  # noqa: S101 - a listing runs nothing
        try:
            result = self._run_order(OrderTask(request=request, method=method, user=context.user))
            error = _problem(result)
        except BrokerError as failed:
            error = str(failed)
        return CancelledOrder(
            task_id=request.task_id,
            account=vendor.account,
            order_no=listed.order_no,
            ticker=listed.ticker,
            quantity=listed.remaining,
            cancelled=error is None,
            error=error,
        )


def _part_id(task_id: str, account: str, market: str, order_no: str) -> str:
    """The task_id of one cancel of many: the same each time, and another one for each order.

    Accounts may number their orders alike, so the alias is in it, except for the default one.
    """
    of = market if account == DEFAULT else f"{account}/{market}"
    whole = f"{task_id}/{of}/{order_no}"
    if len(whole) <= LONGEST_TASK_ID:
        return whole
    ending = f"~{hashlib.sha256(whole.encode()).hexdigest()[:32]}/{of}/{order_no}"
    return task_id[: LONGEST_TASK_ID - len(ending)] + ending


def _problem(result: Result) -> str | None:
    """Why an order task failed, this time or when its recorded outcome was new; ``None`` if it did not."""
    if result.replay is None:
        return None if result.error is None else str(result.error)
    recorded = orjson.loads(result.replay).get("error")
    return None if recorded is None else f"{recorded['code']}: {recorded['message']}"
