"""Kiwoom's live records in the common model of all vendors; both ways have the same fields, by FID."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal

from broker_server.core.market_data import (
    Execution,
    Index,
    Level,
    MarketData,
    MarketStatus,
    OrderBook,
    Session,
    Side,
    Trade,
)
from broker_server.vendors.kiwoom.real_types import (
    EXECUTIONS,
    EXPECTED_TRADE,
    INDEX,
    MARKET,
    ORDER_BOOK,
    PHASES,
    TRADE,
    ticker_and_venue,
)
from broker_server.vendors.kiwoom.values import (
    NotANumber,
    decimal_of,
    integer_of,
    order_number,
    price_of,
    ticker_of,
)
from broker_server.vendors.order_receipts import WON
from broker_server.vendors.values import KST

VENDOR = "kiwoom"
MILLION = 1_000_000
_THOUSAND = 1_000
_PHASES_OF_NXT = frozenset("PQRSTUV")

Fields = Mapping[str, str]
"""Texts by FID, untouched."""

_SESSIONS: Mapping[str, Session] = {"1": "pre", "2": "regular", "3": "after"}
_TAKERS: Mapping[str, Side] = {"+": "buy", "-": "sell"}
"""Before the quantity."""
_LEVELS = 10
_SIDES: Mapping[str, Side] = {"1": "sell", "2": "buy"}
_AHEAD = timedelta(minutes=5)


class Unusable(Exception):
    """The record does not hold what its event needs."""


def normalise(code: str, symbol: str, fields: Fields, received: datetime) -> MarketData | None:
    """A record as an event; ``None`` where the type has no common model.

    Args:
        code: The real type.
        symbol: Of its registration.
        received: When it came, with an offset: its times of day have no date.

    Raises:
        Unusable: A value that the event needs is missing or not understood.
    """
    turn = _TURNS.get(code)
    if turn is None:
        return None
    try:
        return turn(symbol, fields, received)
    except (NotANumber, ValueError, OverflowError) as error:
        raise Unusable(str(error)) from error


def _trade(symbol: str, fields: Fields, received: datetime) -> Trade:
    return _trade_or_expected(symbol, fields, received, expected=False)


def _expected_trade(symbol: str, fields: Fields, received: datetime) -> Trade:
    return _trade_or_expected(symbol, fields, received, expected=True)


def _trade_or_expected(symbol: str, fields: Fields, received: datetime, *, expected: bool) -> Trade:
    ticker, venue = ticker_and_venue(symbol)
    price = price_of(_text(fields, "10"))
    if price is None and not expected:
        raise Unusable("a trade without a price")
    quantity = integer_of(_text(fields, "15"))
    value = integer_of(_text(fields, "14"))
    rate = decimal_of(_text(fields, "12"))
    side: Side | None = None
    if quantity and not expected:
        side = _TAKERS.get(_text(fields, "15")[:1])
    return Trade(
        vendor=VENDOR,
        ticker=ticker,
        venue=venue,
        currency=WON,
        time=last_moment(_text(fields, "20"), received),
        price=price,
        quantity=None if quantity is None else abs(quantity),
        side=side,
        expected=expected,
        change=integer_of(_text(fields, "11")),
        change_rate=None if rate is None else float(rate),
        open=price_of(_text(fields, "16")),
        high=price_of(_text(fields, "17")),
        low=price_of(_text(fields, "18")),
        ask=price_of(_text(fields, "27")),
        bid=price_of(_text(fields, "28")),
        volume=None if expected else integer_of(_text(fields, "13")),
        value=None if expected or value is None else value * MILLION,
        session=_SESSIONS.get(_text(fields, "290")),
    )


def _order_book(symbol: str, fields: Fields, received: datetime) -> OrderBook:
    ticker, venue = ticker_and_venue(symbol)
    # 23 and 24 have the same, and keep the last one when the auction is over.
    expected = price_of(_text(fields, "291"))
    return OrderBook(
        vendor=VENDOR,
        ticker=ticker,
        venue=venue,
        currency=WON,
        time=last_moment(_text(fields, "21"), received),
        asks=_levels(fields, 41, 61),
        bids=_levels(fields, 51, 71),
        total_ask_quantity=integer_of(_text(fields, "121")),
        total_bid_quantity=integer_of(_text(fields, "125")),
        expected_price=expected,
        expected_quantity=integer_of(_text(fields, "292")) if expected else None,
    )


def _levels(fields: Fields, price: int, quantity: int) -> tuple[Level, ...]:
    found = []
    for place in range(_LEVELS):
        level = price_of(_text(fields, str(price + place)))
        if level is not None:
            found.append(Level(level, abs(integer_of(_text(fields, str(quantity + place))) or 0)))
    return tuple(found)


def _index(symbol: str, fields: Fields, received: datetime) -> Index:
    """The volume is in thousands of shares, the value in millions of won."""
    value = _points(fields, "10")
    if value is None:
        raise Unusable("an index without a value")
    rate = decimal_of(_text(fields, "12"))
    volume, traded = integer_of(_text(fields, "13")), integer_of(_text(fields, "14"))
    return Index(
        vendor=VENDOR,
        ticker=symbol,
        time=last_moment(_text(fields, "20"), received),
        value=value,
        change=decimal_of(_text(fields, "11")),
        change_rate=None if rate is None else float(rate),
        open=_points(fields, "16"),
        high=_points(fields, "17"),
        low=_points(fields, "18"),
        volume=None if volume is None else volume * _THOUSAND,
        traded_value=None if traded is None else traded * MILLION,
    )


def _points(fields: Fields, fid: str) -> Decimal | None:
    """A value in points: its sign says on which side of the previous close it is."""
    number = decimal_of(_text(fields, fid))
    return abs(number) if number else None


def _phase(_: str, fields: Fields, received: datetime) -> MarketStatus:
    """The phase of the trading day, of the whole market."""
    phase = _text(fields, "215")
    if not phase:
        raise Unusable("no phase")
    return MarketStatus(
        vendor=VENDOR,
        ticker=MARKET,
        venue="NXT" if phase in _PHASES_OF_NXT else "KRX",
        time=last_moment(_text(fields, "20"), received),
        halted=None,
        halt_reason=None,
        volatility_interruption=None,
        phase_code=phase,
        status_code=None,
    )


def _execution(_: str, fields: Fields, received: datetime) -> Execution:
    """News of an order. 910 and 911 are of all fills so far; the fill itself is in 914 and 915."""
    kind, state = _text(fields, "905").lstrip("+-"), _text(fields, "913")
    side = _SIDES.get(_text(fields, "907")) or _side_in(kind)
    if side is None:
        raise Unusable("neither 907 nor 905 tells the side of an order")
    quantity, price = integer_of(_text(fields, "915")), price_of(_text(fields, "914"))
    event = _event(state, filled=bool(quantity or integer_of(_text(fields, "911"))))
    if event == "fill" and not (quantity and price):
        raise Unusable("a fill without a quantity or a price")
    original, number = _text(fields, "904"), _text(fields, "9203")
    if not number:
        raise Unusable("news of an order without a number")
    return Execution(
        vendor=VENDOR,
        ticker=ticker_of(_text(fields, "9001")),
        venue=_venue_of_an_order(fields),
        currency=WON,
        time=last_moment(_text(fields, "908"), received),
        event=event,
        action="modify" if "정정" in kind else "cancel" if "취소" in kind else "new",
        order_no=order_number(number),
        original_order_no=order_number(original) if original.strip("0") else None,
        side=side,
        quantity=abs(quantity) if event == "fill" and quantity else None,
        price=price if event == "fill" else None,
        order_quantity=integer_of(_text(fields, "900")),
        order_price=price_of(_text(fields, "901")),
        account=_text(fields, "9201") or None,
    )


def _side_in(kind: str) -> Side | None:
    """From ``매수`` or ``매도정정``."""
    return "buy" if kind.startswith("매수") else "sell" if kind.startswith("매도") else None


def _event(state: str, *, filled: bool) -> Literal["fill", "received", "confirmed", "rejected", "cancelled"]:
    if state == "체결":
        return "fill" if filled else "received"
    known: Mapping[str, Literal["received", "confirmed", "rejected", "cancelled"]] = {
        "접수": "received",
        "확인": "confirmed",
        "취소": "cancelled",
        "거부": "rejected",
    }
    if state not in known:
        raise Unusable(f"913 is {state!r}, which nobody has told of")
    return known[state]


def _venue_of_an_order(fields: Fields) -> str | None:
    if _text(fields, "2136") == "Y":
        return "SOR"
    name = _text(fields, "2135") or {"1": "KRX", "2": "NXT"}.get(_text(fields, "2134"), "")
    return name if name in ("KRX", "NXT") else None


def last_moment(digits: str, received: datetime) -> datetime | None:
    """The last moment in Korea with this time of day, ``HHMMSS``; ``None`` if it is none.

    A time such as 99:99 or 88:88, which Kiwoom writes where there is none, is none.
    """
    try:
        clock = time(int(digits[0:2]), int(digits[2:4]), int(digits[4:6] or 0))
    except ValueError:
        return None
    here = received.astimezone(KST)
    moment = datetime.combine(_day(here), clock, KST)
    return moment if moment <= here + _AHEAD else moment - timedelta(days=1)


def _day(moment: datetime) -> date:
    return moment.date()


def _text(fields: Fields, fid: str) -> str:
    return (fields.get(fid) or "").strip()


_TURNS: Mapping[str, Callable[[str, Fields, datetime], MarketData]] = {
    TRADE: _trade,
    EXPECTED_TRADE: _expected_trade,
    ORDER_BOOK: _order_book,
    EXECUTIONS: _execution,
    INDEX: _index,
    PHASES: _phase,
}
