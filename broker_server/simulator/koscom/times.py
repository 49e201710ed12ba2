"""``trdTm``: HHMMSScc as a number, or a signal that is no time of the day."""

from __future__ import annotations

from datetime import datetime, time

from broker_server.simulator.clock import KST
from broker_server.simulator.market import Market
from broker_server.simulator.sessions import AFTER_MARKET_SINCE

NOT_YET = 0
"""Before the session, or before the first trade."""

_REGULAR_CLOSE, _AFTER_HOURS_CLOSE, _SINGLE_PRICE_CLOSE = 31_000_000, 41_000_000, 81_000_000
_SIGNALS = (
    (time(15, 30), _REGULAR_CLOSE),
    (time(16, 0), _AFTER_HOURS_CLOSE),
    (time(18, 0), _SINGLE_PRICE_CLOSE),
)
"""The exchange's present hours; the documents name the closes of 2016. There has been no single-price session
since KRX has an after-market."""


def time_number(at: datetime) -> int:
    """HHMMSScc; nine in the morning has seven digits."""
    local = at.astimezone(KST)
    return local.hour * 1_000_000 + local.minute * 10_000 + local.second * 100 + local.microsecond // 10_000


def signals_between(market: Market, after: datetime, now: datetime) -> list[int]:
    """The signals that came after a moment; a market without hours has none."""
    local, before = now.astimezone(KST), after.astimezone(KST)
    return [code for at, code in _signals_of(market, local) if before < datetime.combine(local, at, KST)]


def last_trade_time(market: Market, now: datetime, volume: int) -> int:
    """What a record in memory says: the last trade's time, or the signal that came after it."""
    if not volume:
        return NOT_YET
    begun = _signals_of(market, now.astimezone(KST))
    return begun[-1][1] if begun else time_number(now)


def _signals_of(market: Market, local: datetime) -> list[tuple[time, int]]:
    """Those of the day up to now."""
    if not market.hours or not market.calendar("KR").is_business_day(local.date()):
        return []
    return [
        (at, code)
        for at, code in _SIGNALS
        if at <= local.time() and not (code == _SINGLE_PRICE_CLOSE and local.date() >= AFTER_MARKET_SINCE)
    ]
