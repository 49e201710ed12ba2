"""Overseas orders: buy, sell, modify, cancel."""

from __future__ import annotations

from typing import Any, Literal, cast

from broker_client.errors import InvalidParameters, TaskFailed, VendorRejected
from broker_server.core.methods import Lane, Method, Outcome, TaskContext
from broker_server.vendors.clock import Clock
from broker_server.vendors.kis.account import account_arguments
from broker_server.vendors.kis.codec import KST, moment
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.order_parameters import (
    CancelParameters,
    OverseasModifyParameters,
    OverseasOrderParameters,
)
from broker_server.vendors.kis.order_sender import Accepted, OrderSender
from broker_server.vendors.kis.order_types import OverseasOrderType, Side, overseas_code, overseas_exchanges
from broker_server.vendors.kis.overseas_models import OverseasOrderRecord
from broker_server.vendors.kis.overseas_orders import OverseasOrderList
from broker_server.vendors.kis.parameters import OverseasExchange
from broker_server.vendors.kis.trading_models import OrderReceipt

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
        self._sender.ensure_enabled()
        order = self._find(parameters.order_no, context, Lane.ORDER)
        if order.remaining_quantity == 0:
            raise InvalidParameters(
                f"order_no: order {parameters.order_no} is not open any more ({order.state})"
            )
        quantity = parameters.quantity or order.remaining_quantity
        accepted = self._change(order, _MODIFY, quantity, parameters.price, context, Lane.ORDER)
        return self._receipt("modify", accepted, order, quantity, parameters.price)

    def cancel(self, parameters: CancelParameters, context: TaskContext) -> Outcome:
        """Cancel an order. One that is gone already is a success that says so."""
        self._sender.ensure_enabled()
        order = self._find(parameters.order_no, context, Lane.CANCEL)
        if order.remaining_quantity == 0:
            return _already_done(order)
        quantity = parameters.quantity or order.remaining_quantity
        if quantity > order.remaining_quantity:
            raise InvalidParameters(
                f"quantity: only {order.remaining_quantity} shares of order {order.order_no} are open"
            )
        try:
            accepted = self._change(order, _CANCEL, quantity, "0", context, Lane.CANCEL)
        except VendorRejected:
            # It may have been filled or cancelled between the look-up and the cancel.
            ended = self._ended_meanwhile(parameters.order_no, context)
            if ended is None:
                raise
            return _already_done(ended)
        return self._receipt("cancel", accepted, order, quantity, order.price)

    def _place(self, side: Side, parameters: OverseasOrderParameters, context: TaskContext) -> Outcome:
        self._sender.ensure_enabled()
        order_type: OverseasOrderType = parameters.order_type or "limit"
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
                "ord_dvsn": overseas_code(order_type, side, parameters.exchange, self._config.environment),
            },
            context=context,
            lane=Lane.ORDER,
            ord_dv=side,
            ovrs_excg_cd=parameters.exchange,
        )
        receipt = OrderReceipt(
            account=parameters.account,
            action=side,
            order_no=accepted.order_no,
            ticker=parameters.ticker,
            quantity=parameters.quantity,
            price=parameters.price,
            order_type=order_type,
            venue=parameters.exchange,
            time=moment(self._clock.now().astimezone(KST).date(), accepted.time),
        )
        return Outcome([receipt])

    def _change(
        self,
        order: OverseasOrderRecord,
        action: str,
        quantity: int,
        price: str,
        context: TaskContext,
        lane: Lane,
    ) -> Accepted:
        if order.venue not in overseas_exchanges():
            raise InvalidParameters(f"order_no: KIS lists order {order.order_no} without its exchange")
        exchange = cast("OverseasExchange", order.venue)
        return self._sender.send(
            _CHANGE,
            {
                **account_arguments(self._config),
                "ovrs_excg_cd": exchange,
                "pdno": order.ticker,
                "orgn_odno": order.order_no,
                "rvse_cncl_dvsn_cd": action,
                "ord_qty": str(quantity),
                "ovrs_ord_unpr": price,
                "mgco_aptm_odno": "",
                "ord_svr_dvsn_cd": "0",
            },
            context=context,
            lane=lane,
            ovrs_excg_cd=exchange,
        )

    def _find(self, order_no: str, context: TaskContext, lane: Lane) -> OverseasOrderRecord:
        order = self._orders.find(order_no, context, lane)
        if order is None:
            raise InvalidParameters(f"order_no: the account has no recent overseas order {order_no}")
        return order

    def _ended_meanwhile(self, order_no: str, context: TaskContext) -> OverseasOrderRecord | None:
        try:
            order = self._find(order_no, context, Lane.CANCEL)
        except TaskFailed:
            return None  # the refusal is the news, not the failed look-up
        return None if order.remaining_quantity > 0 else order

    def _receipt(
        self,
        action: Literal["modify", "cancel"],
        accepted: Accepted,
        order: OverseasOrderRecord,
        quantity: int,
        price: str | None,
    ) -> Outcome:
        receipt = OrderReceipt(
            account=order.account,
            action=action,
            order_no=accepted.order_no,
            original_order_no=order.order_no,
            ticker=order.ticker,
            quantity=quantity,
            price=price,
            order_type=None,
            venue=order.venue,
            time=moment(self._clock.now().astimezone(KST).date(), accepted.time),
        )
        return Outcome([receipt])


def _already_done(order: OverseasOrderRecord) -> Outcome:
    receipt = OrderReceipt(
        account=order.account,
        action="cancel",
        order_no=None,
        original_order_no=order.order_no,
        ticker=order.ticker,
        quantity=0,
        price=order.price,
        order_type=None,
        venue=order.venue,
        time=None,
        already_done=True,
        state=order.state,
    )
    return Outcome([receipt])
