"""``0s``: what begins and ends during a day."""

from __future__ import annotations

from datetime import datetime, time

from broker_server.simulator.clock import KST
from broker_server.simulator.market import Market

OPEN = "3"
_PHASES = (
    (time(8, 0), "P"),
    (time(8, 40), "0"),
    (time(8, 50), "Q"),
    (time(9, 0), OPEN),
    (time(9, 0, 30), "R"),
    (time(15, 20), "2"),
    (time(15, 30), "4"),
    (time(15, 30, 10), "8"),
    (time(15, 40), "a"),
    (time(16, 0), "b"),
    (time(16, 0, 10), "c"),
    (time(18, 0), "d"),
    (time(18, 0, 10), "9"),
    (time(20, 0), "V"),
)
_OPENS, _CLOSES = time(9, 0), time(15, 30)


def phases_between(market: Market, after: datetime | None, now: datetime) -> list[dict[str, str]]:
    """The values of each phase that began after a moment; the present one where there is none.

    A market without hours is always open.
    """
    if not market.hours:
        return [_values(OPEN, now)] if after is None else []
    local = now.astimezone(KST)
    if not market.calendar("KR").is_business_day(local.date()):
        return []
    begun = [(datetime.combine(local.date(), at, KST), code) for at, code in _PHASES]
    begun = [(at, code) for at, code in begun if at <= local]
    if after is None:
        return [_values(code, now) for _, code in begun[-1:]]
    return [_values(code, at) for at, code in begun if at > after]


def _values(code: str, at: datetime) -> dict[str, str]:
    """215 the phase, 20 the time, 214 what is left of the time before it: to the open, or to the close."""
    local = at.astimezone(KST)
    left = 0
    for code_before, until in (("0", _OPENS), ("2", _CLOSES)):
        if code == code_before:
            left = max(0, int((datetime.combine(local.date(), until, KST) - local).total_seconds()))
    hours, rest = divmod(left, 3600)
    return {"215": code, "20": f"{local:%H%M%S}", "214": f"{hours:02d}{rest // 60:02d}{rest % 60:02d}"}
