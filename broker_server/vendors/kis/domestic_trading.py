"""Domestic orders: buy, sell, modify, cancel."""

from __future__ import annotations

from typing import Any, Literal

from broker_client.errors import InvalidParameters, TaskFailed, Unsupported, VendorRejected
from broker_server.core.methods import Lane, Method, Outcome, TaskContext
from broker_server.vendors.clock import Clock
from broker_server.vendors.kis.account import account_arguments
from broker_server.vendors.kis.codec import KST, moment
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.domestic_orders import DomesticOrder, DomesticOrderBook
from broker_server.vendors.kis.order_parameters import CancelParameters, ModifyParameters, OrderParameters
from broker_server.vendors.kis.order_sender import Accepted, OrderSender
from broker_server.vendors.kis.order_types import OrderType, Side, domestic_code
from broker_server.vendors.kis.trading_models import OrderReceipt

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
        self._sender.ensure_enabled()
        order = self._find(parameters.order_no, context, Lane.ORDER)
        if not order.is_open:
            raise InvalidParameters(
                f"order_no: order {parameters.order_no} is not open any more ({order.record.state})"
            )
        kind = parameters.order_type or ("limit" if order.type_code == "00" else None)
        code = domestic_code(kind, order.record.venue) if kind else order.type_code
        accepted = self._change(
            order,
            action=_MODIFY,
            quantity=parameters.quantity,
            price=str(parameters.price or 0),
            type_code=code,
            context=context,
            lane=Lane.ORDER,
        )
        return Outcome(
            [
                self._receipt(
                    "modify",
                    accepted,
                    account=parameters.account,
                    original_order_no=order.record.order_no,
                    ticker=order.record.ticker,
                    quantity=parameters.quantity or order.record.remaining_quantity,
                    price=parameters.price,
                    order_type=kind or order.record.order_type,
                    venue=order.record.venue,
                )
            ]
        )

    def cancel(self, parameters: CancelParameters, context: TaskContext) -> Outcome:
        """Cancel an order. One that is gone already is a success that says so.

        An order that was changed goes on under a new number; its old number still cancels it.
        """
        self._sender.ensure_enabled()
        order = self._find(parameters.order_no, context, Lane.CANCEL)
        if not order.is_open:
            return _already_done(order, parameters)
        try:
            accepted = self._change(
                order,
                action=_CANCEL,
                quantity=parameters.quantity,
                price="0",
                type_code=order.type_code,
                context=context,
                lane=Lane.CANCEL,
            )
        except VendorRejected:
            # It may have been filled or cancelled between the look-up and the cancel.
            ended = self._ended_meanwhile(parameters.order_no, context)
            if ended is None:
                raise
            return _already_done(ended, parameters)
        return Outcome(
            [
                self._receipt(
                    "cancel",
                    accepted,
                    account=parameters.account,
                    original_order_no=order.record.order_no,
                    ticker=order.record.ticker,
                    quantity=parameters.quantity or order.record.remaining_quantity,
                    price=order.record.price,
                    order_type=order.record.order_type,
                    venue=order.record.venue,
                )
            ]
        )

    def _place(self, side: Side, parameters: OrderParameters, context: TaskContext) -> Outcome:
        self._sender.ensure_enabled()
        if self._config.environment == "paper" and parameters.exchange != "KRX":
            raise Unsupported(
                f"KIS paper trading takes orders for KRX only, not {parameters.exchange}", vendor="kis"
            )
        order_type: OrderType = parameters.order_type or "limit"
        accepted = self._sender.send(
            _ORDER,
            {
                **account_arguments(self._config),
                "pdno": parameters.ticker,
                "ord_dvsn": domestic_code(order_type, parameters.exchange),
                "ord_qty": str(parameters.quantity),
                "ord_unpr": str(parameters.price or 0),
                "excg_id_dvsn_cd": parameters.exchange,
                "sll_type": _GENERAL_SALE if side == "sell" else "",
                "cndt_pric": "",
            },
            context=context,
            lane=Lane.ORDER,
            ord_dv=side,
        )
        return Outcome(
            [
                self._receipt(
                    side,
                    accepted,
                    account=parameters.account,
                    ticker=parameters.ticker,
                    quantity=parameters.quantity,
                    price=parameters.price,
                    order_type=order_type,
                    venue=parameters.exchange,
                )
            ]
        )

    def _change(
        self,
        order: DomesticOrder,
        *,
        action: str,
        quantity: int | None,
        price: str,
        type_code: str,
        context: TaskContext,
        lane: Lane,
    ) -> Accepted:
        if quantity is not None and quantity > order.record.remaining_quantity:
            raise InvalidParameters(
                f"quantity: only {order.record.remaining_quantity} shares of order "
                f"{order.record.order_no} are open"
            )
        return self._sender.send(
            _CHANGE,
            {
                **account_arguments(self._config),
                "krx_fwdg_ord_orgno": order.branch,
                "orgn_odno": order.record.order_no,
                "ord_dvsn": type_code,
                "rvse_cncl_dvsn_cd": action,
                "ord_qty": str(quantity or 0),
                "ord_unpr": price,
                "qty_all_ord_yn": "Y" if quantity is None else "N",
                "excg_id_dvsn_cd": order.record.venue,
                "cndt_pric": "",
            },
            context=context,
            lane=lane,
        )

    def _find(self, order_no: str, context: TaskContext, lane: Lane) -> DomesticOrder:
        """The open order of that number or, failing that, what today's history has of it."""
        order = self._orders.find(order_no, context, lane)
        if order is None:
            raise InvalidParameters(f"order_no: the account has no domestic order {order_no} today")
        return order

    def _ended_meanwhile(self, order_no: str, context: TaskContext) -> DomesticOrder | None:
        try:
            order = self._find(order_no, context, Lane.CANCEL)
        except TaskFailed:
            return None  # the refusal is the news, not the failed look-up
        return None if order.is_open else order

    def _receipt(
        self,
        action: Literal["buy", "sell", "modify", "cancel"],
        accepted: Accepted,
        *,
        account: str,
        original_order_no: str | None = None,
        ticker: str,
        quantity: int,
        price: int | None,
        order_type: str | None,
        venue: str,
    ) -> OrderReceipt:
        return OrderReceipt(
            account=account,
            action=action,
            order_no=accepted.order_no,
            original_order_no=original_order_no,
            ticker=ticker,
            quantity=quantity,
            price=price,
            order_type=order_type,
            venue=venue,
            time=moment(self._clock.now().astimezone(KST).date(), accepted.time),
        )


def _already_done(order: DomesticOrder, parameters: CancelParameters) -> Outcome:
    record = order.record
    receipt = OrderReceipt(
        account=parameters.account,
        action="cancel",
        order_no=None,
        original_order_no=record.order_no,
        ticker=record.ticker,
        quantity=0,
        price=record.price,
        order_type=record.order_type,
        venue=record.venue,
        time=None,
        already_done=True,
        state=record.state,
    )
    return Outcome([receipt])
