"""KOSCOM's records in the common model of all vendors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from broker_server.core.market_data import (
    Index,
    Level,
    MarketData,
    MarketStatus,
    Money,
    OrderBook,
    Side,
    Trade,
    change_rate,
)
from broker_server.vendors.korea import nearest_moment
from broker_server.vendors.koscom.errors import VENDOR
from broker_server.vendors.koscom.presets import INDEX, QUOTE, QUOTE10, TICK, TICK10, is_derivative
from broker_server.vendors.koscom.values import (
    NotReadable,
    Number,
    TradeTime,
    number_of,
    price_of,
    text_of,
    trade_time,
    whole_of,
)
from broker_server.vendors.values import with_sign

VENUE = "KRX"
WON, NO_CURRENCY = "KRW", "XXX"
"""ISO 4217's name for none: the prices of derivatives are in points, or as each contract has it."""

INDEX_VOLUME_UNIT = 1_000
"""Shares. An assumption from the size of the documents' figures: their table says shares."""
INDEX_VALUE_UNIT = 1_000_000
"""Won; likewise."""

_LEVELS = 10
_ASKS = tuple((f"askStep{n}BstordPrc", f"askStep{n}BstordRqty") for n in range(1, _LEVELS + 1))
_BIDS = tuple((f"bidStep{n}BstordPrc", f"bidStep{n}BstordRqty") for n in range(1, _LEVELS + 1))
_TAKERS: Mapping[str, Side] = {"1": "sell", "2": "buy"}

Fields = Mapping[str, Any]
"""Values as sent, by the table's names."""


class Unusable(Exception):
    """The record does not hold what its event needs."""


def normalise(preset: str, symbol: str, fields: Fields, received: datetime) -> MarketData:
    """A record as an event; with a signal in place of its time it is one of the market.

    Args:
        preset: Of its registration: not ``change``, which has no common model.
        symbol: Likewise.
        fields: Of the record.
        received: When it came, in Korea: times of day have no date.

    Raises:
        Unusable: A value that the event needs is missing or not understood.
    """
    try:
        moment = trade_time(fields.get("trdTm"))
        if moment.signal is not None:
            return _status(symbol, moment.signal)
        return _TURNS[preset](symbol, fields, moment, received)
    except (NotReadable, ValueError, OverflowError) as error:
        raise Unusable(str(error)) from error


def market_trade(symbol: str, price: Any, quantity: Any, at: Any, received: datetime) -> Trade | MarketStatus:
    """The same for the feed of a whole market, whose records have no more than this.

    Args:
        symbol: The short code.
        price: ``trdPrc`` as sent.
        quantity: ``trdVol``, which is taken for that of the trade: one sentence of the documents calls it the
            day's, two others and the size of the examples do not.
        at: ``trdTm``.
        received: When it came, in Korea.

    Raises:
        Unusable: A value that the event needs is missing or not understood.
    """
    try:
        moment = trade_time(at)
        if moment.signal is not None:
            return _status(symbol, moment.signal)
        paid = price_of(price)
        if paid is None:
            raise Unusable("a trade without a price")
        return Trade(
            vendor=VENDOR,
            ticker=symbol,
            venue=VENUE,
            currency=WON,
            time=_time(moment, received),
            price=paid,
            quantity=whole_of(quantity),
        )
    except (NotReadable, ValueError, OverflowError) as error:
        raise Unusable(str(error)) from error


def currency_of(symbol: str) -> str:
    """Of its prices."""
    return NO_CURRENCY if is_derivative(symbol) else WON


def rate_of(price: Number, change: Number | None) -> float | None:
    """The change in percent, which KOSCOM does not tell; ``None`` where there is none to count it from."""
    if change is None or price == change:
        return None
    return change_rate(price, price - change)


def _trade(symbol: str, fields: Fields, moment: TradeTime, received: datetime) -> Trade:
    get = fields.get
    price = price_of(get("trdPrc"))
    if price is None:
        raise Unusable("a trade without a price")
    change = _change(fields)
    return Trade(
        vendor=VENDOR,
        ticker=symbol,
        venue=VENUE,
        currency=currency_of(symbol),
        time=_time(moment, received),
        price=price,
        quantity=whole_of(get("trdvol")),
        side=_TAKERS.get(text_of(get("lstAskbidTpCd") or get("lstTrdTpCd")) or ""),
        change=change,
        change_rate=rate_of(price, change),
        open=price_of(get("opnprc")),
        high=price_of(get("hgprc")),
        low=price_of(get("lwprc")),
        ask=price_of(get("askordPrc_1")),
        bid=price_of(get("bidordPrc_1")),
        volume=whole_of(get("accTrdvol")),
        value=number_of(get("accTrdval")),
    )


def _order_book(symbol: str, fields: Fields, moment: TradeTime, received: datetime) -> OrderBook:
    get = fields.get
    expected = price_of(get("deemTrdPrc"))
    return OrderBook(
        vendor=VENDOR,
        ticker=symbol,
        venue=VENUE,
        currency=currency_of(symbol),
        # Only books of derivatives have a time.
        time=_time(trade_time(get("ordAcptTm")), received),
        asks=_levels(fields, _ASKS),
        bids=_levels(fields, _BIDS),
        total_ask_quantity=whole_of(get("askordTotRqty", get("askTotOrdRqty"))),
        total_bid_quantity=whole_of(get("bidordTotRqty", get("bidTotOrdRqty"))),
        expected_price=expected,
        expected_quantity=None if expected is None else whole_of(get("deemTrdvol")),
    )


def _levels(fields: Fields, names: tuple[tuple[str, str], ...]) -> tuple[Level, ...]:
    found = []
    for price_name, quantity_name in names:
        price = price_of(fields.get(price_name))
        if price is not None:
            found.append(Level(price, whole_of(fields.get(quantity_name)) or 0))
    return tuple(found)


def _index(symbol: str, fields: Fields, moment: TradeTime, received: datetime) -> Index:
    value = price_of(fields.get("trdPrc"))
    if value is None:
        raise Unusable("an index without a value")
    change = _change(fields)
    return Index(
        vendor=VENDOR,
        ticker=symbol,
        time=_time(moment, received),
        value=Decimal(value),
        change=None if change is None else Decimal(change),
        change_rate=rate_of(value, change),
        volume=_in_units(fields.get("accTrdvol"), INDEX_VOLUME_UNIT),
        traded_value=_in_units(fields.get("accTrdval"), INDEX_VALUE_UNIT),
    )


def _in_units(value: Any, unit: int) -> int | None:
    number = number_of(value)
    if number is None:
        return None
    total = number * unit
    if total != int(total):
        raise NotReadable("a fraction of a share or of a won")
    return int(total)


def _status(symbol: str, signal: str) -> MarketStatus:
    return MarketStatus(
        vendor=VENDOR,
        ticker=symbol,
        venue=VENUE,
        time=None,
        halted=None,
        halt_reason=None,
        volatility_interruption=None,
        phase_code=signal,
        status_code=None,
    )


def _change(fields: Fields) -> Money | None:
    number: Number | None = number_of(fields.get("cmpprevddPrc"))
    if not number:
        return number
    sign = text_of(fields.get("cmpprevddTpCd"))
    if isinstance(number, int):
        return with_sign(sign, number)
    return with_sign(sign, number)


def _time(moment: TradeTime, received: datetime) -> datetime | None:
    return None if moment.clock is None else nearest_moment(moment.clock, received)


_TURNS: Mapping[str, Callable[[str, Fields, TradeTime, datetime], MarketData]] = {
    TICK: _trade,
    TICK10: _trade,
    QUOTE: _order_book,
    QUOTE10: _order_book,
    INDEX: _index,
}
