"""OpenAPI+ as a way to Kiwoom: blocking calls from any thread, carried out on the control's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import timedelta
from typing import Any, Literal, TypeVar

import structlog

from broker_client.errors import InvalidParameters, OrdersDisabled, TaskFailed, Unsupported
from broker_server.core.feeds import Feed, FeedListener, FeedObserver
from broker_server.core.methods import Lane, TaskContext
from broker_server.core.stream_requests import Registration
from broker_server.core.vendor import CheckResult, OnHostState
from broker_server.vendors.clock import Clock
from broker_server.vendors.kiwoom.backend import OrderRequest, Page, Tr
from broker_server.vendors.kiwoom.openapi_plus.config import OpenApiPlusConfig
from broker_server.vendors.kiwoom.openapi_plus.control import ControlEvents, KiwoomControl
from broker_server.vendors.kiwoom.openapi_plus.errors import VENDOR, order_unknown, unavailable
from broker_server.vendors.kiwoom.openapi_plus.feed import ControlFeed
from broker_server.vendors.kiwoom.openapi_plus.login import LoggedIn
from broker_server.vendors.kiwoom.openapi_plus.orders import OrderCall, OrderNotTaken, OrderSlot
from broker_server.vendors.kiwoom.openapi_plus.registrar import Registrar
from broker_server.vendors.kiwoom.openapi_plus.requests import TrRequest
from broker_server.vendors.kiwoom.openapi_plus.session import Session
from broker_server.vendors.kiwoom.openapi_plus.sta import (
    ControlLoop,
    ControlThread,
    Pump,
    on_its_thread,
    timed_events,
)
from broker_server.vendors.kiwoom.openapi_plus.states import HostState, Notice, OnNotice, told_of

log = structlog.get_logger(__name__)

MakeControl = Callable[[ControlEvents], KiwoomControl]
"""Makes the control on the thread that it is called on; its events go to the argument."""

_T = TypeVar("_T")
ACCOUNT_ITEM = "계좌번호"
_NAP = 0.25
_PATIENCE = 10.0
"""An order ends by itself so soon after its last timer."""
_WINDOW_WAITS = "the control's thread is held up: a window of Kiwoom waits for somebody on the host's desktop"
_ORDER_TYPES = {
    ("new", "buy"): 1,
    ("new", "sell"): 2,
    ("cancel", "buy"): 3,
    ("cancel", "sell"): 4,
    ("modify", "buy"): 5,
    ("modify", "sell"): 6,
}


class OpenApiPlusBackend:
    """Implements `broker_server.vendors.kiwoom.backend.Backend`. `start` it before use.

    Args:
        config: The login.
        make_control: Makes the control.
        pump: Dispatches the messages of the control's thread.
        clock: The time.
        on_notice: Told of each state, on the control's thread; must return at once.

    Attributes:
        listeners: More of these.
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
    ) -> None:
        self._config = config
        self._make_control = make_control
        self._clock = clock
        self.listeners: list[OnNotice] = [on_notice]
        self._loop = ControlLoop(clock.monotonic)
        self._thread = ControlThread(self._loop, pump)
        self._session: Session | None = None
        self._feed: ControlFeed | None = None
        self._logged_in: LoggedIn | None = None
        self._notice = Notice(HostState.CONNECTING, "the control is being made")
        self._password_missing = False
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._mine = threading.local()

    def start(self) -> None:
        """Make the control on its thread and log in; returns at once."""
        self._thread.start(self._begin, self._ended)
        threading.Thread(target=self._watch, name="kiwoom-watch", daemon=True).start()

    @property
    def live(self) -> bool:
        if self._config.simulated:
            return False
        return self._logged_in is None or self._logged_in.live

    def request(
        self, tr: Tr, inputs: Mapping[str, str], context: TaskContext, lane: Lane, *, after: str | None = None
    ) -> Page:
        if tr.code is None:
            raise Unsupported("OpenAPI+ has no such TR; Kiwoom's REST API has it", vendor=VENDOR)
        unknown = sorted(inputs.keys() - tr.inputs.keys())
        if unknown:
            raise InvalidParameters(f"{tr.code} has no input {unknown[0]}", vendor=VENDOR)
        session = self._ready_session(context)
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
            deadline=self._deadline(context),
            after=after,
            summary=list(dict.fromkeys(name.control for name in tr.summary.values())),
        )
        self._thread.post(lambda: session.requests.submit(request))
        page = self._wait(request.future, context)
        summary = {own: page.summary[name.control] for own, name in tr.summary.items()}
        if not tr.columns:
            return Page(page.rows, page.more, summary)
        rows = [{own: row[name.control] for own, name in tr.columns.items()} for row in page.rows]
        return Page(rows, page.more, summary)

    def stock_name(self, code: str, context: TaskContext) -> str | None:
        return self._ask(lambda control: control.GetMasterCodeName(code), context).strip() or None

    def stock_codes(self, market: str, context: TaskContext) -> Sequence[str]:
        codes = self._ask(lambda control: control.GetCodeListByMarket(market), context)
        return [code.strip() for code in codes.split(";") if code.strip()]

    def stock_state(self, code: str, context: TaskContext) -> str | None:
        def ask(control: KiwoomControl) -> str | None:
            return control.GetMasterStockState(code) if control.GetMasterCodeName(code).strip() else None

        return self._ask(ask, context)

    def ready_for_order(self, order: OrderRequest, context: TaskContext) -> None:
        self._mine.has_slot = False
        session = self._ready_session(context)
        call = self._order_call(order, context)
        slot = OrderSlot(lane=call.lane, deadline=self._deadline(context))
        self._thread.post(lambda: session.orders.submit(slot))
        try:
            self._wait(slot.future, context)
        except OrderNotTaken as untaken:
            raise untaken.error from untaken
        self._mine.has_slot = True

    def send_order(self, order: OrderRequest, context: TaskContext) -> str:
        try:
            call = self._order_call(order, context)
        except TaskFailed:
            context.not_taken()
            raise
        call.has_slot, self._mine.has_slot = getattr(self._mine, "has_slot", False), False
        session = self._session
        if session is None:
            context.not_taken()
            raise unavailable("the order was not sent: there is no control")
        self._thread.post(lambda: session.orders.submit(call))
        try:
            number = self._wait_for_verdict(call)
            self._password_missing = False
            return number
        except OrderNotTaken as untaken:
            context.not_taken()
            raise untaken.error from untaken

    def clock_offset(self) -> timedelta:
        """The control does not tell what time it is at Kiwoom."""
        return timedelta(0)

    def open_feed(self, listener: FeedListener, observer: FeedObserver | None = None) -> Feed:
        self._feed = ControlFeed(
            listener,
            on_registrar=self._with_registrar,
            now=self._clock.now,
            is_own=self._is_own,
            observer=observer,
        )
        if self._session is not None and self._session.is_ready:
            self._feed.connected()
        return self._feed

    def try_live_data(self, context: TaskContext) -> str:
        self._ready_session(context)
        return "the control is logged in, and live data come with its login"

    def announce_to(self, listener: OnHostState) -> None:
        def told(notice: Notice) -> None:
            listener(told_of(notice))

        self.listeners.append(told)
        told(self._notice)

    def status(self) -> dict[str, Any]:
        session, notice, logged_in = self._session, self._notice, self._logged_in
        return {
            "backend": self.name,
            "state": str(notice.state),
            "reason": notice.reason,
            "vendor_code": notice.vendor_code,
            "restart_needed": notice.restart,
            "server": None if logged_in is None else "real" if logged_in.live else "mock",
            "accounts": 0 if logged_in is None else len(logged_in.accounts),
            "account_password_missing": self._password_missing,
            "control_thread": {
                "alive": self._thread.is_alive(),
                "held_up_seconds": round(self._loop.held_up, 3),
                "longest_work_seconds": round(self._loop.longest, 4),
                "slow_work": self._loop.slow,
                "failed_work": self._loop.failed,
            },
            **({} if session is None else session.status()),
        }

    def check(self, context: TaskContext) -> Sequence[CheckResult]:
        try:
            self._ready_session(context)
        except TaskFailed as error:
            return [CheckResult("kiwoom login", False, error.message)]
        logged_in = self._logged_in
        server = "real trading" if logged_in is None or logged_in.live else "mock trading"
        results = [CheckResult("kiwoom login", True, f"OpenAPI+, logged in for {server}")]
        try:
            self._account()
            results.append(CheckResult("kiwoom account", True, "the login has the account"))
        except TaskFailed as error:
            results.append(CheckResult("kiwoom account", False, error.message))
        return results

    def close(self) -> None:
        self._closing.set()
        self._thread.post(lambda: self._end("the worker is stopping"))
        self._thread.stop()
        self._told(Notice(HostState.STOPPED, "the worker is stopping"))

    # What follows up to the next such line runs on the control's thread.

    def _begin(self) -> None:
        try:
            made = self._make_control(timed_events(lambda: self._session, self._loop))
        except Exception as error:
            self._told(Notice(HostState.CONTROL_FAILED, str(error), restart=True))
            return
        control = on_its_thread(made, self._thread.is_current)
        session = Session(
            control,
            self._loop,
            timing=self._config.timing,
            sink=_Sink(lambda: self._feed),
            notify=self._told,
            ready=self._ready,
        )
        if self._feed is not None:
            session.registrar.want(self._feed.wanted_now())
        self._session = session
        session.begin()

    def _ready(self, logged_in: LoggedIn) -> None:
        self._logged_in = logged_in
        with self._changed:
            self._changed.notify_all()

    def _told(self, notice: Notice) -> None:
        if notice.state is HostState.ACCOUNT_PASSWORD_NOT_SET:
            self._password_missing = True
        elif notice.state is not HostState.OVERLOADED or notice.restart:
            self._notice = notice
        with self._changed:
            self._changed.notify_all()
        for listener in self.listeners:
            try:
                listener(notice)
            except Exception as error:  # such as a pipe whose supervisor is gone: the state must go on
                log.warning("kiwoom_notice_not_told", state=str(notice.state), reason=repr(error))

    def _end(self, reason: str) -> None:
        if self._session is not None:
            self._session.end(reason)

    def _ended(self) -> None:
        self._end("the control's thread has ended")

    # What follows runs on the caller's.

    def _with_registrar(self, work: Callable[[Registrar], None]) -> None:
        def do() -> None:
            if self._session is not None:
                work(self._session.registrar)

        self._thread.post(do)

    def _ready_session(self, context: TaskContext) -> Session:
        """The session once it is logged in.

        Raises:
            TaskFailed: It is not, and will not be soon.
        """
        give_up = self._clock.monotonic() + self._config.timing.ready
        while True:
            session, notice = self._session, self._notice
            if session is not None and session.is_ready:
                return session
            over = None if session is None else session.error()
            if over is not None:
                raise over
            if notice.state is not HostState.CONNECTING and notice.state is not HostState.READY:
                raise unavailable(f"{notice.state}: {notice.reason}")
            if self._clock.monotonic() >= give_up:
                raise unavailable(f"{notice.state}: Kiwoom's control is not logged in yet")
            context.ensure_in_time()
            with self._changed:
                self._clock.wait(self._changed, _NAP)

    def _ask(self, question: Callable[[KiwoomControl], _T], context: TaskContext) -> _T:
        """Ask for what the control knows by itself; no limit counts it."""
        session, future = self._ready_session(context), Future[_T]()

        def do() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(question(session.control))
            except Exception as error:
                future.set_exception(unavailable(f"the control failed: {error}"))
                self._told(Notice(HostState.CONTROL_FAILED, f"a look-up raised {error}", restart=True))

        self._thread.post(do)
        return self._wait(future, context)

    def _wait(self, future: Future[_T], context: TaskContext) -> _T:
        while True:
            try:
                return future.result(_NAP)
            except TimeoutError:
                try:
                    context.ensure_in_time()
                    self._ensure_alive()
                except BaseException:
                    future.cancel()
                    raise

    def _ensure_alive(self) -> None:
        if not self._thread.is_alive():
            raise unavailable("the control's thread has ended")
        if self._loop.held_up > self._config.timing.held_up:
            raise unavailable(_WINDOW_WAITS)

    def _watch(self) -> None:
        """Tell once when the control's thread is held up or has ended: only a new process helps."""
        limit = self._config.timing.held_up
        while not self._closing.wait(min(_PATIENCE, limit / 4)):
            if not self._thread.is_alive():
                reason = "the control's thread has ended"
            elif self._loop.held_up > limit:
                reason = _WINDOW_WAITS
            else:
                self._thread.post(lambda: None)  # an idle loop would not be seen to live
                continue
            if not self._notice.restart:
                self._told(Notice(HostState.CONTROL_FAILED, reason, restart=True))
            return

    def _wait_for_verdict(self, call: OrderCall) -> str:
        """An order ends by itself, unless a window of the control holds its thread up."""
        timing = self._config.timing
        give_up = (
            self._clock.monotonic() + timing.order + timing.order_message + min(_PATIENCE, timing.held_up)
        )
        while True:
            try:
                return call.future.result(_NAP)
            except TimeoutError:
                if self._thread.is_alive() and self._clock.monotonic() < give_up:
                    continue
                if call.future.cancel():
                    error = unavailable(
                        "the order was not sent: the control's thread is held up or has ended"
                    )
                    raise OrderNotTaken(error) from None
                if call.future.done():
                    continue
                raise order_unknown("the control's thread is held up or has ended") from None

    def _order_call(self, order: OrderRequest, context: TaskContext) -> OrderCall:
        session, logged_in = self._session, self._logged_in
        if session is None or logged_in is None or not session.is_ready:
            raise unavailable(f"the order was not sent: {self._notice.state}: {self._notice.reason}")
        if logged_in.live and self._config.mock_expected and not self._config.simulated:
            raise OrdersDisabled(
                "the settings say mock trading, and this login is on the server of real trading",
                vendor=VENDOR,
            )
        if order.venue != "KRX":
            raise Unsupported(
                f"orders for {order.venue} are not offered through OpenAPI+; use the REST backend",
                vendor=VENDOR,
            )
        return OrderCall(
            account=self._account(),
            order_type=_ORDER_TYPES[order.action, order.side],
            ticker=order.ticker,
            quantity=order.quantity,
            price=0 if order.action == "cancel" else order.price,
            kind=order.kind.zfill(2),
            original=order.original or "",
            lane=Lane.CANCEL if order.action == "cancel" else Lane.ORDER,
            deadline=self._order_deadline(context),
        )

    def _filled_in(self, item: str, value: str) -> str:
        """The account of the login where a query needs one and none is configured."""
        return self._account() if item == ACCOUNT_ITEM and not value.strip() else value

    def _account(self) -> str:
        accounts = () if self._logged_in is None else self._logged_in.accounts
        wanted = self._config.account
        if wanted is None:
            if len(accounts) == 1:
                return accounts[0]
            raise InvalidParameters(
                f"the login has {len(accounts)} accounts; name the one to trade in the settings",
                vendor=VENDOR,
            )
        plain = wanted.replace("-", "")
        if plain not in accounts:
            raise InvalidParameters("the account of the settings is not one of this login's", vendor=VENDOR)
        return plain

    def _is_own(self, account: str) -> bool:
        try:
            return not account or self._account() == account
        except TaskFailed:
            return False

    def _order_deadline(self, context: TaskContext) -> float:
        """Nothing of an order leaves later than its exchange may take."""
        latest, deadline = self._clock.monotonic() + self._config.timing.order, self._deadline(context)
        return latest if deadline is None else min(latest, deadline)

    def _deadline(self, context: TaskContext) -> float | None:
        if context.deadline is None:
            return None
        return self._clock.monotonic() + (context.deadline - self._clock.now()).total_seconds()


class _Sink:
    """Passes live data on to the feed, if there is one."""

    def __init__(self, feed: Callable[[], ControlFeed | None]) -> None:
        self._feed = feed

    def registered(self, registration: Registration) -> None:
        if (feed := self._feed()) is not None:
            feed.registered(registration)

    def refused(self, registration: Registration, error: TaskFailed, *, for_good: bool) -> None:
        if (feed := self._feed()) is not None:
            feed.refused(registration, error, for_good=for_good)

    def interrupted(self, registrations: Sequence[Registration], reason: str) -> None:
        if (feed := self._feed()) is not None:
            feed.interrupted(registrations, reason)

    def connected(self) -> None:
        if (feed := self._feed()) is not None:
            feed.connected()

    def failing(self, reason: str) -> None:
        if (feed := self._feed()) is not None:
            feed.failing(reason)

    def received(self, key: str, name: str, data: str) -> None:
        if (feed := self._feed()) is not None:
            feed.received(key, name, data)

    def chejan(self, kind: str, fields: Mapping[int, str]) -> None:
        if (feed := self._feed()) is not None:
            feed.chejan(kind, fields)
