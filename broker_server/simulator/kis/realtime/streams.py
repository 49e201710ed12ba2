"""What is sent for one registered product, as time goes by."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from broker_server.simulator.clock import KST
from broker_server.simulator.kis.realtime.fields import writers
from broker_server.simulator.kis.realtime.subjects import Subject
from broker_server.simulator.sessions import AFTER_MARKET_SINCE
from broker_server.simulator.stream_facts import Facts
from broker_server.simulator.stream_sources import AFTER_HOURS

Record = list[str]

SLOW_EVERY = 4
"""Member firms and program trading are told in every fourth tick."""

BURST_SIZES = (2, 3, 5, 4)


def record_of(subject: Subject, facts: Facts) -> Record:
    """One record of the subject's TR."""
    day = facts.at.astimezone(KST).date()
    return [write(facts) for write in writers(subject.tr.fields_on(day))]


class Stream:
    """The records of one subject, equal for everyone who registered it.

    Args:
        subject: What it tells of.
        now: When it was first registered; what was traded before is in the volume alone.
    """

    def __init__(self, subject: Subject, now: datetime) -> None:
        if subject.source is None:
            raise ValueError("notices come with orders, not with time")
        self.subject = subject
        self._source = subject.source
        self._at = now
        facts = self._source.facts(now)
        self.volume = facts.volume
        self._day = facts.local.date()
        self._price = 0
        self._status: tuple[bool, bool] | None = None
        self._ticks = sum(subject.key.encode()) % 8

    def advance(self, now: datetime, burst_every: int) -> list[Record]:
        """What is to be sent at ``now``; nothing while the clock stands still.

        Args:
            now: The simulated time.
            burst_every: Every how many ticks a frame has several trades; 0 for never.
        """
        if now == self._at:
            return []
        before, self._at = self._at, now
        if now < before:
            facts = self._source.facts(now)
            self._day, self.volume = facts.local.date(), facts.volume
        self._ticks += 1
        kind = self.subject.tr.kind
        if kind == "status":
            return self._tell_status(now)
        if self.subject.tr.venue == AFTER_HOURS and now.astimezone(KST).date() >= AFTER_MARKET_SINCE:
            return []  # that session ended when the after-market began
        if kind == "slow" and self._ticks % SLOW_EVERY:
            return []
        if kind == "trade" and burst_every and self._ticks % burst_every == 0 and now > before:
            size = BURST_SIZES[self._ticks // burst_every % len(BURST_SIZES)]
            step = (now - before) / size
            moments = [before + step * (i + 1) for i in range(size)]
        else:
            moments = [now]
        found = [self._look(moment) for moment in moments]
        return [record_of(self.subject, facts) for facts in found if facts is not None]

    def pass_over(self, now: datetime) -> None:
        """Leave the time up to ``now`` out: what was traded in it is told otherwise."""
        self._at = now

    def facts(self, now: datetime) -> Facts:
        """How the product stands, whether or not there is anything to send."""
        return self._source.facts(now)

    def _look(self, moment: datetime) -> Facts | None:
        facts = self._source.facts(moment)
        if facts.suspended:
            return None
        kind = self.subject.tr.kind
        if kind == "expected":
            facts.traded = max(1, facts.total("ask", 1))
            return replace(facts, auction=True) if facts.expects else None
        if not (facts.is_open or (kind == "book" and facts.auction)):
            self._day, self.volume = facts.local.date(), facts.volume
            return None
        if kind != "trade":
            if kind == "book" and not facts.book.asks and not facts.book.bids:
                return None
            return facts
        day = facts.local.date()
        traded = facts.volume if day != self._day else facts.volume - self.volume
        if traded <= 0:
            return None
        self._day, self.volume = day, facts.volume
        facts.traded = traded
        facts.rising = facts.price > self._price or (facts.price == self._price and facts.part("side") < 0.5)
        self._price = facts.price
        return facts

    def _tell_status(self, now: datetime) -> list[Record]:
        """Once in the beginning, then whenever trading is halted or resumed, opened or closed."""
        facts = self._source.facts(now)
        status = (facts.suspended, facts.is_open)
        first, changed = self._status is None, status != self._status
        self._status = status
        if not changed or (first and not facts.is_open):
            return []
        return [record_of(self.subject, facts)]
