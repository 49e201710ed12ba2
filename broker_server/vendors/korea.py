"""Korean time: most of what a vendor sends has a time of day and no date."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from broker_server.vendors.values import KST

_HALF_A_DAY = timedelta(hours=12)
_DAY = timedelta(days=1)


def nearest_moment(clock_time: time, received: datetime) -> datetime:
    """The moment with that time of day in Korea that is nearest to the receipt.

    Args:
        clock_time: The time of day.
        received: With an offset.

    Raises:
        OverflowError: It is beyond the calendar.
    """
    received = received.astimezone(KST)
    moment = datetime.combine(received.date(), clock_time, KST)
    if moment - received > _HALF_A_DAY:
        return moment - _DAY
    return moment + _DAY if received - moment > _HALF_A_DAY else moment


def time_of_day(text: str) -> time:
    """A time of day written ``HHMMSS``.

    Raises:
        ValueError: It is written otherwise.
    """
    if len(text) != 6 or not text.isascii():
        raise ValueError("not HHMMSS")
    return time(int(text[:2]), int(text[2:4]), int(text[4:]))
