"""Where the prices of a live registration come from: the simulated market."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Protocol

from broker_server.simulator.indices import DECIMALS, Index
from broker_server.simulator.instruments import Instrument
from broker_server.simulator.market import Market
from broker_server.simulator.quotes import OrderBook, Quote
from broker_server.simulator.stream_facts import Facts

AFTER_HOURS = "OVTM"
"""The venue of the single-price session after hours; nothing is traded in it where hours are kept."""

_BEFORE_OPEN, _BEFORE_CLOSE = timedelta(minutes=30), timedelta(minutes=10)


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


def market_facts(market: Market, quote: Quote, key: str, at: datetime, places: int | None = None) -> Facts:
    """A quote of the simulated market as facts.

    Args:
        market: Where it is from.
        quote: Of a product.
        key: What was registered.
        at: When.
        places: Digits that a price is shown with; those of the product when left out.
    """
    instrument = quote.instrument
    return Facts(
        key=key,
        symbol=instrument.symbol,
        name=instrument.name,
        at=at,
        local=at.astimezone(market.session(instrument).zone),
        opened=_opened(market, instrument, at),
        decimals=instrument.decimals,
        places=instrument.decimals if places is None else places,
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
