from __future__ import annotations

import pytest

from broker_client.errors import VendorUnavailable
from broker_server.simulator.kiwoom_control.control import SimulatedControl
from broker_server.simulator.kiwoom_control.faults import ControlFaults, Logins
from broker_server.vendors.kiwoom.openapi_plus.states import HostState
from tests.support.kiwoom_control import ACCOUNT, Stage


@pytest.mark.parametrize("mock", [True, False])
def test_the_server_decides_whether_orders_are_live(mock: bool) -> None:
    stage = Stage(mock=mock).log_in()
    assert stage.logged_in is not None
    assert stage.logged_in.live is not mock
    assert stage.logged_in.accounts == (ACCOUNT,)
    assert stage.states == [HostState.CONNECTING, HostState.READY]


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (-100, HostState.LOGIN_REQUIRED),
        (-101, HostState.CONNECTION_LOST),
        (-102, HostState.UPDATE_PENDING),
        (-103, HostState.CONNECTION_LOST),
        (-9999, HostState.LOGIN_REQUIRED),
    ],
)
def test_a_failed_login_is_told_as_what_it_is(code: int, state: HostState) -> None:
    stage = Stage(ControlFaults(login_code=code))
    stage.run(seconds=2)
    assert stage.notices[-1].state is state
    assert stage.notices[-1].vendor_code == str(code)
    assert stage.notices[-1].restart
    assert isinstance(stage.outcome(stage.request()), VendorUnavailable)


def test_a_login_window_that_waits_is_told_and_may_still_succeed() -> None:
    stage = Stage(ControlFaults(login_waits=True))
    stage.run(seconds=100)
    assert stage.notices[-1].state is HostState.LOGIN_REQUIRED
    assert not stage.notices[-1].restart
    stage.control._log_in()
    stage.run(seconds=1)
    assert stage.states[-1] is HostState.READY
    assert stage.page(stage.request()).rows


def test_a_lost_connection_ends_everything_at_once() -> None:
    stage = Stage().log_in()
    stage.faults.silent.add("*")
    asked = [stage.request() for _ in range(9)]
    stage.run(seconds=1)
    stage.control.lose_connection()
    stage.run(lambda: all(each.future.done() for each in asked), 1)
    assert all(isinstance(each.future.exception(0), VendorUnavailable) for each in asked)
    notice = stage.notices[-1]
    assert (notice.state, notice.vendor_code, notice.restart) == (HostState.CONNECTION_LOST, "-106", True)


def test_a_connection_that_is_lost_without_a_word_is_found_by_looking() -> None:
    stage = Stage().log_in()
    stage.control.lose_connection(None)
    stage.run(seconds=11)
    assert stage.notices[-1].state is HostState.CONNECTION_LOST


def test_a_second_login_of_the_same_id_ends_the_first() -> None:
    logins = Logins()
    stage = Stage(logins=logins).log_in()
    logins.take("simulated", lambda: None)
    stage.run(seconds=1)
    assert stage.notices[-1].state is HostState.CONNECTION_LOST


def test_a_login_in_another_process_kicks_by_the_same_rule() -> None:
    logins = Logins()
    first = Stage(logins=logins).log_in()
    second = Stage(logins=logins).log_in()
    first.run(seconds=1)
    assert first.notices[-1].restart
    assert second.session.is_ready


def test_a_control_that_dies_fails_every_task() -> None:
    stage = Stage().log_in()
    stage.faults.silent.add("*")
    waiting = [stage.request() for _ in range(7)]
    stage.run(seconds=1)
    stage.faults.dies_after = 0
    assert isinstance(stage.outcome(stage.request(), 30), VendorUnavailable)
    stage.run(lambda: all(each.future.done() for each in waiting), 30)
    assert all(each.future.exception(0) is not None for each in waiting)
    assert stage.notices[-1].restart


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_a_control_that_dies_while_nobody_asks_is_found_by_looking(calls: int) -> None:
    """During the login, and after it: nothing else would ever tell."""
    stage = Stage()
    stage.faults.dies_after = 1 + calls
    stage.run(seconds=30)
    notice = stage.notices[-1]
    assert (notice.state, notice.restart) == (HostState.CONTROL_FAILED, True)
    assert stage.loop.failed == 0


def test_a_login_that_is_told_twice_is_one_login() -> None:
    stage = Stage()
    stage.run(lambda: stage.control.GetConnectState() == 1, 10)
    stage.session.OnEventConnect(0)
    stage.run(seconds=5)
    assert stage.states == [HostState.CONNECTING, HostState.READY]
    assert len(stage.heard.of("connected")) == 1


def test_closing_gives_the_live_data_back_and_ends_what_waits() -> None:
    stage = Stage().log_in()
    stage.faults.silent.add("*")
    request = stage.request()
    stage.run(seconds=1)
    stage.loop.post(lambda: stage.session.end("the worker is stopping"))
    assert isinstance(stage.outcome(request), VendorUnavailable)
    stage.run(seconds=1)
    assert stage.loop.failed == 0


def test_the_simulated_control_has_every_method_of_the_real_one() -> None:
    from broker_server.vendors.kiwoom.openapi_plus.control import EVENTS, METHODS

    assert all(callable(getattr(SimulatedControl, name)) for name in METHODS)
    assert len(EVENTS) == 9
