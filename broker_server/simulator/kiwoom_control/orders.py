"""What the simulated Kiwoom takes as an order."""

from __future__ import annotations

from broker_server.simulator.instruments import DOMESTIC
from broker_server.simulator.kiwoom_control.answer import VENDOR
from broker_server.simulator.matching import Exchange
from broker_server.simulator.order_rules import available_instrument
from broker_server.simulator.orders import (
    Order,
    OrderRefused,
    OrderRequest,
    OrderType,
    Refusal,
    Side,
    TimeInForce,
)

_KINDS: dict[str, tuple[OrderType, TimeInForce]] = {
    "00": (OrderType.LIMIT, TimeInForce.DAY),
    "03": (OrderType.MARKET, TimeInForce.DAY),
    "05": (OrderType.CONDITIONAL, TimeInForce.DAY),
    "06": (OrderType.BEST, TimeInForce.DAY),
    "07": (OrderType.TOP, TimeInForce.DAY),
    "10": (OrderType.LIMIT, TimeInForce.IOC),
    "13": (OrderType.MARKET, TimeInForce.IOC),
    "16": (OrderType.BEST, TimeInForce.IOC),
    "20": (OrderType.LIMIT, TimeInForce.FOK),
    "23": (OrderType.MARKET, TimeInForce.FOK),
    "26": (OrderType.BEST, TimeInForce.FOK),
}
_ON_MOCK = ("00", "03")
_TEXTS = {
    Refusal.INSUFFICIENT_CASH: "[855056] 매수증거금이 부족합니다.",
    Refusal.INSUFFICIENT_HOLDING: "[800033] 매도가능수량이 부족합니다.",
    Refusal.MARKET_CLOSED: "[505217] 장 종료되었습니다.",
    Refusal.WRONG_TICK: "[505182] 호가단위 오류입니다.",
    Refusal.OUTSIDE_LIMITS: "[505232] 상/하한가 범위를 벗어난 주문입니다.",
    Refusal.UNKNOWN_ORDER: "[571372] 원주문번호가 존재하지 않습니다.",
    Refusal.NOTHING_LEFT: "[571372] 정정/취소할 수량이 없습니다.",
    Refusal.QUANTITY_EXCEEDS_REMAINING: "[571371] 정정/취소 수량이 미체결 수량을 초과합니다.",
    Refusal.SUSPENDED: "[505115] 거래정지 종목입니다.",
    Refusal.UNKNOWN_SYMBOL: "[571489] 종목코드를 확인하세요.",
}
"""Assumptions, all of them: Kiwoom publishes neither the texts nor the numbers, and says that they change."""


class RefusedOrder(Exception):
    """The server refuses an order; the text is what comes instead of its number."""


class OrderIntake:
    """Takes the arguments of `SendOrder` to the exchange.

    Args:
        exchange: Where orders go.
        mock: The server of mock trading, which knows limit and market orders only.
    """

    def __init__(self, exchange: Exchange, *, mock: bool) -> None:
        self._exchange = exchange
        self._mock = mock

    def send(
        self, account: str, order_type: int, ticker: str, quantity: int, price: int, kind: str, original: str
    ) -> Order:
        """Carry an order out; what happens to it is told by the exchange meanwhile.

        Raises:
            RefusedOrder: Nothing was booked.
        """
        if kind not in _KINDS or (self._mock and kind not in _ON_MOCK):
            raise RefusedOrder("[RC4058] 모의투자에서 지원하지 않는 매매구분입니다.")
        try:
            if order_type in (1, 2):
                return self._place(account, order_type, ticker, quantity, price, kind)
            return self._change(account, order_type, ticker, quantity, price, original)
        except OrderRefused as refusal:
            raise RefusedOrder(_TEXTS.get(refusal.reason, f"[571489] {refusal.reason}")) from None

    def _place(
        self, account: str, order_type: int, ticker: str, quantity: int, price: int, kind: str
    ) -> Order:
        what, how_long = _KINDS[kind]
        return self._exchange.place(
            OrderRequest(
                vendor=VENDOR,
                account=account,
                instrument=available_instrument(self._exchange.market, ticker),
                side=Side.BUY if order_type == 1 else Side.SELL,
                quantity=quantity,
                price=price or None,
                type=what,
                time_in_force=how_long,
                code=kind,
            )
        )

    def _change(
        self, account: str, order_type: int, ticker: str, quantity: int, price: int, original: str
    ) -> Order:
        if not original.isdecimal():
            raise OrderRefused(Refusal.UNKNOWN_ORDER)
        instrument = available_instrument(self._exchange.market, ticker)
        order = self._exchange.find(VENDOR, account, DOMESTIC, int(original), instrument)
        if (order.request.side is Side.BUY) != (order_type in (3, 5)):
            raise OrderRefused(Refusal.UNKNOWN_ORDER)
        if order_type in (3, 4):
            return self._exchange.cancel(order, quantity or None)
        return self._exchange.modify(order, price=price, quantity=quantity or None)
