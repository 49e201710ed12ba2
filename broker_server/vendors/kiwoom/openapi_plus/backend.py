"""OpenAPI+ as a way to Kiwoom: blocking calls from any thread, carried out on the control's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from broker_client.errors import InvalidParameters, TaskFailed, Unsupported
from broker_server.core.feeds import Feed, FeedListener, FeedObserver
from broker_server.core.instruments import Instruments
from broker_server.core.methods import Lane, TaskContext
from broker_server.core.vendor import CheckResult, OnHostState
from broker_server.vendors.clock import Clock
from broker_server.vendors.kiwoom.backend import Listing, OrderRequest, Page, Tr
from broker_server.vendors.kiwoom.openapi_plus.config import OpenApiPlusConfig
from broker_server.vendors.kiwoom.openapi_plus.control import KiwoomControl
from broker_server.vendors.kiwoom.openapi_plus.errors import VENDOR
from broker_server.vendors.kiwoom.openapi_plus.feed import ControlFeed, FeedSink
from broker_server.vendors.kiwoom.openapi_plus.life import ControlLife, MakeControl
from broker_server.vendors.kiwoom.openapi_plus.order_desk import OrderDesk
from broker_server.vendors.kiwoom.openapi_plus.registrar import Registrar
from broker_server.vendors.kiwoom.openapi_plus.session import Session
from broker_server.vendors.kiwoom.openapi_plus.sta import Pump
from broker_server.vendors.kiwoom.openapi_plus.states import Notice, OnNotice, told_of
from broker_server.vendors.kiwoom.openapi_plus.timing import deadline_of
from broker_server.vendors.kiwoom.openapi_plus.tr_request import TrRequest
from broker_server.vendors.observed_calls import observed

ACCOUNT_ITEM = "계좌번호"


class OpenApiPlusBackend:
    """Implements `broker_server.vendors.kiwoom.backend.Backend`. Logs in when first used, or by `start`.

    Args:
        config: The login.
        make_control: Makes the control.
        pump: Dispatches the messages of the control's thread.
        clock: The time.
        on_notice: Told of each state, on the control's thread; must return at once.
        remote: See `broker_server.vendors.kiwoom.openapi_plus.sta.ControlLoop`.

    Attributes:
        listeners: More of these.
        instruments: Measure and trace the calls, what they wait for included.
    """

    name: Literal["openapi-plus", "rest"] = "openapi-plus"

    def __init__(
        self,
        config: OpenApiPlusConfig,
        make_control: MakeControl,
        *,
        pump: Pump,
        clock: Clock,
        on_notice: OnNotice = lambda notice: None,
        remote: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._config = config
        self._clock = clock
        self.instruments = Instruments()
        self._feed: ControlFeed | None = None
        self._life = ControlLife(
            config,
            make_control,
            pump=pump,
            clock=clock,
            sink=FeedSink(lambda: self._feed),
            on_session=self._want_live_data,
            remote=remote,
        )
        self._desk = OrderDesk(self._life, config, clock, self._slot_taken)
        self.listeners = self._life.listeners
        self.listeners.append(on_notice)

    def start(self) -> None:
        """Make the control on its thread and log in; returns at once."""
        self._life.start()

    @property
    def live(self) -> bool | None:
        if self._config.simulated:
            return False
        return None if self._life.logged_in is None else self._life.logged_in.live

    def request(
        self, tr: Tr, inputs: Mapping[str, str], context: TaskContext, lane: Lane, *, after: str | None = None
    ) -> Page:
        if tr.code is None:
            raise Unsupported("OpenAPI+ has no such TR; Kiwoom's REST API has it", vendor=VENDOR)
        unknown = sorted(inputs.keys() - tr.inputs.keys())
        if unknown:
            raise InvalidParameters(f"{tr.code} has no input {unknown[0]}", vendor=VENDOR)
        session = self._life.ready_session(context)
        request = TrRequest(
            code=tr.code,
            inputs=[
                (name.control, self._filled_in(name.control, inputs[own]))
                for own, name in tr.inputs.items()
                if own in inputs
            ],
            record=tr.record,
            items=list(dict.fromkeys(name.control for name in tr.columns.values())),
            lane=lane,
            deadline=deadline_of(context, self._clock),
            after=after,
            summary=list(dict.fromkeys(name.control for name in tr.summary.values())),
        )
        with observed(self.instruments, VENDOR, tr.code, self._clock.monotonic):
            self._life.post(lambda: session.requests.submit(request))
            try:
                page = self._life.wait(request.future, context)
            finally:
                self._slot_taken(lane, request.waited)
        summary = {own: page.summary[name.control] for own, name in tr.summary.items()}
        if not tr.columns:
            return Page(page.rows, page.more, summary)
        rows = [{own: row[name.control] for own, name in tr.columns.items()} for row in page.rows]
        return Page(rows, page.more, summary)

    def _slot_taken(self, lane: Lane, waited: float | None) -> None:
        if waited is not None:
            self.instruments.meter.slot_taken(VENDOR, lane, waited)

    def knows(self, code: str, context: TaskContext) -> bool:
        return self.stock_name(code, context) is not None

    def stock_name(self, code: str, context: TaskContext) -> str | None:
        return self._life.ask(lambda control: control.GetMasterCodeName(code), context).strip() or None

    def stock_codes(self, market: str, context: TaskContext) -> Sequence[str]:
        codes = self._life.ask(lambda control: control.GetCodeListByMarket(market), context)
        return [code.strip() for code in codes.split(";") if code.strip()]

    def stock_state(self, code: str, context: TaskContext) -> str | None:
        def ask(control: KiwoomControl) -> str | None:
            return control.GetMasterStockState(code) if control.GetMasterCodeName(code).strip() else None

        return self._life.ask(ask, context)

    def listing(self, code: str, context: TaskContext) -> Listing | None:
        def ask(control: KiwoomControl) -> Listing | None:
            if not control.GetMasterCodeName(code).strip():
                return None
            return Listing(
                state=control.GetMasterStockState(code),
                listed_on=control.GetMasterListedStockDate(code).strip(),
            )

        return self._life.ask(ask, context)

    def ready_for_order(self, order: OrderRequest, context: TaskContext) -> None:
        self._desk.ready_for_order(order, context)

    def send_order(self, order: OrderRequest, context: TaskContext) -> str:
        with observed(self.instruments, VENDOR, "SendOrder", self._clock.monotonic):
            return self._desk.send_order(order, context)

    def clock_offset(self) -> timedelta:
        """The control does not tell what time it is at Kiwoom."""
        return timedelta(0)

    def open_feed(self, listener: FeedListener, observer: FeedObserver | None = None) -> Feed:
        self.start()
        self._feed = ControlFeed(
            listener,
            on_registrar=self._with_registrar,
            now=self._clock.now,
            is_own=self._desk.is_own,
            observer=observer,
        )
        if self._life.session is not None and self._life.session.is_ready:
            self._feed.connected()
        return self._feed

    def try_live_data(self, context: TaskContext) -> str:
        self._life.ready_session(context)
        return "the control is logged in, and live data come with its login"

    def announce_to(self, listener: OnHostState) -> None:
        def told(notice: Notice) -> None:
            listener(told_of(notice))

        self._life.listeners.append(told)
        told(self._life.notice)

    def status(self) -> dict[str, Any]:
        session, notice, logged_in = self._life.session, self._life.notice, self._life.logged_in
        return {
            "backend": self.name,
            "state": str(notice.state),
            "reason": notice.reason,
            "vendor_code": notice.vendor_code,
            "restart_needed": notice.restart,
            "server": None if logged_in is None else "real" if logged_in.live else "mock",
            "accounts": 0 if logged_in is None else len(logged_in.accounts),
            "account_password_missing": self._life.password_missing,
            "control_thread": {
                "alive": self._life.is_alive,
                "held_up_seconds": round(self._life.loop.held_up, 3),
                "longest_work_seconds": round(self._life.loop.longest, 4),
                "slow_work": self._life.loop.slow,
                "failed_work": self._life.loop.failed,
            },
            **({} if session is None else {"rate_limit": session.rate_limit(), **session.status()}),
        }

    def check(self, context: TaskContext) -> Sequence[CheckResult]:
        try:
            self._life.ready_session(context)
        except TaskFailed as error:
            return [CheckResult("kiwoom login", False, error.message)]
        logged_in = self._life.logged_in
        server = "real trading" if logged_in is None or logged_in.live else "mock trading"
        results = [CheckResult("kiwoom login", True, f"OpenAPI+, logged in for {server}")]
        try:
            self._desk.account()
            results.append(CheckResult("kiwoom account", True, "the login has the account"))
        except TaskFailed as error:
            results.append(CheckResult("kiwoom account", False, error.message))
        return results

    def close(self) -> None:
        self._life.close()

    def _want_live_data(self, session: Session) -> None:
        if self._feed is not None:
            session.registrar.want(self._feed.wanted_now())

    def _with_registrar(self, work: Callable[[Registrar], None]) -> None:
        def do() -> None:
            if self._life.session is not None:
                work(self._life.session.registrar)

        self._life.post(do)

    def _filled_in(self, item: str, value: str) -> str:
        """The account of the login where a query needs one and none is configured."""
        return self._desk.account() if item == ACCOUNT_ITEM and not value.strip() else value
