"""The KIS adapter as the worker sees it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from broker_server.core.feeds import Feed, FeedListener, FeedObserver, Streams
from broker_server.core.instruments import Instruments
from broker_server.core.limiter import SlidingWindowLimiter
from broker_server.core.methods import Lane, Method, TaskContext
from broker_server.core.vendor import CheckResult, OrderAccess
from broker_server.vendors.checks import attempt, clock_text, context_without_deadline
from broker_server.vendors.clock import Clock, SystemClock
from broker_server.vendors.http import (
    ORDER_TIMEOUT,
    RequestsTransport,
    Timeouts,
    Transport,
    transport_for_orders,
)
from broker_server.vendors.kis.api_descriptions import describing_methods
from broker_server.vendors.kis.auth import TokenSource
from broker_server.vendors.kis.call import CallMethods
from broker_server.vendors.kis.call_orders import CallOrderMethods
from broker_server.vendors.kis.catalogue import Catalogue
from broker_server.vendors.kis.client import KisClient
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.domestic_account import DomesticAccount
from broker_server.vendors.kis.domestic_charts import DomesticCharts
from broker_server.vendors.kis.domestic_orders import DomesticOrderBook
from broker_server.vendors.kis.domestic_quotes import DomesticQuotes
from broker_server.vendors.kis.domestic_trading import DomesticTrading
from broker_server.vendors.kis.observed import KisWire
from broker_server.vendors.kis.order_access import KisOrderAccess
from broker_server.vendors.kis.order_sender import OrderSender
from broker_server.vendors.kis.overseas_account import OverseasAccount
from broker_server.vendors.kis.overseas_orders import OverseasOrderList
from broker_server.vendors.kis.overseas_quotes import OverseasQuotes
from broker_server.vendors.kis.overseas_trading import OverseasTrading
from broker_server.vendors.kis.price_ceilings import PriceCeilings
from broker_server.vendors.kis.realtime_pool import KisFeed
from broker_server.vendors.kis.realtime_trial import try_live_data
from broker_server.vendors.kis.stream_codes import StreamCodes
from broker_server.vendors.kis.stream_methods import StreamMethods
from broker_server.vendors.kis.stream_snapshots import Snapshots
from broker_server.vendors.kis.streams import KisStreams
from broker_server.vendors.no_feed import NoFeed
from broker_server.vendors.observed_http import ObservedTransport
from broker_server.vendors.pacing import Pacer
from broker_server.vendors.parameters import AccountParameters
from broker_server.vendors.token_cache import TokenCache
from broker_server.vendors.vendor_clock import VendorClock, WatchedTransport, read_date

_CHECK_TICKER = "005930"


class KisVendor:
    """KIS. Safe to use from many threads; see `create`.

    Attributes:
        account: The alias of its account.
        live: Whether an order moves real money.
        orders: What the order desk needs besides the methods.
        streams: Its live data.
    """

    name = "kis"

    def __init__(
        self,
        config: KisConfig,
        clock: Clock,
        *,
        read_transport: Transport,
        order_transport: Transport,
        quote_keys: Sequence[KisConfig] = (),
        instruments: Instruments | None = None,
    ) -> None:
        instruments = instruments or Instruments()
        read_transport, order_transport = (
            ObservedTransport(each, self.name, KisWire(), instruments, clock.monotonic)
            for each in (read_transport, order_transport)
        )
        self.account = config.alias
        self._config = config
        self._clock = clock
        kis_clock = VendorClock(clock)
        reads = WatchedTransport(read_transport, kis_clock)
        sends = WatchedTransport(order_transport, kis_clock)
        self._transports = (reads, sends)
        self._pacer = Pacer(
            SlidingWindowLimiter(config.calls_per_second),
            clock,
            lambda lane, seconds: instruments.meter.slot_taken(self.name, lane, seconds),
        )
        self._cache = TokenCache(
            config.cache_folder,
            vendor="kis",
            environment=config.environment,
            identity=f"{config.base_url}|{config.app_key.get_secret_value()}",
        )
        self._tokens = TokenSource(config, reads, self._cache, clock)
        catalogue = Catalogue(config.environment)
        self._client = KisClient(config, catalogue, self._tokens, self._pacer, reads)
        sender = OrderSender(config, catalogue, self._tokens, self._pacer, sends)
        # What an order waits for must not take longer than an order may.
        before_orders = KisClient(config, catalogue, self._tokens, self._pacer, sends)
        domestic_orders = DomesticOrderBook(config, self._client, kis_clock)
        overseas_orders = OverseasOrderList(config, self._client, kis_clock)
        self._quotes = DomesticQuotes(self._client, clock)
        self._account = DomesticAccount(config, self._client, domestic_orders)
        found_first = DomesticOrderBook(config, before_orders, kis_clock)
        found_abroad = OverseasOrderList(config, before_orders, kis_clock)
        self._parts = (
            self._quotes,
            DomesticCharts(self._client, clock),
            self._account,
            DomesticTrading(config, sender, found_first, kis_clock),
            OverseasQuotes(self._client, clock),
            OverseasAccount(config, self._client, overseas_orders),
            OverseasTrading(config, sender, found_abroad, kis_clock),
            CallMethods(config, self._client),
            CallOrderMethods(config, catalogue, sender, found_first, found_abroad, kis_clock),
        )
        self._live_keys = [each for each in (config, *quote_keys) if each.live_url is not None]
        codes = StreamCodes(
            config.environment,
            hts_id=config.hts_id,
            real_quotes=any(each.environment == "real" for each in self._live_keys),
        )
        self._stream_methods = StreamMethods(codes, config.alias)
        self.streams: Streams | None = KisStreams(
            codes,
            Snapshots(self._client, clock),
            self._make_feed,
            try_out=self._try_live_data,
            has_account=config.account is not None,
            alias=config.alias,
        )
        self.live: bool = config.is_live
        self.orders: OrderAccess = KisOrderAccess(
            domestic_orders, overseas_orders, PriceCeilings(before_orders, kis_clock), kis_clock
        )

    def methods(self) -> Sequence[Method[Any]]:
        """All methods, the bare ones of the original server included."""
        methods = [method for part in self._parts for method in part.methods()]
        return [*methods, *describing_methods(), *self._stream_methods.methods(), *self.legacy_methods()]

    def legacy_methods(self) -> Sequence[Method[Any]]:
        """The bare methods of the original server that KIS answers when no Kiwoom host does."""
        return self._quotes.legacy_methods()

    def status(self) -> dict[str, Any]:
        """Who answers, by whose rules (TR ids, limits), the account's alias, the token, the rate limit.

        ``orders`` is where an order would go: ``simulator``, ``paper`` or ``real``; null without an account.
        """
        server = "simulator" if self._config.simulated else self._config.environment
        return {
            "server": server,
            "rules": self._config.environment,
            "account": self.account if self._config.account else None,
            "orders": server if self._config.account else None,
            "token": self._tokens.status(),
            "rate_limit": self._pacer.status(),
        }

    def check(self) -> Sequence[CheckResult]:
        """The token cache, a token, a quote with the clock's offset, the balance if an account is set."""
        context = context_without_deadline("check", self._clock)
        results = [self._check_cache(), attempt("kis token", lambda: self._check_token(context))]
        if results[-1].passed:
            results.append(attempt("kis quote", lambda: self._check_quote(context)))
        if not results[-1].passed:
            return results
        if self._config.account is None:
            results.append(
                CheckResult("kis account", True, "KIS_ACCOUNT is not set; balance and orders need it")
            )
        else:
            results.append(attempt("kis account", lambda: self._check_account(context)))
        return results

    def _make_feed(self, listener: FeedListener, observer: FeedObserver | None) -> Feed:
        if not self._live_keys:
            return NoFeed()
        return KisFeed(
            self._live_keys,
            listener,
            transport=self._transports[0],
            clock=self._clock,
            alias=self.account,
            observer=observer,
        )

    def _try_live_data(self) -> str:
        return try_live_data(self._live_keys, self._transports[0], self._clock)

    def close(self) -> None:
        """Wake what waits, refuse what comes, release the sockets."""
        self._tokens.close()
        self._pacer.close()
        for transport in self._transports:
            transport.close()

    def _check_cache(self) -> CheckResult:
        reason = self._cache.why_not_kept()
        folder = self._cache.path.parent
        if reason is None:
            return CheckResult("kis token cache", True, "can be written")
        detail = (
            f"{folder} cannot be written: {reason}; every start would issue a new token, which KIS refuses "
            "more than once a minute"
        )
        return CheckResult("kis token cache", False, detail)

    def _check_token(self, context: TaskContext) -> str:
        self._tokens.get(context)
        return f"there is one, valid until {self._tokens.status()['expires_at']}"

    def _check_account(self, context: TaskContext) -> str:
        balance = self._account.get_balance(AccountParameters(), context).rows[0]
        return f"balance answered with {len(balance.holdings)} positions"

    def _check_quote(self, context: TaskContext) -> str:
        answer = self._client.read(
            "domestic_stock.inquire_price",
            {"fid_cond_mrkt_div_code": "J", "fid_input_iscd": _CHECK_TICKER},
            context=context,
            lane=Lane.QUOTE,
        )
        offset = _clock_offset(answer.headers.get("Date"), self._clock.now())
        return f"{_CHECK_TICKER} answered; this machine's clock is {offset}"


def create(
    config: KisConfig,
    *,
    clock: Clock | None = None,
    read_transport: Transport | None = None,
    order_transport: Transport | None = None,
    order_timeout: float = ORDER_TIMEOUT,
    quote_keys: Sequence[KisConfig] = (),
    instruments: Instruments | None = None,
) -> KisVendor:
    """Make the adapter; nothing is sent until the first task.

    Args:
        config: The key, the host and the account.
        clock: The machine's when left out.
        read_transport: Replaces the HTTP of reads and tokens.
        order_transport: Replaces the HTTP of orders and cancels, and of what they look up first.
        order_timeout: Seconds for the whole exchange of an order or a cancel: nothing of it leaves later.
        quote_keys: More keys, whose connections carry live quotes too.
        instruments: Measure and trace the calls.
    """
    clock = clock or SystemClock()
    return KisVendor(
        config,
        clock,
        read_transport=read_transport or RequestsTransport(Timeouts(), monotonic=clock.monotonic),
        order_transport=order_transport or transport_for_orders(order_timeout, clock.monotonic),
        quote_keys=quote_keys,
        instruments=instruments,
    )


def _clock_offset(header: str | None, now: datetime) -> str:
    """How far the machine is from the vendor's ``Date`` header, which has whole seconds."""
    server = read_date(header)
    if server is None:
        return "not comparable: the answer has no Date header"
    return clock_text(round((now - server).total_seconds()))
