"""Orders: buy, sell, modify, cancel. Credit orders are refused: no account has an agreement for them."""

from __future__ import annotations

from datetime import datetime

from broker_server.simulator.clock import KST
from broker_server.simulator.instruments import DOMESTIC, Instrument
from broker_server.simulator.kiwoom.calls import Answer, Call
from broker_server.simulator.kiwoom.codes import look_up
from broker_server.simulator.kiwoom.errors import KiwoomError, malformed, order_refused
from broker_server.simulator.kiwoom.tables import MOCK_KINDS, ORDER_KINDS, VENDOR, OrderKind
from broker_server.simulator.kiwoom.text import padded
from broker_server.simulator.matching import Exchange
from broker_server.simulator.orders import Order, OrderRefused, OrderRequest, OrderType, Refusal, Side

VENUES = ("KRX", "NXT", "SOR")
QUANTITY_DIGITS = 12
SIDE_WORDS = {Side.BUY: "매수", Side.SELL: "매도"}
_LIMITS = (OrderType.LIMIT, OrderType.CONDITIONAL, OrderType.STOP_LIMIT)


class Orders:
    """``kt10000`` to ``kt10003``, and ``kt10006`` to ``kt10009``.

    Args:
        exchange: Where orders go.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def buy(self, call: Call) -> Answer:
        """``kt10000``."""
        return self._place(call, Side.BUY)

    def sell(self, call: Call) -> Answer:
        """``kt10001``."""
        return self._place(call, Side.SELL)

    def modify(self, call: Call) -> Answer:
        """``kt10002``: a new order of the same kind; a market order becomes a limit."""
        price = call.whole("mdfy_uv")
        quantity = call.whole("mdfy_qty")
        try:
            if not quantity:
                raise OrderRefused(Refusal.WRONG_QUANTITY)
            original = self._original(call)
            kind = original.request.type if original.request.type in _LIMITS else OrderType.LIMIT
            code = original.request.code if kind is original.request.type else "0"
            order = self._exchange.modify(original, price=price, quantity=quantity, type=kind, code=code)
        except OrderRefused as error:
            raise self._refused(call, error) from None
        return Answer(
            {
                "ord_no": order_number(order.number),
                "base_orig_ord_no": order_number(self._first(order)),
                "mdfy_qty": padded(quantity, QUANTITY_DIGITS),
                "dmst_stex_tp": order.request.venue,
            },
            message=_done(call, order.request.side, "정정"),
        )

    def cancel(self, call: Call) -> Answer:
        """``kt10003``: a quantity of 0 takes back all that is left."""
        quantity = call.whole("cncl_qty")
        try:
            order = self._exchange.cancel(self._original(call), quantity or None)
        except OrderRefused as error:
            raise self._refused(call, error) from None
        return Answer(
            {
                "ord_no": order_number(order.number),
                "base_orig_ord_no": order_number(self._first(order)),
                "cncl_qty": padded(order.request.quantity, QUANTITY_DIGITS),
            },
            message=_done(call, order.request.side, "취소"),
        )

    def credit(self, call: Call) -> Answer:
        """The credit orders."""
        raise order_refused("no_credit", call.environment)

    def _place(self, call: Call, side: Side) -> Answer:
        kind = ORDER_KINDS.get(call.get("trde_tp"))
        if kind is None:
            raise malformed("trde_tp")
        try:
            venue = self._venue(call)
            order = self._exchange.place(
                OrderRequest(
                    vendor=VENDOR,
                    account=call.owner.account,
                    instrument=self._instrument(call, venue),
                    side=side,
                    quantity=call.whole("ord_qty"),
                    price=_price(call, "ord_uv") if kind.type in _LIMITS else None,
                    type=self._type(call, kind, venue),
                    time_in_force=kind.time_in_force,
                    trigger=_price(call, "cond_uv") if kind.type is OrderType.STOP_LIMIT else None,
                    venue=venue,
                    code=call.get("trde_tp"),
                )
            )
        except OrderRefused as error:
            raise self._refused(call, error) from None
        return Answer(
            {"ord_no": order_number(order.number), "dmst_stex_tp": venue}, message=_done(call, side)
        )

    def _venue(self, call: Call) -> str:
        venue = call.choice("dmst_stex_tp", *VENUES)
        if call.environment == "mock" and venue != "KRX":
            raise OrderRefused(Refusal.WRONG_VENUE)
        return venue

    def _instrument(self, call: Call, venue: str) -> Instrument:
        listed = look_up(self._exchange.market, call.get("stk_cd"))
        if listed is None:
            raise OrderRefused(Refusal.UNKNOWN_SYMBOL)
        if venue == "NXT" and not listed.instrument.nxt:
            raise OrderRefused(Refusal.UNKNOWN_SYMBOL)
        return listed.instrument

    def _type(self, call: Call, kind: OrderKind, venue: str) -> OrderType:
        allowed = call.environment != "mock" or call.get("trde_tp") in MOCK_KINDS
        if kind.type is None or venue not in kind.venues or not allowed:
            raise OrderRefused(Refusal.ORDER_TYPE)
        return kind.type

    def _original(self, call: Call) -> Order:
        """The named order of the account, if venue and code are its own."""
        venue = self._venue(call)
        number = call.whole("orig_ord_no")
        listed = look_up(self._exchange.market, call.get("stk_cd"))
        found = self._exchange.find(VENDOR, call.owner.account, DOMESTIC, number)
        if listed is None or listed.instrument != found.request.instrument:
            raise OrderRefused(Refusal.UNKNOWN_ORDER)
        if venue != found.request.venue:
            raise OrderRefused(Refusal.WRONG_VENUE)
        return found

    def _first(self, order: Order) -> int:
        """The number of the order that a chain of changes began with."""
        by_number = {
            each.number: each
            for each in self._exchange.orders_of(VENDOR, order.request.account)
            if each.day == order.day
        }
        while order.original:
            before = by_number.get(order.original)
            if before is None:
                return order.original
            order = before
        return order.number

    def _refused(self, call: Call, error: OrderRefused) -> KiwoomError:
        reason = str(error.reason)
        if error.reason is Refusal.MARKET_CLOSED and call.environment == "mock" and self._before_open():
            reason = "before_open"
        return order_refused(reason, call.environment)

    def _before_open(self) -> bool:
        now: datetime = self._exchange.market.clock.now().astimezone(KST)
        calendar = self._exchange.market.calendar("KR")
        return calendar.is_business_day(now.date()) and now.hour < 12


def order_number(number: int) -> str:
    """Seven digits."""
    return f"{number:07d}"


def _price(call: Call, key: str) -> int:
    return call.whole(key) if call.get(key) else 0


def _done(call: Call, side: Side, change: str = "") -> str:
    if call.environment == "mock":
        return f"모의투자 {SIDE_WORDS[side]}{change}주문완료"
    if change:
        return f"{SIDE_WORDS[side]}{change} 주문입력이 완료되었습니다"
    return f"{call.get('dmst_stex_tp')} {SIDE_WORDS[side]}주문이 완료되었습니다."
