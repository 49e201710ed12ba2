"""A simulated control of another process: it is like one of this process, and can be made to misbehave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from broker_server.simulator.kiwoom_control.board import PATH
from broker_server.simulator.kiwoom_control.faults import ControlDied, ReadOutsideEvent
from broker_server.simulator.kiwoom_control.remote import NoControl, RemoteControl, RemoteMessages
from broker_server.simulator.process import SimulatorProcess
from broker_server.vendors.kiwoom.openapi_plus.control import METHODS
from tests.support.brokerage import CONTROL_SECONDS
from tests.support.waiting import wait_until

READS = {"GetRepeatCnt", "GetCommData", "GetCommDataEx", "GetCommRealData", "GetChejanData"}
DAYS = (("종목코드", "005930"), ("기준일자", "20261120"), ("수정주가구분", "1"))


class Program:
    """A program with a control: keeps its events, and reads inside of them what it is told to.

    Args:
        simulator: Where the control is.
        server: Where it logs in.
    """

    def __init__(self, simulator: SimulatorProcess, server: str = "real") -> None:
        address = simulator.kiwoom_rest_url.replace("http://", "ws://")
        self.messages = RemoteMessages(f"{address}{PATH}?server={server}")
        self.control: RemoteControl = self.messages.make(self)
        self.events: list[tuple[Any, ...]] = []
        self.read: list[Any] = []
        self.reads: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("On"):
            raise AttributeError(name)

        def told(*arguments: Any) -> None:
            self.events.append((name, *arguments))
            if name in self.reads:
                self.read.append(self.reads[name](self.control, *arguments))

        return told

    def wait(self, event: str, *first: Any) -> tuple[Any, ...]:
        """The first event of that name that begins with these arguments."""

        def told() -> tuple[Any, ...] | None:
            self.messages.dispatch()
            wanted = (event, *first)
            return next((each for each in self.events if each[: len(wanted)] == wanted), None)

        found = wait_until(told, what=f"{event} {first}")
        assert found is not None
        return found

    def log_in(self) -> Program:
        assert self.control.CommConnect() == 0
        assert self.wait("OnEventConnect") == ("OnEventConnect", 0)
        return self

    def ask(self, tr: str, inputs: tuple[tuple[str, str], ...], name: str = "query") -> None:
        for item, value in inputs:
            self.control.SetInputValue(item, value)
        assert self.control.CommRqData(name, tr, 0, "1001") == 0


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess.start() as running:
        yield running


@pytest.fixture
def program(simulator: SimulatorProcess) -> Iterator[Program]:
    running = Program(simulator)
    yield running.log_in()
    running.messages.close()
    ask(simulator, "DELETE")


def ask(simulator: SimulatorProcess, verb: str, body: Any = None) -> Any:
    url = simulator.control_url + PATH
    return requests.request(verb, url, json=body, timeout=CONTROL_SECONDS).json()


def test_what_calls_wait_for_is_counted(simulator: SimulatorProcess) -> None:
    program = Program(simulator)
    before = program.messages.waited
    program.log_in()
    assert program.messages.waited > before
    after = program.messages.waited
    with pytest.raises(ReadOutsideEvent):
        program.control.GetCommData("OPT10001", "", 0, "종목명")
    assert program.messages.waited == after


def test_every_method_of_the_control_is_there(program: Program) -> None:
    for name in set(METHODS) - READS - {"CommConnect"}:
        assert callable(getattr(program.control, name))
    with pytest.raises(RuntimeError, match="no attribute 'Missing'"):
        program.control.Missing()
    with pytest.raises(RuntimeError, match="SetInputValue"):
        program.control.SetInputValue("종목코드", 5930)


def test_the_login_tells_server_and_account(simulator: SimulatorProcess) -> None:
    for server, told in (("real", "0"), ("mock", "1")):
        program = Program(simulator, server).log_in()
        account = simulator.credentials["kiwoom"][server]["account"]
        assert program.control.GetLoginInfo("GetServerGubun") == told
        assert program.control.GetLoginInfo("ACCNO") == f"{account};"
        program.messages.close()


def test_rows_and_values_are_read_inside_their_event_alone(program: Program) -> None:
    program.reads["OnReceiveTrData"] = lambda control, screen, name, tr, *_: (
        control.GetRepeatCnt(tr, "주식일봉차트조회"),
        control.GetCommDataEx(tr, "주식일봉차트조회"),
        control.GetCommData(tr, "주식일봉차트조회", 1, "일자"),
        control.GetCommData(tr, "주식일봉차트조회", 1, "없는것"),
    )
    program.ask("opt10081", DAYS)
    assert program.wait("OnReceiveTrData")[5] == "2", "there are more pages"
    ((count, rows, day, nothing),) = program.read
    assert (count, len(rows)) == (600, 600)
    assert (day, len(day)) == (rows[1][4].rjust(14), 14)
    assert day.strip() < rows[0][4]
    assert nothing == ""
    with pytest.raises(ReadOutsideEvent):
        program.control.GetCommData("opt10081", "주식일봉차트조회", 0, "일자")


def test_a_single_record_is_read_by_name_and_not_of_another_tr(program: Program) -> None:
    def read(control: RemoteControl, screen: str, name: str, tr: str, *_: Any) -> tuple[Any, Any]:
        with pytest.raises(ReadOutsideEvent):
            control.GetCommData("OPT10001", "", 0, "현재가")
        return control.GetCommData(tr, "", 0, "매도최우선호가"), control.GetCommDataEx(tr, "")

    program.reads["OnReceiveTrData"] = read
    program.ask("OPT10004", (("종목코드", "005930"),))
    program.wait("OnReceiveTrData")
    ((ask_price, rows),) = program.read
    assert abs(int(ask_price)) > 0
    assert len(ask_price) == 14
    assert rows is None


def test_an_order_its_number_and_its_news(program: Program, simulator: SimulatorProcess) -> None:
    account = simulator.credentials["kiwoom"]["real"]["account"]
    program.reads["OnReceiveTrData"] = lambda control, screen, name, tr, *_: control.GetCommData(
        tr, name, 0, "주문번호"
    )
    program.reads["OnReceiveChejanData"] = lambda control, *_: (
        control.GetChejanData(9203),
        control.GetChejanData(1),
    )
    assert program.control.SendOrder("order", "2001", account, 1, "005930", 2, 0, "03", "") == 0
    program.wait("OnReceiveChejanData", "1")
    number, *news = program.read
    assert number.strip().isdecimal()
    assert news[0] == (number.strip(), "")
    url = f"{simulator.control_url}/orders"
    taken = requests.get(url, timeout=CONTROL_SECONDS).json()[-1]
    assert (taken["order_no"], taken["quantity"], taken["vendor"]) == (number.strip(), 2, "kiwoom")


def test_live_data_and_their_registration(program: Program, simulator: SimulatorProcess) -> None:
    program.reads["OnReceiveRealData"] = lambda control, code, *_: (
        control.GetCommRealData(code, 10),
        control.GetCommRealData(code, 99999),
    )
    assert program.control.SetRealReg("3001", "005930", "10", "0") == 0
    _, code, _, text = program.wait("OnReceiveRealData", "005930", "주식체결")
    price, nothing = program.read[0]
    assert price in text.split("\t")
    assert nothing == ""
    shown = ask(simulator, "GET")["controls"][-1]
    assert shown["live_data"]["3001"]["asked"] == {code: [10]}
    program.control.DisconnectRealData("3001")
    assert ask(simulator, "GET")["controls"][-1]["live_data"] == {}


def test_faults_are_ordered_shown_and_removed(program: Program, simulator: SimulatorProcess) -> None:
    ask(simulator, "POST", {"silent": ["OPT10004"], "jitter_seconds": 0.01, "dies_after": 3})
    settings = ask(simulator, "GET")["settings"]
    assert (settings["silent"], settings["jitter_seconds"], settings["dies_after"]) == (["OPT10004"], 0.01, 3)
    refused = ask(simulator, "POST", {"silent": [], "overloads": -1})
    assert "overloads" in refused["error"]
    assert "dies_after" in refused["allowed"]
    assert ask(simulator, "GET")["settings"]["silent"] == ["OPT10004"], "nothing of it was done"
    settings = ask(simulator, "DELETE")["settings"]
    assert (settings["silent"], settings["jitter_seconds"], settings["dies_after"]) == ([], 0.0, None)


def test_a_control_that_dies_is_dead_and_the_next_one_lives(
    program: Program, simulator: SimulatorProcess
) -> None:
    ask(simulator, "POST", {"dies_after": 1})
    assert program.control.GetConnectState() == 1
    for _ in range(2):
        with pytest.raises(ControlDied):
            program.control.GetConnectState()
    other = Program(simulator).log_in()
    assert other.control.GetConnectState() == 1
    other.messages.close()


def test_the_same_id_elsewhere_and_a_lost_server_end_the_login(
    program: Program, simulator: SimulatorProcess
) -> None:
    other = Program(simulator).log_in()
    program.wait("OnEventConnect", -106)
    assert program.control.GetConnectState() == 0
    ask(simulator, "POST", {"lose_connection": -101})
    other.wait("OnEventConnect", -101)
    other.messages.close()
    silent = Program(simulator).log_in()
    ask(simulator, "POST", {"lose_connection": 0})
    assert silent.control.GetConnectState() == 0
    assert len(silent.events) == 1, "it was not told"
    silent.messages.close()


def test_a_simulator_that_ends_ends_the_login() -> None:
    with SimulatorProcess.start() as simulator:
        program = Program(simulator).log_in()
        simulator.stop()
        program.wait("OnEventConnect", -106)
        with pytest.raises(ControlDied):
            program.control.GetConnectState()
        program.messages.close()
        with pytest.raises(NoControl, match=simulator.kiwoom_rest_url.rpartition(":")[2]):
            Program(simulator)


def test_a_server_that_is_none_is_refused(simulator: SimulatorProcess) -> None:
    with pytest.raises(NoControl, match="400"):
        Program(simulator, "paper")
    url = f"{simulator.kiwoom_rest_url}{PATH}"
    assert "real, mock" in requests.get(url, timeout=CONTROL_SECONDS).text
    plain = requests.get(f"{url}?server=mock", timeout=CONTROL_SECONDS)
    assert plain.status_code == 426
