"""Kiwoom by REST and WebSocket; implements `broker_server.vendors.kiwoom.backend.Backend`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from broker_client.errors import InvalidParameters, TaskFailed, Unsupported, VendorRejected
from broker_server.core.feeds import Feed, FeedListener, FeedObserver
from broker_server.core.instruments import Instruments
from broker_server.core.methods import Lane, TaskContext
from broker_server.core.vendor import CheckResult, OnHostState
from broker_server.vendors.checks import attempt, clock_text
from broker_server.vendors.clock import Clock, SystemClock
from broker_server.vendors.http import (
    ORDER_TIMEOUT,
    RequestsTransport,
    Timeouts,
    Transport,
    transport_for_orders,
)
from broker_server.vendors.kiwoom.backend import Listing, OrderRequest, Page, Tr
from broker_server.vendors.kiwoom.rest.answers import Answer, value_text
from broker_server.vendors.kiwoom.rest.auth import TokenSource
from broker_server.vendors.kiwoom.rest.client import RestClient
from broker_server.vendors.kiwoom.rest.config import ORDERS_A_SECOND, RestConfig
from broker_server.vendors.kiwoom.rest.errors import (
    UNKNOWN_INSTRUMENT,
    UNKNOWN_MARKET,
    VENDOR,
    says_there_is_none,
)
from broker_server.vendors.kiwoom.rest.feed import RestFeed
from broker_server.vendors.kiwoom.rest.observed import KiwoomWire
from broker_server.vendors.kiwoom.rest.order_sender import OrderSender
from broker_server.vendors.kiwoom.rest.pacing import ApiPacer
from broker_server.vendors.kiwoom.sapi_contract import contract
from broker_server.vendors.live_link import try_connections
from broker_server.vendors.no_feed import NoFeed
from broker_server.vendors.observed_http import ObservedTransport
from broker_server.vendors.token_cache import TokenCache
from broker_server.vendors.vendor_clock import VendorClock, WatchedTransport

_MOST_PAGES_OF_CODES = 100
_CHECK_TICKER = "005930"
_INSTRUMENTS = "/api/dostk/stkinfo"
_ACCOUNT = "/api/dostk/acnt"
_QUERIES = "/api/dostk/"
_NO_QUERIES = ("ordr", "crdordr", "websocket")


class RestBackend:
    """Kiwoom by REST. Safe to use from many threads; see `create`."""

    name: Literal["openapi-plus", "rest"] = "rest"

    def __init__(
        self,
        config: RestConfig,
        clock: Clock,
        *,
        read_transport: Transport,
        order_transport: Transport,
        instruments: Instruments | None = None,
    ) -> None:
        instruments = instruments or Instruments()
        read_transport, order_transport = (
            ObservedTransport(each, VENDOR, KiwoomWire(), instruments, clock.monotonic)
            for each in (read_transport, order_transport)
        )
        self._config = config
        self._vendor_clock = VendorClock(clock)
        self._clock = clock
        reads = WatchedTransport(read_transport, self._vendor_clock)
        sends = WatchedTransport(order_transport, self._vendor_clock)
        self._transports = (reads, sends)
        self._cache = TokenCache(
            config.cache_folder,
            vendor=VENDOR,
            environment=config.environment,
            identity=f"{config.base_url}|{config.app_key.get_secret_value()}",
        )
        self._tokens = TokenSource(config, reads, self._cache, clock)

        def waited(lane: Lane, seconds: float) -> None:
            instruments.meter.slot_taken(VENDOR, lane, seconds)

        self._queries = ApiPacer(config.queries_a_second, config.queries_of_one_kind, clock, waited)
        self._orders = ApiPacer(ORDERS_A_SECOND, ORDERS_A_SECOND, clock, waited)
        self._client = RestClient(config, self._tokens, self._queries, reads)
        self._sender = OrderSender(config, self._tokens, self._orders, sends)

    @property
    def live(self) -> bool:
        """Whether an order moves real money."""
        return self._config.live

    def request(
        self, tr: Tr, inputs: Mapping[str, str], context: TaskContext, lane: Lane, *, after: str | None = None
    ) -> Page:
        """One page of a TR; see `Backend.request`."""
        if tr.api_id is None or tr.path is None:
            raise Unsupported(
                f"Kiwoom's REST API has no {tr.code}; it needs the OpenAPI+ backend", vendor=VENDOR
            )
        _check_query(tr.api_id, tr.path)
        body = dict(tr.fixed)
        for name, value in inputs.items():
            key = tr.inputs[name].rest
            if key is not None:
                body[key] = value
        read = self._client.read if tr.rows_key is None else self._client.read_page
        try:
            answer = read(tr.path, tr.api_id, body, context=context, lane=lane, after=after)
        except VendorRejected as error:
            is_first = tr.rows_key is not None and after is None
            if is_first and says_there_is_none(error.vendor_code, error.vendor_message):
                return Page([], None)
            raise
        rows = [answer.body] if tr.rows_key is None else list(answer.rows(tr.rows_key))
        if rows and tr.rows_key is not None:
            # What REST tells once beside the rows, the control writes into the first of them.
            rows[0] = {**answer.body, **rows[0]}
        columns = [(name, theirs.rest) for name, theirs in tr.columns.items()]
        return Page(
            [{name: value_text(row.get(key)) if key else "" for name, key in columns} for row in rows],
            answer.more,
            {name: answer.text_of(theirs.rest) if theirs.rest else "" for name, theirs in tr.summary.items()},
        )

    def knows(self, code: str, context: TaskContext) -> None:
        """Only a query tells."""

    def stock_name(self, code: str, context: TaskContext) -> str | None:
        """Name of an instrument; ``None`` for an unknown code."""
        return _told(self._instrument(code, context), "name")

    def stock_state(self, code: str, context: TaskContext) -> str | None:
        """State of an instrument as Kiwoom writes it; ``None`` for an unknown code."""
        return _told(self._instrument(code, context), "state")

    def listing(self, code: str, context: TaskContext) -> Listing | None:
        """What is on the list of instruments; ``None`` for an unknown code."""
        answer = self._instrument(code, context)
        if answer is None or not answer.text_of("code").strip():
            return None
        return Listing(
            state=answer.text_of("state"),
            market=answer.text_of("marketCode").strip(),
            listed_on=answer.text_of("regDay").strip(),
            on_nxt=answer.text_of("nxtEnable").strip(),
        )

    def stock_codes(self, market: str, context: TaskContext) -> Sequence[str]:
        """Codes of a market, by Kiwoom's number of it; of all by an empty one, as the control has it."""
        codes: list[str] = []

        def take(answer: Answer) -> None:
            codes.extend(value_text(row.get("code")).strip() for row in answer.rows("list"))

        for number in (market,) if market.strip() else contract()["get-stock-codes"].parameters[0].values:
            try:
                self._client.read_all(
                    _INSTRUMENTS,
                    "ka10099",
                    {"mrkt_tp": number},
                    context=context,
                    lane=Lane.QUOTE,
                    most_pages=_MOST_PAGES_OF_CODES,
                    take=take,
                )
            except InvalidParameters as error:
                if market.strip() or error.vendor_code != UNKNOWN_MARKET:
                    raise
        return [code for code in dict.fromkeys(codes) if code]

    def ready_for_order(self, order: OrderRequest, context: TaskContext) -> None:
        """Wait for the token and the slot that an order needs; see `Backend.ready_for_order`."""
        self._sender.prepare(order, context)

    def send_order(self, order: OrderRequest, context: TaskContext) -> str:
        """Send an order; see `Backend.send_order`."""
        return self._sender.send(order, context)

    def open_feed(self, listener: FeedListener, observer: FeedObserver | None = None) -> Feed:
        """The live connection; to be called on the event loop that it will live on."""
        if self._config.live_url is None:
            return NoFeed()
        return RestFeed(self._config, self._tokens, listener, clock=self._clock, observer=observer)

    def try_live_data(self, context: TaskContext) -> str:
        """Get a token, connect and close. A login would end that of another program."""
        if self._config.live_url is None:
            raise Unsupported("there is no server of live data; set KIWOOM_WS_URL", vendor=VENDOR)
        self._tokens.get(context)
        try_connections(VENDOR, "Kiwoom", [self._config.live_url])
        return "there is a token; the server of live data takes connections"

    def clock_offset(self) -> timedelta:
        """Kiwoom's clock less ours, from its last answer; zero before the first."""
        return self._vendor_clock.offset()

    def announce_to(self, listener: OnHostState) -> None:
        """There is no program of Kiwoom's."""

    def status(self) -> dict[str, Any]:
        """Who answers, where an order would go, the token, the rate limits."""
        server = "simulator" if self._config.simulated else self._config.environment
        return {
            "backend": self.name,
            "server": server,
            "rules": self._config.environment,
            "account": self._config.alias,
            "orders": server,
            "token": self._tokens.status(),
            "rate_limit": self._queries.status(),
            "order_rate_limit": self._orders.status(),
        }

    def check(self, context: TaskContext) -> Sequence[CheckResult]:
        """The token cache, a token, an instrument with the clock's offset, the account."""
        results = [self._check_cache(), attempt("kiwoom token", lambda: self._check_token(context))]
        if results[-1].passed:
            results.append(attempt("kiwoom quote", lambda: self._check_instrument(context)))
            results.append(attempt("kiwoom account", lambda: self._check_account(context)))
        return results

    def close(self) -> None:
        """Wake what waits, refuse what comes, release the sockets. The token stays: others may use it."""
        self._tokens.close()
        self._queries.close()
        self._orders.close()
        for transport in self._transports:
            transport.close()

    def _instrument(self, code: str, context: TaskContext) -> Answer | None:
        if not code.strip():
            return None  # it would be a missing input
        try:
            return self._client.read(
                _INSTRUMENTS, "ka10100", {"stk_cd": code}, context=context, lane=Lane.QUOTE
            )
        except TaskFailed as error:
            if error.vendor_code in UNKNOWN_INSTRUMENT:
                return None
            raise

    def _check_cache(self) -> CheckResult:
        reason = self._cache.why_not_kept()
        if reason is None:
            return CheckResult("kiwoom token cache", True, "can be written")
        folder = self._cache.path.parent
        return CheckResult(
            "kiwoom token cache", False, f"{folder} cannot be written: {reason}; every start asks anew"
        )

    def _check_token(self, context: TaskContext) -> str:
        self._tokens.get(context)
        return f"there is one, valid until {self._tokens.status()['expires_at']}"

    def _check_instrument(self, context: TaskContext) -> str:
        name = self.stock_name(_CHECK_TICKER, context)
        offset = clock_text(round(-self.clock_offset().total_seconds()))
        return f"{_CHECK_TICKER} is {name}; this machine's clock is {offset}"

    def _check_account(self, context: TaskContext) -> str:
        answer = self._client.read(_ACCOUNT, "ka00001", {}, context=context, lane=Lane.ACCOUNT)
        told = answer.text_of("acctNo").strip().replace("-", "")
        own = self._config.account_digits
        if own is not None and told and told[:8] != own[:8]:
            raise InvalidParameters("the key belongs to another account than KIWOOM_ACCOUNT")
        return "the key belongs to the account" if own else "the key belongs to an account"


def create(
    config: RestConfig,
    *,
    clock: Clock | None = None,
    read_transport: Transport | None = None,
    order_transport: Transport | None = None,
    order_timeout: float = ORDER_TIMEOUT,
    instruments: Instruments | None = None,
) -> RestBackend:
    """Make the backend; nothing is sent until the first task.

    Args:
        config: The key and the hosts.
        clock: The machine's when left out.
        read_transport: Replaces the HTTP of queries and tokens.
        order_transport: Replaces the HTTP of orders and cancels.
        order_timeout: Seconds for the whole exchange of an order or a cancel: nothing of it leaves later.
        instruments: Measure and trace the calls.
    """
    clock = clock or SystemClock()
    return RestBackend(
        config,
        clock,
        read_transport=read_transport or RequestsTransport(Timeouts(), monotonic=clock.monotonic),
        order_transport=order_transport or transport_for_orders(order_timeout, clock.monotonic),
        instruments=instruments,
    )


def _told(answer: Answer | None, key: str) -> str | None:
    value = "" if answer is None else answer.text_of(key)
    return value if value.strip() or (answer is not None and answer.text_of("code").strip()) else None


def _check_query(api_id: str, path: str) -> None:
    """Whatever is not known to be a query may be an order, or take the token away."""
    place = path.lower().rstrip("/")
    if not place.startswith(_QUERIES) or place.removeprefix(_QUERIES) in _NO_QUERIES:
        raise InvalidParameters(f"{api_id} is no query; orders and live data have methods of their own")
