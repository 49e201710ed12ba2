"""When each simulated exchange trades, in its own time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from broker_server.simulator.trading_calendar import TradingCalendar

MINUTES_PER_DAY = 1440

SETTLEMENT_COUNTRY = "KR"
"""Whose calendar the brokerages settle by."""


@dataclass(frozen=True, slots=True)
class RegularSession:
    """The regular session of a country's exchanges; lunch breaks are not simulated."""

    zone: ZoneInfo
    opens: time
    minutes: int
    calendar: TradingCalendar

    def start(self, day: date) -> datetime:
        """When the session of ``day`` opens, with an offset."""
        return datetime.combine(day, self.opens, self.zone)


def make_sessions() -> dict[str, RegularSession]:
    """The regular sessions by ISO 3166 country code."""
    table = {
        "KR": ("Asia/Seoul", time(9, 0), 390),
        "US": ("America/New_York", time(9, 30), 390),
        "HK": ("Asia/Hong_Kong", time(9, 30), 390),
        "CN": ("Asia/Shanghai", time(9, 30), 330),
        "JP": ("Asia/Tokyo", time(9, 0), 390),
        "VN": ("Asia/Ho_Chi_Minh", time(9, 0), 360),
    }
    return {
        country: RegularSession(ZoneInfo(zone), opens, minutes, TradingCalendar(country))
        for country, (zone, opens, minutes) in table.items()
    }


NXT_OPENS, NXT_CLOSES = time(8, 0), time(20, 0)
AFTER_MARKET_OPENS, AFTER_MARKET_CLOSES = time(16, 0), time(20, 0)
AFTER_MARKET_SINCE = date(2026, 9, 14)
"""KRX's after-market began; the after-hours single-price session ended."""


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Midnight after ``day``."""
    return datetime.combine(day + timedelta(days=1), time(0), zone)
