"""The rules of living with the control, held against whatever happens."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_client.errors import TaskFailed
from broker_server.core.methods import Lane
from broker_server.core.stream_requests import Registration
from broker_server.simulator.kiwoom_control.faults import ControlFaults, ReadOutsideEvent, WrongThreadCall
from broker_server.vendors.kiwoom.openapi_plus.orders import OrderNotTaken
from broker_server.vendors.kiwoom.openapi_plus.sta import (
    LONGEST_WORK,
    ControlLoop,
    ControlThread,
    QueuePump,
    WrongThread,
)
from tests.support.kiwoom_control import READS, Stage

OWN_EVENT = {
    "GetCommData": {"OnReceiveTrData"},
    "GetCommDataEx": {"OnReceiveTrData"},
    "GetRepeatCnt": {"OnReceiveTrData"},
    "GetChejanData": {"OnReceiveChejanData"},
    "GetCommRealData": {"OnReceiveRealData"},
}


def ensure_disciplined(stage: Stage) -> None:
    """What must hold of every call that was made, whatever happened."""
    inputs: list[tuple[str, str]] = []
    for call in stage.noted.calls:
        if call.method in READS:
            assert call.event in OWN_EVENT[call.method], f"{call.method} in {call.event}"
        else:
            assert call.event is None, f"{call.method} was called from within {call.event}"
        if call.method == "SetInputValue":
            inputs.append(call.args)
        elif call.method == "CommRqData":
            known = [sent for sent in stage.control.sent if sent[0] == call.args[0]]
            assert not known or inputs in [list(sent[2]) for sent in known]
            inputs = []
        else:
            assert not inputs, f"{call.method} came between the inputs of a query"
    assert inputs == []
    assert stage.control.violations == []
    assert stage.loop.slow == 0
    assert stage.loop.longest <= LONGEST_WORK
    assert stage.loop.failed == 0


ACTIONS = st.sampled_from(
    ["book", "days", "next", "order", "cancel", "want", "unwant", "tick", "wait", "silent", "loud", "lose"]
)


@settings(max_examples=40, deadline=None)
@given(
    actions=st.lists(ACTIONS, max_size=40),
    seed=st.integers(0, 999),
    late=st.booleans(),
    first=st.booleans(),
    text=st.booleans(),
)
def test_any_interleaving_of_tasks_and_events_keeps_the_rules(
    actions: list[str], seed: int, late: bool, first: bool, text: bool
) -> None:
    """And every task ends, with an answer or an error."""
    chance = Random(seed)
    faults = ControlFaults(chejan_first=first, text_first=text)
    if late:
        faults.jitter = lambda: chance.random() * 0.4
    stage = Stage(faults).log_in()
    asked: list[Any] = []
    more: str | None = None
    wanted: list[Registration] = []
    for action in actions:
        if action == "book":
            asked.append(stage.request(lane=chance.choice([Lane.QUOTE, Lane.BULK, Lane.ACCOUNT])))
        elif action == "days":
            asked.append(stage.days())
            if stage.run(asked[-1].future.done, 5) and asked[-1].future.exception() is None:
                more = asked[-1].future.result().more
        elif action == "next" and more:
            asked.append(stage.days(more))
            more = None
        elif action in ("order", "cancel"):
            lane = Lane.ORDER if action == "order" else Lane.CANCEL
            kind = 1 if action == "order" else 3
            original = "" if action == "order" else "0001001"
            asked.append(stage.order(order_type=kind, original=original, lane=lane))
        elif action == "want":
            wanted.append(
                Registration(chance.choice(["0B", "0D", "10"]), chance.choice(["005930", "000660"]))
            )
            stage.loop.post(lambda now=tuple(wanted): stage.session.registrar.want(now))
        elif action == "unwant" and wanted:
            wanted.pop()
            stage.loop.post(lambda now=tuple(wanted): stage.session.registrar.want(now))
        elif action == "tick":
            stage.control.tick()
        elif action == "wait":
            stage.run(seconds=chance.random() * 4)
        elif action == "silent":
            stage.faults.silent |= {"OPT10004", "order"}
        elif action == "loud":
            stage.faults.silent.clear()
        elif action == "lose":
            stage.control.lose_connection()
    assert stage.run(lambda: all(each.future.done() for each in asked), 400)
    for each in asked:
        error = each.future.exception(0)
        assert error is None or isinstance(error, (TaskFailed, OrderNotTaken))
    ensure_disciplined(stage)
    sent_names = [name for name, *_ in stage.control.sent]
    assert len(stage.control.ordered) <= sum(1 for action in actions if action in ("order", "cancel"))
    assert all(name.startswith("tr") for name in sent_names)


def test_two_queries_at_once_keep_their_own_inputs() -> None:
    stage = Stage().log_in()
    samsung = stage.request(items=("매도최우선호가",))
    hynix = stage.request(inputs=(("종목코드", "000660"),), items=("매도최우선호가",))
    assert int(stage.page(hynix).rows[0]["매도최우선호가"]) != int(
        stage.page(samsung).rows[0]["매도최우선호가"]
    )
    assert [sent[2] for sent in stage.control.sent] == [
        (("종목코드", "005930"),),
        (("종목코드", "000660"),),
    ]
    ensure_disciplined(stage)


def test_a_page_of_nine_hundred_minutes_does_not_hold_the_thread_up() -> None:
    """Read value by value it would take a quarter of a second."""
    stage = Stage().log_in()
    request = stage.request(
        "OPT10080",
        inputs=(("종목코드", "005930"), ("틱범위", "1"), ("수정주가구분", "1")),
        record="주식분봉차트조회",
        items=("현재가", "거래량", "체결시간", "시가", "고가", "저가", "수정비율"),
    )
    page = stage.page(request)
    assert len(page.rows) == 900
    assert page.rows[0]["수정비율"] == ""
    ensure_disciplined(stage)


def test_the_simulated_control_itself_refuses_what_breaks_the_rules() -> None:
    stage = Stage().log_in()
    for read in (
        lambda: stage.control.GetCommData("OPT10004", "", 0, "현재가"),
        lambda: stage.control.GetCommDataEx("OPT10004", ""),
        lambda: stage.control.GetChejanData(9203),
        lambda: stage.control.GetCommRealData("005930", 10),
    ):
        with pytest.raises(ReadOutsideEvent):
            read()
    with ThreadPoolExecutor(1) as pool, pytest.raises(WrongThreadCall):
        pool.submit(stage.control.GetConnectState).result()


def test_a_call_from_another_thread_is_refused_before_it_reaches_the_control() -> None:
    stage = Stage().log_in()
    before = len(stage.noted.calls)
    with ThreadPoolExecutor(1) as pool, pytest.raises(WrongThread, match="GetConnectState"):
        pool.submit(stage.session.control.GetConnectState).result()
    assert len(stage.noted.calls) == before


def test_work_is_never_begun_inside_other_work() -> None:
    """A window of the control dispatches messages while a call of it has not returned."""
    loop = ControlLoop()
    order: list[str] = []

    def call_with_a_window() -> None:
        order.append("begins")
        loop.post(lambda: order.append("other"))
        assert loop.run_due() is None
        order.append("ends")

    loop.post(call_with_a_window)
    loop.run_due()
    assert order == ["begins", "ends", "other"]


def test_what_raises_stops_nothing_and_what_is_slow_is_counted() -> None:
    now = 0.0
    loop = ControlLoop(lambda: now)

    def slow() -> None:
        nonlocal now
        now += 0.02

    loop.post(lambda: 1 / 0)
    loop.post(slow)
    loop.run_due()
    assert (loop.failed, loop.slow, loop.longest) == (1, 1, 0.02)


def test_a_wait_for_a_control_of_another_process_is_not_the_work_s_fault() -> None:
    now = waited = 0.0
    loop = ControlLoop(lambda: now, lambda: waited)

    def ask() -> None:
        nonlocal now, waited
        now, waited = now + 0.3, waited + 0.295

    loop.post(ask)
    loop.run_due()
    assert (loop.slow, round(loop.longest, 4)) == (0, 0.005)


def test_timers_come_in_their_order_and_can_be_cancelled() -> None:
    now = 0.0
    loop = ControlLoop(lambda: now)
    done: list[str] = []
    loop.call_later(2, lambda: done.append("late"))
    gone = loop.call_later(1, lambda: done.append("never"))
    loop.call_later(1, lambda: done.append("early"))
    gone.cancel()
    assert loop.run_due() == 1
    now = 5.0
    assert loop.run_due() is None
    assert done == ["early", "late"]


def test_the_thread_runs_what_is_posted_and_ends_on_order() -> None:
    thread = ControlThread(ControlLoop(), QueuePump())
    seen: list[bool] = []
    ended, done = threading.Event(), threading.Event()
    thread.start(lambda: seen.append(thread.is_current()), ended.set)
    thread.post(lambda: (seen.append(thread.is_current()), done.set()))
    assert done.wait(10)
    thread.stop()
    assert ended.is_set()
    assert not thread.is_alive()
    assert seen == [True, True]


def test_nothing_on_the_thread_sleeps_or_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the rate limit is a timer: fifty queries in a row hold nothing up."""

    def forbidden(*args: object, **kwargs: object) -> None:
        raise AssertionError("something on the control's thread blocked")

    stage = Stage().log_in()
    monkeypatch.setattr("time.sleep", forbidden)
    monkeypatch.setattr("threading.Event.wait", forbidden)
    monkeypatch.setattr("threading.Condition.wait", forbidden)
    asked = [stage.request() for _ in range(50)]
    assert stage.run(lambda: all(each.future.done() for each in asked), 400)
    assert stage.time.seconds > 150
    assert all(each.future.exception() is None for each in asked)
    ensure_disciplined(stage)
