"""The highest order number known of each market: an order sent later has a higher one."""

from __future__ import annotations

import threading
from datetime import datetime

from broker_server.journal.order_rows import trading_day
from broker_server.journal.orders import OrderJournal

_Key = tuple[str, str, str]


class NumberFloors:
    """Safe to use from many threads; blocks on the first use of a market and day."""

    def __init__(self, journal: OrderJournal) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._highest: dict[_Key, tuple[str, int]] = {}

    def current(self, vendor: str, account: str, market: str, now: datetime) -> int | None:
        """The highest number of today, or ``None`` when there is none yet: numbers begin anew each day."""
        key, day = (vendor, account, market), trading_day(now)
        with self._lock:
            known = self._highest.get(key)
        if known is None or known[0] != day:
            numbers = self._journal.numbered(vendor, account, market, since=day)
            highest = max((int(each) for each in numbers if each.isdecimal()), default=0)
            with self._lock:
                self._highest.setdefault(key, (day, highest))
                if self._highest[key][0] != day:
                    self._highest[key] = (day, highest)
        with self._lock:
            return self._highest[key][1] or None

    def note(self, vendor: str, account: str, market: str, order_no: str | None, now: datetime) -> None:
        """A number that the vendor gave."""
        if order_no is None or not order_no.isdecimal():
            return
        key, day, value = (vendor, account, market), trading_day(now), int(order_no)
        with self._lock:
            known = self._highest.get(key)
            if known is not None and known[0] == day and known[1] < value:
                self._highest[key] = (day, value)
