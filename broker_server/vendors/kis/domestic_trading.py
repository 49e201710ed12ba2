"""Domestic orders: buy, sell, modify, cancel."""

from __future__ import annotations

from functools import partial
from typing import Any

from broker_client.errors import InvalidParameters, TaskFailed, Unsupported, VendorRejected
from broker_server.core.methods import Lane, Method, Outcome, TaskContext
from broker_server.core.orders import OrderDetails, Side
from broker_server.vendors.account_models import OrderRecord
from broker_server.vendors.clock import Clock
from broker_server.vendors.kis.account import account_arguments, never_late
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.domestic_orders import DomesticOrder, DomesticOrderBook
from broker_server.vendors.kis.order_details import (
    cancel,
    domestic_cancel_of,
    domestic_change,
    domestic_change_of,
)
from broker_server.vendors.kis.order_parameters import ModifyParameters, OrderParameters
from broker_server.vendors.kis.order_sender import Accepted, OrderSender
from broker_server.vendors.kis.order_types import domestic_code, takes_no_price
from broker_server.vendors.kis.values import KST, moment
from broker_server.vendors.order_details import DOMESTIC, domestic_order
from broker_server.vendors.order_parameters import CancelParameters, OriginalParameters
from broker_server.vendors.order_receipts import OrderReceipt, nothing_left, receipt

_GENERAL_SALE = "01"
_MODIFY, _CANCEL = "01", "02"
_ORDER = "domestic_stock.order_cash"
_CHANGE = "domestic_stock.order_rvsecncl"


class DomesticTrading:
    """The handlers.

    Args:
        config: The account and the environment.
        sender: Sends orders.
        orders: Finds what a change or a cancel is about.
        clock: The date of a receipt.
    """

    def __init__(
        self, config: KisConfig, sender: OrderSender, orders: DomesticOrderBook, clock: Clock
    ) -> None:
        self._config = config
        self._sender = sender
        self._orders = orders
        self._clock = clock

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        return [
            Method(
                name="kis.buy-order",
                vendor="kis",
                kind="order",
                lane=Lane.ORDER,
                summary="Buy a domestic stock.",
                parameters=OrderParameters,
                result=OrderReceipt,
                handler=self.buy,
                details=partial(domestic_order, "buy"),
                reference=_ORDER,
                example={"ticker": "005930", "quantity": 1, "order_type": "market"},
            ),
            Method(
                name="kis.sell-order",
                vendor="kis",
                kind="order",
                lane=Lane.ORDER,
                summary="Sell a domestic stock.",
                parameters=OrderParameters,
                result=OrderReceipt,
                handler=self.sell,
                details=partial(domestic_order, "sell"),
                reference=_ORDER,
                example={"ticker": "005930", "quantity": 1, "order_type": "market"},
            ),
            Method(
                name="kis.modify-order",
                vendor="kis",
                kind="order",
                lane=Lane.ORDER,
                summary="Change price or type of an open domestic order.",
                parameters=ModifyParameters,
                result=OrderReceipt,
                handler=self.modify,
                details=domestic_change,
                reference=_CHANGE,
            ),
            Method(
                name="kis.cancel-order",
                vendor="kis",
                kind="order",
                lane=Lane.CANCEL,
                summary="Cancel an open domestic order.",
                parameters=CancelParameters,
                result=OrderReceipt,
                handler=self.cancel,
                details=partial(cancel, DOMESTIC),
                reference=_CHANGE,
            ),
        ]

    def buy(self, parameters: OrderParameters, context: TaskContext) -> Outcome:
        """Buy."""
        return self._place("buy", parameters, context)

    def sell(self, parameters: OrderParameters, context: TaskContext) -> Outcome:
        """Sell."""
        return self._place("sell", parameters, context)

    def modify(self, parameters: ModifyParameters, context: TaskContext) -> Outcome:
        """Change an order; the routing fields are looked up."""
        order = self._find(parameters, parameters.number(context), context, Lane.ORDER)
        if not order.is_open:
            raise InvalidParameters(
                f"{parameters.named_by}: order {order.record.order_no} is not open any more "
                f"({order.record.state})"
            )
        kind = parameters.order_type or order.record.order_type
        if parameters.order_type is None and takes_no_price(kind):
            raise InvalidParameters(
                f"order_type: order {order.record.order_no} is {kind}, which takes no price; say what it is "
                'to be, for example order_type: "limit"'
            )
        code = order.type_code
        if parameters.order_type is not None:
            code = domestic_code(parameters.order_type, order.record.venue)
        details = domestic_change_of(order.record, parameters, kind)
        accepted = self._change(order, details, parameters.quantity, code, context, Lane.ORDER)
        return self._taken(details, accepted, parameters.account)

    def cancel(self, parameters: CancelParameters, context: TaskContext) -> Outcome:
        """Cancel an order. One that is gone already is a success that says so.

        An order that was changed goes on under a new number; its old number still cancels it.
        """
        context = never_late(context)
        number = parameters.number(context)
        order = self._find(parameters, number, context, Lane.CANCEL)
        if not order.is_open:
            return _already_done(order.record, parameters)
        details = domestic_cancel_of(order.record, parameters)
        try:
            accepted = self._change(
                order, details, parameters.quantity, order.type_code, context, Lane.CANCEL
            )
        except VendorRejected:
            # It may have been filled or cancelled between the look-up and the cancel.
            ended = self._ended_meanwhile(parameters, number, context)
            if ended is None:
                raise
            return _already_done(ended.record, parameters)
        quantity = parameters.quantity or order.record.remaining_quantity
        return self._taken(details, accepted, parameters.account, quantity)

    def _place(self, side: Side, parameters: OrderParameters, context: TaskContext) -> Outcome:
        if self._config.environment == "paper" and parameters.exchange != "KRX":
            raise Unsupported(
                f"KIS paper trading takes orders for KRX only, not {parameters.exchange}", vendor="kis"
            )
        details = domestic_order(side, parameters)
        accepted = self._sender.send(
            _ORDER,
            {
                **account_arguments(self._config),
                "pdno": parameters.ticker,
                "ord_dvsn": domestic_code(parameters.order_type or "limit", parameters.exchange),
                "ord_qty": str(parameters.quantity),
                "ord_unpr": str(parameters.price or 0),
                "excg_id_dvsn_cd": parameters.exchange,
                "sll_type": _GENERAL_SALE if side == "sell" else "",
                "cndt_pric": "",
            },
            details=details,
            context=context,
            lane=Lane.ORDER,
            ord_dv=side,
        )
        return self._taken(details, accepted, parameters.account)

    def _change(
        self,
        order: DomesticOrder,
        details: OrderDetails,
        quantity: int | None,
        type_code: str,
        context: TaskContext,
        lane: Lane,
    ) -> Accepted:
        """Send a change or a cancel; without a quantity it is about all shares that are open on arrival."""
        if quantity is not None and quantity > order.record.remaining_quantity:
            raise InvalidParameters(
                f"quantity: only {order.record.remaining_quantity} shares of order "
                f"{order.record.order_no} are open"
            )
        price = 0 if details.is_cancel or details.price is None else int(details.price)
        return self._sender.send(
            _CHANGE,
            {
                **account_arguments(self._config),
                "krx_fwdg_ord_orgno": order.branch,
                "orgn_odno": order.record.order_no,
                "ord_dvsn": type_code,
                "rvse_cncl_dvsn_cd": _CANCEL if details.is_cancel else _MODIFY,
                "ord_qty": str(quantity or 0),
                "ord_unpr": str(price),
                "qty_all_ord_yn": "Y" if quantity is None else "N",
                "excg_id_dvsn_cd": order.record.venue,
                "cndt_pric": "",
            },
            details=details,
            context=context,
            lane=lane,
        )

    def _find(
        self, parameters: OriginalParameters, number: str, context: TaskContext, lane: Lane
    ) -> DomesticOrder:
        """The open order of that number or, failing that, what today's history has of it."""
        order = self._orders.find(number, context, lane)
        if order is None:
            raise InvalidParameters(
                f"{parameters.named_by}: the account has no domestic order {number} today"
            )
        return order

    def _ended_meanwhile(
        self, parameters: CancelParameters, number: str, context: TaskContext
    ) -> DomesticOrder | None:
        try:
            order = self._find(parameters, number, context, Lane.CANCEL)
        except TaskFailed:
            return None  # the refusal is the news, not the failed look-up
        return None if order.is_open else order

    def _taken(
        self, details: OrderDetails, accepted: Accepted, account: str, quantity: int | None = None
    ) -> Outcome:
        today = self._clock.now().astimezone(KST).date()
        row = receipt(
            details,
            account=account,
            order_no=accepted.order_no,
            time=moment(today, accepted.time),
            quantity=quantity,
        )
        return Outcome([row], order_no=accepted.order_no)


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
