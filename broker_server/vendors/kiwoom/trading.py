"""Orders: buy, sell, modify, cancel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from pydantic import model_validator

from broker_client.errors import InvalidParameters, TaskFailed, Unsupported, VendorRejected
from broker_server.core.accounts import DEFAULT, AccountAlias
from broker_server.core.methods import Lane, Method, Outcome, Parameters, TaskContext
from broker_server.core.orders import OrderDetails, Side
from broker_server.vendors.account_models import OrderRecord
from broker_server.vendors.clock import Clock
from broker_server.vendors.kiwoom.backend import Backend, OrderRequest
from broker_server.vendors.kiwoom.order_types import (
    OrderType,
    code_of,
    ensure_offered,
    needs_price,
    takes_no_price,
)
from broker_server.vendors.kiwoom.orders import OrderBook, is_open
from broker_server.vendors.kiwoom.reading import VENDOR
from broker_server.vendors.kiwoom.values import order_number
from broker_server.vendors.order_details import (
    DOMESTIC,
    cancel,
    domestic_cancel_of,
    domestic_change_of,
    domestic_order,
    named,
)
from broker_server.vendors.order_parameters import CancelParameters, OriginalParameters, check_price
from broker_server.vendors.order_receipts import WON, OrderReceipt, nothing_left, receipt
from broker_server.vendors.parameters import OrderVenue, Quantity, Ticker, WonPrice
from broker_server.vendors.values import KST

_ATTEMPTS = 4


class OrderParameters(Parameters):
    """A new order.

    Attributes:
        ticker: The instrument.
        quantity: Shares.
        price: Won per share, for the order types that have a limit.
        order_type: ``limit`` when a price is given. An order without a price must say what it is, for
            example ``market``: a forgotten price is refused.
        exchange: Where it goes.
        account: The alias of the account.
    """

    ticker: Ticker
    quantity: Quantity
    price: WonPrice | None = None
    order_type: OrderType | None = None
    exchange: OrderVenue = "KRX"
    account: AccountAlias = DEFAULT

    @model_validator(mode="after")
    def _price_fits(self) -> OrderParameters:
        check_price(self.order_type, self.price, needs_price=needs_price)
        return self


class ModifyParameters(OriginalParameters):
    """A change of the price of an open order; Kiwoom changes nothing else of it.

    Attributes:
        order_no: Of the order, as its receipt said.
        order_task_id: The task_id of the task that placed it.
        price: The new price in won.
        quantity: How many of the open shares get it; all of them when left out.
        account: The alias of the account.
    """

    price: WonPrice
    quantity: Quantity | None = None


class Trading:
    """The handlers.

    Args:
        backend: The way to Kiwoom.
        orders: Finds what a change or a cancel is about.
        clock: The time of a receipt.
        paper: It is the server of paper trading.
    """

    def __init__(self, backend: Backend, orders: OrderBook, clock: Clock, *, paper: bool) -> None:
        self._backend = backend
        self._orders = orders
        self._clock = clock
        self._paper = paper

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        return [
            self._new("buy", "Buy a stock.", self.buy, "SendOrder / kt10000"),
            self._new("sell", "Sell a stock.", self.sell, "SendOrder / kt10001"),
            Method(
                name="kiwoom.modify-order",
                vendor=VENDOR,
                kind="order",
                lane=Lane.ORDER,
                summary="Change the price of an open order.",
                parameters=ModifyParameters,
                result=OrderReceipt,
                handler=self.modify,
                details=_change,
                reference="SendOrder / kt10002",
            ),
            Method(
                name="kiwoom.cancel-order",
                vendor=VENDOR,
                kind="order",
                lane=Lane.CANCEL,
                summary="Cancel an open order.",
                parameters=CancelParameters,
                result=OrderReceipt,
                handler=self.cancel,
                details=lambda parameters: cancel(DOMESTIC, parameters, order_number),
                reference="SendOrder / kt10003",
            ),
        ]

    def buy(self, parameters: OrderParameters, context: TaskContext) -> Outcome:
        """Buy."""
        return self._place("buy", parameters, context)

    def sell(self, parameters: OrderParameters, context: TaskContext) -> Outcome:
        """Sell."""
        return self._place("sell", parameters, context)

    def modify(self, parameters: ModifyParameters, context: TaskContext) -> Outcome:
        """Change the price of an order; its instrument and venue are looked up."""
        order = self._find(parameters, parameters.number(context), context, Lane.ORDER)
        if not is_open(order):
            raise InvalidParameters(
                f"{parameters.named_by}: order {order.order_no} is not open any more ({order.state})"
            )
        if takes_no_price(order.order_type):
            raise Unsupported(
                f"order {order.order_no} is {order.order_type}, which has no price, and Kiwoom changes only "
                "the price of an order; cancel it and place another",
                vendor=VENDOR,
            )
        self._ensure_within(order, parameters.quantity)
        quantity = parameters.quantity or order.remaining_quantity
        details = domestic_change_of(
            order,
            parameters,
            quantity=parameters.quantity,
            price=parameters.price,
            order_type=order.order_type,
        )
        request = OrderRequest(
            action="modify",
            side=order.side,
            ticker=order.ticker,
            quantity=quantity,
            price=parameters.price,
            kind=code_of("limit"),
            venue=order.venue,
            original=order.order_no,
        )
        return self._taken(details, self._send(request, details, context), parameters.account)

    def cancel(self, parameters: CancelParameters, context: TaskContext) -> Outcome:
        """Cancel an order. One that is gone already is a success that says so.

        An order that was changed goes on under a new number; its old number still cancels it.
        """
        context = replace(context, ensure_in_time=lambda: None, deadline=None)
        number = parameters.number(context)
        order = self._find(parameters, number, context, Lane.CANCEL)
        try:
            return self._cancel(order, parameters, context)
        except VendorRejected:
            # It may have been filled, in part or whole, or cancelled between the look-up and the cancel.
            now = self._look_again(parameters, number, context)
            if now is None or (is_open(now) and not _is_for_less(now, order, parameters)):
                raise
            context.not_taken()  # that refusal is proof; what follows is the same cancel for what is left
            return self._cancel(now, parameters, context)

    def _cancel(self, order: OrderRecord, parameters: CancelParameters, context: TaskContext) -> Outcome:
        if not is_open(order):
            return _already_done(order, parameters)
        self._ensure_within(order, parameters.quantity)
        limit = None if order.price is None else Decimal(order.price)
        details = domestic_cancel_of(order, parameters, limit)
        quantity = parameters.quantity or order.remaining_quantity
        request = OrderRequest(
            action="cancel",
            side=order.side,
            ticker=order.ticker,
            quantity=quantity,
            price=0,
            kind=code_of("limit"),
            venue=order.venue,
            original=order.order_no,
            all_left=parameters.quantity is None,
        )
        return self._taken(details, self._send(request, details, context), parameters.account, quantity)

    def _new(
        self,
        side: Side,
        summary: str,
        handler: Callable[[OrderParameters, TaskContext], Outcome],
        reference: str,
    ) -> Method[Any]:
        return Method(
            name=f"kiwoom.{side}-order",
            vendor=VENDOR,
            kind="order",
            lane=Lane.ORDER,
            summary=summary,
            parameters=OrderParameters,
            result=OrderReceipt,
            handler=handler,
            details=partial(domestic_order, side),
            reference=reference,
            example={"ticker": "005930", "quantity": 1, "order_type": "market"},
        )

    def _place(self, side: Side, parameters: OrderParameters, context: TaskContext) -> Outcome:
        order_type: OrderType = parameters.order_type or "limit"
        ensure_offered(self._backend, order_type, parameters.exchange, paper=self._paper)
        details = domestic_order(side, parameters)
        request = OrderRequest(
            action="new",
            side=side,
            ticker=parameters.ticker,
            quantity=parameters.quantity,
            price=parameters.price or 0,
            kind=code_of(order_type),
            venue=parameters.exchange,
        )
        return self._taken(details, self._send(request, details, context), parameters.account)

    def _send(self, order: OrderRequest, details: OrderDetails, context: TaskContext) -> str:
        """Send it, and again only after a refusal from before it was looked at."""
        attempt = 1
        while True:
            taken_back: list[bool] = []

            def not_taken(marks: list[bool] = taken_back) -> None:
                marks.append(True)
                context.not_taken()

            self._backend.ready_for_order(order, context)
            context.before_send(details)
            try:
                return self._backend.send_order(order, replace(context, not_taken=not_taken))
            except TaskFailed as error:
                if not taken_back or error.vendor_code is None or attempt == _ATTEMPTS:
                    raise
                attempt += 1

    def _find(
        self, parameters: OriginalParameters, number: str, context: TaskContext, lane: Lane
    ) -> OrderRecord:
        order = self._orders.find(number, context, lane)
        if order is None:
            raise InvalidParameters(f"{parameters.named_by}: the account has no order {number} today")
        return order

    def _look_again(
        self, parameters: CancelParameters, number: str, context: TaskContext
    ) -> OrderRecord | None:
        try:
            return self._find(parameters, number, context, Lane.CANCEL)
        except TaskFailed:
            return None  # the refusal is the news, not the failed look-up

    @staticmethod
    def _ensure_within(order: OrderRecord, quantity: int | None) -> None:
        if quantity is not None and quantity > order.remaining_quantity:
            raise InvalidParameters(
                f"quantity: only {order.remaining_quantity} shares of order {order.order_no} are open"
            )

    def _taken(
        self, details: OrderDetails, order_no: str, account: str, quantity: int | None = None
    ) -> Outcome:
        """Kiwoom does not say when it took an order, so the receipt has the time of its answer."""
        now = self._clock.now().astimezone(KST).replace(microsecond=0)
        number = order_number(order_no)
        row = receipt(details, account=account, order_no=number, time=now, quantity=quantity)
        return Outcome([row], order_no=number)


def _change(parameters: ModifyParameters) -> OrderDetails:
    return OrderDetails(
        action="modify",
        market=DOMESTIC,
        quantity=parameters.quantity,
        price=Decimal(parameters.price),
        currency=WON,
        original=named(parameters, order_number),
        original_task_id=parameters.order_task_id,
    )


def _is_for_less(now: OrderRecord, before: OrderRecord, parameters: CancelParameters) -> bool:
    """Whether a cancel of all that is left would be for fewer shares of the same order than before.

    OpenAPI+ takes a number of shares where REST takes "all", and Kiwoom refuses one that is too high.
    """
    return (
        parameters.quantity is None
        and now.order_no == before.order_no
        and now.remaining_quantity < before.remaining_quantity
    )


def _already_done(record: OrderRecord, parameters: CancelParameters) -> Outcome:
    row = nothing_left(
        account=parameters.account,
        original=record.order_no,
        ticker=record.ticker,
        price=record.price,
        order_type=record.order_type,
        venue=record.venue,
        state=record.state,
    )
    return Outcome([row])
