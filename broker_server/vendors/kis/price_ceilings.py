"""What an order without a limit can cost at most, so that the guards can count it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import date, time
from decimal import Decimal

from broker_client.errors import InvalidParameters
from broker_server.core.methods import Lane, TaskContext
from broker_server.core.orders import OrderDetails
from broker_server.vendors.clock import Clock
from broker_server.vendors.kis.client import KisClient
from broker_server.vendors.kis.domestic_quotes import MARKET_CODES, unknown_ticker
from broker_server.vendors.kis.order_details import OVERSEAS
from broker_server.vendors.kis.order_types import overseas_exchanges
from broker_server.vendors.kis.overseas_quotes import last_price
from broker_server.vendors.kis.values import integer_of
from broker_server.vendors.values import KST

_MOST_TICKERS = 2_000
_DAY_IS_SET = time(8, 0)
"""When the first session of a day begins: an upper limit that was read before may still be yesterday's."""
_OVERSEAS_FACTOR = 2


class PriceCeilings:
    """Asks KIS for the most that a share can cost today. Safe to use from many threads.

    Args:
        client: The calls.
        clock: What today is.
    """

    def __init__(self, client: KisClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._upper_limits: OrderedDict[str, tuple[date, int]] = OrderedDict()

    def ceiling(self, details: OrderDetails, context: TaskContext) -> Decimal:
        """The ceiling of one share, in the order's currency.

        Domestic: the day's upper limit price. Overseas, where most exchanges have none: twice the last price.
        An order waits for this, so it is asked in the lane of orders.

        Raises:
            InvalidParameters: KIS knows no such instrument, or gives no upper limit for it.
            TaskFailed: KIS cannot be asked.
        """
        if details.ticker is None:
            raise ValueError("a change or a cancel has no ceiling before its order was looked up")
        if details.market == OVERSEAS:
            return self._overseas(details.ticker, details.venue or "", context)
        return self._domestic(details.ticker, context)

    def _domestic(self, ticker: str, context: TaskContext) -> Decimal:
        now = self._clock.now().astimezone(KST)
        with self._lock:
            day, known = self._upper_limits.get(ticker, (date.min, 0))
        if day == now.date():
            return Decimal(known)
        row = self._client.read(
            "domestic_stock.inquire_price",
            {"fid_cond_mrkt_div_code": MARKET_CODES["KRX"], "fid_input_iscd": ticker},
            context=context,
            lane=Lane.ORDER,
        ).required_row("output")
        if not integer_of(row, "stck_prpr"):
            raise unknown_ticker(ticker)
        limit = integer_of(row, "stck_mxpr")
        if not limit:
            raise InvalidParameters(
                f"order_type: KIS gives no upper limit for {ticker}, so an order without a price cannot be "
                "counted; give a price",
                vendor="kis",
            )
        if now.time() >= _DAY_IS_SET:
            with self._lock:
                self._upper_limits[ticker] = now.date(), limit
                self._upper_limits.move_to_end(ticker)
                if len(self._upper_limits) > _MOST_TICKERS:
                    self._upper_limits.popitem(last=False)
        return Decimal(limit)

    def _overseas(self, ticker: str, exchange: str, context: TaskContext) -> Decimal:
        row = self._client.read(
            "overseas_stock.price",
            {"auth": "", "excd": overseas_exchanges()[exchange]["quote_code"], "symb": ticker},
            context=context,
            lane=Lane.ORDER,
        ).required_row("output")
        return Decimal(last_price(row, ticker, exchange)) * _OVERSEAS_FACTOR
