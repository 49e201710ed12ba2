"""The control's thread without a thread: a simulated control, time that a test moves, every call noted."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar, cast

from broker_client.errors import TaskFailed
from broker_server.core.methods import Lane
from broker_server.core.stream_requests import Registration
from broker_server.simulator.clock import SimulatedClock
from broker_server.simulator.kiwoom_control.control import SimulatedControl
from broker_server.simulator.kiwoom_control.faults import ControlFaults
from broker_server.simulator.kiwoom_control.messages import Messages
from broker_server.simulator.market import Market
from broker_server.simulator.matching import Exchange
from broker_server.vendors.kiwoom.openapi_plus.control import METHODS, ControlEvents, KiwoomControl
from broker_server.vendors.kiwoom.openapi_plus.login import LoggedIn
from broker_server.vendors.kiwoom.openapi_plus.orders import OrderCall
from broker_server.vendors.kiwoom.openapi_plus.session import Session
from broker_server.vendors.kiwoom.openapi_plus.sta import ControlLoop, on_its_thread, timed_events
from broker_server.vendors.kiwoom.openapi_plus.states import HostState, Notice
from broker_server.vendors.kiwoom.openapi_plus.timing import Timing
from broker_server.vendors.kiwoom.openapi_plus.tr_request import TrPage, TrRequest

START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
"""10:00 in Korea, a Friday."""
ACCOUNT = "8012345611"
READS = frozenset({"GetCommData", "GetCommDataEx", "GetRepeatCnt", "GetCommRealData", "GetChejanData"})

T = TypeVar("T")


class Call(NamedTuple):
    """One call of the control."""

    method: str
    args: tuple[Any, ...]
    event: str | None
    """The event that it was made inside of."""


class VirtualTime:
    """Seconds that pass only when somebody says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        condition.wait(0.001)
        self.seconds += seconds

    def spend(self, seconds: float) -> None:
        self.seconds += seconds


class Noted:
    """A control that notes every call, and from within which event it came."""

    def __init__(self, control: KiwoomControl) -> None:
        self.calls: list[Call] = []
        self.event: str | None = None
        for name in METHODS:
            setattr(self, name, functools.partial(self._call, name, getattr(control, name)))

    def _call(self, name: str, method: Callable[..., Any], *args: Any) -> Any:
        self.calls.append(Call(name, args, self.event))
        return method(*args)


class NotedEvents:
    """Handlers that tell the noted control which of them runs."""

    def __init__(self, events: ControlEvents, noted: Callable[[], Noted]) -> None:
        self._events = events
        self._noted = noted

    def __getattr__(self, name: str) -> Callable[..., None]:
        handler = getattr(self._events, name)

        def handle(*args: Any) -> None:
            noted = self._noted()
            before, noted.event = noted.event, name
            try:
                handler(*args)
            finally:
                noted.event = before

        return handle


class Heard:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def of(self, what: str) -> list[tuple[Any, ...]]:
        return [each[1:] for each in self.told if each[0] == what]

    def registered(self, registration: Registration) -> None:
        self.told.append(("registered", registration))

    def refused(self, registration: Registration, error: TaskFailed, *, for_good: bool) -> None:
        self.told.append(("refused", registration, error, for_good))

    def interrupted(self, registrations: Sequence[Registration], reason: str) -> None:
        self.told.append(("interrupted", tuple(registrations), reason))

    def connected(self) -> None:
        self.told.append(("connected",))

    def failing(self, reason: str) -> None:
        self.told.append(("failing", reason))

    def received(self, key: str, name: str, data: str) -> None:
        self.told.append(("received", key, name, data))

    def chejan(self, kind: str, fields: Mapping[int, str]) -> None:
        self.told.append(("chejan", kind, dict(fields)))


class Stage:
    """A session over a simulated control, stepped by hand.

    Args:
        faults: What goes wrong.
        timing: The waits.
        options: Of the simulated control.
    """

    def __init__(
        self, faults: ControlFaults | None = None, *, timing: Timing | None = None, **options: Any
    ) -> None:
        self.time = VirtualTime()
        self.loop = ControlLoop(self.time.monotonic)
        self.messages = Messages(self.time.monotonic)
        self.exchange = Exchange(Market(SimulatedClock(self.time.now)))
        self.notices: list[Notice] = []
        self.logged_in: LoggedIn | None = None
        self.heard = Heard()
        self._session: Session | None = None
        events = timed_events(lambda: self._session, self.loop)
        noted_events = NotedEvents(events, lambda: self.noted)
        self.control = SimulatedControl(
            cast("Any", noted_events),
            self.exchange,
            self.messages,
            faults=faults,
            accounts=(ACCOUNT,),
            spend=self.time.spend,
            **options,
        )
        self.noted = Noted(self.control)
        here = threading.get_ident()
        self._session = self.session = Session(
            on_its_thread(cast("KiwoomControl", self.noted), lambda: threading.get_ident() == here),
            self.loop,
            timing=timing or Timing(),
            sink=self.heard,
            notify=self.notices.append,
            ready=self._ready,
        )
        self.loop.post(self.session.begin)

    def _ready(self, logged_in: LoggedIn) -> None:
        self.logged_in = logged_in

    @property
    def faults(self) -> ControlFaults:
        return self.control.faults

    @property
    def states(self) -> list[HostState]:
        return [notice.state for notice in self.notices]

    def log_in(self) -> Stage:
        self.run(lambda: self.logged_in is not None, 10)
        return self

    def run(self, done: Callable[[], object] = lambda: False, seconds: float = 60.0) -> bool:
        """Go on until it is done or the time is over; whether it is done."""
        end = self.time.seconds + seconds
        while not done():
            dispatched = self.messages.dispatch()
            wait = self.loop.run_due()
            if dispatched:
                continue
            dues = [each for each in (wait, self.messages.until_next()) if each is not None]
            if self.time.seconds >= end:
                return bool(done())
            step = min([*dues, end - self.time.seconds])
            if step > 0 and not done():
                self.time.seconds += step + 1e-9
        return True

    def request(self, code: str = "OPT10004", **changes: Any) -> TrRequest:
        arguments: dict[str, Any] = {
            "code": code,
            "inputs": (("종목코드", "005930"),),
            "record": None,
            "items": ("호가잔량기준시간", "매도최우선호가", "매수최우선호가"),
            "lane": Lane.QUOTE,
        }
        request = TrRequest(**(arguments | changes))
        self.loop.post(lambda: self.session.requests.submit(request))
        return request

    def days(self, after: str | None = None, **changes: Any) -> TrRequest:
        arguments: dict[str, Any] = {
            "inputs": (("종목코드", "005930"), ("기준일자", "20261120"), ("수정주가구분", "1")),
            "record": "주식일봉차트조회",
            "items": ("일자", "현재가", "거래량"),
            "after": after,
        }
        return self.request("OPT10081", **(arguments | changes))

    def page(self, request: TrRequest, seconds: float = 60.0) -> TrPage:
        self.run(request.future.done, seconds)
        return request.future.result(0)

    def order(self, **changes: Any) -> OrderCall:
        arguments: dict[str, Any] = {
            "account": ACCOUNT,
            "order_type": 1,
            "ticker": "005930",
            "quantity": 10,
            "price": 0,
            "kind": "03",
            "original": "",
            "lane": Lane.ORDER,
        }
        call = OrderCall(**(arguments | changes))
        self.loop.post(lambda: self.session.orders.submit(call))
        return call

    def outcome(self, call: OrderCall | TrRequest, seconds: float = 60.0) -> Any:
        """The result, or the error."""
        self.run(call.future.done, seconds)
        return call.future.exception(0) or call.future.result(0)
