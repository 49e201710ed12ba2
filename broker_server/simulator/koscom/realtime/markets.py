"""The market-wide feeds: every issue of a market that was traded, in bare arrays of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import orjson

from broker_server.simulator.koscom.realtime.settings import KoscomStreamSettings
from broker_server.simulator.koscom.stocks import Stock
from broker_server.simulator.koscom.tables import SEGMENTS, MarketName
from broker_server.simulator.koscom.times import signals_between, time_number
from broker_server.simulator.market import Market

Element = dict[str, str]


class MarketFeed:
    """One market's trades, conflated: an issue is told at most once at a look.

    The first look at an issue may take a tenth of a second, for its whole day is made up then. So each is
    looked at by itself, by `begin_next`, and told of from then on.

    Args:
        market: Where prices come from.
        name: ``kospi`` or ``kosdaq``.
        now: From when on trades are told.
    """

    def __init__(self, market: Market, name: MarketName, now: datetime) -> None:
        self.name = name
        self._market = market
        self._at = now
        self.stocks = [Stock(market, item) for item in market.instruments if item.segment == SEGMENTS[name]]
        self._ahead = list(reversed(self.stocks))
        self._told: dict[str, tuple[int, int]] = {}

    def begin_next(self, now: datetime) -> bool:
        """Look at one more issue for the first time; whether there was one left."""
        if not self._ahead:
            return False
        stock = self._ahead.pop()
        self._told[stock.code] = self._state(stock, now)
        return True

    def advance(self, now: datetime, settings: KoscomStreamSettings) -> list[Element]:
        """What was traded since the last look; nothing while the clock stands still."""
        if now == self._at:
            return []
        before, self._at = self._at, now
        found = [
            element
            for stock in self.stocks
            if stock.code in self._told
            and (element := self._element(stock, now, settings, goes_back=now < before)) is not None
        ]
        for code in signals_between(self._market, before, now):
            found += self.signal(now, code, settings)
        return found

    def signal(
        self, now: datetime, code: int, settings: KoscomStreamSettings, wanted: str | None = None
    ) -> list[Element]:
        """Every issue, or one, with a time that is no time of the day."""
        return [
            _element(stock, self._market.quote(stock.instrument, now).price, 0, f"{code:08d}", settings)
            for stock in self.stocks
            if wanted in (None, stock.code)
        ]

    def _element(
        self, stock: Stock, now: datetime, settings: KoscomStreamSettings, *, goes_back: bool
    ) -> Element | None:
        volume, price = state = self._state(stock, now)
        told_volume, told_price = self._told[stock.code]
        if goes_back or volume < told_volume or not self._market.is_open(stock.instrument, now):
            self._told[stock.code] = state
            return None
        traded = volume - told_volume
        if not traded or (settings.market_sends == "changes" and price == told_price):
            return None
        self._told[stock.code] = state
        shown = volume if settings.market_volume == "day" else traded
        time = f"{time_number(now):08d}" if settings.market_padded else str(time_number(now))
        return _element(stock, price, shown, time, settings)

    def _state(self, stock: Stock, now: datetime) -> tuple[int, int]:
        quote = self._market.quote(stock.instrument, now)
        return quote.volume, quote.price


def arrays(elements: Sequence[Element], most: int) -> Iterator[bytes]:
    """The messages of some elements: bare arrays, which are no JSON-RPC."""
    for first in range(0, len(elements), most):
        yield orjson.dumps(elements[first : first + most])


def _element(stock: Stock, price: int, volume: int, time: str, settings: KoscomStreamSettings) -> Element:
    return {
        "isuSrtCd": stock.code + (stock.suffix if settings.suffix else ""),
        "trdPrc": str(price),
        "trdVol": str(volume),
        "trdTm": time,
    }
