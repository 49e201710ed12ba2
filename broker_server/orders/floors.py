"""The highest order number known of each market: an order sent later that day has a higher one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from broker_server.core.accounts import AccountKey
from broker_server.core.reconciliation import CLOCK_SLACK, LONGEST_WAY
from broker_server.journal.order_rows import trading_day
from broker_server.journal.orders import OrderJournal

_Key = tuple[str, str, str]


def no_offset(_: AccountKey) -> timedelta:
    """Every vendor's clock is ours."""
    return timedelta()


def always(_: AccountKey, __: str) -> bool:
    """The numbers of every market rise all day."""
    return True


class NumberFloors:
    """Safe to use from many threads; blocks on the first use of a market and day.

    Numbers begin anew each day of the vendor's clock. A number whose day is not sure is left out: a floor
    that is too low makes a match harder at worst, one that is too high would deny an order.

    Args:
        journal: The record.
        offset: By account: the vendor's clock less ours.
        rises: By account and market: whether its numbers only rise during a day in Korea; if not, it has no
            floor.
    """

    def __init__(
        self,
        journal: OrderJournal,
        offset: Callable[[AccountKey], timedelta] = no_offset,
        rises: Callable[[AccountKey, str], bool] = always,
    ) -> None:
        self._journal = journal
        self._offset = offset
        self._rises = rises
        self._lock = threading.Lock()
        self._highest: dict[_Key, tuple[str, int]] = {}

    def current(self, vendor: str, account: str, market: str, now: datetime) -> int | None:
        """The highest number of the vendor's today; ``None`` when there is none, or it would say nothing."""
        if not self._rises(AccountKey(vendor, account), market):
            return None
        offset = self._offset(AccountKey(vendor, account))
        key, day = (vendor, account, market), trading_day(now + offset)
        with self._lock:
            known = self._highest.get(key)
        if known is None or known[0] != day:
            highest = self._recorded(key, day, offset)
            with self._lock:
                known = self._highest.get(key)
                if known is None or known[0] != day:
                    self._highest[key] = (day, highest)
        with self._lock:
            known = self._highest[key]
            return (known[1] or None) if known[0] == day else None

    def note(self, vendor: str, account: str, market: str, order_no: str | None, now: datetime) -> None:
        """A number that the vendor gave in an answer, just now."""
        moment = now + self._offset(AccountKey(vendor, account))
        if trading_day(moment - LONGEST_WAY) == trading_day(moment + CLOCK_SLACK):
            self._raise((vendor, account, market), order_no, trading_day(moment))

    def note_listed(
        self, vendor: str, account: str, market: str, order_no: str, received_at: datetime | None
    ) -> None:
        """A number that the vendor lists.

        Args:
            received_at: In its own clock; a number without it says nothing.
        """
        if received_at is not None:
            self._raise((vendor, account, market), order_no, trading_day(received_at))

    def _raise(self, key: _Key, order_no: str | None, day: str) -> None:
        if order_no is None or not order_no.isdecimal():
            return
        value = int(order_no)
        with self._lock:
            known = self._highest.get(key)
            if known is not None and known[0] == day and known[1] < value:
                self._highest[key] = (day, value)

    def _recorded(self, key: _Key, day: str, offset: timedelta) -> int:
        numbered = self._journal.numbered(*key, since=day)
        return max(
            (
                int(number)
                for number, orders in numbered.items()
                if number.isdecimal() and any(_surely_on(order.sent_at, day, offset) for order in orders)
            ),
            default=0,
        )


def _surely_on(sent_at: datetime | None, day: str, offset: timedelta) -> bool:
    if sent_at is None:
        return False
    moment = sent_at + offset
    return day == trading_day(moment - CLOCK_SLACK) == trading_day(moment + CLOCK_SLACK)
