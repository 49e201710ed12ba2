"""Overseas orders: buy, sell, modify, cancel."""

from __future__ import annotations

from functools import partial
from typing import Any

from broker_client.errors import InvalidParameters, TaskFailed, VendorRejected
from broker_server.core.methods import Lane, Method, Outcome, TaskContext
from broker_server.core.orders import OrderDetails, Side
from broker_server.vendors.clock import Clock
from broker_server.vendors.kis.account import account_arguments, never_late
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.order_details import (
    OVERSEAS,
    cancel,
    overseas_cancel_of,
    overseas_change,
    overseas_change_of,
    overseas_order,
)
from broker_server.vendors.kis.order_parameters import OverseasModifyParameters, OverseasOrderParameters
from broker_server.vendors.kis.order_sender import Accepted, OrderSender
from broker_server.vendors.kis.order_types import overseas_code, overseas_exchanges
from broker_server.vendors.kis.overseas_models import OverseasOrderRecord
from broker_server.vendors.kis.overseas_orders import OverseasOrderList
from broker_server.vendors.kis.values import KST, moment
from broker_server.vendors.order_parameters import CancelParameters, OriginalParameters
from broker_server.vendors.order_receipts import OrderReceipt, nothing_left, receipt

_MODIFY, _CANCEL = "01", "02"
_ORDER = "overseas_stock.order"
_CHANGE = "overseas_stock.order_rvsecncl"


class OverseasTrading:
    """The handlers.

    Args:
        config: The account and the environment.
        sender: Sends orders.
        orders: Finds what a change or a cancel is about.
        clock: The date of a receipt.
    """

    def __init__(
        self, config: KisConfig, sender: OrderSender, orders: OverseasOrderList, clock: Clock
    ) -> None:
        self._config = config
        self._sender = sender
        self._orders = orders
        self._clock = clock

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        example = {"ticker": "AAPL", "exchange": "NASD", "quantity": 1, "price": "150.00"}
        return [
            Method(
                name="kis.buy-overseas-order",
                vendor="kis",
                kind="order",
                lane=Lane.ORDER,
                summary="Buy an overseas stock.",
                parameters=OverseasOrderParameters,
                result=OrderReceipt,
                handler=self.buy,
                details=partial(overseas_order, "buy"),
                reference=_ORDER,
                example=example,
            ),
            Method(
                name="kis.sell-overseas-order",
                vendor="kis",
                kind="order",
                lane=Lane.ORDER,
                summary="Sell an overseas stock.",
                parameters=OverseasOrderParameters,
                result=OrderReceipt,
                handler=self.sell,
                details=partial(overseas_order, "sell"),
                reference=_ORDER,
                example=example,
            ),
            Method(
                name="kis.modify-overseas-order",
                vendor="kis",
                kind="order",
                lane=Lane.ORDER,
                summary="Change the price of an open overseas order.",
                parameters=OverseasModifyParameters,
                result=OrderReceipt,
                handler=self.modify,
                details=overseas_change,
                reference=_CHANGE,
            ),
            Method(
                name="kis.cancel-overseas-order",
                vendor="kis",
                kind="order",
                lane=Lane.CANCEL,
                summary="Cancel an open overseas order.",
                parameters=CancelParameters,
                result=OrderReceipt,
                handler=self.cancel,
                details=partial(cancel, OVERSEAS),
                reference=_CHANGE,
            ),
        ]

    def buy(self, parameters: OverseasOrderParameters, context: TaskContext) -> Outcome:
        """Buy."""
        return self._place("buy", parameters, context)

    def sell(self, parameters: OverseasOrderParameters, context: TaskContext) -> Outcome:
        """Sell."""
        return self._place("sell", parameters, context)

    def modify(self, parameters: OverseasModifyParameters, context: TaskContext) -> Outcome:
        """Change an order; exchange and symbol are looked up."""
        order = self._find(parameters, parameters.number(context), context, Lane.ORDER)
        if order.remaining_quantity == 0:
            raise InvalidParameters(
                f"{parameters.named_by}: order {order.order_no} is not open any more ({order.state})"
            )
        details = overseas_change_of(order, parameters, parameters.quantity or order.remaining_quantity)
        accepted = self._change(details, parameters, context, Lane.ORDER)
        return self._taken(details, accepted, parameters.account)

    def cancel(self, parameters: CancelParameters, context: TaskContext) -> Outcome:
        """Cancel an order. One that is gone already is a success that says so."""
        context = never_late(context)
        number = parameters.number(context)
        order = self._find(parameters, number, context, Lane.CANCEL)
        if order.remaining_quantity == 0:
            return _already_done(order, parameters)
        quantity = parameters.quantity or order.remaining_quantity
        if quantity > order.remaining_quantity:
            raise InvalidParameters(
                f"quantity: only {order.remaining_quantity} shares of order {order.order_no} are open"
            )
        details = overseas_cancel_of(order, parameters, quantity)
        try:
            accepted = self._change(details, parameters, context, Lane.CANCEL)
        except VendorRejected:
            # It may have been filled or cancelled between the look-up and the cancel.
            ended = self._ended_meanwhile(parameters, number, context)
            if ended is None:
                raise
            return _already_done(ended, parameters)
        return self._taken(details, accepted, parameters.account)

    def _place(self, side: Side, parameters: OverseasOrderParameters, context: TaskContext) -> Outcome:
        details = overseas_order(side, parameters)
        code = overseas_code(
            parameters.order_type or "limit", side, parameters.exchange, self._config.environment
        )
        accepted = self._sender.send(
            _ORDER,
            {
                **account_arguments(self._config),
                "ovrs_excg_cd": parameters.exchange,
                "pdno": parameters.ticker,
                "ord_qty": str(parameters.quantity),
                "ovrs_ord_unpr": parameters.price or "0",
                "ctac_tlno": "",
                "mgco_aptm_odno": "",
                "ord_svr_dvsn_cd": "0",
                "ord_dvsn": code,
            },
            details=details,
            context=context,
            lane=Lane.ORDER,
            ord_dv=side,
            ovrs_excg_cd=parameters.exchange,
        )
        return self._taken(details, accepted, parameters.account)

    def _change(
        self, details: OrderDetails, parameters: OriginalParameters, context: TaskContext, lane: Lane
    ) -> Accepted:
        if details.venue not in overseas_exchanges():
            raise InvalidParameters(
                f"{parameters.named_by}: KIS lists order {details.original} without its exchange"
            )
        price = "0" if details.is_cancel or details.price is None else f"{details.price:f}"
        return self._sender.send(
            _CHANGE,
            {
                **account_arguments(self._config),
                "ovrs_excg_cd": details.venue,
                "pdno": details.ticker or "",
                "orgn_odno": details.original or "",
                "rvse_cncl_dvsn_cd": _CANCEL if details.is_cancel else _MODIFY,
                "ord_qty": str(details.quantity),
                "ovrs_ord_unpr": price,
                "mgco_aptm_odno": "",
                "ord_svr_dvsn_cd": "0",
            },
            details=details,
            context=context,
            lane=lane,
            ovrs_excg_cd=details.venue,
        )

    def _find(
        self, parameters: OriginalParameters, number: str, context: TaskContext, lane: Lane
    ) -> OverseasOrderRecord:
        order = self._orders.find(number, context, lane)
        if order is None:
            raise InvalidParameters(
                f"{parameters.named_by}: the account has no overseas order {number} in the sessions of today"
            )
        return order

    def _ended_meanwhile(
        self, parameters: CancelParameters, number: str, context: TaskContext
    ) -> OverseasOrderRecord | None:
        try:
            order = self._find(parameters, number, context, Lane.CANCEL)
        except TaskFailed:
            return None  # the refusal is the news, not the failed look-up
        return None if order.remaining_quantity > 0 else order

    def _taken(self, details: OrderDetails, accepted: Accepted, account: str) -> Outcome:
        today = self._clock.now().astimezone(KST).date()
        row = receipt(details, account=account, order_no=accepted.order_no, time=moment(today, accepted.time))
        return Outcome([row], order_no=accepted.order_no)


def _already_done(order: OverseasOrderRecord, parameters: CancelParameters) -> Outcome:
    row = nothing_left(
        account=parameters.account,
        original=order.order_no,
        ticker=order.ticker,
        price=order.price,
        order_type=None,
        venue=order.venue,
        state=order.state,
    )
    return Outcome([row])
