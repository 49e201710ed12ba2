from __future__ import annotations

from functools import partial

import pytest

from broker_client.errors import (
    InvalidParameters,
    RateLimited,
    TaskExpired,
    TaskTimeout,
    VendorRejected,
    VendorUnavailable,
)
from broker_server.core.methods import Lane
from broker_server.simulator.kiwoom_control.faults import ControlFaults
from broker_server.vendors.kiwoom.openapi_plus.screens import MOST_SCREENS, ScreenPool, make_pools
from broker_server.vendors.kiwoom.openapi_plus.states import HostState
from broker_server.vendors.kiwoom.openapi_plus.timing import QUERY_WINDOWS, Timing
from tests.support.kiwoom_control import Stage


def starts(stage: Stage, seconds: float) -> list[float]:
    """When queries were sent."""
    times: list[float] = []
    end = stage.time.seconds + seconds
    while stage.time.seconds < end:
        more = partial(lambda known: len(stage.control.sent) > known, len(times))
        if stage.run(more, end - stage.time.seconds):
            times += [stage.time.seconds] * (len(stage.control.sent) - len(times))
    return times


def test_no_window_of_kiwoom_is_ever_exceeded() -> None:
    stage = Stage().log_in()
    for _ in range(80):
        stage.request()
    times = starts(stage, 400)
    assert len(times) == 80
    for limit, seconds in QUERY_WINDOWS:
        for at in range(len(times)):
            assert sum(1 for each in times[at:] if each < times[at] + seconds) <= limit
    assert HostState.OVERLOADED not in stage.states


def test_a_higher_lane_goes_first() -> None:
    stage = Stage().log_in()
    bulk = [stage.request(lane=Lane.BULK) for _ in range(12)]
    stage.run(seconds=1)
    account = stage.request(lane=Lane.ACCOUNT)
    stage.run(account.future.done, 30)
    assert account.future.done()
    assert sum(each.future.done() for each in bulk) < 12


def test_pages_are_asked_on_the_screen_of_the_first_and_with_the_same_inputs() -> None:
    stage = Stage().log_in()
    first = stage.page(stage.days())
    between = stage.request()
    second = stage.page(stage.days(first.more))
    stage.page(between)
    assert first.rows[-1]["일자"] > second.rows[0]["일자"]
    chain = [sent for sent in stage.control.sent if sent[1] == "OPT10081"]
    assert [sent[3] for sent in chain] == [0, 2]
    assert chain[0][4] == chain[1][4] != stage.control.sent[1][4]
    assert chain[0][2] == chain[1][2]
    assert stage.control.violations == []


def test_all_pages_end() -> None:
    stage = Stage().log_in()
    days, page = 0, stage.page(stage.days())
    while page.more:
        days += len(page.rows)
        page = stage.page(stage.days(page.more))
    assert days + len(page.rows) > 1500
    stage.run(seconds=1)
    assert stage.session.requests.status()["screens"] == "0/50"


def test_a_next_page_that_comes_too_late_is_refused() -> None:
    stage = Stage(timing=Timing(chain=5.0)).log_in()
    first = stage.page(stage.days())
    stage.run(seconds=6)
    assert isinstance(stage.outcome(stage.days(first.more)), InvalidParameters)
    assert stage.session.requests.status()["screens"] == "0/50"


def test_each_page_begins_the_time_for_the_next_anew() -> None:
    stage = Stage(timing=Timing(chain=5.0)).log_in()
    first = stage.page(stage.days())
    stage.run(seconds=4)
    second = stage.page(stage.days(first.more))
    stage.run(seconds=4)
    assert stage.page(stage.days(second.more)).rows
    assert stage.loop.failed == 0


def test_a_next_page_of_another_query_is_refused() -> None:
    stage = Stage().log_in()
    first = stage.page(stage.days())
    other = stage.days(first.more, inputs=(("종목코드", "000660"),))
    assert isinstance(stage.outcome(other), InvalidParameters)
    assert stage.page(stage.days(first.more)).rows


def test_a_query_without_an_answer_times_out_and_frees_its_screen() -> None:
    stage = Stage(ControlFaults(silent={"OPT10004"})).log_in()
    request = stage.request()
    began = stage.time.seconds
    assert isinstance(stage.outcome(request), TaskTimeout)
    assert 14 < stage.time.seconds - began < 16
    stage.run(seconds=1)
    assert stage.session.requests.status()["screens"] == "0/50"
    stage.faults.silent.clear()
    assert stage.page(stage.request()).rows


def test_an_answer_after_the_time_out_is_nobodys() -> None:
    stage = Stage(timing=Timing(request=1.0)).log_in()
    stage.faults.jitter = lambda: 3.0
    request = stage.request()
    assert isinstance(stage.outcome(request), TaskTimeout)
    stage.run(seconds=5)
    assert stage.session.requests.late == 1
    stage.faults.jitter = lambda: 0.0
    assert stage.page(stage.request()).rows


def test_a_late_answer_leaves_no_live_data_behind() -> None:
    """It registers its instrument on a screen that was given back long before."""
    stage = Stage(timing=Timing(request=1.0)).log_in()
    stage.faults.jitter = lambda: 3.0
    assert isinstance(stage.outcome(stage.request()), TaskTimeout)
    stage.run(seconds=5)
    assert stage.session.requests.late == 1
    assert stage.control.registrations.codes() == set()


def test_a_late_answer_takes_nothing_from_who_has_its_screen_now() -> None:
    stage = Stage(timing=Timing(request=1.0)).log_in()
    screens = stage.session.requests._screens
    stage.faults.jitter = lambda: 3.0
    assert isinstance(stage.outcome(stage.request()), TaskTimeout)
    stage.run(lambda: screens.used == 0, 1)
    while screens.take() is not None:
        pass
    before = len(stage.noted.calls)
    stage.run(lambda: stage.session.requests.late == 1, 5)
    stage.run(seconds=1)
    assert "DisconnectRealData" not in [call.method for call in stage.noted.calls[before:]]


def test_a_query_that_gets_a_text_alone_is_refused_with_it() -> None:
    stage = Stage().log_in()
    error = stage.outcome(stage.request(inputs=(("종목코드", "999999"),)))
    assert isinstance(error, VendorRejected)
    assert error.vendor_message == "[571489] 종목코드를 확인하세요."
    assert error.vendor_code == "571489"


def test_inputs_in_a_wrong_order_are_refused_by_the_text_without_a_name() -> None:
    stage = Stage().log_in()
    request = stage.days(inputs=(("기준일자", "20261120"), ("종목코드", "005930"), ("수정주가구분", "1")))
    error = stage.outcome(request)
    assert isinstance(error, VendorRejected)
    assert error.vendor_message == "Fail to parse Request TR"


def test_a_text_before_the_answer_spoils_nothing() -> None:
    stage = Stage(ControlFaults(text_first=True)).log_in()
    assert stage.page(stage.request()).rows


def test_a_deadline_that_passes_while_waiting_ends_the_query_unsent() -> None:
    stage = Stage().log_in()
    for _ in range(6):
        stage.request()
    late = stage.request(deadline=stage.time.seconds + 5)
    began = stage.time.seconds
    assert isinstance(stage.outcome(late), TaskExpired)
    assert stage.time.seconds - began < 5.5
    assert len(stage.control.sent) < 7


def test_minus_200_pauses_all_queries_and_is_told() -> None:
    stage = Stage(ControlFaults(overloads=1)).log_in()
    began = stage.time.seconds
    assert isinstance(stage.outcome(stage.request()), RateLimited)
    notice = stage.notices[-1]
    assert (notice.state, notice.vendor_code, notice.restart) == (HostState.OVERLOADED, "-200", False)
    assert stage.page(stage.request()).rows
    assert stage.time.seconds - began > 17


def test_a_storm_of_minus_200_ends_with_a_restart() -> None:
    stage = Stage(ControlFaults(overloads=99)).log_in()
    for _ in range(4):
        assert isinstance(stage.outcome(stage.request(), 400), RateLimited)
    stage.run(seconds=1)
    assert stage.notices[-1].state is HostState.OVERLOADED
    assert stage.notices[-1].restart
    assert isinstance(stage.outcome(stage.request()), VendorUnavailable)


def test_an_answer_between_forgives_earlier_refusals() -> None:
    stage = Stage().log_in()
    for _ in range(6):
        stage.faults.overloads = 1
        assert isinstance(stage.outcome(stage.request(), 400), RateLimited)
        assert stage.page(stage.request(), 400).rows
    assert not any(notice.restart for notice in stage.notices)


def test_a_screen_of_a_query_gives_its_automatic_live_data_back() -> None:
    stage = Stage().log_in()
    stage.page(stage.request())
    stage.run(seconds=1)
    assert stage.control.registrations.screens == {}


def test_a_record_that_kiwoom_has_renamed_is_not_taken_for_an_empty_one() -> None:
    stage = Stage(ControlFaults(renamed={"OPT10081": "일봉"})).log_in()
    page = stage.page(stage.days())
    assert len(page.rows) == 600
    assert page.rows[0]["일자"].strip() == "20261120"
    assert page.more is not None


def test_an_empty_record_stays_empty_under_every_name() -> None:
    stage = Stage().log_in()
    inputs = (
        ("계좌번호", "8012345611"),
        ("전체종목구분", "0"),
        ("매매구분", "0"),
        ("종목코드", ""),
        ("체결구분", "1"),
    )
    request = stage.request("OPT10075", inputs=inputs, record="미체결", items=("주문번호", "주문수량"))
    assert stage.page(request).rows == []


def test_without_items_the_rows_come_by_position() -> None:
    stage = Stage().log_in()
    page = stage.page(stage.days(items=()))
    assert page.rows[0]["4"] == "20261120"


def test_an_account_without_a_password_is_told_by_a_text() -> None:
    stage = Stage(ControlFaults(no_password=True)).log_in()
    request = stage.request(
        "OPW00018",
        inputs=(
            ("계좌번호", "8012345611"),
            ("비밀번호", ""),
            ("비밀번호입력매체구분", "00"),
            ("조회구분", "1"),
        ),
        record="계좌평가잔고개별합산",
        items=("종목번호",),
    )
    error = stage.outcome(request)
    assert isinstance(error, VendorRejected)
    assert "비밀번호" in (error.vendor_message or "")


def test_the_pools_never_share_a_screen() -> None:
    pools = make_pools()
    assert sum(pool.size for pool in pools) == MOST_SCREENS
    taken: list[str] = []
    for pool in pools:
        while (number := pool.take()) is not None:
            taken.append(number)
    assert len(set(taken)) == MOST_SCREENS
    assert all(len(number) == 4 and number != "0000" for number in taken)


def test_a_pool_gives_the_longest_unused_and_never_twice() -> None:
    pool = ScreenPool(["0001", "0002"])
    assert [pool.take(), pool.take(), pool.take()] == ["0001", "0002", None]
    pool.give_back("0002")
    pool.give_back("0001")
    assert pool.take() == "0002"
    with pytest.raises(ValueError, match="not in use"):
        pool.give_back("0001")
