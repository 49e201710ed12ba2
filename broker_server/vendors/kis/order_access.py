"""What the order desk asks KIS besides sending: the account's orders, a price ceiling, the clock."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from sys import intern
from types import MappingProxyType

from broker_server.core.listed_orders import ListedOrder, OrderList
from broker_server.core.methods import Lane, TaskContext
from broker_server.core.orders import OrderDetails, Status
from broker_server.vendors.account_models import OrderState
from broker_server.vendors.kis.domestic_orders import DomesticOrder, DomesticOrderBook
from broker_server.vendors.kis.order_details import OVERSEAS, limit_of
from broker_server.vendors.kis.overseas_models import OverseasOrderRecord
from broker_server.vendors.kis.overseas_orders import OverseasOrderList
from broker_server.vendors.kis.price_ceilings import PriceCeilings
from broker_server.vendors.kis.values import text_of
from broker_server.vendors.order_details import DOMESTIC
from broker_server.vendors.values import KST
from broker_server.vendors.vendor_clock import VendorClock

_STATUSES: dict[OrderState, Status] = {
    "working": Status.WORKING,
    "partially_filled": Status.PARTIALLY_FILLED,
    "filled": Status.FILLED,
    "cancelled": Status.CANCELLED,
    "rejected": Status.REJECTED_BY_EXCHANGE,
}


class KisOrderAccess:
    """See `broker_server.core.vendor.OrderAccess`. Safe to use from many threads.

    Args:
        domestic: Lists domestic orders.
        overseas: Lists overseas orders.
        ceilings: Finds price ceilings.
        clock: KIS's clock.
    """

    markets: Sequence[str] = (DOMESTIC, OVERSEAS)
    rising: Collection[str] = (DOMESTIC,)
    """Whether overseas numbers begin anew with the date in Korea or at the exchange is not published."""
    cancel_methods: Mapping[str, str] = MappingProxyType(
        {DOMESTIC: "kis.cancel-order", OVERSEAS: "kis.cancel-overseas-order"}
    )

    def __init__(
        self,
        domestic: DomesticOrderBook,
        overseas: OverseasOrderList,
        ceilings: PriceCeilings,
        clock: VendorClock,
    ) -> None:
        self._domestic = domestic
        self._overseas = overseas
        self._ceilings = ceilings
        self._clock = clock

    def list_orders(self, market: str, context: TaskContext, since: datetime | None = None) -> OrderList:
        """Every order of the account in that market whose trading day is not over, all pages.

        Domestic: what KIS received today in Korea, by its full history (the list of open orders does not show
        what was filled). Overseas: each exchange's own date, so that the American night is still here after
        midnight in Korea. Today is KIS's, not this machine's.

        Args:
            market: ``domestic`` or ``overseas``.
            context: Its deadline holds while waiting for the rate limit.
            since: Also what KIS received from then on: the days before today are asked for, too.

        Raises:
            TaskFailed: Not even the first page could be read.
        """
        read = {DOMESTIC: self._list_domestic, OVERSEAS: self._list_overseas}[market]
        for _ in range(2):
            days = self._days()
            listed = read(context, since)
            # The first answer may have set the clock, or it is midnight: then the wrong days were asked for.
            if self._days() == days:
                return listed
        return replace(listed, incomplete="the vendor's date changed while its orders were read")

    def price_ceiling(self, details: OrderDetails, context: TaskContext) -> Decimal:
        """See `PriceCeilings.ceiling`."""
        return self._ceilings.ceiling(details, context)

    def clock_offset(self) -> timedelta:
        """See `VendorClock.offset`."""
        return self._clock.offset()

    def _days(self) -> tuple[date, dict[str, date]]:
        return self._domestic.today(), self._overseas.current_days()

    def _list_domestic(self, context: TaskContext, since: datetime | None) -> OrderList:
        today = self._domestic.today()
        first = today if since is None else min(today, since.astimezone(KST).date())
        # A list that grows while it is paged may show an order twice: the later page is the newer reading.
        # KIS's numbers are unique within a branch and a date.
        latest: dict[tuple[str, str, str], ListedOrder] = {}

        def take(order: DomesticOrder) -> None:
            latest[text_of(order.row, "ord_dt"), order.branch, order.record.order_no] = _domestic(order)

        truncated = self._domestic.read_history(first, today, context, Lane.ACCOUNT, take, partial=True)
        return OrderList(list(latest.values()), truncated, datetime.combine(first, time(), KST))

    def _list_overseas(self, context: TaskContext, since: datetime | None) -> OrderList:
        complete_from = self._overseas.current_from(since)
        found = self._overseas.current(context, Lane.ACCOUNT, since=since, partial=True)
        latest = {
            (record.local_date, text_of(row, "ord_gno_brno"), record.order_no): record
            for record, row in found.orders
        }
        return OrderList([_overseas(record) for record in latest.values()], found.truncated, complete_from)


def _domestic(order: DomesticOrder) -> ListedOrder:
    record = order.record
    return ListedOrder(
        order_no=record.order_no,
        original=record.original_order_no,
        action=record.action,
        ticker=intern(record.ticker),
        side=record.side,
        quantity=record.quantity,
        price=limit_of(record),
        order_type=record.order_type,
        venue=record.venue,
        received_at=record.time,
        filled=record.filled_quantity,
        remaining=record.remaining_quantity,
        average_price=_exact(record.average_price),
        cancelled=record.cancelled_quantity,
        status=_STATUSES[record.state],
    )


def _overseas(record: OverseasOrderRecord) -> ListedOrder:
    return ListedOrder(
        order_no=record.order_no,
        original=record.original_order_no,
        action=record.action,
        ticker=intern(record.ticker),
        side=record.side,
        quantity=record.quantity,
        price=_exact(record.price),
        order_type=None,
        venue=record.venue,
        received_at=record.time,
        filled=record.filled_quantity,
        remaining=record.remaining_quantity,
        average_price=_exact(record.average_price),
        cancelled=None,
        status=_STATUSES[record.state],
    )


@lru_cache(maxsize=1_000)
def _exact(text: str | None) -> Decimal | None:
    # A list of thousands of orders has few different prices; equal ones are one object.
    return None if text is None else Decimal(text)
