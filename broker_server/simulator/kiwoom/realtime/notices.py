"""Types 00 and 04: what happened to an order, and what it did to the holding."""

from __future__ import annotations

from collections.abc import Mapping

from broker_server.simulator.accounts import COMMISSION, Account, costs
from broker_server.simulator.kiwoom.codes import code_of
from broker_server.simulator.kiwoom.order_queries import (
    CHANGES,
    SIGNED_SIDES,
    VENUE_CODES,
    execution_number,
    kind_name,
)
from broker_server.simulator.kiwoom.orders import order_number
from broker_server.simulator.kiwoom.tables import real_types
from broker_server.simulator.kiwoom.text import directed, hhmmss, percent
from broker_server.simulator.market import Market
from broker_server.simulator.orders import Order, OrderEvent, OrderEventKind, Side

RECEIVED, FILLED, CONFIRMED, REJECTED = "접수", "체결", "확인", "거부"
_SIDE_CODES = {Side.SELL: "1", Side.BUY: "2"}
_REJECTION = "8"
_PRICE_WIDTH = 8


def order_notices(market: Market, event: OrderEvent) -> list[Mapping[str, str]]:
    """The values of 00: one record, but two for a modification or cancellation, received and confirmed."""
    order = event.order
    if event.kind is OrderEventKind.FILLED:
        states = [FILLED]
    elif event.kind is OrderEventKind.KILLED:
        states = [CONFIRMED]
    elif event.kind is OrderEventKind.REJECTED:
        states = [REJECTED]
    else:
        states = [RECEIVED] if order.kind == "new" else [RECEIVED, CONFIRMED]
    return [_order_values(market, event, state) for state in states]


def balance_notice(market: Market, account: Account, order: Order) -> Mapping[str, str]:
    """The values of 04 after an execution; some prices have blanks before them."""
    instrument = order.request.instrument
    quote, book = market.quote(instrument), market.order_book(instrument)
    holding = account.holding(instrument)
    average = holding.cost // holding.quantity if holding.quantity else 0
    known = {
        "9201": order.request.account,
        "9001": code_of(instrument),
        "917": "00",
        "916": "00000000",
        "302": instrument.name,
        "10": directed(quote.price, quote.base),
        "930": str(holding.quantity),
        "931": str(average).rjust(_PRICE_WIDTH),
        "932": str(holding.cost),
        "933": str(holding.sellable),
        "945": str(holding.bought_today - holding.sold_today),
        "946": _SIDE_CODES[order.request.side],
        "950": str(holding.realised),
        "951": "0",
        "27": directed(book.asks[0].price if book.asks else 0, quote.base),
        "28": directed(book.bids[0].price if book.bids else 0, quote.base),
        "307": str(quote.base).rjust(_PRICE_WIDTH),
        "8019": percent(quote.price - average, average),
        "957": "0",
        "958": "0",
        "918": "00000000",
        "990": str(holding.realised),
        "991": "0.00",
        "992": "0",
        "993": "0.00",
        "959": "0",
        "924": "0",
    }
    return {fid: known.get(fid, "") for fid in real_types()["04"].fids}


def _order_values(market: Market, event: OrderEvent, state: str) -> Mapping[str, str]:
    order, request = event.order, event.order.request
    quote, book = market.quote(request.instrument), market.order_book(request.instrument)
    filled = state == FILLED
    venue, venue_name = VENUE_CODES[request.venue]
    fees = sum(costs(request.instrument, request.side, fill.price * fill.quantity) for fill in order.fills)
    commission = int(order.amount * COMMISSION)
    killed = event.kind is OrderEventKind.KILLED
    word = CHANGES["cancel"] if killed else CHANGES.get(order.kind, "")
    left = 0 if order.kind == "cancel" or killed else order.remaining
    known = {
        "9201": request.account,
        "9203": order_number(order.number),
        "9205": "",
        "9001": code_of(request.instrument),
        "912": "JJ",
        "913": state,
        "302": request.instrument.name,
        "900": str(request.quantity),
        "901": str(order.price or 0),
        "902": str(left),
        "903": str(order.amount),
        "904": order_number(order.original),
        "905": f"{SIGNED_SIDES[request.side]}{word}",
        "906": kind_name(order),
        "907": _SIDE_CODES[request.side],
        "908": hhmmss(event.time),
        "909": execution_number(order) if filled else "",
        "910": str(event.price) if filled else "",
        "911": str(order.filled) if filled else "",
        "10": directed(quote.price, quote.base),
        "27": directed(book.asks[0].price if book.asks else 0, quote.base),
        "28": directed(book.bids[0].price if book.bids else 0, quote.base),
        "914": str(event.price) if filled else "",
        "915": str(event.quantity) if filled else "",
        "938": str(commission),
        "939": str(max(0, fees - commission)),
        "919": _REJECTION if state == REJECTED else "0",
        "920": "",
        "921": "0000000",
        "922": "00",
        "923": "00000000",
        "10010": directed(quote.price, quote.base),
        "2134": venue,
        "2135": venue_name,
        "2136": "Y" if request.venue == "SOR" else "N",
    }
    return {fid: known.get(fid, "") for fid in real_types()["00"].fids}
