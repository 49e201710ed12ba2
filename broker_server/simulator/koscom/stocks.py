"""KRX's stocks, ETFs and ETNs, as KOSCOM tells of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property

from broker_server.simulator.instruments import KRX, Instrument
from broker_server.simulator.koscom.products import Kind, Trade, Value, Values, sign_code
from broker_server.simulator.koscom.times import last_trade_time
from broker_server.simulator.market import Market
from broker_server.simulator.quotes import Level, OrderBook, Quote

LEVELS = 10
_SUFFIXES = {"KOSPI": "*001", "KOSDAQ": "*003"}
_BEFORE_OPEN, _BEFORE_CLOSE = timedelta(minutes=30), timedelta(minutes=10)
_NOTHING = Level(0, 0)


def code_of(instrument: Instrument) -> str:
    """The short code; KOSCOM writes those of ETNs without Q."""
    return instrument.symbol.removeprefix("Q") if instrument.kind == "etn" else instrument.symbol


def find_stock(market: Market, code: str) -> Instrument | None:
    """The issue of a short code; None for an unknown one."""
    found = market.instruments.find(code, KRX) or market.instruments.find(f"Q{code}", KRX)
    return found if found is not None and code_of(found) == code else None


class Stock:
    """An issue of KRX.

    Args:
        market: Where prices come from.
        instrument: Which.
    """

    kind: Kind = "stock"

    def __init__(self, market: Market, instrument: Instrument) -> None:
        self.instrument = instrument
        self.code = code_of(instrument)
        self.isin = instrument.isin
        self.suffix = _SUFFIXES.get(instrument.segment, "*001")
        self._market = market

    def at(self, moment: datetime) -> StockMoment:
        """How it stands."""
        return StockMoment(self._market, self.instrument, moment)


class StockMoment:
    """An issue at a moment.

    Attributes:
        quote: What the market shows of it.
        is_open: Whether it is traded.
        auction: Whether an auction runs.
        has_book: Whether its order book moves.
    """

    def __init__(self, market: Market, instrument: Instrument, at: datetime) -> None:
        self.quote: Quote = market.quote(instrument, at)
        self.is_open = market.is_open(instrument, at) and not market.is_suspended(instrument)
        self.auction = False
        self._market = market
        self._at = self._book_at = at
        if market.hours:
            session = market.session(instrument)
            day = market.local_date(instrument, at)
            start = session.start(day)
            closes = start + timedelta(minutes=session.minutes)
            runs = start - _BEFORE_OPEN <= at < start or closes - _BEFORE_CLOSE <= at < closes
            self.auction = runs and session.calendar.is_business_day(day)
            self._book_at = min(at, closes)
        self.has_book = self.is_open or (self.auction and not market.is_suspended(instrument))

    @property
    def price(self) -> int:
        """In won."""
        return self.quote.price

    @property
    def volume(self) -> int:
        """Shares of the day so far."""
        return self.quote.volume

    @cached_property
    def book(self) -> OrderBook:
        """The order book; it stands still after the close."""
        return self._market.order_book(self.quote.instrument, self._book_at)

    def last_trade(self) -> Trade:
        """The trade in memory: what was traded within the last second, or one share."""
        quote = self.quote
        if not quote.volume:
            return Trade(0, True, 0)
        before = self._market.quote(quote.instrument, self._at - timedelta(seconds=1))
        quantity = max(1, quote.volume - before.volume) if before.volume <= quote.volume else 1
        rising = quote.price >= before.price
        return Trade(quantity, rising, last_trade_time(self._market, self._at, quote.volume))

    def record(self, preset: str, trade: Trade) -> Values:
        """What a preset tells, the code excepted."""
        if preset == "tick":
            return self._tick(trade)
        if preset == "quote":
            return self._best()
        if preset == "tick10":
            return self.trade(trade)
        if preset == "quote10":
            return self.levels()
        return {**self.levels(), **self.trade(trade)}

    def trade(self, trade: Trade) -> dict[str, Value]:
        """The thirteen values of a trade query."""
        quote, best = self.quote, self._best()
        return {
            "cmpprevddTpCd": sign_code(quote.price, quote.base, quote.lower, quote.upper),
            "cmpprevddPrc": quote.price - quote.base,
            "opnprc": quote.open,
            "hgprc": quote.high,
            "lwprc": quote.low,
            "trdPrc": quote.price,
            "trdvol": trade.quantity,
            "accTrdvol": quote.volume,
            "accTrdval": quote.value,
            "lstAskbidTpCd": (2 if trade.rising else 1) if quote.volume else 0,
            "trdTm": trade.time,
            "askordPrc_1": best["askStep1BstordPrc"],
            "bidordPrc_1": best["bidStep1BstordPrc"],
        }

    def levels(self) -> dict[str, Value]:
        """The forty-eight values of an order book."""
        quote, asks, bids = self.quote, self.book.asks, self.book.bids
        found: dict[str, Value] = {"accTrdvol": quote.volume}
        for number in range(1, LEVELS + 1):
            ask, bid = _level(asks, number), _level(bids, number)
            found[f"askStep{number}BstordPrc"] = ask.price
            found[f"bidStep{number}BstordPrc"] = bid.price
            found[f"askStep{number}BstordRqty"] = ask.quantity
            found[f"bidStep{number}BstordRqty"] = bid.quantity
        expected = asks[0].quantity if self.auction and asks else 0
        found["askordTotRqty"] = sum(level.quantity for level in asks)
        found["bidordTotRqty"] = sum(level.quantity for level in bids)
        found["pstoffhrAskTotOrdRqty"] = found["pstoffhrBidTotOrdRqty"] = 0
        found["deemTrdPrc"] = quote.price if expected else 0
        found["deemTrdvol"] = expected
        found["deemAccTrdvol"] = quote.volume + expected if expected else 0
        return found

    def _tick(self, trade: Trade) -> Values:
        return {
            "trdPrc": self.quote.price,
            "trdvol": trade.quantity,
            "accTrdvol": self.quote.volume,
            "accTrdval": self.quote.value,
            "trdTm": trade.time,
        }

    def _best(self) -> dict[str, Value]:
        ask, bid = _level(self.book.asks, 1), _level(self.book.bids, 1)
        return {
            "accTrdvol": self.quote.volume,
            "askStep1BstordPrc": ask.price,
            "bidStep1BstordPrc": bid.price,
            "askStep1BstordRqty": ask.quantity,
            "bidStep1BstordRqty": bid.quantity,
        }


def _level(levels: tuple[Level, ...], number: int) -> Level:
    return levels[number - 1] if number <= len(levels) else _NOTHING
