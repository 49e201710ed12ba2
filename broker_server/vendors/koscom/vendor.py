"""The KOSCOM adapter as the worker sees it: market data, no orders and no account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

from broker_server.core.feeds import Streams
from broker_server.core.instruments import Instruments
from broker_server.core.limiter import SlidingWindowLimiter
from broker_server.core.methods import Lane, Method, TaskContext
from broker_server.core.vendor import CheckResult, OrderAccess
from broker_server.vendors.checks import attempt, clock_text, context_without_deadline
from broker_server.vendors.clock import Clock, SystemClock
from broker_server.vendors.http import RequestsTransport, Timeouts, Transport
from broker_server.vendors.koscom.candles import Candles
from broker_server.vendors.koscom.client import KoscomClient
from broker_server.vendors.koscom.config import KoscomConfig
from broker_server.vendors.koscom.endpoints import tables
from broker_server.vendors.koscom.markets import Markets
from broker_server.vendors.koscom.observed import KoscomWire
from broker_server.vendors.koscom.query import Query
from broker_server.vendors.koscom.quota import DailyQuota
from broker_server.vendors.koscom.quotes import Quotes
from broker_server.vendors.koscom.snapshots import Snapshots
from broker_server.vendors.koscom.stream_methods import StreamMethods
from broker_server.vendors.koscom.streams import KoscomStreams
from broker_server.vendors.no_orders import NoOrders
from broker_server.vendors.observed_http import ObservedTransport
from broker_server.vendors.pacing import Pacer
from broker_server.vendors.vendor_clock import VendorClock, WatchedTransport

_CHECK_MARKET, _CHECK_INDEX = "kospi", "K1"


class KoscomVendor:
    """KOSCOM. Safe to use from many threads; see `create`.

    Attributes:
        account: The alias of its key.
        live: Never: it takes no orders.
        orders: None, likewise.
        streams: Its live data.
    """

    name = "koscom"
    live = False

    def __init__(
        self,
        config: KoscomConfig,
        clock: Clock,
        *,
        transport: Transport,
        instruments: Instruments | None = None,
    ) -> None:
        instruments = instruments or Instruments()
        transport = ObservedTransport(transport, self.name, KoscomWire(), instruments, clock.monotonic)
        self.account = config.alias
        self._config = config
        self._clock = clock
        self._vendor_clock = VendorClock(clock)
        self._transport = WatchedTransport(transport, self._vendor_clock)
        self._pacer = Pacer(
            SlidingWindowLimiter(config.calls_a_second),
            clock,
            lambda lane, seconds: instruments.meter.slot_taken(self.name, lane, seconds),
        )
        self._quota = DailyQuota(self._vendor_clock)
        self._client = KoscomClient(config, self._pacer, self._quota, self._transport)
        markets = Markets(self._client)
        self._parts = (
            Query(markets),
            Quotes(markets),
            Candles(markets, self._vendor_clock),
            StreamMethods(config),
        )
        snapshots = Snapshots(markets, self._vendor_clock)
        self.streams: Streams | None = KoscomStreams(config, snapshots, clock)
        self.orders: OrderAccess = NoOrders()

    def methods(self) -> Sequence[Method[Any]]:
        """All methods."""
        return [method for part in self._parts for method in part.methods()]

    def status(self) -> dict[str, Any]:
        """Who answers, by which paths, the quota of the day and the rate limit."""
        return {
            "server": "simulator" if self._config.simulated else self._config.base_url,
            "api_version": self._config.api_version,
            "account": None,
            "orders": None,
            "quota": self._quota.status(),
            "rate_limit": self._pacer.status(),
        }

    def check(self) -> Sequence[CheckResult]:
        """The key, the machine's clock and the quota, by one call; whether live data are set up."""
        context = context_without_deadline("check", self._clock)
        results = [attempt("koscom key", lambda: self._check_key(context))]
        if results[0].passed:
            results.append(self._check_quota())
        return results

    def close(self) -> None:
        """Wake what waits, refuse what comes, release the sockets."""
        self._pacer.close()
        self._transport.close()

    def _check_key(self, context: TaskContext) -> str:
        self._client.read(
            tables()["market-index"], {"market": _CHECK_MARKET}, context=context, lane=Lane.QUOTE
        )
        offset = clock_text(round(-self._vendor_clock.offset().total_seconds()))
        return f"{_CHECK_INDEX} answered; this machine's clock is {offset}"

    def _check_quota(self) -> CheckResult:
        quota = self._quota.status()
        if quota["remaining"] is None:
            return CheckResult("koscom quota", True, "the answer says nothing of one")
        left, limit = quota["remaining"], quota["limit_per_day"]
        of = f" of {limit:,}" if limit else ""
        return CheckResult(
            "koscom quota", left > 0, f"{left:,}{of} calls are left until {quota['resets_at']}"
        )


def create(
    config: KoscomConfig,
    *,
    clock: Clock | None = None,
    transport: Transport | None = None,
    instruments: Instruments | None = None,
) -> KoscomVendor:
    """Make the adapter; nothing is sent until the first task.

    Args:
        config: The key and the hosts.
        clock: The machine's when left out.
        transport: Replaces HTTP.
        instruments: Measure and trace the calls.
    """
    clock = clock or SystemClock()
    return KoscomVendor(
        config,
        clock,
        transport=transport or RequestsTransport(Timeouts(), monotonic=clock.monotonic),
        instruments=instruments,
    )


def declared_methods() -> Sequence[Method[Any]]:
    """Every method of this version, for listings; nothing can be called."""
    return create(KoscomConfig(simulated=False, api_key=SecretStr("none"))).methods()
