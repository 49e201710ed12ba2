"""What is sent for one registered type and item, as time goes by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal

from broker_server.simulator.instruments import Instrument
from broker_server.simulator.kiwoom.codes import look_up
from broker_server.simulator.kiwoom.realtime.fields import values_of
from broker_server.simulator.kiwoom.realtime.phases import phases_between
from broker_server.simulator.kiwoom.tables import RealType, real_types
from broker_server.simulator.market import Market
from broker_server.simulator.stream_facts import Facts
from broker_server.simulator.stream_sources import DomesticSource, IndexSource, Source

Kind = Literal["trade", "book", "quote", "slow", "expected", "status"]
Values = Mapping[str, str]

KINDS: Mapping[str, Kind] = {
    "0A": "slow",
    "0B": "trade",
    "0C": "quote",
    "0D": "book",
    "0H": "expected",
    "0J": "trade",
    "0s": "status",
}
"""The types that the simulated market is behind; any other one can be registered and says nothing."""

NOTICES = ("00", "04")
WITHOUT_ITEM = (*NOTICES, "0s")
INDICES = {"001": ("KOSPI", 2600.0), "101": ("KOSDAQ", 850.0), "201": ("KOSPI", 350.0)}
SLOW_EVERY = 4
BURST_SIZES = (2, 3, 5, 4)
_VENUE_NUMBERS = {"KRX": "1", "NXT": "2", "SOR": "1"}


class Stream:
    """The records of one type and item, equal for everyone who registered it.

    Args:
        market: Where prices come from.
        type: The type.
        item: As it was registered.
        now: When it was first registered; what was traded before is in the volume alone.

    Attributes:
        volume: Shares of the day that were told of so far.
    """

    def __init__(self, market: Market, type: str, item: str, now: datetime) -> None:
        self.type: RealType = real_types()[type]
        self.item = "" if type in WITHOUT_ITEM else item
        self._market = market
        self._kind = KINDS.get(type)
        self._source, self._venue = _source(market, type, item)
        self._at = now
        self._told: datetime | None = None
        self._ticks = sum(item.encode()) % 8
        self._price = 0
        self._best = (0, 0)
        facts = self._source.facts(now) if self._source is not None else None
        self.volume = facts.volume if facts is not None else 0
        self._day = facts.local.date() if facts is not None else now.date()

    def advance(self, now: datetime, burst_every: int) -> list[Values]:
        """What is to be sent at ``now``; nothing while the clock stands still, but for the phase of the day.

        Args:
            now: The simulated time.
            burst_every: Every how many ticks a frame has several trades; 0 for never.
        """
        if self._kind == "status":
            before, self._told = self._told, now
            return list(phases_between(self._market, before, now))
        if now == self._at or self._source is None:
            return []
        before_at, self._at = self._at, now
        if now < before_at:
            facts = self._source.facts(now)
            self._day, self.volume = facts.local.date(), facts.volume
        self._ticks += 1
        if self._kind == "slow" and self._ticks % SLOW_EVERY:
            return []
        moments = [now]
        if self._kind == "trade" and burst_every and self._ticks % burst_every == 0 and now > before_at:
            size = BURST_SIZES[self._ticks // burst_every % len(BURST_SIZES)]
            step = (now - before_at) / size
            moments = [before_at + step * (i + 1) for i in range(size)]
        found = [self._look(self._source, moment) for moment in moments]
        return [self.values(facts) for facts in found if facts is not None]

    @property
    def has_source(self) -> bool:
        """Whether the simulated market is behind it."""
        return self._source is not None

    @property
    def is_of_trades(self) -> bool:
        """Whether each record is a trade."""
        return self._kind == "trade"

    @property
    def instrument(self) -> Instrument | None:
        """Whose volume its trades are part of."""
        return getattr(self._source, "instrument", None)

    def facts(self, now: datetime) -> Facts:
        """How its product stands, whether or not there is anything to send."""
        if self._source is None:
            raise ValueError(f"there is no market behind {self.item}")
        return self._source.facts(now)

    def pass_over(self, now: datetime) -> None:
        """Leave the time up to ``now`` out: what was traded in it is told otherwise."""
        self._at = now

    def values(self, facts: Facts) -> Values:
        """What is written of them under each FID."""
        values = values_of(self.type.fids, facts)
        if "9081" in values:
            values["9081"] = _VENUE_NUMBERS[self._venue]
        return values

    def _look(self, source: Source, moment: datetime) -> Facts | None:
        facts = source.facts(moment)
        if facts.suspended:
            return None
        if self._kind == "expected":
            facts.traded = max(1, facts.total("ask", 1))
            return replace(facts, auction=True) if facts.expects else None
        if not (facts.is_open or (self._kind == "book" and facts.auction)):
            self._day, self.volume = facts.local.date(), facts.volume
            return None
        if self._kind == "quote":
            best = facts.level("ask", 1).price, facts.level("bid", 1).price
            changed, self._best = best != self._best, best
            return facts if changed else None
        return self._trade(facts) if self._kind == "trade" else facts

    def _trade(self, facts: Facts) -> Facts | None:
        day = facts.local.date()
        traded = facts.volume if day != self._day else facts.volume - self.volume
        if traded <= 0:
            return None
        self._day, self.volume = day, facts.volume
        facts.traded = traded
        facts.rising = facts.price > self._price or (facts.price == self._price and facts.part("side") < 0.5)
        self._price = facts.price
        return facts


def _source(market: Market, type: str, item: str) -> tuple[Source | None, str]:
    """Whose prices they are, and the venue; nothing for an unknown item."""
    if type == "0J" and item in INDICES:
        return IndexSource(market, item, *INDICES[item]), "KRX"
    if type == "0J" or type not in KINDS or type in WITHOUT_ITEM:
        return None, "KRX"
    listed = look_up(market, item)
    if listed is None:
        return None, "KRX"
    return DomesticSource(market, listed.instrument, listed.venue), listed.venue
