"""Where no orders are taken: a source of market data alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from broker_client.errors import Unsupported
from broker_server.core.listed_orders import OrderList
from broker_server.core.methods import TaskContext
from broker_server.core.orders import OrderDetails


class NoOrders:
    """A `broker_server.core.vendor.OrderAccess` of an account that there is not."""

    markets: Sequence[str] = ()
    rising: Collection[str] = ()
    cancel_methods: Mapping[str, str] = MappingProxyType({})

    def list_orders(self, market: str, context: TaskContext, since: datetime | None = None) -> OrderList:
        raise Unsupported("there are no orders here")

    def price_ceiling(self, details: OrderDetails, context: TaskContext) -> Decimal:
        raise Unsupported("there are no orders here")

    def clock_offset(self) -> timedelta:
        return timedelta()
