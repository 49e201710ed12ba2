"""The whole way with real threads: a simulated control behind the backend's blocking calls."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from broker_client.errors import (
    InvalidParameters,
    OrderOutcomeIsUnknown,
    OrdersDisabled,
    TaskExpired,
    TaskFailed,
    Unsupported,
    VendorUnavailable,
)
from broker_server.core.feeds import Incoming
from broker_server.core.methods import Lane, TaskContext
from broker_server.core.stream_requests import Registration
from broker_server.simulator.clock import SimulatedClock
from broker_server.simulator.kiwoom_control.control import SimulatedControl
from broker_server.simulator.kiwoom_control.faults import ControlFaults
from broker_server.simulator.kiwoom_control.messages import Messages
from broker_server.simulator.market import Market
from broker_server.simulator.matching import Exchange
from broker_server.vendors.clock import SystemClock
from broker_server.vendors.kiwoom.backend import Backend, Listing, Name, OrderRequest, Tr
from broker_server.vendors.kiwoom.openapi_plus.backend import OpenApiPlusBackend
from broker_server.vendors.kiwoom.openapi_plus.config import OpenApiPlusConfig
from broker_server.vendors.kiwoom.openapi_plus.control import ControlEvents, KiwoomControl
from broker_server.vendors.kiwoom.openapi_plus.states import HostState, Notice
from broker_server.vendors.kiwoom.openapi_plus.timing import Timing
from broker_server.vendors.kiwoom.sapi_events import original_event
from broker_server.vendors.kiwoom.trs import trs
from tests.support.waiting import wait_until, wait_until_async

BOOK = Tr(
    code="OPT10004",
    api_id="ka10004",
    path=None,
    record=None,
    rows_key=None,
    inputs={"stock_code": Name("종목코드", "stk_cd")},
    columns={"ask": Name("매도최우선호가", None), "ask_again": Name("매도최우선호가", None)},
    fixed={},
)
REST_ONLY = Tr(code=None, api_id="ka1", path="/", record=None, rows_key=None, inputs={}, columns={}, fixed={})
BUY = OrderRequest(
    action="new", side="buy", ticker="005930", quantity=3, price=0, kind="3", venue="KRX", original=None
)
QUICK = Timing(request=1.0, order=1.0, order_message=0.2, ready=5.0, message=0.3)


class House:
    """A backend over a simulated control, and what it told."""

    def __init__(self, faults: ControlFaults, config: OpenApiPlusConfig, **options: Any) -> None:
        self.faults = faults
        self.notices: list[Notice] = []
        self.exchange = Exchange(Market(SimulatedClock()))
        self.messages = Messages()
        self.control: SimulatedControl | None = None
        self.not_taken = 0

        def make(events: ControlEvents) -> KiwoomControl:
            self.control = SimulatedControl(
                cast("Any", events),
                self.exchange,
                self.messages,
                faults=faults,
                answer_seconds=0.001,
                **options,
            )
            return cast("KiwoomControl", self.control)

        self.backend = OpenApiPlusBackend(
            config, make, pump=self.messages, clock=SystemClock(), on_notice=self.notices.append
        )
        self.backend.start()

    def context(self, seconds: float | None = None) -> TaskContext:
        deadline = None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)

        def ensure_in_time() -> None:
            if deadline is not None and datetime.now(UTC) > deadline:
                raise TaskExpired("too late")

        def not_taken() -> None:
            self.not_taken += 1

        return TaskContext(
            task_id="1",
            received_at=datetime.now(UTC),
            ensure_in_time=ensure_in_time,
            report_progress=lambda done, total: None,
            deadline=deadline,
            not_taken=not_taken,
        )

    def ready(self) -> House:
        wait_until(lambda: self.backend.status()["state"] == "READY")
        return self


@contextmanager
def house(
    faults: ControlFaults | None = None, *, config: OpenApiPlusConfig | None = None, **options: Any
) -> Iterator[House]:
    made = House(faults or ControlFaults(), config or OpenApiPlusConfig(timing=QUICK), **options)
    try:
        yield made
    finally:
        made.backend.close()


def test_queries_look_ups_and_an_order() -> None:
    with house() as here:
        backend: Backend = here.backend
        page = backend.request(BOOK, {"stock_code": "005930"}, here.context(), Lane.QUOTE)
        assert page.rows[0]["ask"] == page.rows[0]["ask_again"]
        assert page.more is None
        assert backend.stock_name("005930", here.context()) == "삼성전자"
        assert backend.stock_name("999999", here.context()) is None
        assert backend.stock_state("005930", here.context()) == "증거금20%|담보대출|신용가능"
        assert backend.stock_state("999999", here.context()) is None
        found = backend.listing("005930", here.context())
        assert found == Listing(state="증거금20%|담보대출|신용가능", listed_on="19750611")
        assert backend.listing("999999", here.context()) is None
        assert "005930" in backend.stock_codes("0", here.context())
        assert backend.send_order(BUY, here.context()) == "0001001"
        assert backend.live is False
        assert [each.passed for each in backend.check(here.context())] == [True, True]
        status = backend.status()
        assert (status["state"], status["server"], status["queries"]["answered"]) == ("READY", "mock", 1)
        assert "8012345611" not in str(status)
        assert here.control is not None
        assert here.control.ordered[0] == ("8012345611", 1, "005930", 3, 0, "03", "")


def test_an_order_waits_for_its_slot_before_the_last_gate_and_leaves_at_once_behind_it() -> None:
    with house() as here:
        here.ready()
        for _ in range(5):
            here.backend.ready_for_order(BUY, here.context())
            here.backend.send_order(BUY, here.context())
        began = here.messages.monotonic()
        here.backend.ready_for_order(BUY, here.context())
        waited = here.messages.monotonic() - began
        began = here.messages.monotonic()
        assert here.backend.send_order(BUY, here.context()) == "0001006"
        assert waited > 0.3 > here.messages.monotonic() - began
        status = here.backend.status()
        assert status["orders"]["accepted"] == 6
        assert status["rate_limit"]["waiting"]["order"] == 0
        (slots,) = here.backend.instruments.meter.slots.read()
        assert slots.labels == ("kiwoom", "order")
        assert 0.3 < slots.total < waited + 1


def test_an_order_that_cannot_leave_is_refused_before_the_last_gate() -> None:
    with house(ControlFaults(login_waits=True), config=OpenApiPlusConfig(timing=Timing(login=0.01))) as here:
        with pytest.raises(VendorUnavailable, match="LOGIN_REQUIRED"):
            here.backend.ready_for_order(BUY, here.context())
        assert here.not_taken == 0
    with house() as here:
        here.ready()
        with pytest.raises(Unsupported):
            here.backend.ready_for_order(replace(BUY, venue="SOR"), here.context())


def test_a_query_of_the_account_is_filled_in_from_the_login_and_has_its_summary() -> None:
    with house() as here:
        here.ready()
        here.backend.send_order(BUY, here.context())
        inputs = {"account": "", "password": "", "password_medium": "00", "query_type": "2"}
        page = here.backend.request(trs()["balance"], inputs, here.context(), Lane.ACCOUNT)
        assert [row["stock_code"].strip() for row in page.rows] == ["A005930"]
        assert int(page.summary["cost"]) > 0
        assert here.control is not None
        assert here.control.sent[-1][2][0] == ("계좌번호", "8012345611")


def test_a_cancel_names_the_order_and_has_no_price() -> None:
    with house() as here:
        here.ready()
        limit = OrderRequest(
            action="new", side="buy", ticker="005930", quantity=3, price=60_000, kind="0", venue="KRX"
        )
        number = here.backend.send_order(limit, here.context())
        cancel = OrderRequest(
            action="cancel",
            side="buy",
            ticker="005930",
            quantity=3,
            price=60_000,
            kind="0",
            venue="KRX",
            original=number,
        )
        assert here.backend.send_order(cancel, here.context()) == "0001002"
        assert here.control is not None
        assert here.control.ordered[1] == ("8012345611", 3, "005930", 3, 0, "00", number)


def test_until_the_login_nobody_knows_whether_orders_are_live() -> None:
    with house(ControlFaults(login_waits=True)) as here:
        assert here.backend.live is None
    with house(mock=False) as here:
        assert here.ready().backend.live is True


def test_a_live_login_takes_no_orders_where_the_settings_say_mock() -> None:
    with house(config=OpenApiPlusConfig(timing=QUICK, mock_expected=True), mock=False) as here:
        here.ready()
        with pytest.raises(OrdersDisabled):
            here.backend.send_order(BUY, here.context())
        assert here.not_taken == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [({"venue": "NXT"}, Unsupported), ({}, InvalidParameters)],
)
def test_an_order_that_cannot_be_made_is_told_as_not_taken(
    change: dict[str, Any], error: type[TaskFailed]
) -> None:
    config = OpenApiPlusConfig(timing=QUICK, account=None if change else "8099999911")
    with house(config=config) as here:
        here.ready()
        order = OrderRequest(
            **{
                "action": "new",
                "side": "buy",
                "ticker": "005930",
                "quantity": 1,
                "price": 0,
                "kind": "3",
                "venue": "KRX",
            }
            | change
        )
        with pytest.raises(error):
            here.backend.send_order(order, here.context())
        assert here.not_taken == 1


def test_an_order_beyond_the_rate_is_told_as_not_taken() -> None:
    with house(ControlFaults(order_overloads=1)) as here:
        here.ready()
        with pytest.raises(TaskFailed):
            here.backend.send_order(BUY, here.context())
        assert here.not_taken == 1
        assert here.backend.send_order(BUY, here.context()) == "0001001"


def test_an_order_without_an_answer_is_unknown_and_never_not_taken() -> None:
    with house(ControlFaults(silent={"order"})) as here:
        here.ready()
        with pytest.raises(OrderOutcomeIsUnknown):
            here.backend.send_order(BUY, here.context())
        assert here.not_taken == 0


def test_a_deadline_ends_a_query_that_nobody_answers() -> None:
    with house(ControlFaults(silent={"*"}), config=OpenApiPlusConfig(timing=Timing())) as here:
        here.ready()
        with pytest.raises(TaskExpired):
            here.backend.request(BOOK, {"stock_code": "005930"}, here.context(0.3), Lane.QUOTE)


def test_before_a_login_a_task_is_refused_with_the_state() -> None:
    timing = Timing(login=0.05, ready=5.0)
    with house(ControlFaults(login_waits=True), config=OpenApiPlusConfig(timing=timing)) as here:
        with pytest.raises(VendorUnavailable, match="LOGIN_REQUIRED"):
            here.backend.stock_name("005930", here.context())
        with pytest.raises(VendorUnavailable, match="LOGIN_REQUIRED"):
            here.backend.send_order(BUY, here.context())
        assert here.not_taken == 1
        assert here.backend.check(here.context())[0].passed is False


def test_a_control_that_cannot_be_made_is_one_clear_line() -> None:
    def fails(events: ControlEvents) -> KiwoomControl:
        raise RuntimeError("OpenAPI+ is not installed")

    notices: list[Notice] = []
    backend = OpenApiPlusBackend(
        OpenApiPlusConfig(timing=QUICK),
        fails,
        pump=Messages(),
        clock=SystemClock(),
        on_notice=notices.append,
    )
    backend.start()
    wait_until(lambda: notices)
    assert (notices[0].state, notices[0].restart) == (HostState.CONTROL_FAILED, True)
    backend.close()


def test_a_control_that_dies_fails_the_tasks_that_wait() -> None:
    with house() as here:
        here.ready()
        here.faults.dies_after = 0
        with pytest.raises(VendorUnavailable):
            here.backend.stock_name("005930", here.context())
        wait_until(lambda: any(notice.restart for notice in here.notices))
        with pytest.raises(VendorUnavailable):
            here.backend.request(BOOK, {"stock_code": "005930"}, here.context(), Lane.QUOTE)


def test_a_window_of_kiwoom_that_nobody_closes_is_told() -> None:
    """A notice that opens inside a call keeps the call, and with it the thread."""
    timing = Timing(order=0.2, order_message=0.1, held_up=0.5)
    with house(config=OpenApiPlusConfig(timing=timing)) as here:
        here.ready()
        closed = threading.Event()
        assert here.control is not None
        here.control._spend = lambda seconds: None if closed.is_set() else closed.wait(30) and None
        with pytest.raises(VendorUnavailable, match="window of Kiwoom"):
            here.backend.stock_name("005930", here.context())
        wait_until(lambda: here.notices[-1].restart)
        assert here.notices[-1].state is HostState.CONTROL_FAILED
        assert "window" in here.notices[-1].reason
        closed.set()


def test_a_login_window_that_keeps_the_thread_is_left_to_who_is_at_it() -> None:
    closed = threading.Event()
    config = OpenApiPlusConfig(timing=replace(QUICK, held_up=0.1))
    with house(config=config, spend=lambda seconds: closed.wait(30)) as here:
        wait_until(lambda: here.notices[-1].state is HostState.LOGIN_REQUIRED)
        with pytest.raises(VendorUnavailable, match="LOGIN_REQUIRED"):
            here.backend.stock_name("005930", here.context())
        closed.set()
        here.ready()
        assert not any(notice.restart for notice in here.notices)


@pytest.mark.parametrize("inside", [True, False])
def test_an_order_behind_such_a_window_is_unknown_only_if_it_may_have_left(inside: bool) -> None:
    timing = Timing(order=0.2, order_message=0.1, held_up=0.5)
    with house(config=OpenApiPlusConfig(timing=timing)) as here:
        here.ready()
        closed = threading.Event()
        assert here.control is not None
        here.control._spend = lambda seconds: None if closed.is_set() else closed.wait(30) and None
        if not inside:
            here.backend._life._thread.post(lambda: here.control and here.control.GetConnectState() and None)
        with pytest.raises(OrderOutcomeIsUnknown if inside else VendorUnavailable):
            here.backend.send_order(BUY, here.context())
        assert here.not_taken == (0 if inside else 1)
        closed.set()
    assert here.control is not None
    assert here.control.ordered == [] or inside


def test_an_idle_host_is_not_taken_for_one_that_is_held_up() -> None:
    timing = Timing(login=0.01, held_up=1.0)
    with house(ControlFaults(login_waits=True), config=OpenApiPlusConfig(timing=timing)) as here:
        wait_until(lambda: here.notices[-1].state is HostState.LOGIN_REQUIRED)
        until = here.messages.monotonic() + 2.5
        wait_until(lambda: here.messages.monotonic() > until)
        assert here.notices[-1].state is HostState.LOGIN_REQUIRED


def test_a_notice_that_cannot_be_told_stops_nothing() -> None:
    """Such as one for a supervisor whose end of the pipe is gone."""
    with house() as here:
        heard: list[Notice] = []

        def broken(notice: Notice) -> None:
            raise BrokenPipeError

        here.ready()
        here.backend.listeners[:] = [broken, heard.append]
        assert here.control is not None
        here.control.lose_connection()
        wait_until(lambda: here.backend.status()["state"] == "CONNECTION_LOST")
        with pytest.raises(VendorUnavailable, match="CONNECTION_LOST"):
            here.backend.request(BOOK, {"stock_code": "005930"}, here.context(), Lane.QUOTE)
        wait_until(lambda: any(notice.state is HostState.CONNECTION_LOST for notice in heard))


def test_closing_ends_what_waits() -> None:
    with house(ControlFaults(silent={"*"}), config=OpenApiPlusConfig(timing=Timing())) as here:
        here.ready()
    with pytest.raises(VendorUnavailable):
        here.backend.request(BOOK, {"stock_code": "005930"}, here.context(), Lane.QUOTE)


def test_what_only_rest_has_is_unsupported() -> None:
    with house() as here:
        with pytest.raises(Unsupported):
            here.backend.request(REST_ONLY, {}, here.context(), Lane.QUOTE)
        with pytest.raises(InvalidParameters):
            here.backend.request(BOOK, {"nothing": "1"}, here.context(), Lane.QUOTE)


class Listener:
    """Keeps what a feed tells."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def of(self, what: str) -> list[tuple[Any, ...]]:
        return [each[1:] for each in self.told if each[0] == what]

    def registered(self, registration: Registration) -> None:
        self.told.append(("registered", registration))

    def refused(self, registration: Registration, error: Exception, *, for_good: bool) -> None:
        self.told.append(("refused", registration, error, for_good))

    def received(self, registration: Registration, incoming: Incoming) -> None:
        self.told.append(("received", registration, incoming))

    def interrupted(self, registrations: Sequence[Registration], reason: str) -> None:
        self.told.append(("interrupted", tuple(registrations), reason))

    def connected(self) -> None:
        self.told.append(("connected",))

    def source_changed(self, channel: str, subject: str) -> None:
        return

    def failing(self, failures: int, reason: str, *, pause: float = 0.0, connection: Hashable = None) -> None:
        self.told.append(("failing", failures, reason))


def on_the_thread(here: House, work: Callable[[SimulatedControl], None]) -> None:
    assert here.control is not None
    control = here.control
    here.messages.post(lambda: work(control))


async def test_live_data_and_executions_reach_the_event_loop() -> None:
    with house() as here:
        here.ready()
        listener = Listener()
        feed = here.backend.open_feed(listener)
        trades, book, own = Registration("0B", "005930"), Registration("0D", "005930"), Registration("00", "")
        task = asyncio.create_task(feed.run())
        feed.want([own, trades, book])
        await wait_until_async(lambda: len(listener.of("registered")) == 3)
        assert listener.told[0] == ("connected",)
        assert feed.connection_of(trades) == feed.connection_of(book) is not None
        on_the_thread(here, lambda control: control.tick())
        await wait_until_async(lambda: len(listener.of("received")) == 2)
        assert {(each[0], each[1].channel) for each in listener.of("received")} == {
            (trades, "trade"),
            (book, "order_book"),
        }
        await asyncio.to_thread(here.backend.send_order, BUY, here.context())
        await wait_until_async(lambda: [each for each in listener.of("received") if each[0] == own][1:])
        news = [each[1].event() for each in listener.of("received") if each[0] == own]
        assert [(each["event"], each["order_no"]) for each in news] == [
            ("received", "0001001"),
            ("fill", "0001001"),
        ]
        on_the_thread(here, lambda control: control.lose_connection())
        await wait_until_async(lambda: listener.of("failing"))
        assert set(listener.of("interrupted")[0][0]) == {own, trades, book}
        assert feed.connection_of(trades) is None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_was_subscribed_as_the_original_did_brings_every_type_with_a_price() -> None:
    with house() as here:
        here.ready()
        listener = Listener()
        feed = here.backend.open_feed(listener)
        task = asyncio.create_task(feed.run())
        everything = Registration("10", "005930")
        told: list[tuple[str, str, str]] = []
        sink = here.backend._life.session._sink  # type: ignore[union-attr]
        pass_on = sink.received
        sink.received = lambda *args: (told.append(args), pass_on(*args))  # type: ignore[method-assign]
        feed.want([everything])
        await wait_until_async(lambda: listener.of("registered"))
        on_the_thread(here, lambda control: control.tick())
        await wait_until_async(lambda: len(listener.of("received")) == 2)
        raw = [each[1].raw_event() for each in listener.of("received")]
        original = [original_event(each) for each in raw]
        assert {each["real_data_type"] for each in original} == {"주식체결", "주식시세"}
        sent = {name: data for _, name, data in told}
        assert all(each["real_time_data"] == sent[each["real_data_type"]] for each in original)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await wait_until_async(lambda: here.control is not None and not here.control.registrations.screens)


async def test_news_of_another_account_of_the_login_are_not_ours() -> None:
    config = OpenApiPlusConfig(timing=QUICK, account="80123456-11")
    with house(config=config, accounts=("8012345611", "8099999911")) as here:
        here.ready()
        listener = Listener()
        feed = here.backend.open_feed(listener)
        task = asyncio.create_task(feed.run())
        own = Registration("00", "")
        feed.want([own])
        await wait_until_async(lambda: listener.of("registered"))
        other = ("x", "1150", "8099999911", 1, "005930", 1, 0, "03", "")
        on_the_thread(here, lambda control: control.SendOrder(*other) and None)
        await wait_until_async(lambda: feed.status()["unwanted_records"] >= 3)
        assert listener.of("received") == []
        await asyncio.to_thread(here.backend.send_order, BUY, here.context())
        await wait_until_async(lambda: listener.of("received"))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_automatic_live_data_of_a_query_reach_nobody() -> None:
    with house() as here:
        here.ready()
        listener = Listener()
        feed = here.backend.open_feed(listener)
        task = asyncio.create_task(feed.run())
        feed.want([Registration("0B", "000660")])
        await wait_until_async(lambda: listener.of("registered"))
        on_the_thread(here, lambda control: control.registrations.automatic("1001", {"005930"}))
        on_the_thread(here, lambda control: control.tick())
        await wait_until_async(lambda: listener.of("received"))
        await wait_until_async(lambda: feed.status()["unwanted_records"] >= 3)
        assert {each[0].symbol for each in listener.of("received")} == {"000660"}
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_who_asks_while_the_login_is_being_told_waits_for_its_accounts() -> None:
    found: list[bool] = []
    with house() as open_house:
        asking = threading.Thread(
            target=lambda: found.extend(
                each.passed for each in open_house.backend.check(open_house.context())
            )
        )

        def told(notice: Notice) -> None:
            if notice.state is HostState.READY:
                asking.start()
                asking.join(0.5)  # on the control's thread, which has not told the accounts yet

        open_house.backend.listeners.append(told)
        open_house.ready()
        wait_until(lambda: found)
    assert found == [True, True]


def test_nothing_logs_in_before_somebody_needs_it() -> None:
    made: list[ControlEvents] = []

    def make(events: ControlEvents) -> KiwoomControl:
        made.append(events)
        raise RuntimeError("no control in this test")

    backend = OpenApiPlusBackend(OpenApiPlusConfig(timing=QUICK), make, pump=Messages(), clock=SystemClock())
    assert backend.status()["state"] == "CONNECTING"
    assert "serves the account" in backend.status()["reason"]
    assert made == []
    context = TaskContext(
        task_id="1",
        received_at=datetime.now(UTC),
        ensure_in_time=lambda: None,
        report_progress=lambda done, total: None,
    )
    with pytest.raises(VendorUnavailable, match="no control in this test"):
        backend.stock_name("005930", context)
    assert len(made) == 1
    backend.close()
    unused = OpenApiPlusBackend(OpenApiPlusConfig(), make, pump=Messages(), clock=SystemClock())
    unused.close()
    unused.start()
    assert len(made) == 1
