"""Queries of the simulated control, and their answers."""

from __future__ import annotations

from collections.abc import Sequence

from broker_server.simulator.kiwoom_control.answer import Answer, Refused
from broker_server.simulator.kiwoom_control.answers import Answers
from broker_server.simulator.kiwoom_control.core import PAGE_SECONDS, READ_SECONDS, ControlCore, Setup
from broker_server.simulator.kiwoom_control.faults import ReadOutsideEvent
from broker_server.simulator.kiwoom_control.limits import Windows
from broker_server.simulator.kiwoom_control.tables import trs
from broker_server.simulator.kiwoom_control.text import padded

# ruff: noqa: N802, N803 - the names are the control's own

NOT_PARSED = "Fail to parse Request TR"
_ACCOUNT_TRS = ("OPW",)


class Queries(ControlCore):
    """Queries of the simulated control, and their answers."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.sent: list[tuple[str, str, tuple[tuple[str, str], ...], int, str]] = []
        self._answers = Answers(setup.exchange)
        self._queries = Windows(setup.windows, setup.messages.monotonic)
        self._inputs: list[tuple[str, str]] = []
        self._answer: tuple[str, str, Answer, list[dict[str, str]]] | None = None
        self._pages: dict[tuple[str, str], tuple[tuple[tuple[str, str], ...], int]] = {}

    def SetInputValue(self, sID: str, sValue: str) -> None:
        self._called()
        if not isinstance(sValue, str):
            raise TypeError("SetInputValue takes text")
        self._inputs.append((sID, sValue))

    def CommRqData(self, sRQName: str, sTrCode: str, nPrevNext: int, sScreenNo: str) -> int:
        self._called()
        inputs, self._inputs = tuple(self._inputs), []
        if not self._connected:
            return -101
        if self.faults.overloads:
            self.faults.overloads -= 1
            return -200
        if not self._queries.take():
            return -200
        self.sent.append((sRQName, sTrCode, inputs, nPrevNext, sScreenNo))
        self._use_screen(sScreenNo)
        code = sTrCode.upper()
        items = trs().get(code)
        wanted = [name for name in items.inputs if name in dict(inputs)] if items else []
        if items is None or wanted != [name for name, _ in inputs]:
            self._later(lambda: self._events.OnReceiveMsg("", "", "", NOT_PARSED), self._answer_seconds)
            return 0
        if not {"*", code}.isdisjoint(self.faults.silent):
            return 0
        if code in self.faults.refused:
            text = self.faults.refused[code]
            self._later(lambda: self._events.OnReceiveMsg(sScreenNo, sRQName, sTrCode, text))
            return 0
        if code.startswith(_ACCOUNT_TRS) and self.faults.no_password:
            text = "[00Z218] 모의투자 계좌비밀번호를 입력하세요."
            self._later(lambda: self._events.OnReceiveMsg(sScreenNo, sRQName, sTrCode, text))
            return 0
        self._later(
            lambda: self._tell_answer(sRQName, sTrCode, inputs, nPrevNext, sScreenNo), self._answer_seconds
        )
        return 0

    def CommKwRqData(
        self, sArrCode: str, bNext: int, nCodeCount: int, nTypeFlag: int, sRQName: str, sScreenNo: str
    ) -> int:
        self._called()
        return -10

    def GetRepeatCnt(self, sTrCode: str, sRecordName: str) -> int:
        self._called(READ_SECONDS)
        return len(self._rows(sTrCode, sRecordName))

    def GetCommData(self, strTrCode: str, strRecordName: str, nIndex: int, strItemName: str) -> str:
        self._called(READ_SECONDS)
        if self._order_number:
            return padded(self._order_number.strip()) if strItemName == "주문번호" else ""
        single, rows = self._read_answer(strTrCode)[2].single, self._rows(strTrCode, strRecordName)
        if nIndex == 0 and strItemName in single:
            return padded(single[strItemName])
        if nIndex < len(rows) and strItemName in self._columns(strTrCode):
            return padded(rows[nIndex].get(strItemName, ""))
        return ""

    def GetCommDataEx(self, strTrCode: str, strRecordName: str) -> Sequence[Sequence[str]] | None:
        self._called(PAGE_SECONDS)
        rows = self._rows(strTrCode, strRecordName)
        columns = self._columns(strTrCode)
        return tuple(tuple(row.get(each, "") for each in columns) for row in rows) or None

    def _rows(self, code: str, record: str) -> list[dict[str, str]]:
        """Rows go by the record's name, and by that of the request too."""
        name, _, _, rows = self._read_answer(code)
        own = self.faults.renamed.get(code.upper(), trs()[code.upper()].record)
        return rows if record in (name, own) else []

    def _columns(self, code: str) -> tuple[str, ...]:
        return self.faults.moved.get(code.upper(), trs()[code.upper()].columns)

    def _read_answer(self, code: str) -> tuple[str, str, Answer, list[dict[str, str]]]:
        if self._answer is None or self._answer[1].upper() != code.upper():
            raise ReadOutsideEvent("an answer was read outside of its OnReceiveTrData")
        return self._answer

    def _tell_answer(
        self, name: str, tr: str, inputs: tuple[tuple[str, str], ...], page: int, screen: str
    ) -> None:
        code = tr.upper()
        items, chain = trs()[code], (screen, code)
        begun = self._pages.pop(chain, None)
        start = 0
        if page == 2:
            if begun is None or begun[0] != inputs:
                self.violations.append(f"{code}: a next page without the first one on screen {screen}")
                return
            start = begun[1]
        try:
            answer = self._answers.answer(code, dict(inputs))
        except Refused as refusal:
            text = str(refusal)
            self._events.OnReceiveMsg(screen, name, tr, text)
            return
        rows = answer.rows[start : start + items.page]
        more = start + items.page < len(answer.rows)
        if more:
            self._pages[chain] = (inputs, start + items.page)
        stock = dict(inputs).get("종목코드", "").strip()
        self.registrations.automatic(screen, {stock} if stock else set())
        text = "[00Z310] 조회가 완료되었습니다."
        if self.faults.text_first:
            self._events.OnReceiveMsg(screen, name, tr, text)
        self._answer = (name, tr, answer, rows)
        try:
            self._events.OnReceiveTrData(screen, name, tr, "", "2" if more else "0", 0, "", "", "")
        finally:
            self._answer = None
        if not self.faults.text_first:
            self._events.OnReceiveMsg(screen, name, tr, text)

    def _forget_pages(self, screen: str) -> None:
        self._pages = {key: page for key, page in self._pages.items() if key[0] != screen}
