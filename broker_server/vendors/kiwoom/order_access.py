"""What the order desk asks Kiwoom besides sending: the account's orders, a price ceiling, the clock."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import MappingProxyType

from broker_client.errors import InvalidParameters
from broker_server.core.listed_orders import ListedOrder, OrderList
from broker_server.core.methods import Lane, TaskContext
from broker_server.core.orders import OrderDetails, Status
from broker_server.vendors.account_models import OrderRecord, OrderState
from broker_server.vendors.clock import Clock
from broker_server.vendors.kiwoom.backend import Backend
from broker_server.vendors.kiwoom.order_types import is_known
from broker_server.vendors.kiwoom.orders import OrderBook, listed_venue
from broker_server.vendors.kiwoom.quotes import Quotes
from broker_server.vendors.kiwoom.reading import VENDOR, readable
from broker_server.vendors.kiwoom.values import price_of
from broker_server.vendors.order_details import DOMESTIC
from broker_server.vendors.values import KST

_STATUSES: dict[OrderState, Status] = {
    "working": Status.WORKING,
    "partially_filled": Status.PARTIALLY_FILLED,
    "filled": Status.FILLED,
    "cancelled": Status.CANCELLED,
    "rejected": Status.REJECTED_BY_EXCHANGE,
}
_MOST_TICKERS = 2_000
_DAY_IS_SET = time(8, 0)
"""When the first session of a day begins: an upper limit that was read before may still be yesterday's."""


class KiwoomOrderAccess:
    """See `broker_server.core.vendor.OrderAccess`. Safe to use from many threads.

    Args:
        backend: The way to Kiwoom.
        orders: Lists orders.
        quotes: Finds price ceilings.
        clock: Kiwoom's clock.
    """

    markets: Sequence[str] = (DOMESTIC,)
    rising: Collection[str] = ()
    """Whether the numbers of all venues only rise is not published."""
    cancel_methods: Mapping[str, str] = MappingProxyType({DOMESTIC: "kiwoom.cancel-order"})

    def __init__(self, backend: Backend, orders: OrderBook, quotes: Quotes, clock: Clock) -> None:
        self._backend = backend
        self._orders = orders
        self._quotes = quotes
        self._clock = clock
        self._lock = threading.Lock()
        self._upper_limits: OrderedDict[str, tuple[date, int]] = OrderedDict()

    def list_orders(self, market: str, context: TaskContext, since: datetime | None = None) -> OrderList:
        """Every order of today in Korea, all pages.

        Args:
            market: ``domestic``, the only one.
            context: Its deadline holds while waiting for the rate limit.
            since: Also what Kiwoom received from then on: the days before today are asked for, too.

        Raises:
            TaskFailed: A page could not be read.
        """
        for _ in range(2):
            today = self._orders.today()
            listed = self._listed(today, context, since)
            # The first answer may have set the clock, or it is midnight: then the wrong day was asked for.
            if self._orders.today() == today:
                return listed
        return replace(listed, incomplete="the vendor's date changed while its orders were read")

    def price_ceiling(self, details: OrderDetails, context: TaskContext) -> Decimal:
        """The day's upper limit price. An order waits for this, so it is asked in the lane of orders.

        Raises:
            InvalidParameters: Kiwoom knows no such instrument, or gives no upper limit for it.
            TaskFailed: Kiwoom cannot be asked.
        """
        ticker = details.ticker
        if ticker is None:
            raise ValueError("a change or a cancel has no ceiling before its order was looked up")
        now = self._clock.now().astimezone(KST)
        with self._lock:
            day, known = self._upper_limits.get(ticker, (date.min, 0))
        if day == now.date():
            return Decimal(known)
        row = self._quotes.stock(ticker, context, Lane.ORDER)
        with readable(ticker):
            limit = price_of(row["upper_limit"])
        if limit is None:
            raise InvalidParameters(
                f"order_type: Kiwoom gives no upper limit for {ticker}, so an order without a price cannot "
                "be counted; give a price",
                vendor=VENDOR,
            )
        if now.time() >= _DAY_IS_SET:
            with self._lock:
                self._upper_limits[ticker] = now.date(), limit
                self._upper_limits.move_to_end(ticker)
                if len(self._upper_limits) > _MOST_TICKERS:
                    self._upper_limits.popitem(last=False)
        return Decimal(limit)

    def clock_offset(self) -> timedelta:
        """See `Backend.clock_offset`."""
        return self._backend.clock_offset()

    def _listed(self, today: date, context: TaskContext, since: datetime | None) -> OrderList:
        first = today if since is None else min(today, since.astimezone(KST).date())
        found = self._orders.history(first, today, context, Lane.ACCOUNT)
        # A list that grows while it is paged may show an order twice: the later page is the newer reading.
        latest = {(each.time and each.time.date(), each.order_no): each for each in found.orders}
        return OrderList(
            [_listed_order(each) for each in latest.values()],
            found.truncated,
            datetime.combine(first, time(), KST),
        )


def _listed_order(record: OrderRecord) -> ListedOrder:
    """A kind or a venue in words of Kiwoom's that nobody told of must not hide an order from its match."""
    return ListedOrder(
        order_no=record.order_no,
        original=record.original_order_no,
        action=record.action,
        ticker=record.ticker,
        side=record.side,
        quantity=record.quantity,
        price=None if record.price is None else Decimal(record.price),
        order_type=record.order_type if is_known(record.order_type) else None,
        venue=listed_venue(record),
        received_at=record.time,
        filled=record.filled_quantity,
        remaining=record.remaining_quantity,
        average_price=None if record.average_price is None else Decimal(record.average_price),
        cancelled=record.cancelled_quantity,
        status=_STATUSES[record.state],
    )
