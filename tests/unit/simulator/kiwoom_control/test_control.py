"""The simulated control keeps the real one's rules, seen without any adapter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker_server.simulator.clock import SimulatedClock
from broker_server.simulator.kiwoom_control.control import SimulatedControl
from broker_server.simulator.kiwoom_control.faults import ControlDied, ControlFaults
from broker_server.simulator.kiwoom_control.messages import Messages
from broker_server.simulator.kiwoom_control.tables import trs
from broker_server.simulator.market import Market
from broker_server.simulator.matching import Exchange
from broker_server.simulator.ticks import step

ACCOUNT = "8012345611"
START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
INPUTS = {
    "종목코드": "005930",
    "기준일자": "20261120",
    "수정주가구분": "1",
    "틱범위": "1",
    "시장구분": "000",
    "상하한구분": "5",
    "시작일자": "20261101",
    "종료일자": "20261120",
    "계좌번호": ACCOUNT,
    "전체종목구분": "0",
    "매매구분": "0",
    "체결구분": "0",
}


class Program:
    """What a program without care would do: it keeps what its handlers hear, and what they read."""

    def __init__(self, **options: Any) -> None:
        self.seconds = 0.0
        self.heard: list[tuple[Any, ...]] = []
        self.on_answer: Callable[..., None] = lambda *args: None
        self.messages = Messages(lambda: self.seconds)
        now = lambda: START + timedelta(seconds=self.seconds)  # noqa: E731
        self.exchange = Exchange(Market(SimulatedClock(now)))
        options.setdefault("accounts", (ACCOUNT,))
        events: Any = self
        self.control = SimulatedControl(events, self.exchange, self.messages, **options)

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("On"):
            raise AttributeError(name)

        def hear(*args: Any) -> None:
            self.heard.append((name, *args))
            if name == "OnReceiveTrData":
                self.on_answer(*args)

        return hear

    def run(self, seconds: float = 1.0) -> Program:
        end = self.seconds + seconds
        while True:
            self.messages.dispatch()
            wait = self.messages.until_next()
            if wait is None or self.seconds + wait > end:
                self.seconds = end
                return self
            self.seconds += wait + 1e-9

    def log_in(self) -> Program:
        self.control.CommConnect()
        return self.run()

    def ask(self, code: str, page: int = 0, screen: str = "1001", name: str = "rq", **changes: str) -> int:
        for item in trs()[code].inputs:
            self.control.SetInputValue(item, changes.get(item, INPUTS.get(item, "")))
        return self.control.CommRqData(name, code, page, screen)

    def of(self, event: str) -> list[tuple[Any, ...]]:
        return [each[1:] for each in self.heard if each[0] == event]


@pytest.mark.parametrize("code", sorted(trs()))
def test_every_tr_answers_with_values_for_its_items(code: str) -> None:
    program = Program().log_in()
    program.control.SendOrder("o", "1100", ACCOUNT, 1, "005930", 5, 0, "03", "")
    program.run()
    items, seen = trs()[code], {}

    def read(*args: Any) -> None:
        rows = program.control.GetCommDataEx(code, items.record)
        seen["single"] = {each: program.control.GetCommData(code, "rq", 0, each) for each in items.single}
        seen["rows"] = rows or ()
        if rows:
            assert all(len(row) == len(items.columns) for row in rows)
            assert [
                program.control.GetCommData(code, "rq", 0, each).strip() for each in items.columns
            ] == list(rows[0])

    program.on_answer = read
    assert program.ask(code) == 0
    program.run()
    assert len(program.of("OnReceiveTrData")) == 2
    single: Any = seen["single"]
    assert any(value.strip() for value in single.values()) or seen["rows"]


def test_values_are_padded_and_prices_carry_a_direction() -> None:
    program, seen = Program().log_in(), []
    program.on_answer = lambda *args: seen.append(program.control.GetCommData("OPT10001", "rq", 0, "현재가"))
    samsung = program.exchange.market.instruments.find("005930")
    assert samsung is not None
    base = program.exchange.market.quote(samsung).base
    program.exchange.market.set_price(samsung, step(samsung.tick_table, base, -1), hold=True)
    program.ask("OPT10001")
    program.run()
    assert seen[0] != seen[0].strip()
    assert seen[0].strip()[0] == "-"


def test_before_the_login_nothing_is_known() -> None:
    program = Program()
    assert program.control.GetMasterCodeName("005930") == ""
    assert program.control.GetCodeListByMarket("0") == ""
    assert program.ask("OPT10001") == -101
    program.log_in()
    assert program.control.GetMasterCodeName("005930") == "삼성전자"
    assert program.control.GetMasterLastPrice("005930").startswith("000")
    assert program.control.GetMasterStockState("005930").count("|") == 2
    assert program.control.GetMasterListedStockCnt("005930") == 5919637922 - 2**32


def test_inputs_are_used_up_and_kept_in_their_order() -> None:
    program = Program().log_in()
    program.control.SetInputValue("기준일자", "20261120")
    program.ask("OPT10081")
    program.run()
    assert program.of("OnReceiveMsg") == [("", "", "", "Fail to parse Request TR")]
    program.ask("OPT10081")
    program.run()
    assert len(program.of("OnReceiveTrData")) == 1


def test_the_sixth_query_of_a_second_is_refused_and_the_seventh_of_a_quarter_minute_locks() -> None:
    program = Program().log_in()
    assert [program.ask("OPT10001") for _ in range(6)] == [0, 0, 0, 0, 0, -200]
    program.run(2)
    assert program.ask("OPT10001") == -200
    program.run(4000)
    assert program.ask("OPT10001") == -200


def test_a_query_registers_live_data_that_only_its_screen_can_end() -> None:
    program = Program().log_in()
    program.ask("OPT10001")
    program.run()
    program.control.tick()
    program.run(0.5)
    assert {each[1] for each in program.of("OnReceiveRealData")} == {"주식체결", "주식시세", "주식호가잔량"}
    program.control.SetRealRemove("1001", "ALL")
    assert program.control.registrations.codes() == {"005930"}
    program.ask("OPT10001", 종목코드="000660")
    program.run()
    assert program.control.registrations.codes() == {"000660"}
    program.control.DisconnectRealData("1001")
    assert program.control.registrations.codes() == set()


def test_live_data_come_whole_by_any_fid_of_their_type() -> None:
    program = Program().log_in()
    assert program.control.SetRealReg("2000", "005930;", "20", "0") == 0
    program.control.tick()
    program.run(0.5)
    ((code, name, data),) = program.of("OnReceiveRealData")
    assert (code, name, data.count("\t")) == ("005930", "주식체결", 42)


def test_screens_codes_and_fids_have_their_limits() -> None:
    program = Program().log_in()
    codes = [f"{number:06d}" for number in range(101)]
    assert program.control.SetRealReg("2000", ";".join(codes), "10", "0") == -204
    assert program.control.SetRealReg("2000", "1", ";".join(str(fid) for fid in range(101)), "0") == -206
    assert program.control.SetRealReg("2000", ";".join(codes[:100]), "10", "0") == 0
    assert program.control.SetRealReg("2000", codes[100], "10", "1") == 0
    assert program.control.registrations.dropped == [codes[100]]
    for number in range(2001, 2200):
        program.control.SetRealReg(str(number), "005930", "10", "0")
    assert program.control.violations == []
    program.control.SetRealReg("2200", "005930", "10", "0")
    assert program.control.violations == ["201 screens are in use"]


def test_a_replacing_registration_ends_what_the_screen_had() -> None:
    program = Program().log_in()
    program.control.SetRealReg("2000", "005930", "10", "0")
    program.control.SetRealReg("2000", "000660", "10", "1")
    assert program.control.registrations.codes() == {"005930", "000660"}
    program.control.SetRealReg("2000", "035720", "10", "0")
    assert program.control.registrations.codes() == {"035720"}


def test_orders_are_checked_before_they_leave() -> None:
    program = Program().log_in()
    send = program.control.SendOrder
    assert send("o", "1100", "1", 1, "005930", 5, 0, "03", "") == -302
    assert send("o", "1100", ACCOUNT, 1, "", 5, 0, "03", "") == -500
    assert send("o", "1100", ACCOUNT, 1, "005930", 0, 0, "03", "") == -300
    program.run(2)
    assert [send("o", "1100", ACCOUNT, 1, "005930", 1, 0, "03", "") for _ in range(6)] == [0] * 5 + [-308]


def test_a_mock_server_knows_limit_and_market_orders_only() -> None:
    program, numbers = Program().log_in(), []
    program.on_answer = lambda *args: numbers.append(
        program.control.GetCommData(args[2], args[1], 0, "주문번호").strip()
    )
    program.control.SendOrder("o", "1100", ACCOUNT, 1, "005930", 1, 70000, "05", "")
    program.run()
    assert numbers == [""]
    assert "모의투자" in program.of("OnReceiveMsg")[-1][3]
    assert program.of("OnReceiveChejanData") == []


def test_a_cancel_and_a_change_are_told_twice() -> None:
    program = Program().log_in()
    read: list[tuple[str, str]] = []
    hear = program.__getattr__("OnReceiveChejanData")

    def on_chejan(kind: str, count: int, fids: str) -> None:
        hear(kind, count, fids)
        assert fids.count(";") == count
        read.append((program.control.GetChejanData(913), program.control.GetChejanData(905)))

    vars(program)["OnReceiveChejanData"] = on_chejan
    program.control.SendOrder("o", "1100", ACCOUNT, 1, "005930", 5, 60_000, "00", "")
    program.run()
    program.control.SendOrder("o", "1101", ACCOUNT, 5, "005930", 5, 60_100, "00", "0001001")
    program.run()
    program.control.SendOrder("o", "1102", ACCOUNT, 3, "005930", 0, 0, "00", "0001002")
    program.run()
    assert read == [
        ("접수", "+매수"),
        ("접수", "+매수정정"),
        ("확인", "+매수정정"),
        ("접수", "+매수취소"),
        ("확인", "+매수취소"),
    ]


def test_resting_orders_are_filled_as_the_market_goes_on() -> None:
    program = Program().log_in()
    samsung = program.exchange.market.instruments.find("005930")
    assert samsung is not None
    price = program.exchange.market.quote(samsung).price
    program.control.SetRealReg("2000", "005930", "10", "0")
    program.exchange.market.set_liquidity(samsung, 1)
    program.control.SendOrder("o", "1100", ACCOUNT, 1, "005930", 30, price - 0, "00", "")
    program.run(0.5)
    before = len(program.of("OnReceiveChejanData"))
    program.exchange.market.set_price(samsung, price, hold=True)
    program.run(10)
    assert len(program.of("OnReceiveChejanData")) > before


def test_a_dead_control_raises_and_tells_nothing_any_more() -> None:
    program = Program(faults=ControlFaults()).log_in()
    program.ask("OPT10001")
    program.control.faults.dies_after = 0
    with pytest.raises(ControlDied):
        program.control.GetConnectState()
    program.run()
    assert program.of("OnReceiveTrData") == []
    with pytest.raises(ControlDied):
        program.control.CommConnect()


def test_a_next_page_without_a_first_is_noted() -> None:
    program = Program().log_in()
    program.ask("OPT10081")
    program.run()
    assert program.of("OnReceiveTrData")[0][4] == "2"
    program.ask("OPT10081", page=2, screen="1002")
    program.run()
    assert program.control.violations == ["OPT10081: a next page without the first one on screen 1002"]


def test_a_lost_connection_is_told_or_not() -> None:
    program = Program().log_in()
    program.control.lose_connection(None)
    assert program.control.GetConnectState() == 0
    program.run()
    assert program.of("OnEventConnect") == [(0,)]
    program.control.lose_connection()
    program.run()
    assert program.of("OnEventConnect") == [(0,), (-106,)]
