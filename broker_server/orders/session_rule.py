"""Order type against market session: warns by default, because a table can be wrong where a market is not."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from broker_client.errors import OrderGuard
from broker_server.core.orders import OrderDetails
from broker_server.core.sessions import SessionTable, Verdict


class SessionCheckRule:
    """The rule that ``SESSION_CHECK`` sets.

    Args:
        table: The sessions.
        strictness: ``refuse`` whatever no session takes now, ``warn`` and refuse only what is abolished, or
            look at nothing (``off``).
        round_the_clock: The market trades outside its hours, as a simulated one does: no warnings.
    """

    def __init__(
        self,
        table: SessionTable,
        strictness: Literal["refuse", "warn", "off"],
        *,
        round_the_clock: bool = False,
    ) -> None:
        self._table = table
        self._strictness = strictness
        self._round_the_clock = round_the_clock

    def __call__(self, details: OrderDetails, now: datetime) -> str | None:
        """What is odd about the time of an order.

        Raises:
            OrderGuard: It is refused for it.
        """
        if self._strictness == "off" or details.venue is None or details.order_type is None:
            return None
        check = self._table.check_order(venue=details.venue, order_type=details.order_type, now=now)
        if check.verdict is Verdict.OPEN:
            return None
        if check.verdict is Verdict.ABOLISHED or self._strictness == "refuse":
            raise OrderGuard(f"{check.message}; nothing was sent (SESSION_CHECK={self._strictness})")
        return None if self._round_the_clock else check.message
