"""When a day order is over, whatever the vendor's list still shows as open."""

from __future__ import annotations

from datetime import datetime, timedelta

from broker_server.core.orders import Order
from broker_server.core.sessions import SessionTable

MARGIN = timedelta(hours=1)
"""After the last session: late openings, and the vendor's own end of day."""
WHOLE_DAY = timedelta(days=1)


class DayEnd:
    """Tells by the table of market sessions; a venue that the table does not have never ends.

    Args:
        table: The sessions.
        round_the_clock: The market trades outside its hours, as a simulated one does.
    """

    def __init__(self, table: SessionTable, *, round_the_clock: bool = False) -> None:
        self._table = table
        self._round_the_clock = round_the_clock

    def __call__(self, order: Order, now: datetime) -> bool:
        """Whether the market cannot fill the order any more: its trading day has ended a while ago."""
        venue, sent_at = order.details.venue, order.sent_at
        if venue is None or sent_at is None:
            return False
        end = self._table.day_end(venue, sent_at)
        if end is None:
            return False
        if self._round_the_clock:
            end = max(end, sent_at + WHOLE_DAY)
        return now >= end + MARGIN
