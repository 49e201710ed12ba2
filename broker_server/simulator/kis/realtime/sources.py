"""Where the prices come from of what no other simulated brokerage has: foreign shares, and inventions."""

from __future__ import annotations

import math
import zlib
from datetime import datetime, time, timedelta

from broker_server.simulator.clock import KST
from broker_server.simulator.instruments import Instrument
from broker_server.simulator.kis.overseas_quotes import PLACES
from broker_server.simulator.kis.realtime.tables import Artificial
from broker_server.simulator.market import Market
from broker_server.simulator.quotes import Level, OrderBook
from broker_server.simulator.stream_facts import Facts
from broker_server.simulator.stream_sources import market_facts

DAY_MARKET_OPENS, DAY_MARKET_CLOSES = time(10, 0), time(16, 0)
"""Of US shares, in Korean time: trading before the American morning."""

_DAY_MARKET_PART = 0.02
_SECONDS = 24 * 3600


class OverseasSource:
    """A foreign product.

    Args:
        market: Where prices come from.
        instrument: Which.
        key: What was registered.
        day_market: The US day market alone; otherwise all but it.
    """

    def __init__(self, market: Market, instrument: Instrument, key: str, *, day_market: bool) -> None:
        self._market = market
        self.instrument = instrument
        self._key = key
        self._day_market = day_market

    def facts(self, at: datetime) -> Facts:
        """How it stands at a time; the day market has a volume of its own."""
        market, instrument = self._market, self.instrument
        places = PLACES[instrument.country]
        result = market_facts(market, market.quote(instrument, at), self._key, at, places)
        if not market.hours:
            return result
        korean = at.astimezone(KST)
        opens = datetime.combine(korean.date(), DAY_MARKET_OPENS, KST)
        # The Korean day is the American one whose morning follows.
        by_day = market.session(instrument).calendar.is_business_day(korean.date())
        by_day = by_day and DAY_MARKET_OPENS <= korean.time() < DAY_MARKET_CLOSES
        if self._day_market:
            result.is_open = by_day
            elapsed = max(0.0, (at - opens).total_seconds())
            result.volume = int(instrument.shares * 0.003 * _DAY_MARKET_PART * elapsed / (6 * 3600))
            result.value = result.volume * result.price
            result.open, result.high, result.low = result.price, result.price, result.price
        else:
            in_us_day = by_day and instrument.country == "US"
            result.is_open = market.is_open(instrument, at) and not in_us_day
        return result


class ArtificialSource:
    """A product that no simulated market stands behind: a smooth path that the clock and the seed give.

    Args:
        market: The clock's hours and the seed.
        product: What it is.
        key: Which one of them.
    """

    def __init__(self, market: Market, product: Artificial, key: str) -> None:
        self._market = market
        self._product = product
        self._key = key
        self._phase = zlib.crc32(f"{market.seed}/{key}".encode()) / 0xFFFFFFFF

    def facts(self, at: datetime) -> Facts:
        """How it stands at a time."""
        market, product = self._market, self._product
        korean = at.astimezone(KST)
        midnight = korean.replace(hour=0, minute=0, second=0, microsecond=0)
        seconds = (korean - midnight).total_seconds()
        opening, price = self._price(0.0), self._price(seconds)
        base = product.price
        typical = 20 + int(30 * self._phase)
        volume = int(seconds * typical)
        swing = [self._price(moment) for moment in (0.0, seconds / 3, 2 * seconds / 3, seconds)]
        return Facts(
            key=self._key,
            symbol=self._key,
            name=product.name,
            at=at,
            local=korean,
            opened=midnight,
            decimals=product.decimals,
            places=product.decimals,
            price=price,
            base=base,
            open=opening,
            high=max(swing),
            low=min(swing),
            upper=base * 108 // 100,
            lower=base * 92 // 100,
            volume=volume,
            value=volume * price,
            previous_volume=_SECONDS * typical,
            shares=_SECONDS * typical * 100,
            read_book=lambda: self._book(price, at),
            is_open=self._is_open(korean),
            expects=not market.hours,
            seed=market.seed,
        )

    def _price(self, seconds: float) -> int:
        product = self._product
        wave = math.sin(seconds / 37 + 6.28 * self._phase) + 3 * math.sin(seconds / 3_000 + 5 * self._phase)
        moved = product.price * (1 + 0.004 * wave)
        return max(product.tick, round(moved / product.tick) * product.tick)

    def _book(self, price: int, at: datetime) -> OrderBook:
        tick = self._product.tick
        chance = zlib.crc32(f"{self._market.seed}/{self._key}/{int(at.timestamp())}".encode())
        quantities = [1 + (chance >> i) % 97 for i in range(20)]
        asks = tuple(Level(price + tick * (i + 1), quantities[i]) for i in range(10))
        bids = tuple(Level(price - tick * i, quantities[10 + i]) for i in range(10) if price > tick * i)
        return OrderBook(asks, bids)

    def _is_open(self, korean: datetime) -> bool:
        if not self._market.hours or self._product.around_the_clock:
            return True
        if self._product.night:
            evening = korean - timedelta(hours=6)
            calendar = self._market.calendar("KR")
            return time(12, 0) <= evening.time() and calendar.is_business_day(evening.date())
        open_now = time(9, 0) <= korean.time() < time(15, 45)
        return open_now and self._market.calendar("KR").is_business_day(korean.date())
