"""Live records of the control as the events that all vendors have in common, by Kiwoom's two letters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

from broker_server.core.market_data import Execution, Index, MarketData, OrderBook, Session, Side, Trade
from broker_server.vendors.kiwoom.openapi_plus.errors import VENDOR
from broker_server.vendors.kiwoom.openapi_plus.record_fields import RecordFields, Unusable

_SESSIONS: Mapping[str, Session] = {"1": "pre", "2": "regular", "3": "after"}
_SIDES: Mapping[str, Side] = {"1": "sell", "2": "buy"}
_TAKERS: Mapping[str, Side] = {"+": "buy", "-": "sell"}
_LEVELS = 10
_MILLION = 1_000_000
_THOUSAND = 1_000
_VENUES = {"NX": "NXT", "AL": "UNIFIED"}


def ticker_and_venue(key: str) -> tuple[str, str]:
    """``005930_NX`` is 005930 at NXT; without a suffix it is KRX."""
    ticker, _, suffix = key.partition("_")
    return ticker, _VENUES.get(suffix, "KRX")


def trade(key: str, fields: RecordFields) -> Trade:
    """주식체결. The quantity's sign tells who took; Kiwoom counts the day's value in millions of won."""
    signed = fields.whole(15)
    ticker, venue = ticker_and_venue(key)
    value = fields.count(14)
    return Trade(
        vendor=VENDOR,
        ticker=ticker,
        venue=venue,
        currency="KRW",
        time=fields.moment(20),
        price=fields.required_price(10),
        quantity=None if signed is None else abs(signed),
        side=None if not signed else _taker(fields.text(15)),
        change=fields.whole(11),
        change_rate=fields.rate(12),
        open=fields.price(16),
        high=fields.price(17),
        low=fields.price(18),
        ask=fields.price(27),
        bid=fields.price(28),
        volume=fields.count(13),
        value=None if value is None else value * _MILLION,
        session=_SESSIONS.get(fields.text(290)),
    )


def expected_trade(key: str, fields: RecordFields) -> Trade:
    """주식예상체결: what an auction would end in."""
    ticker, venue = ticker_and_venue(key)
    return Trade(
        vendor=VENDOR,
        ticker=ticker,
        venue=venue,
        currency="KRW",
        time=fields.moment(20),
        price=fields.price(10),
        quantity=fields.count(15),
        expected=True,
        change=fields.whole(11),
        change_rate=fields.rate(12),
    )


def order_book(key: str, fields: RecordFields) -> OrderBook:
    """주식호가잔량. FIDs 291 and 292 hold the expected trade only while an auction runs."""
    ticker, venue = ticker_and_venue(key)
    expected = fields.price(291)
    return OrderBook(
        vendor=VENDOR,
        ticker=ticker,
        venue=venue,
        currency="KRW",
        time=fields.moment(21),
        asks=fields.levels(41, 61, _LEVELS),
        bids=fields.levels(51, 71, _LEVELS),
        total_ask_quantity=fields.count(121),
        total_bid_quantity=fields.count(125),
        expected_price=expected,
        expected_quantity=fields.count(292) if expected else None,
    )


def index(key: str, fields: RecordFields) -> Index:
    """업종지수. Volume is in thousands of shares, value in millions of won."""
    value = fields.points(10)
    if value is None:
        raise Unusable("FID 10 has no value")
    volume, traded = fields.count(13), fields.count(14)
    return Index(
        vendor=VENDOR,
        ticker=key,
        time=fields.moment(20),
        value=value,
        change=fields.number(11),
        change_rate=fields.rate(12),
        open=fields.points(16),
        high=fields.points(17),
        low=fields.points(18),
        volume=None if volume is None else volume * _THOUSAND,
        traded_value=None if traded is None else traded * _MILLION,
    )


_STATES: Mapping[str, Literal["received", "fill", "confirmed", "cancelled", "rejected"]] = {
    "접수": "received",
    "체결": "fill",
    "확인": "confirmed",
    "취소": "cancelled",
    "거부": "rejected",
}


def execution(fields: RecordFields) -> Execution:
    """News of an own order (``OnReceiveChejanData`` of the kind 0).

    A fill's own quantity and price are FIDs 915 and 914; 911 and 910 are the order's so far, and stand in
    only where there are no others and nothing was filled before.
    """
    event, order_no = _STATES.get(fields.text(913)), fields.text(9203)
    side, kind = _SIDES.get(fields.text(907)), fields.text(905)
    if event is None or side is None or not order_no:
        raise Unusable("FID 913, 907 or 9203 is none of the known values")
    quantity = price = None
    if event == "fill":
        quantity, price = fields.count(915), fields.price(914)
        if not quantity or price is None:
            total, ordered, left = fields.count(911), fields.count(900), fields.count(902)
            if total is None or ordered is None or left is None or ordered - left != total:
                raise Unusable("a fill without a quantity and a price of its own")
            quantity, price = total, fields.required_price(910)
    original = fields.text(904)
    ticker = fields.text(9001)
    return Execution(
        vendor=VENDOR,
        ticker=ticker[1:] if len(ticker) == 7 and ticker[0].isalpha() else ticker,
        venue={"1": "KRX", "2": "NXT"}.get(fields.text(2134)),
        currency="KRW",
        time=fields.moment(908),
        event=event,
        action="cancel" if "취소" in kind else "modify" if "정정" in kind else "new",
        order_no=order_no,
        original_order_no=original if original.strip("0") else None,
        side=side,
        quantity=quantity,
        price=price,
        order_quantity=fields.count(900),
        order_price=fields.price(901),
        account=fields.text(9201) or None,
    )


NORMALISERS: Mapping[str, Callable[[str, RecordFields], MarketData]] = MappingProxyType(
    {"0B": trade, "0H": expected_trade, "0D": order_book, "0J": index}
)
"""By Kiwoom's two letters; what is not here is published by Kiwoom's own names."""

CHANNELS: Mapping[str, str] = MappingProxyType(
    {"0B": "trade", "0H": "expected_trade", "0D": "order_book", "0J": "index"}
)
"""The channel of each."""

NEWEST_ONLY = frozenset({"0H", "0D", "0J", "0A", "0C", "0E", "0F", "0G", "0U"})
"""Of these only the newest counts."""


def _taker(text: str) -> Side | None:
    return _TAKERS.get(text[:1])
