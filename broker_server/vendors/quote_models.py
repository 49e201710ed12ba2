"""Results of domestic quote methods."""

from __future__ import annotations

from datetime import date, datetime

from broker_server.vendors.parameters import QuoteVenue
from broker_server.vendors.results import Part, Result


class CurrentPrice(Result):
    """The last price and today's figures. Prices in won, volume in shares, value in won, ratios in percent.

    Attributes:
        price: The last price.
        change: Against the previous close, signed.
        change_rate: The same in percent.
        upper_limit: Today's highest permitted price; ``lower_limit`` the lowest.
        base_price: What the limits are counted from.
        tick_size: The step of prices around this one.
        market_cap: In won, as exact as the vendor tells it: to 100 million.
        halted: Whether trading is suspended; null where a quote of the vendor does not tell.
        status_code: The vendor's state of the issue; of KIS: 51 administrative, 52 risk, 53 warning,
            54 caution, 55 credit allowed, 57 margin 100 %, 58 halted, 59 overheated, 00 other.
    """

    ticker: str
    venue: QuoteVenue
    price: int
    change: int | None
    change_rate: float | None
    open: int | None
    high: int | None
    low: int | None
    volume: int | None
    value: int | None
    upper_limit: int | None
    lower_limit: int | None
    base_price: int | None
    tick_size: int | None
    listed_shares: int | None
    market_cap: int | None
    per: str | None
    pbr: str | None
    eps: str | None
    bps: str | None
    halted: bool | None
    status_code: str | None


class Level(Part):
    """One price level: won per share and shares waiting."""

    price: int
    quantity: int


class OrderBook(Result):
    """Up to ten levels a side, the best first.

    Attributes:
        time: When the vendor took the book, in Korea.
        expected_price: Of the next auction, if one is running.
    """

    ticker: str
    venue: QuoteVenue
    time: datetime | None
    asks: list[Level]
    bids: list[Level]
    total_ask_quantity: int | None
    total_bid_quantity: int | None
    expected_price: int | None
    expected_volume: int | None


class Candle(Result):
    """One bar of a day, week, month or year.

    Attributes:
        date: The day, or the vendor's date of the period.
        volume: In shares.
        value: In won.
        change: Against the close before, signed.
    """

    ticker: str
    venue: QuoteVenue
    interval: str
    date: date
    open: int
    high: int
    low: int
    close: int
    volume: int
    value: int | None
    change: int | None
    adjusted: bool


class MinuteCandle(Result):
    """One bar of a minute.

    Attributes:
        time: Its start, in Korea.
        volume: Traded in this minute.
        cumulative_value: Won traded on that day up to this bar (no vendor gives the value of the bar itself).
        complete: ``False`` for the minute that is still running.
    """

    ticker: str
    venue: QuoteVenue
    time: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int
    cumulative_value: int | None
    complete: bool


class StockInfo(Result):
    """What an instrument is. What the vendor does not tell, as KIS on paper, is null.

    Attributes:
        market: ``KOSPI``, ``KOSDAQ`` or the vendor's own code.
        face_value: Won, as exact text.
        nxt_tradable: Whether it trades on NXT too.
    """

    ticker: str
    name: str
    english_name: str | None
    market: str | None
    listed_shares: int | None
    face_value: str | None
    listed_on: date | None
    delisted_on: date | None
    halted: bool | None
    administrative: bool | None
    nxt_tradable: bool | None
