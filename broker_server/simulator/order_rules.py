"""What the simulated exchange allows of an order, and what it counts for."""

from __future__ import annotations

from datetime import datetime

from broker_server.simulator.accounts import costs
from broker_server.simulator.instruments import KRX, Instrument
from broker_server.simulator.market import Market
from broker_server.simulator.orders import Order, OrderRefused, OrderRequest, OrderType, Refusal, Side
from broker_server.simulator.quotes import OrderBook
from broker_server.simulator.ticks import is_on_tick, round_to_tick

_MARKET_TYPES = (OrderType.MARKET, OrderType.AT_OPEN, OrderType.AT_CLOSE)


def validate(market: Market, request: OrderRequest) -> None:
    """Refuse what no exchange would take.

    Raises:
        OrderRefused: The reason says why.
    """
    instrument = request.instrument
    if request.quantity <= 0:
        raise OrderRefused(Refusal.WRONG_QUANTITY)
    if request.quantity % instrument.lot:
        raise OrderRefused(Refusal.WRONG_LOT, str(instrument.lot))
    if market.is_suspended(instrument):
        raise OrderRefused(Refusal.SUSPENDED)
    check_open(market, request)
    if request.type in _MARKET_TYPES or request.type in (OrderType.BEST, OrderType.TOP, OrderType.MID):
        return
    quote = market.quote(instrument)
    for price in (request.price, request.trigger) if request.trigger is not None else (request.price,):
        if price is None or price <= 0:
            raise OrderRefused(Refusal.WRONG_PRICE)
        if not is_on_tick(instrument.tick_table, price):
            raise OrderRefused(Refusal.WRONG_TICK)
        if not quote.lower <= price <= quote.upper:
            raise OrderRefused(Refusal.OUTSIDE_LIMITS, f"{quote.lower}~{quote.upper}")


def check_left(order: Order, quantity: int | None) -> None:
    """Refuse to take back what an order does not have any more.

    Args:
        order: Whose shares.
        quantity: How many; None for all that are left.

    Raises:
        OrderRefused: Nothing of it is left, or less than that.
    """
    if not order.is_open or order.remaining <= 0:
        raise OrderRefused(Refusal.NOTHING_LEFT)
    if quantity is not None and quantity > order.remaining:
        raise OrderRefused(Refusal.QUANTITY_EXCEEDS_REMAINING)


def check_open(market: Market, request: OrderRequest) -> None:
    """Refuse an order while its venue is closed.

    Raises:
        OrderRefused: It is.
    """
    if not trades_at(market, request):
        raise OrderRefused(Refusal.MARKET_CLOSED)


def trades_at(market: Market, request: OrderRequest, moment: datetime | None = None) -> bool:
    """Whether the order's venue matches at a time, by default now."""
    if market.is_open(request.instrument, moment, request.venue):
        return True
    return request.instrument.exchange == KRX and market.is_after_market(moment)


def working_price(request: OrderRequest, book: OrderBook) -> int | None:
    """The limit that an order works with; ``None`` for one that takes any price.

    Raises:
        OrderRefused: Its type needs a price, or a side of the book that is not there.
    """
    own, other = (book.bids, book.asks) if request.side is Side.BUY else (book.asks, book.bids)
    if request.type in _MARKET_TYPES:
        return None
    if request.type is OrderType.BEST and other:
        return other[0].price
    if request.type is OrderType.TOP and own:
        return own[0].price
    if request.type is OrderType.MID and own and other:
        return round_to_tick(request.instrument.tick_table, (own[0].price + other[0].price) / 2)
    if request.price is None:
        raise OrderRefused(Refusal.ORDER_TYPE)
    return request.price


def money_needed(market: Market, order: Order) -> int:
    """Money to put aside: a market order counts at the day's upper limit."""
    request = order.request
    price = order.price
    if price is None:
        quote = market.quote(request.instrument)
        price = quote.upper if request.instrument.limit_percent else quote.price * 13 // 10
    amount = price * order.remaining
    return amount + costs(request.instrument, Side.BUY, amount)


def reaches(side: Side, limit: int, price: int) -> bool:
    """Whether a limit lets an order trade at a price."""
    return price <= limit if side is Side.BUY else price >= limit


def available_instrument(market: Market, symbol: str, exchange: str = KRX) -> Instrument:
    """The instrument of an order.

    Raises:
        OrderRefused: No such symbol there.
    """
    found = market.instruments.find(symbol, exchange)
    if found is None:
        raise OrderRefused(Refusal.UNKNOWN_SYMBOL)
    return found
