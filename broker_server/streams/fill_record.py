"""What was published of the executions of one account, in the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

from broker_server.core.fills import Published
from broker_server.journal.published_fills import LedgerDay, PublishedFills

KEPT_DAYS = 30


class AccountFills:
    """Implements `broker_server.streams.fill_writer.FillRecord`.

    Args:
        fills: The journal's.
        vendor: Whose account.
        account: Its alias.
        clock: UTC.
    """

    def __init__(
        self, fills: PublishedFills, vendor: str, account: str, clock: Callable[[], datetime]
    ) -> None:
        self._fills = fills
        self._vendor = vendor
        self._account = account
        self._clock = clock

    def load(self, market: str, day: date) -> tuple[Mapping[str, Published], bool]:
        """What was published of a day, by order number, and whether there is a baseline."""
        self._fills.prune((day - timedelta(days=KEPT_DAYS)).isoformat())
        kept = self._fills.load(self._day(market, day))
        return kept.published, kept.has_baseline

    def save(self, market: str, day: date, published: Mapping[str, Published]) -> None:
        """Write down what has been published of some orders."""
        self._fills.keep(self._day(market, day), published)

    def set_baseline(self, market: str, day: date, published: Mapping[str, Published]) -> None:
        """Write down that a day has its baseline, and which."""
        self._fills.keep_baseline(self._day(market, day), published, self._clock())

    def _day(self, market: str, day: date) -> LedgerDay:
        return LedgerDay(self._vendor, self._account, market, day.isoformat())
