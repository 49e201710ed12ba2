"""Orders to Kiwoom through the desk: recorded, sent once, settled by its list."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from broker_client.errors import (
    InvalidParameters,
    OrderOutcomeIsUnknown,
    RateLimited,
    TaskFailed,
    Unsupported,
    VendorRejected,
    VendorUnavailable,
)
from broker_server.amqp.intake import validate_parameters
from broker_server.core.methods import Outcome, TaskContext
from broker_server.core.orders import OrderDetails, State, Status
from broker_server.orders.checks import OrderRules
from broker_server.vendors.kiwoom.backend import Page
from tests.support.fake_time import FakeClock
from tests.support.kiwoom_backend import context
from tests.support.kiwoom_orders import Booked, TradingBackend
from tests.support.order_office import START, Clock, Desk, journal
from tests.support.sapi_server import make_vendor


class OfficeClock(FakeClock):
    """The desk's time, for the adapter."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def now(self) -> datetime:
        return self._clock()

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        raise NotImplementedError


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kiwoom(clock: Clock) -> TradingBackend:
    return TradingBackend(clock)


@pytest.fixture
def desk(kiwoom: TradingBackend, clock: Clock, tmp_path: Path) -> Iterator[Desk]:
    engine = journal(tmp_path)
    yield Desk(
        engine,
        make_vendor(kiwoom, clock=OfficeClock(clock)),
        clock,
        rules=OrderRules(environment="simulated"),
    )
    engine.dispose()


def run(desk: Desk, task_id: str, method: str, **parameters: Any) -> Any:
    result = desk.office.desk.run(desk.task(task_id, f"kiwoom.{method}-order", **parameters))
    if result.error is not None:
        raise result.error
    return result.rows[0]


LIMIT = {"ticker": "005930", "quantity": 10, "price": 70_000}


def test_an_order_is_recorded_and_sent(desk: Desk, kiwoom: TradingBackend) -> None:
    receipt = run(desk, "t-1", "buy", **LIMIT)
    assert receipt == {
        "account": "default",
        "action": "buy",
        "order_no": "0001001",
        "original_order_no": None,
        "ticker": "005930",
        "quantity": 10,
        "price": 70_000,
        "order_type": "limit",
        "venue": "KRX",
        "time": "2026-11-25T10:00:00+09:00",
        "already_done": False,
        "state": "accepted",
    }
    (sent,) = kiwoom.sent
    assert (sent.action, sent.side, sent.kind, sent.price, sent.venue) == ("new", "buy", "0", 70_000, "KRX")
    assert kiwoom.prepared == [sent]
    assert desk.record().order.state is State.ACCEPTED
    again = desk.office.desk.run(desk.task("t-1", "kiwoom.buy-order", **LIMIT))
    assert json.loads(again.replay or b"")["result"] == [receipt]
    assert len(kiwoom.sent) == 1, "a repeat is answered from the record"


def test_a_market_order_counts_at_its_upper_limit(desk: Desk, kiwoom: TradingBackend) -> None:
    run(desk, "t-1", "sell", ticker="005930", quantity=1, order_type="market")
    assert (kiwoom.sent[0].kind, kiwoom.sent[0].price) == ("3", 0)
    assert kiwoom.asked[-1][0] == "ka10001"
    with pytest.raises(TaskFailed, match="ORDER_GUARD"):
        run(desk, "t-2", "buy", ticker="005930", quantity=5000, order_type="market")
    assert len(kiwoom.sent) == 1


def test_fills_are_followed(desk: Desk, kiwoom: TradingBackend) -> None:
    number = run(desk, "t-1", "buy", **LIMIT)["order_no"]
    kiwoom.fill(number, 4, 69_900)
    desk.clock.pass_(2)
    desk.look()
    order = desk.record().order
    assert (order.status, order.filled, order.average_price) == (Status.PARTIALLY_FILLED, 4, Decimal(69_900))
    kiwoom.fill(number, 6, 69_900)
    desk.clock.pass_(2)
    desk.look()
    assert desk.record().order.status is Status.FILLED


def test_a_lost_answer_is_found_in_the_list(desk: Desk, kiwoom: TradingBackend) -> None:
    def lose(_: Booked, __: TaskContext) -> None:
        raise OrderOutcomeIsUnknown("the answer was lost", vendor="kiwoom")

    kiwoom.after = lose
    with pytest.raises(OrderOutcomeIsUnknown):
        run(desk, "t-1", "buy", **LIMIT)
    assert desk.record().order.state is State.UNKNOWN
    desk.clock.pass_(5)
    desk.look()
    order = desk.record().order
    assert (order.state, order.order_no) == (State.ACCEPTED, "0001001")


@pytest.mark.parametrize(
    ("kind", "venue"), [("최유리주문", "NXT"), ("최유리지정가", "넥스트레이드"), ("최유리", ""), ("", "2")]
)
def test_words_that_nobody_told_of_hide_no_order(
    desk: Desk, kiwoom: TradingBackend, kind: str, venue: str
) -> None:
    def lose(booked: Booked, _: TaskContext) -> None:
        booked.kind, booked.venue = kind, venue
        raise OrderOutcomeIsUnknown("the answer was lost", vendor="kiwoom")

    kiwoom.after = lose
    with pytest.raises(OrderOutcomeIsUnknown):
        run(desk, "t-1", "sell", ticker="005930", quantity=1, order_type="best", exchange="NXT")
    assert desk.record().order.state is State.UNKNOWN
    desk.clock.pass_(5)
    desk.look()
    order = desk.record().order
    assert (order.state, order.order_no) == (State.ACCEPTED, "0001001")


def test_an_order_that_never_arrived_is_not_sent(desk: Desk, kiwoom: TradingBackend) -> None:
    def lose(*_: object) -> str:
        raise OrderOutcomeIsUnknown("nobody knows", vendor="kiwoom")

    kiwoom.send = lose
    with pytest.raises(OrderOutcomeIsUnknown):
        run(desk, "t-1", "buy", **LIMIT)
    for _ in range(6):
        desk.clock.pass_(30)
        desk.look()
    assert desk.record().order.state is State.NOT_SENT


def test_a_refusal_is_the_verdict(desk: Desk, kiwoom: TradingBackend) -> None:
    def refuse(*_: object) -> str:
        raise VendorRejected("no", vendor="kiwoom", vendor_code="RC4025", vendor_message="장종료")

    kiwoom.send = refuse
    with pytest.raises(VendorRejected, match="no"):
        run(desk, "t-1", "buy", **LIMIT)
    record = desk.record().order
    assert (record.state, record.vendor_code, record.vendor_message) == (State.REJECTED, "RC4025", "장종료")


def test_what_was_not_taken_is_sent_again(desk: Desk, kiwoom: TradingBackend) -> None:
    take, refusals = kiwoom.send, iter([True, True, False])

    def throttle(order: Any, task: TaskContext) -> str:
        if next(refusals):
            task.not_taken()
            raise RateLimited("slow down", vendor="kiwoom", vendor_code="1700")
        return take(order, task)

    kiwoom.send = throttle
    assert run(desk, "t-1", "buy", **LIMIT)["order_no"] == "0001001"
    assert len(kiwoom.sent) == len(kiwoom.prepared) == 3


@pytest.mark.parametrize(("code", "attempts"), [("1700", 4), (None, 1)])
def test_it_gives_up(desk: Desk, kiwoom: TradingBackend, code: str | None, attempts: int) -> None:
    def throttle(_: Any, task: TaskContext) -> str:
        task.not_taken()
        raise VendorUnavailable("no", vendor="kiwoom", vendor_code=code)

    kiwoom.send = throttle
    with pytest.raises(VendorUnavailable):
        run(desk, "t-1", "buy", **LIMIT)
    assert len(kiwoom.sent) == attempts
    assert desk.record().order.state is State.NOT_SENT


def test_a_change_of_the_price(desk: Desk, kiwoom: TradingBackend) -> None:
    run(desk, "t-1", "buy", **LIMIT)
    kiwoom.fill("0001001", 4, 70_000)
    receipt = run(desk, "t-2", "modify", order_task_id="t-1", price=69_000)
    assert (receipt["order_no"], receipt["original_order_no"], receipt["quantity"]) == (
        "0001002",
        "0001001",
        6,
    )
    sent = kiwoom.sent[-1]
    assert (sent.action, sent.original, sent.quantity, sent.price) == ("modify", "0001001", 6, 69_000)


def test_an_order_without_a_price_has_none_to_change(desk: Desk, kiwoom: TradingBackend) -> None:
    run(desk, "t-1", "buy", ticker="005930", quantity=10, order_type="market")
    with pytest.raises(Unsupported, match="cancel it and place another"):
        run(desk, "t-2", "modify", order_no="1001", price=69_000)
    assert len(kiwoom.sent) == 1


def test_a_cancel_takes_back_what_is_open(desk: Desk, kiwoom: TradingBackend) -> None:
    run(desk, "t-1", "sell", **LIMIT)
    kiwoom.fill("0001001", 3, 70_000)
    receipt = run(desk, "t-2", "cancel", order_no="1001")
    assert (receipt["quantity"], receipt["already_done"]) == (7, False)
    assert (kiwoom.sent[-1].action, kiwoom.sent[-1].side) == ("cancel", "sell")
    assert (kiwoom.sent[-1].quantity, kiwoom.sent[-1].all_left) == (7, True)
    again = run(desk, "t-3", "cancel", order_no="1001")
    assert (again["already_done"], again["state"], again["order_no"]) == (True, "cancelled", None)
    assert len(kiwoom.sent) == 2


def test_a_cancel_may_be_of_some_shares(desk: Desk, kiwoom: TradingBackend) -> None:
    run(desk, "t-1", "sell", **LIMIT)
    assert run(desk, "t-2", "cancel", order_no="1001", quantity=4)["quantity"] == 4
    assert (kiwoom.sent[-1].quantity, kiwoom.sent[-1].all_left) == (4, False)
    assert kiwoom.find("0001001").remaining == 6


def test_a_cancel_finds_the_order_that_a_change_made(desk: Desk, kiwoom: TradingBackend) -> None:
    run(desk, "t-1", "buy", **LIMIT)
    run(desk, "t-2", "modify", order_task_id="t-1", price=69_000)
    run(desk, "t-3", "cancel", order_task_id="t-1")
    assert kiwoom.sent[-1].original == "0001002"


def test_a_cancel_that_came_too_late_is_done(desk: Desk, kiwoom: TradingBackend) -> None:
    run(desk, "t-1", "buy", **LIMIT)

    def fill_first(_: Any, __: TaskContext) -> str:
        kiwoom.fill("0001001", 10, 70_000)
        raise VendorRejected("nothing left", vendor="kiwoom", vendor_code="RC4032")

    kiwoom.send = fill_first
    receipt = run(desk, "t-2", "cancel", order_no="1001")
    assert (receipt["already_done"], receipt["state"]) == (True, "filled")


def test_a_cancel_of_more_than_is_left_by_now_is_repeated_once_for_what_is(
    desk: Desk, kiwoom: TradingBackend
) -> None:
    run(desk, "t-1", "buy", **LIMIT)
    book = kiwoom.send

    def fill_first(order: Any, context: TaskContext) -> str:
        kiwoom.fill("0001001", 2, 70_000)
        return book(order, context)  # refuses a number that is too high

    kiwoom.send = fill_first
    with pytest.raises(VendorRejected):
        run(desk, "t-2", "cancel", order_no="1001")
    assert [each.quantity for each in kiwoom.sent[1:]] == [10, 8], "once again, and no more"
    fills = iter([1])

    def fill_once(order: Any, context: TaskContext) -> str:
        kiwoom.fill("0001001", next(fills, 0), 70_000)
        return book(order, context)

    kiwoom.send = fill_once
    receipt = run(desk, "t-3", "cancel", order_no="1001")
    assert (receipt["quantity"], receipt["already_done"]) == (5, False)
    assert [each.quantity for each in kiwoom.sent[3:]] == [6, 5]


def test_a_cancel_that_is_refused_for_another_reason_is_not_repeated(
    desk: Desk, kiwoom: TradingBackend
) -> None:
    run(desk, "t-1", "buy", **LIMIT)
    kiwoom.send = refusing
    with pytest.raises(VendorRejected):
        run(desk, "t-2", "cancel", order_no="1001")
    assert len(kiwoom.sent) == 2


def refusing(_: Any, __: TaskContext) -> str:
    raise VendorRejected("no", vendor="kiwoom", vendor_code="RC4033")


def test_cancel_all_uses_the_adapter_s_cancel(desk: Desk, kiwoom: TradingBackend) -> None:
    assert desk.vendor.orders.cancel_methods == {"domestic": "kiwoom.cancel-order"}


@pytest.mark.parametrize(
    ("parameters", "error", "says"),
    [
        ({"ticker": "005930", "quantity": 1}, InvalidParameters, "give a price, or say"),
        (LIMIT | {"order_type": "market"}, InvalidParameters, "takes no price"),
        (LIMIT | {"exchange": "NXT", "order_type": "conditional_limit"}, InvalidParameters, "NXT takes no"),
    ],
)
def test_what_cannot_be_ordered(
    desk: Desk, kiwoom: TradingBackend, parameters: dict[str, Any], error: type[TaskFailed], says: str
) -> None:
    with pytest.raises(error, match=says):
        run(desk, "t-1", "buy", **parameters)
    assert kiwoom.sent == []


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"exchange": "NXT"}, "for KRX only on paper"),
        ({"order_type": "limit_ioc"}, "limit and market orders only"),
    ],
)
def test_paper_takes_less(kiwoom: TradingBackend, more: dict[str, str], says: str) -> None:
    vendor = make_vendor(kiwoom, paper=True)
    method = next(each for each in vendor.methods() if each.name == "kiwoom.buy-order")
    with pytest.raises(Unsupported, match=says):
        method.handler(validate_parameters(method, LIMIT | more), context())
    assert kiwoom.sent == []


def test_lists_of_orders(kiwoom: TradingBackend, clock: Clock) -> None:
    vendor = make_vendor(kiwoom, clock=OfficeClock(clock))
    methods = {each.name: each for each in vendor.methods()}

    def call(name: str, task: TaskContext, **parameters: Any) -> Outcome:
        method = methods[f"kiwoom.{name}"]
        return method.handler(validate_parameters(method, parameters), task)

    def sending(details: OrderDetails) -> None:
        assert details.market == "domestic"

    task = context(before_send=sending)
    call("buy-order", task, **LIMIT)
    call("sell-order", task, **LIMIT | {"ticker": "000660"})
    kiwoom.fill("0001001", 4, 69_900)
    call("cancel-order", task, order_no="1002")
    (order,) = call("get-open-orders", task).rows
    assert (order.order_no, order.ticker, order.side, order.state) == (
        "0001001",
        "005930",
        "buy",
        "partially_filled",
    )
    assert (order.filled_quantity, order.remaining_quantity, order.average_price) == (4, 6, "69900")
    assert order.raw is None
    history = call("get-order-history", task, raw=True).rows
    assert [(each.order_no, each.action, each.state) for each in history] == [
        ("0001003", "cancel", "cancelled"),
        ("0001002", "new", "cancelled"),
        ("0001001", "new", "partially_filled"),
    ]
    assert history[0].original_order_no == "0001002"
    assert history[0].raw["stock_code"] == "A000660"
    assert call("get-order-history", task, ticker="005930").rows[0].order_no == "0001001"


def test_an_order_that_two_pages_show_is_one(
    kiwoom: TradingBackend, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods = {each.name: each for each in make_vendor(kiwoom, clock=OfficeClock(clock)).methods()}
    buy, lists = methods["kiwoom.buy-order"], methods["kiwoom.get-open-orders"]
    buy.handler(validate_parameters(buy, LIMIT), context(before_send=lambda _: None))
    one_page = kiwoom.request

    def two_pages(*asked: Any, after: str | None = None) -> Page:
        page = one_page(*asked, after=after)
        kiwoom.fill("0001001", 2, 70_000)
        return Page(page.rows, "2" if after is None else None)

    monkeypatch.setattr(kiwoom, "request", two_pages)
    (order,) = lists.handler(validate_parameters(lists, {}), context()).rows
    assert order.remaining_quantity == 8, "as the later page has it"


def test_the_list_of_the_desk_reaches_back(kiwoom: TradingBackend, clock: Clock) -> None:
    vendor = make_vendor(kiwoom, clock=OfficeClock(clock))
    listed = vendor.orders.list_orders("domestic", context(), START - timedelta(days=2))
    assert [inputs["day"] for _, inputs, _ in kiwoom.asked] == ["20261125", "20261124", "20261123"]
    assert listed.since is not None
    assert listed.since.isoformat() == "2026-11-23T00:00:00+09:00"
    assert listed.incomplete is None
