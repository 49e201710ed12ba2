from __future__ import annotations

import pytest

from broker_client.errors import (
    OrderOutcomeIsUnknown,
    RateLimited,
    TaskExpired,
    VendorRejected,
    VendorUnavailable,
)
from broker_server.core.methods import Lane
from broker_server.simulator.kiwoom_control.faults import ControlFaults
from broker_server.vendors.kiwoom.openapi_plus.errors import CODES, OrderVerdict, order_verdict
from broker_server.vendors.kiwoom.openapi_plus.orders import OrderNotTaken
from broker_server.vendors.kiwoom.openapi_plus.states import HostState
from broker_server.vendors.kiwoom.openapi_plus.timing import Timing
from tests.support.kiwoom_control import Stage


def numbers_in_the_news(stage: Stage) -> set[str]:
    return {fields[9203] for kind, fields in stage.heard.of("chejan") if kind == "0"}


@pytest.mark.parametrize("chejan_first", [False, True])
@pytest.mark.parametrize("text_first", [False, True])
def test_an_order_has_its_number_whatever_comes_first(chejan_first: bool, text_first: bool) -> None:
    stage = Stage(ControlFaults(chejan_first=chejan_first, text_first=text_first)).log_in()
    number = stage.outcome(stage.order())
    stage.run(seconds=2)
    assert number == "0001001"
    assert numbers_in_the_news(stage) == {number}
    assert [fields[913] for kind, fields in stage.heard.of("chejan") if kind == "0"] == ["접수", "체결"]


def test_orders_whose_events_overtake_each_other_keep_their_own_numbers() -> None:
    stage = Stage().log_in()
    late = iter([0.9, 0.1, 0.5, 0.3, 0.8, 0.2, 0.7, 0.0, 0.6, 0.4] * 9)
    stage.faults.jitter = lambda: next(late)
    calls = [stage.order(kind="00", price=70_000 + 100 * at, quantity=at + 1) for at in range(4)]
    numbers = [stage.outcome(call) for call in calls]
    stage.run(seconds=3)
    told = {fields[900]: fields[9203] for kind, fields in stage.heard.of("chejan") if kind == "0"}
    assert [told[str(at + 1)] for at in range(4)] == numbers


def test_an_order_that_the_server_refuses_has_the_servers_text() -> None:
    stage = Stage().log_in()
    error = stage.outcome(stage.order(order_type=2, quantity=5))
    assert isinstance(error, VendorRejected)
    assert error.vendor_message == "[800033] 매도가능수량이 부족합니다."


def test_a_refusal_without_a_text_is_still_a_refusal() -> None:
    stage = Stage(ControlFaults(refused={"order": ""})).log_in()
    assert isinstance(stage.outcome(stage.order()), VendorRejected)


def test_an_order_without_an_answer_is_of_unknown_outcome() -> None:
    """The simulated server took it all the same, as the news tells."""
    stage = Stage(ControlFaults(silent={"order"})).log_in()
    call = stage.order()
    error = stage.outcome(call)
    assert isinstance(error, OrderOutcomeIsUnknown)
    assert "0001001" in error.message
    assert len(stage.control.ordered) == 1


def test_an_answer_after_the_time_out_changes_nothing() -> None:
    stage = Stage(timing=Timing(order=1.0)).log_in()
    stage.faults.jitter = lambda: 3.0
    assert isinstance(stage.outcome(stage.order()), OrderOutcomeIsUnknown)
    stage.run(seconds=5)
    assert stage.session.orders.late == 1


def test_a_blank_number_beside_news_of_an_order_is_of_unknown_outcome() -> None:
    stage = Stage(ControlFaults(chejan_first=True)).log_in()
    late = iter([0.0, 0.0, 0.0, 3.0, 3.0])
    stage.faults.jitter = lambda: next(late)
    call = stage.order()
    stage.run(lambda: numbers_in_the_news(stage), 2)
    name = next(iter(stage.session.orders._sent))
    stage.control._order_number = " "
    stage.session.orders.on_tr_data(name, "KOA_NORMAL_BUY_KP_ORD")
    assert isinstance(stage.outcome(call), OrderOutcomeIsUnknown)


@pytest.mark.parametrize("code", sorted(set(CODES) - {0}))
def test_a_code_of_send_order_settles_only_what_it_proves(code: int) -> None:
    stage = Stage(ControlFaults(order_code=code)).log_in()
    outcome = stage.outcome(stage.order())
    verdict = order_verdict(code)
    if verdict is OrderVerdict.NOT_TAKEN:
        assert isinstance(outcome, OrderNotTaken)
    elif verdict is OrderVerdict.REFUSED:
        assert isinstance(outcome, VendorRejected)
        assert outcome.vendor_code == str(code)
    else:
        assert isinstance(outcome, OrderOutcomeIsUnknown)


@pytest.mark.parametrize("code", [-307, -200, -106, -101, -100, -22, -10, -9999])
def test_a_code_that_proves_nothing_is_unknown(code: int) -> None:
    assert order_verdict(code) is OrderVerdict.UNKNOWN


def test_an_order_beyond_the_rate_was_not_taken() -> None:
    stage = Stage(ControlFaults(order_overloads=1)).log_in()
    outcome = stage.outcome(stage.order())
    assert isinstance(outcome, OrderNotTaken)
    assert isinstance(outcome.error, RateLimited)
    assert stage.outcome(stage.order()) == "0001001"


def test_orders_keep_five_a_second_and_cancels_go_first() -> None:
    stage = Stage().log_in()
    first = stage.outcome(stage.order(kind="00", price=70_000))
    orders = [stage.order() for _ in range(8)]
    cancel = stage.order(order_type=3, original=first, quantity=10, lane=Lane.CANCEL)
    outcomes = [stage.outcome(each) for each in [*orders, cancel]]
    assert all(isinstance(each, str) for each in outcomes)
    kinds = [ordered[1] for ordered in stage.control.ordered]
    assert kinds.index(3) < len(kinds) - 1


def test_a_missing_password_is_told_with_what_to_do() -> None:
    stage = Stage(ControlFaults(no_password=True)).log_in()
    error = stage.outcome(stage.order())
    assert isinstance(error, VendorRejected)
    assert error.vendor_code == "-301"
    assert "계좌비밀번호 저장" in error.message
    assert stage.notices[-1].state is HostState.ACCOUNT_PASSWORD_NOT_SET
    assert not stage.notices[-1].restart


def test_an_order_waits_for_nothing_when_not_logged_in() -> None:
    stage = Stage(ControlFaults(login_waits=True))
    stage.run(seconds=1)
    outcome = stage.outcome(stage.order())
    assert isinstance(outcome, OrderNotTaken)
    assert isinstance(outcome.error, VendorUnavailable)


def test_an_order_past_its_deadline_does_not_leave() -> None:
    stage = Stage().log_in()
    for _ in range(5):
        stage.order()
    late = stage.order(deadline=stage.time.seconds + 0.5)
    outcome = stage.outcome(late)
    assert isinstance(outcome, OrderNotTaken)
    assert isinstance(outcome.error, TaskExpired)
    assert len(stage.control.ordered) == 5


def test_the_connection_is_lost_while_an_order_is_under_way() -> None:
    stage = Stage(ControlFaults(silent={"order"})).log_in()
    call = stage.order()
    stage.run(lambda: stage.control.ordered, 5)
    stage.control.lose_connection()
    began = stage.time.seconds
    assert isinstance(stage.outcome(call), OrderOutcomeIsUnknown)
    assert stage.time.seconds - began < 1


def test_the_control_dies_as_the_order_is_sent() -> None:
    stage = Stage().log_in()
    stage.faults.dies_after = 0
    assert isinstance(stage.outcome(stage.order()), OrderOutcomeIsUnknown)
    stage.run(seconds=1)
    assert stage.notices[-1].state is HostState.CONTROL_FAILED
    assert stage.notices[-1].restart


def test_late_news_of_an_older_order_on_the_same_screen_is_not_of_the_new_one() -> None:
    stage = Stage(timing=Timing(order=2.0)).log_in()
    for _ in range(20):
        stage.outcome(stage.order())
    stage.faults.silent.add("order")
    stage.faults.jitter = lambda: 9.0
    call = stage.order()
    stage.run(lambda: len(stage.control.ordered) == 21, 5)
    stage.session.orders.on_chejan({9203: "0001001", 9001: "A005930", 920: "1051"})
    error = stage.outcome(call)
    assert isinstance(error, OrderOutcomeIsUnknown)
    assert "0001001" not in error.message
