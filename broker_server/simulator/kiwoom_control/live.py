"""Live records of the simulated control, and its news of orders and holdings."""

from __future__ import annotations

from broker_server.simulator.accounts import Account
from broker_server.simulator.instruments import Instrument
from broker_server.simulator.kiwoom_control.tables import real_types
from broker_server.simulator.kiwoom_control.text import change, directed, hhmmss, order_number, rate, symbol
from broker_server.simulator.market import Market
from broker_server.simulator.orders import OrderEvent, OrderEventKind, Side

TRADE, QUOTE, BOOK, EXPECTED = "주식체결", "주식시세", "주식호가잔량", "주식예상체결"
BUYERS_PART = 3
"""Of each four trades, as many are taken by buyers."""

_MILLION = 1_000_000
_STATES = {
    OrderEventKind.RECEIVED: ("접수",),
    OrderEventKind.FILLED: ("체결",),
    OrderEventKind.KILLED: ("취소",),
    OrderEventKind.REJECTED: ("거부",),
}
_KINDS = {"00": "보통", "03": "시장가", "05": "조건부지정가", "06": "최유리지정가", "07": "최우선지정가"}


def record(market: Market, instrument: Instrument, name: str, number: int, width: int | None = None) -> str:
    """The values of a type, with tabs between.

    Args:
        market: Where they come from.
        instrument: Of what.
        name: The type.
        number: Of the trade; makes its size and side.
        width: So many values; all when ``None``.
    """
    make = {TRADE: _trade, QUOTE: _trade, BOOK: _book, EXPECTED: _trade}[name]
    values = make(market, instrument, number)
    return "\t".join([values.get(fid, "") for fid in real_types()[name].fids][:width])


def _trade(market: Market, instrument: Instrument, number: int) -> dict[int, str]:
    quote, book = market.quote(instrument), market.order_book(instrument)
    base, size = quote.base, 1 + number * 7 % 90
    sign = "+" if number % 4 < BUYERS_PART else "-"
    return {
        20: hhmmss(quote.time),
        10: directed(quote.price, base),
        11: change(quote.price, base),
        12: rate(quote.price, base),
        27: directed(book.asks[0].price, base) if book.asks else "0",
        28: directed(book.bids[0].price, base) if book.bids else "0",
        15: f"{sign}{size}",
        13: str(quote.volume),
        14: str(quote.value // _MILLION),
        16: directed(quote.open, base),
        17: directed(quote.high, base),
        18: directed(quote.low, base),
        25: symbol(quote.price, base),
        290: "2",
        311: str(instrument.shares * quote.price // 100_000_000),
    }


def _book(market: Market, instrument: Instrument, number: int) -> dict[int, str]:
    book, quote = market.order_book(instrument), market.quote(instrument)
    values = {21: hhmmss(quote.time), 13: str(quote.volume)}
    for first_price, first_quantity, first_change, levels in (
        (41, 61, 81, book.asks),
        (51, 71, 91, book.bids),
    ):
        for place in range(10):
            level = levels[place] if place < len(levels) else None
            values[first_price + place] = directed(level.price, quote.base) if level else "0"
            values[first_quantity + place] = str(level.quantity) if level else "0"
            values[first_change + place] = "0"
    values[121] = str(sum(level.quantity for level in book.asks))
    values[125] = str(sum(level.quantity for level in book.bids))
    values |= dict.fromkeys((291, 292), "0")
    return values


def news_of_order(event: OrderEvent, screen: str) -> list[dict[int, str]]:
    """What is told of something that happened to an order: two for a change or a cancel.

    Args:
        event: What happened.
        screen: That the order was sent by.
    """
    states: tuple[str, ...] = _STATES[event.kind]
    if event.kind is OrderEventKind.RECEIVED and event.order.kind != "new":
        states = ("접수", "확인")
    return [_news(event, screen, state) for state in states]


def _news(event: OrderEvent, screen: str, state: str) -> dict[int, str]:
    order, request = event.order, event.order.request
    sign, side, code = ("+", "매수", "2") if request.side is Side.BUY else ("-", "매도", "1")
    word = {"new": "", "modify": "정정", "cancel": "취소"}[order.kind]
    filled = event.kind is OrderEventKind.FILLED
    return {
        9201: request.account,
        9203: order_number(order.number),
        9205: "",
        9001: f"A{request.instrument.symbol}",
        912: "JJ",
        913: state,
        302: request.instrument.name.ljust(20),
        900: str(request.quantity),
        901: str(order.price or 0),
        902: str(order.remaining if order.is_open else 0),
        903: str(order.amount),
        904: order_number(order.original),
        905: f"{sign}{side}{word}",
        906: _KINDS.get(request.code, "보통"),
        907: code,
        908: hhmmss(event.time),
        909: str(len(order.fills)) if filled else "",
        910: str(order.amount // order.filled) if filled else "",
        911: str(order.filled) if filled else "",
        914: str(event.price) if filled else "",
        915: str(event.quantity) if filled else "",
        919: "0",
        920: screen,
        922: "00",
        923: "00000000",
    }


def news_of_holding(account: Account, instrument: Instrument, market: Market) -> dict[int, str]:
    """What is told of a holding after a fill."""
    holding, quote = account.holding(instrument), market.quote(instrument)
    return {
        9201: account.number,
        9001: f"A{instrument.symbol}",
        302: instrument.name,
        10: directed(quote.price, quote.base),
        930: str(holding.quantity),
        931: str(holding.cost // holding.quantity if holding.quantity else 0),
        932: str(holding.cost),
        933: str(holding.sellable),
        946: "2" if holding.quantity else "1",
        307: str(quote.base),
    }
