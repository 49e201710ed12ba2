"""Domestic orders: buy, sell, modify, cancel."""

from __future__ import annotations

from broker_server.simulator.instruments import DOMESTIC
from broker_server.simulator.kis.calls import VENDOR, Answer, Call
from broker_server.simulator.kis.errors import invalid_field, missing_field, order_refused
from broker_server.simulator.kis.tables import order_divisions
from broker_server.simulator.kis.text import hhmmss
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

BRANCH = "06010"
"""``KRX_FWDG_ORD_ORGNO``: where an order was taken; needed to cancel it."""

CHANGED = {"01": "정정주문이 완료 되었습니다.", "02": "취소주문이 완료 되었습니다."}
"""What is said of a modification and of a cancellation."""

VENUES = ("KRX", "NXT", "SOR")
_NEEDS_NO_PRICE = (OrderType.MARKET, OrderType.BEST, OrderType.TOP, OrderType.MID)


class DomesticOrders:
    """``order-cash`` and ``order-rvsecncl``.

    Args:
        exchange: Where orders go.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def place(self, call: Call) -> Answer:
        """``order-cash``: the TR id says buy or sell."""
        account = call.account
        division = self._division(call)
        try:
            instrument = available_instrument(self._exchange.market, call.get("PDNO"))
            venue = self._venue(call)
            if venue == "NXT" and not instrument.nxt:
                raise OrderRefused(Refusal.WRONG_VENUE)
            self._check_division(division, venue)
            if call.tr.side == "sell" and call.get("SLL_TYPE", "01") not in ("", "01", "02", "05"):
                raise invalid_field("SLL_TYPE")
            order = self._exchange.place(
                OrderRequest(
                    vendor=VENDOR,
                    account=account,
                    instrument=instrument,
                    side=Side(call.tr.side),
                    quantity=call.whole("ORD_QTY"),
                    price=_price(call, division),
                    type=OrderType(division["type"]),
                    time_in_force=TimeInForce(division["time_in_force"]),
                    trigger=_trigger(call, division),
                    venue=venue,
                    code=call.get("ORD_DVSN"),
                )
            )
        except OrderRefused as error:
            raise order_refused(error, paper=call.paper) from None
        return order_taken(order, "주문 전송 완료 되었습니다.")

    def change(self, call: Call) -> Answer:
        """``order-rvsecncl``: a modification or cancellation gets an order number of its own."""
        account = call.account
        what = call.get("RVSE_CNCL_DVSN_CD")
        if what not in ("01", "02"):
            raise invalid_field("RVSE_CNCL_DVSN_CD")
        if not call.get("KRX_FWDG_ORD_ORGNO").strip():
            raise missing_field("KRX_FWDG_ORD_ORGNO")
        everything = call.get("QTY_ALL_ORD_YN") == "Y"
        try:
            original = self._original(call, account)
            quantity = None if everything else call.whole("ORD_QTY")
            if quantity is not None and quantity <= 0:
                raise OrderRefused(Refusal.WRONG_QUANTITY)
            if what == "02":
                order = self._exchange.cancel(original, quantity)
            else:
                division = self._division(call)
                self._check_division(division, original.request.venue)
                order = self._exchange.modify(
                    original,
                    price=_price(call, division),
                    quantity=quantity,
                    type=OrderType(division["type"]),
                    time_in_force=TimeInForce(division["time_in_force"]),
                    code=call.get("ORD_DVSN"),
                )
        except OrderRefused as error:
            raise order_refused(error, paper=call.paper) from None
        return order_taken(order, CHANGED[what])

    def _original(self, call: Call, account: str) -> Order:
        """The named order, if branch and exchange are the order's own."""
        found = self._exchange.find(VENDOR, account, DOMESTIC, order_number(call))
        if call.get("KRX_FWDG_ORD_ORGNO").strip() != BRANCH:
            raise OrderRefused(Refusal.UNKNOWN_ORDER)
        if not call.tr.older and self._venue(call) != found.request.venue:
            raise OrderRefused(Refusal.WRONG_VENUE)
        return found

    def _venue(self, call: Call) -> str:
        """The exchange; the older TR ids know KRX alone, and paper trading offers KRX alone."""
        if call.tr.older:
            return "KRX"
        venue = call.get("EXCG_ID_DVSN_CD") or "KRX"
        if venue not in VENUES:
            raise invalid_field("EXCG_ID_DVSN_CD")
        if call.paper and venue != "KRX":
            raise OrderRefused(Refusal.WRONG_VENUE)
        return venue

    def _division(self, call: Call) -> dict[str, str]:
        division: dict[str, str] | None = order_divisions()["domestic"].get(call.get("ORD_DVSN"))
        if division is None:
            raise invalid_field("ORD_DVSN")
        return division

    def _check_division(self, division: dict[str, str], venue: str) -> None:
        phase = division["phase"]
        after_market = venue == "KRX" and self._exchange.market.is_after_market()
        if after_market and phase != "after_market":
            raise OrderRefused(Refusal.ONLY_AFTER_MARKET_TYPES)
        if phase != "regular" and not (after_market and phase == "after_market"):
            raise OrderRefused(Refusal.MARKET_CLOSED)
        if venue not in division["venues"]:
            raise OrderRefused(Refusal.ORDER_TYPE)


def order_number(call: Call) -> int:
    """``ORGN_ODNO`` as a number.

    Raises:
        OrderRefused: It is none.
    """
    text = call.get("ORGN_ODNO").strip()
    if not text.isdigit():
        raise OrderRefused(Refusal.UNKNOWN_ORDER)
    return int(text)


def _price(call: Call, division: dict[str, str]) -> int | None:
    price = call.whole("ORD_UNPR") if call.get("ORD_UNPR").strip() else 0
    return None if OrderType(division["type"]) in _NEEDS_NO_PRICE else price


def _trigger(call: Call, division: dict[str, str]) -> int | None:
    if division["type"] != "stop_limit":
        return None
    if not call.get("CNDT_PRIC").strip():
        raise missing_field("CNDT_PRIC")
    return call.whole("CNDT_PRIC")


def order_taken(order: Order, message: str) -> Answer:
    """The answer to an order that was taken; domestic and overseas ones have the same."""
    return Answer(
        {
            "output": {
                "KRX_FWDG_ORD_ORGNO": BRANCH,
                "ODNO": f"{order.number:010d}",
                "ORD_TMD": hhmmss(order.time),
            }
        },
        msg_cd="APBK0013",
        msg1=message,
    )
