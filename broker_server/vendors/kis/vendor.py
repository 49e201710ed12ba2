"""The KIS adapter as the worker sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from broker_client.errors import BrokerError
from broker_server.core.limiter import SlidingWindowLimiter
from broker_server.core.methods import Lane, Method, TaskContext
from broker_server.core.vendor import CheckResult
from broker_server.vendors.clock import Clock, SystemClock
from broker_server.vendors.http import RequestsTransport, Timeouts, Transport
from broker_server.vendors.kis.auth import TokenSource
from broker_server.vendors.kis.catalogue import Catalogue
from broker_server.vendors.kis.client import KisClient
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.domestic_account import DomesticAccount
from broker_server.vendors.kis.domestic_charts import DomesticCharts
from broker_server.vendors.kis.domestic_orders import DomesticOrderBook
from broker_server.vendors.kis.domestic_quotes import DomesticQuotes
from broker_server.vendors.kis.domestic_trading import DomesticTrading
from broker_server.vendors.kis.order_failures import answered_once
from broker_server.vendors.kis.order_sender import OrderSender
from broker_server.vendors.kis.overseas_account import OverseasAccount
from broker_server.vendors.kis.overseas_orders import OverseasOrderList
from broker_server.vendors.kis.overseas_quotes import OverseasQuotes
from broker_server.vendors.kis.overseas_trading import OverseasTrading
from broker_server.vendors.kis.parameters import AccountParameters
from broker_server.vendors.kis.token_cache import TokenCache
from broker_server.vendors.pacing import Pacer

_LONGEST_IDLE_FOR_ORDERS = 3.0
_CHECK_TICKER = "005930"


class KisVendor:
    """KIS over REST. Safe to use from many threads; see `create`."""

    name = "kis"

    def __init__(
        self, config: KisConfig, clock: Clock, *, read_transport: Transport, order_transport: Transport
    ) -> None:
        self._config = config
        self._clock = clock
        self._transports = (read_transport, order_transport)
        self._pacer = Pacer(SlidingWindowLimiter(config.calls_per_second), clock)
        self._cache = TokenCache(
            config.cache_folder,
            environment=config.environment,
            identity=f"{config.base_url}|{config.app_key.get_secret_value()}",
        )
        self._tokens = TokenSource(config, read_transport, self._cache, clock)
        catalogue = Catalogue(config.environment)
        self._client = KisClient(config, catalogue, self._tokens, self._pacer, read_transport)
        self._sender = OrderSender(config, catalogue, self._tokens, self._pacer, order_transport)
        self._quotes = DomesticQuotes(self._client, clock)
        self._charts = DomesticCharts(self._client, clock)
        orders = DomesticOrderBook(config, self._client, clock)
        self._account = DomesticAccount(config, self._client, orders)
        self._trading = DomesticTrading(config, self._sender, orders, clock)
        overseas_orders = OverseasOrderList(config, self._client, clock)
        self._overseas_quotes = OverseasQuotes(self._client, clock)
        self._overseas_account = OverseasAccount(config, self._client, overseas_orders)
        self._overseas_trading = OverseasTrading(config, self._sender, overseas_orders, clock)

    def methods(self) -> Sequence[Method[Any]]:
        """All methods, the bare ones of the original server included."""
        parts = (
            self._quotes,
            self._charts,
            self._account,
            self._trading,
            self._overseas_quotes,
            self._overseas_account,
            self._overseas_trading,
        )
        methods = [method for part in parts for method in part.methods()]
        return [
            *(answered_once(method) if method.kind == "order" else method for method in methods),
            *self.legacy_methods(),
        ]

    def legacy_methods(self) -> Sequence[Method[Any]]:
        """The bare methods of the original server that KIS answers when no Kiwoom host does."""
        return self._quotes.legacy_methods()

    def status(self) -> dict[str, Any]:
        """Who answers, by whose rules (TR ids, limits), the account's alias, the token, the rate limit."""
        return {
            "server": "simulator" if self._config.simulated else self._config.environment,
            "rules": self._config.environment,
            "account": "default" if self._config.account else None,
            "orders": "simulator only" if self._config.simulated else "disabled",
            "token": self._tokens.status(),
            "rate_limit": self._pacer.status(),
        }

    def check(self) -> Sequence[CheckResult]:
        """The token cache, a token, a quote with the clock's offset, the balance if an account is set."""
        context = _context_without_deadline(self._clock)
        results = [self._check_cache(), _attempt("kis token", lambda: self._check_token(context))]
        if results[-1].passed:
            results.append(_attempt("kis quote", lambda: self._check_quote(context)))
        if not results[-1].passed:
            return results
        if self._config.account is None:
            results.append(
                CheckResult("kis account", True, "KIS_ACCOUNT is not set; balance and orders need it")
            )
        else:
            results.append(_attempt("kis account", lambda: self._check_account(context)))
        return results

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
) -> KisVendor:
    """Make the adapter; nothing is sent until the first task.

    Args:
        config: The key, the host and the account.
        clock: The machine's when left out.
        read_transport: Replaces the HTTP of reads and tokens.
        order_transport: Replaces the HTTP of orders and cancels.
    """
    clock = clock or SystemClock()
    return KisVendor(
        config,
        clock,
        read_transport=read_transport or RequestsTransport(Timeouts(), monotonic=clock.monotonic),
        order_transport=order_transport
        or RequestsTransport(Timeouts(), longest_idle=_LONGEST_IDLE_FOR_ORDERS, monotonic=clock.monotonic),
    )


def _context_without_deadline(clock: Clock) -> TaskContext:
    return TaskContext(
        task_id="check",
        received_at=clock.now(),
        ensure_in_time=lambda: None,
        report_progress=lambda done, total: None,
    )


def _attempt(item: str, trial: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(item, True, trial())
    except BrokerError as error:
        return CheckResult(item, False, str(error))


def _clock_offset(header: str | None, now: datetime) -> str:
    """How far the machine is from the vendor's ``Date`` header, which has whole seconds."""
    try:
        server = parsedate_to_datetime(header or "").astimezone(UTC)
    except ValueError:
        return "not comparable: the answer has no Date header"
    seconds = round((now - server).total_seconds())
    if abs(seconds) <= 1:
        return "right"
    return f"{abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} the vendor's"
