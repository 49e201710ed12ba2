"""What the streams of every vendor are turned into: trades, order books, executions, indices, market status.

Prices and amounts are in the event's ``currency``: ``int`` where it has no fraction (won), else exact
``Decimal``. Quantities are in shares. What a vendor does not tell is ``None``, never zero. Times have an
offset.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, ClassVar, Literal, NamedTuple

Money = int | Decimal
Side = Literal["buy", "sell"]
Session = Literal["pre", "regular", "after", "closing"]

_PRIVATE = {"private": True}
_BITS = 63


def change_rate(price: Money, base_price: Money) -> float:
    """The change against the base price in percent, unrounded: the one formula wherever we compute it."""
    return float(price - base_price) / float(base_price) * 100


class Level(NamedTuple):
    """One price of an order book.

    Attributes:
        price: Per share.
        quantity: Shares that wait there.
    """

    price: Money
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A trade, or the trade that an auction would end in now.

    Attributes:
        vendor: Whose stream it is.
        ticker: The instrument, without market prefixes.
        venue: Where it is traded; ``UNIFIED`` for KRX and NXT together.
        currency: ISO 4217.
        time: When it was made; ``None`` if the vendor does not say.
        price: Per share; ``None`` only of an expected trade that would not come about.
        quantity: Shares of this trade; of an expected one, shares that would be traded.
        side: Who took liquidity; ``None`` if unknown or nobody did.
        expected: It has not happened: an auction is running. Its figures must not be added up.
        change: Against the previous close, per share, signed.
        change_rate: The same in percent.
        open: First price of the day.
        high: Highest price of the day.
        low: Lowest price of the day.
        ask: Best offer after the trade; ``bid`` likewise.
        volume: Shares traded today up to and with this trade; a jump means missed trades. Like ``value``, not
            of an expected trade.
        value: Amount traded today.
        session: Part of the trading day, if the vendor tells it.
        delayed: The vendor sends it some 15 minutes late.
    """

    type: ClassVar[str] = "trade"

    vendor: str
    ticker: str
    venue: str
    currency: str
    time: datetime | None
    price: Money | None
    quantity: int | None
    side: Side | None = None
    expected: bool = False
    change: Money | None = None
    change_rate: float | None = None
    open: Money | None = None
    high: Money | None = None
    low: Money | None = None
    ask: Money | None = None
    bid: Money | None = None
    volume: int | None = None
    value: Money | None = None
    session: Session | None = None
    delayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBook:
    """All levels that the vendor shows; each book replaces the one before.

    Attributes:
        vendor: Whose stream it is.
        ticker: The instrument, without market prefixes.
        venue: Where it is traded; ``UNIFIED`` for KRX and NXT together.
        currency: ISO 4217.
        time: When it was taken.
        asks: Offers, the cheapest first; levels without a price are left out.
        bids: Bids, the dearest first.
        total_ask_quantity: Shares offered as the vendor adds them up; ``total_bid_quantity`` likewise.
        expected_price: Of a running auction, per share.
        expected_quantity: Shares that it would trade.
        delayed: The vendor sends it some 15 minutes late.
    """

    type: ClassVar[str] = "order_book"

    vendor: str
    ticker: str
    venue: str
    currency: str
    time: datetime | None
    asks: tuple[Level, ...]
    bids: tuple[Level, ...]
    total_ask_quantity: int | None = None
    total_bid_quantity: int | None = None
    expected_price: Money | None = None
    expected_quantity: int | None = None
    delayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """News of an own order: a fill, or what the market says of the order itself.

    Attributes:
        vendor: Whose stream it is.
        ticker: The instrument.
        venue: Where the order is, in the vendor's terms; ``None`` if it does not say.
        currency: ISO 4217.
        time: When it happened; ``None`` if the vendor does not say, or not in which time zone.
        event: ``fill``; ``received``, ``confirmed`` or ``rejected`` by the market; ``cancelled`` by it,
            because an immediate order could not be filled.
        action: What the order does: a ``new`` one, or it modifies or cancels ``original_order_no``.
        order_no: The vendor's number.
        original_order_no: Of the order that this one is about.
        side: Of the order.
        quantity: Shares filled; ``None`` unless it is a fill.
        price: Per share, of this fill; ``None`` unless it is a fill.
        order_quantity: Shares ordered.
        order_price: The limit per share; ``None`` without one.
        account: Whose order; it is not part of the event that is published.
    """

    type: ClassVar[str] = "execution"

    vendor: str
    ticker: str
    venue: str | None
    currency: str
    time: datetime | None
    event: Literal["fill", "received", "confirmed", "rejected", "cancelled"]
    action: Literal["new", "modify", "cancel"]
    order_no: str
    original_order_no: str | None
    side: Side
    quantity: int | None
    price: Money | None
    order_quantity: int | None
    order_price: Money | None
    account: str | None = field(repr=False, metadata=_PRIVATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The value of an index.

    Attributes:
        vendor: Whose stream it is.
        ticker: The vendor's code of the index.
        time: When it was computed.
        value: In points.
        expected: It is what a running auction would make it.
        change: Against the previous close, in points, signed.
        change_rate: The same in percent.
        open: First value of the day in points.
        high: Highest value of the day.
        low: Lowest value of the day.
        volume: Shares traded today in its members, as exact as the vendor tells it; not of an expected value.
        traded_value: Won traded today in its members, likewise.
        rising: Members above their previous close, those at their limit included.
        unchanged: Members at their previous close.
        falling: Members below it, those at their limit included.
    """

    type: ClassVar[str] = "index"

    vendor: str
    ticker: str
    time: datetime | None
    value: Decimal
    expected: bool = False
    change: Decimal | None = None
    change_rate: float | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    volume: int | None = None
    traded_value: int | None = None
    rising: int | None = None
    unchanged: int | None = None
    falling: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketStatus:
    """Whether an instrument can be traded.

    Attributes:
        vendor: Whose stream it is.
        ticker: The instrument.
        venue: Where; ``UNIFIED`` for KRX and NXT together.
        time: When it changed; ``None`` if the vendor does not say.
        halted: Trading is suspended.
        halt_reason: In the vendor's words.
        volatility_interruption: A volatility interruption is on; ``None`` if it cannot be told.
        phase_code: The vendor's code of the phase of the trading day.
        status_code: The vendor's code of the state of the issue.
    """

    type: ClassVar[str] = "market_status"

    vendor: str
    ticker: str
    venue: str
    time: datetime | None
    halted: bool | None
    halt_reason: str | None
    volatility_interruption: bool | None
    phase_code: str | None
    status_code: str | None


MarketData = Trade | OrderBook | Execution | Index | MarketStatus

_PUBLIC_FIELDS = {
    model.type: tuple(entry.name for entry in fields(model) if not entry.metadata.get("private"))
    for model in (Trade, OrderBook, Execution, Index, MarketStatus)
}
_PUBLIC_VALUES = {kind: attrgetter(*names) for kind, names in _PUBLIC_FIELDS.items()}
_PLAIN_ALREADY = frozenset({type(None), str, bool, float})
_MOST = (1 << _BITS) - 1


def event_of(data: MarketData) -> dict[str, Any]:
    """The JSON object that a stream carries.

    Args:
        data: What happened.

    Returns:
        Its ``type`` and its public fields, as `plain` writes them; a level is ``{"price", "quantity"}``.
    """
    kind = data.type
    event: dict[str, Any] = {"type": kind}
    for name, value in zip(_PUBLIC_FIELDS[kind], _PUBLIC_VALUES[kind](data), strict=True):
        # Nearly all values are plain, and it is quicker seen here.
        known = type(value)
        if known in _PLAIN_ALREADY or (known is int and -_MOST <= value <= _MOST):
            event[name] = value
        else:
            event[name] = plain(value)
    return event


def plain(value: Any) -> Any:
    """A value as JSON has it.

    ``Decimal`` becomes exact text without an exponent, a time ISO 8601. So does, as text, a whole number that
    64 bits do not hold: JSON encoders refuse it.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, int) and value.bit_length() > _BITS:
        return str(Decimal(value))
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Level):
        return {"price": plain(value.price), "quantity": plain(value.quantity)}
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return value
