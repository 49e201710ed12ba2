"""Where the prices of a registration come from: the simulated market, or the clock alone."""

from __future__ import annotations

import math
import zlib
from datetime import datetime, time, timedelta
from typing import Protocol

from broker_server.simulator.clock import KST
from broker_server.simulator.indices import DECIMALS, Index
from broker_server.simulator.instruments import Instrument
from broker_server.simulator.kis.overseas_quotes import PLACES
from broker_server.simulator.kis.realtime.facts import Facts
from broker_server.simulator.kis.realtime.tables import Artificial
from broker_server.simulator.market import Market
from broker_server.simulator.quotes import Level, OrderBook, Quote

DAY_MARKET_OPENS, DAY_MARKET_CLOSES = time(10, 0), time(16, 0)
"""Of US shares, in Korean time: trading before the American morning."""

AFTER_HOURS = "OVTM"
"""The venue of the single-price session after hours; nothing is traded in it where hours are kept."""

_DAY_MARKET_PART = 0.02
_BEFORE_OPEN, _BEFORE_CLOSE = timedelta(minutes=30), timedelta(minutes=10)
_SECONDS = 24 * 3600


class Source(Protocol):
    """Tells of one product."""

    def facts(self, at: datetime) -> Facts:
        """How it stands at a time; ``is_open`` says whether there is anything to tell."""
        ...


class DomesticSource:
    """A KRX product.

    Args:
        market: Where prices come from.
        instrument: Which.
        venue: ``KRX``, ``NXT`` or ``SOR``.
    """

    def __init__(self, market: Market, instrument: Instrument, venue: str) -> None:
        self._market = market
        self.instrument = instrument
        self._venue = venue

    def facts(self, at: datetime) -> Facts:
        """How it stands at a time."""
        market, instrument = self._market, self.instrument
        result = market_facts(market, market.quote(instrument, at), instrument.symbol, at)
        result.is_open = market.is_open(instrument, at, self._venue)
        if not market.hours:
            return result
        if self._venue == AFTER_HOURS:
            result.is_open = result.expects = False
            return result
        session = market.session(instrument)
        day = at.astimezone(session.zone).date()
        start = session.start(day)
        closes = start + timedelta(minutes=session.minutes)
        result.session = "1" if at < start else "2" if at < closes else "3"
        if self._venue != "NXT":
            result.is_open = result.is_open or market.is_after_market(at)
            auction = start - _BEFORE_OPEN <= at < start or closes - _BEFORE_CLOSE <= at < closes
            result.auction = auction and session.calendar.is_business_day(day)
        result.expects = result.auction
        return result


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
        result = market_facts(market, market.quote(instrument, at), self._key, at)
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


class IndexSource:
    """An index of the simulated market: the worth of its largest members against what they were listed at.

    Args:
        market: Where prices come from.
        key: The index's code.
        segment: Whose shares it counts.
        level: Where it stands when they are worth that.
    """

    def __init__(self, market: Market, key: str, segment: str, level: float) -> None:
        self._market = market
        self._key = key
        self._index = Index(market, segment, level)

    def facts(self, at: datetime) -> Facts:
        """How it stands at a time."""
        market, members = self._market, self._index.members
        session = market.session(members[0])
        now = self._index.quote(at)
        quotes = now.members
        moved = [q.price - q.base for q in quotes]
        return Facts(
            key=self._key,
            symbol=self._key,
            name=self._index.segment,
            at=at,
            local=at.astimezone(session.zone),
            opened=_opened(market, members[0], at),
            decimals=DECIMALS,
            places=DECIMALS,
            price=now.price,
            base=now.base,
            open=now.open,
            high=now.high,
            low=now.low,
            upper=-1,
            lower=-1,
            volume=now.volume,
            value=now.value,
            previous_volume=sum(q.previous_volume for q in quotes),
            shares=sum(item.shares for item in members),
            read_book=lambda: OrderBook((), ()),
            is_open=market.is_open(members[0], at),
            is_index=True,
            expects=not market.hours,
            counts={
                "upper": sum(q.price == q.upper for q in quotes),
                "rising": sum(each > 0 for each in moved),
                "flat": sum(each == 0 for each in moved),
                "falling": sum(each < 0 for each in moved),
                "lower": sum(q.price == q.lower for q in quotes),
            },
            rising=now.price >= now.base,
            seed=market.seed,
        )


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


def market_facts(market: Market, quote: Quote, key: str, at: datetime) -> Facts:
    """A quote of the simulated market as facts."""
    instrument = quote.instrument
    return Facts(
        key=key,
        symbol=instrument.symbol,
        name=instrument.name,
        at=at,
        local=at.astimezone(market.session(instrument).zone),
        opened=_opened(market, instrument, at),
        decimals=instrument.decimals,
        places=instrument.decimals if instrument.country == "KR" else PLACES[instrument.country],
        price=quote.price,
        base=quote.base,
        open=quote.open,
        high=quote.high,
        low=quote.low,
        upper=quote.upper,
        lower=quote.lower,
        volume=quote.volume,
        value=quote.value,
        previous_volume=quote.previous_volume,
        shares=instrument.shares,
        read_book=lambda: market.order_book(instrument, at),
        suspended=market.is_suspended(instrument),
        seed=market.seed,
    )


def _opened(market: Market, instrument: Instrument, at: datetime) -> datetime:
    """When the day's trading began: at midnight where hours are not kept."""
    session = market.session(instrument)
    day = at.astimezone(session.zone).date()
    return session.start(day) if market.hours else datetime.combine(day, time(0), session.zone)
