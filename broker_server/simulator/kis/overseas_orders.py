"""Overseas orders: buy, sell, modify, cancel. There is no plain market order abroad."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from broker_server.simulator.instruments import OVERSEAS, Instrument
from broker_server.simulator.kis.calls import VENDOR, Answer, Call
from broker_server.simulator.kis.domestic_orders import CHANGED, order_number, order_taken
from broker_server.simulator.kis.errors import invalid_field, order_refused
from broker_server.simulator.kis.tables import order_divisions
from broker_server.simulator.matching import Exchange
from broker_server.simulator.order_rules import available_instrument
from broker_server.simulator.orders import OrderRefused, OrderRequest, OrderType, Refusal, Side

EXCHANGES = ("NASD", "NYSE", "AMEX", "SEHK", "SHAA", "SZAA", "TKSE", "HASE", "VNSE")


class OverseasOrders:
    """``order`` and ``order-rvsecncl``.

    Args:
        exchange: Where orders go.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def place(self, call: Call) -> Answer:
        """``order``: the TR id says side and market."""
        account, exchange = call.account, check_exchange(call)
        try:
            instrument = available_instrument(self._exchange.market, call.get("PDNO").strip(), exchange)
            division = _division(call, instrument)
            type_ = OrderType(division["type"])
            price = _price(call, instrument)
            order = self._exchange.place(
                OrderRequest(
                    vendor=VENDOR,
                    account=account,
                    instrument=instrument,
                    side=Side(call.tr.side),
                    quantity=call.whole("ORD_QTY"),
                    price=price if type_ is OrderType.LIMIT else None,
                    type=type_,
                    venue=exchange,
                    code=call.get("ORD_DVSN") or "00",
                )
            )
        except OrderRefused as error:
            raise order_refused(error, paper=call.paper, overseas=True) from None
        return order_taken(order, "주문 전송 완료 되었습니다.")

    def change(self, call: Call) -> Answer:
        """``order-rvsecncl``: a modification or cancellation gets an order number of its own."""
        account, exchange = call.account, check_exchange(call)
        what = call.get("RVSE_CNCL_DVSN_CD")
        if what not in ("01", "02"):
            raise invalid_field("RVSE_CNCL_DVSN_CD")
        try:
            instrument = available_instrument(self._exchange.market, call.get("PDNO").strip(), exchange)
            number, quantity = order_number(call), call.whole("ORD_QTY")
            original = self._exchange.find(VENDOR, account, OVERSEAS, number, instrument)
            if quantity <= 0:
                raise OrderRefused(Refusal.WRONG_QUANTITY)
            if what == "02":
                order = self._exchange.cancel(original, quantity)
            else:
                price = _price(call, instrument)
                order = self._exchange.modify(original, price=price, quantity=quantity)
        except OrderRefused as error:
            raise order_refused(error, paper=call.paper, overseas=True) from None
        return order_taken(order, CHANGED[what])


def check_exchange(call: Call) -> str:
    """``OVRS_EXCG_CD``, if the TR id serves it.

    Raises:
        KisError: It does not.
    """
    exchange = call.get("OVRS_EXCG_CD")
    if exchange not in EXCHANGES or (call.tr.exchanges and exchange not in call.tr.exchanges):
        raise invalid_field("OVRS_EXCG_CD")
    return exchange


def minor_units(text: str, instrument: Instrument) -> int:
    """A price in decimal text as minor units.

    Raises:
        OrderRefused: No number, negative, or finer than the instrument's smallest unit.
    """
    try:
        scaled = Decimal(text.strip() or "0") * 10**instrument.decimals
    except InvalidOperation:
        raise OrderRefused(Refusal.WRONG_PRICE) from None
    if not scaled.is_finite() or scaled < 0:
        raise OrderRefused(Refusal.WRONG_PRICE)
    if scaled != scaled.to_integral_value():
        raise OrderRefused(Refusal.WRONG_TICK)
    return int(scaled)


def _division(call: Call, instrument: Instrument) -> dict[str, Any]:
    """What ORD_DVSN means; paper trading and most markets know 00 alone."""
    table = order_divisions()
    code = call.get("ORD_DVSN") or "00"
    allowed = table["overseas_allowed"].get(instrument.country, {}).get(call.tr.side, ["00"])
    if call.paper:
        allowed = ["00"]
    if code not in allowed:
        raise OrderRefused(Refusal.ORDER_TYPE)
    division: dict[str, Any] = table["overseas"][code]
    return division


def _price(call: Call, instrument: Instrument) -> int:
    return minor_units(call.get("OVRS_ORD_UNPR"), instrument)
