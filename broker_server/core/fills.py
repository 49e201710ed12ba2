"""Which fills of a day have been published, so that a lost notice is made up for and none counts twice.

::

    notice of a fill ──noticed──┐
                                ├──> published per order: never more than the market has traded
    the vendor's order list ────┘
         (listed, then due)

Notices carry no identity: two of them may be equal and both be right. What tells is the total on the vendor's
list of orders. What the list has and notices have not brought is published as one recovered fill. A notice
that comes after all is held against that, the order's debt, and swallowed. All of it is pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Context, Decimal, DecimalException, Inexact

from broker_server.core.listed_orders import ListedOrder
from broker_server.core.reconciliation import number

CLOCK_DOUBT = timedelta(seconds=3)
"""Times of fills are whole seconds, and the vendor's clock is known to a second or so."""
SETTLE_SECONDS = 2.0
"""Notices that were on their way when the list was made have this long to come."""
_EXACT = Context(prec=28, traps=[Inexact])


@dataclass(frozen=True, slots=True)
class Published:
    """What has been published of one order.

    Attributes:
        quantity: Shares.
        amount: What was paid for them; ``None`` when that is not known exactly.
        recovered: Shares of them that were taken from the vendor's list.
    """

    quantity: int = 0
    amount: Decimal | None = Decimal(0)
    recovered: int = 0


@dataclass(frozen=True, slots=True)
class Noticed:
    """What to do with a notice of a fill.

    Attributes:
        publish: Shares of it to publish: nearly always all of them, or none.
        duplicate: Shares of it that have been published before.
        published: Of its order, with this.
    """

    publish: int
    duplicate: int
    published: Published


@dataclass(frozen=True, slots=True)
class Recovered:
    """Fills of one order that no notice has brought, as one.

    Attributes:
        order: As the vendor lists it.
        quantity: Shares to publish.
        amount: What was paid for them; ``None`` when it cannot be derived exactly.
        price: The mean per share; ``None`` when it has no exact decimal form or cannot be derived.
        published: Of its order, with this.
    """

    order: ListedOrder
    quantity: int
    amount: Decimal | None
    price: Decimal | None
    published: Published


@dataclass(frozen=True, slots=True)
class Baseline:
    """The first list of a day: what it has was before our time, and is not published.

    Attributes:
        published: By order number, without leading zeros.
    """

    published: Mapping[str, Published]


@dataclass(slots=True)
class _List:
    """A list that waits to be compared.

    Attributes:
        due: When that is, in monotonic seconds.
        asked: When it was asked for, likewise.
        asked_at: The same moment in the vendor's clock.
        answered_at: When it was there, likewise: it is of some moment between the two.
    """

    due: float
    asked: float
    asked_at: datetime
    answered_at: datetime
    orders: Sequence[ListedOrder]


@dataclass(slots=True)
class _Entry:
    """One order.

    Attributes:
        noticed: When the last notice came, in monotonic seconds.
        debt: Shares that were taken from a list and whose notices may still come.
        debt_until: Fills after this moment are not of them.
        listed: Shares on the newest list that was compared.
        listed_from: That list has every fill before this moment.
    """

    published: Published = field(default_factory=Published)
    noticed: float = float("-inf")
    debt: int = 0
    debt_until: datetime | None = None
    listed: int = 0
    listed_from: datetime | None = None


class FillLedger:
    """The fills of one account, one market and one trading day.

    Args:
        published: What an earlier run has on record, by order number.
        has_baseline: Whether there is such a record, or the worker was there before the day began; else the
            first list is only noted.
        unit: The smallest step of a price in that market's currency (won: 1), to undo the rounding of the
            vendor's average prices.
        digits: Decimals that those are rounded to.
        settle: Seconds after a list until it is compared.
    """

    def __init__(
        self,
        published: Mapping[str, Published] | None = None,
        *,
        has_baseline: bool,
        unit: Decimal,
        digits: int = 4,
        settle: float = SETTLE_SECONDS,
    ) -> None:
        self._entries = {number(name): _Entry(each) for name, each in (published or {}).items()}
        self._has_baseline = has_baseline
        self._unit = unit
        self._digits = digits
        self._settle = settle
        self._lists: deque[_List] = deque()

    def published(self, order_no: str) -> Published:
        """What has been published of an order."""
        entry = self._entries.get(number(order_no))
        return Published() if entry is None else entry.published

    def noticed(
        self, order_no: str, *, quantity: int, price: Decimal | None, time: datetime | None, now: float
    ) -> Noticed:
        """A notice of a fill has come.

        Args:
            time: Of the fill, in the vendor's clock; ``None`` if the notice does not tell.
            now: Monotonic seconds.
        """
        entry = self._entries.setdefault(number(order_no), _Entry())
        entry.noticed = now
        fresh = quantity
        if entry.debt_until is not None and (time is None or time <= entry.debt_until + CLOCK_DOUBT):
            owed = min(entry.debt, fresh)
            entry.debt -= owed
            fresh -= owed
        if entry.listed_from is not None and time is not None and time < entry.listed_from - CLOCK_DOUBT:
            # The list has this fill without doubt, so its total is the limit. If the list lagged behind all
            # the same, the next one brings the fill.
            fresh = min(fresh, max(0, entry.listed - entry.published.quantity))
        if fresh:
            entry.published = _with(entry.published, fresh, None if price is None else price * fresh)
        return Noticed(fresh, quantity - fresh, entry.published)

    def listed(
        self, orders: Sequence[ListedOrder], *, asked_at: datetime, answered_at: datetime, now: float
    ) -> None:
        """A list has come; it is compared when notices that were on their way have had their time.

        Args:
            orders: Of this trading day; the list may be incomplete.
            asked_at: When it was asked for, in the vendor's clock.
            answered_at: When the last page of it was there, likewise.
            now: The same moment in monotonic seconds.
        """
        asked = now - (answered_at - asked_at).total_seconds()
        self._lists.append(_List(now + self._settle, asked, asked_at, answered_at, _merged(orders)))

    def due(self, now: float) -> list[Baseline | Recovered]:
        """Compare the lists whose time has come; what is to be published or noted because of them."""
        found: list[Baseline | Recovered] = []
        while self._lists and self._lists[0].due <= now:
            compared = self._lists.popleft()
            recovered = [
                each for order in compared.orders if (each := self._compare(order, compared)) is not None
            ]
            if self._has_baseline:
                found += recovered
            else:
                self._has_baseline = True
                found.append(
                    Baseline(
                        {
                            name: each.published
                            for name, each in self._entries.items()
                            if each.published.quantity
                        }
                    )
                )
        return found

    def _compare(self, order: ListedOrder, compared: _List) -> Recovered | None:
        entry = self._entries.setdefault(number(order.order_no), _Entry())
        if entry.listed_from is None or compared.asked_at >= entry.listed_from:
            entry.listed, entry.listed_from = order.filled, compared.asked_at
        before = entry.published
        missing = order.filled - before.quantity
        total = _total(order, self._unit, self._digits)
        if entry.noticed >= compared.asked - CLOCK_DOUBT.total_seconds():
            total = None  # what was published is not all on the list, perhaps: amounts cannot be compared
        if missing == 0 and total is not None:
            # A new fill may have been swallowed and an old one published in its place.
            entry.published = replace(before, amount=total)
        if missing <= 0:
            return None
        amount, price = _derived(total, before, missing)
        entry.published = replace(
            before,
            quantity=order.filled,
            amount=total,
            recovered=before.recovered + (missing if self._has_baseline else 0),
        )
        entry.debt += missing
        entry.debt_until = max(compared.answered_at, entry.debt_until or compared.answered_at)
        return Recovered(order, missing, amount, price, entry.published)


def _derived(total: Decimal | None, before: Published, missing: int) -> tuple[Decimal | None, Decimal | None]:
    """Amount and mean price of what is missing."""
    if total is None or before.amount is None or total <= before.amount:
        return None, None
    amount = total - before.amount
    try:
        return amount, _EXACT.divide(amount, Decimal(missing))
    except DecimalException:
        return amount, None


def _total(order: ListedOrder, unit: Decimal, digits: int) -> Decimal | None:
    """What was paid for all fills of an order: the vendor rounds its average price."""
    average = order.average_price
    if average is None or not average.is_finite():
        return None
    product = average * order.filled
    nearest = (product / unit).to_integral_value() * unit
    rounded = Decimal(1).scaleb(-digits) / 2 * order.filled
    if rounded < unit / 2:
        return nearest if abs(product - nearest) <= rounded else None
    ended = average == round(average, max(0, digits - 1))  # before the digit that is rounded
    return nearest if ended and nearest == product else None


def _with(published: Published, quantity: int, amount: Decimal | None) -> Published:
    known = published.amount
    return replace(
        published,
        quantity=published.quantity + quantity,
        amount=None if known is None or amount is None else known + amount,
    )


def _merged(orders: Sequence[ListedOrder]) -> list[ListedOrder]:
    """One entry for each order: a list may show it in several rows, one for each venue it was routed to."""
    found: dict[str, ListedOrder] = {}
    for order in orders:
        name = number(order.order_no)
        found[name] = _sum(found[name], order) if name in found else order
    return list(found.values())


def _sum(one: ListedOrder, other: ListedOrder) -> ListedOrder:
    if not one.filled or not other.filled:
        filled = one if one.filled else other
        average = filled.average_price
    elif one.average_price == other.average_price:
        average = one.average_price
    else:
        average = None
    return replace(one, filled=one.filled + other.filled, average_price=average)
