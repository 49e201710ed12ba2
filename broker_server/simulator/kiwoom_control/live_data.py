"""Live data of the simulated control."""

from __future__ import annotations

from functools import partial

from broker_server.simulator.kiwoom_control.core import READ_SECONDS, Setup
from broker_server.simulator.kiwoom_control.faults import ReadOutsideEvent
from broker_server.simulator.kiwoom_control.live import BOOK, QUOTE, TRADE, record
from broker_server.simulator.kiwoom_control.queries import Queries
from broker_server.simulator.kiwoom_control.tables import real_types

# ruff: noqa: N802, N803 - the names are the control's own

TICK_SECONDS = 1.0


class LiveData(Queries):
    """Live data of the simulated control."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self._real: tuple[str, dict[int, str]] | None = None
        self._ticks = 0
        self._ticking = False

    def tick(self) -> None:
        """Send a record of everything that is registered, now."""
        self._ticks += 1
        for code in sorted(self.registrations.codes()):
            instrument = self._instrument(code.partition("_")[0])
            if instrument is None:
                continue
            for name in (TRADE, QUOTE, BOOK):
                if self.registrations.sends(code, name):
                    text = record(self._market, instrument, name, self._ticks, self.faults.real_width)
                    self._later(partial(self._tell_real, code, name, text), 0.0)

    def SetRealReg(self, strScreenNo: str, strCodeList: str, strFidList: str, strOptType: str) -> int:
        self._called()
        if not self._connected:
            return -101
        codes = [each for each in strCodeList.split(";") if each]
        fids = [int(each) for each in strFidList.split(";") if each]
        code = self.registrations.register(strScreenNo, codes, fids, add=strOptType == "1")
        self._use_screen(strScreenNo)
        if not self._ticking:
            self._ticking = True
            self._later(self._tick, TICK_SECONDS)
        return code

    def SetRealRemove(self, strScrNo: str, strDelCode: str) -> None:
        self._called()
        self.registrations.remove(strScrNo, strDelCode)

    def DisconnectRealData(self, sScnNo: str) -> None:
        self._called()
        self.registrations.disconnect(sScnNo)
        self._forget_pages(sScnNo)

    def GetCommRealData(self, sCode: str, nFid: int) -> str:
        self._called(READ_SECONDS)
        if self._real is None or self._real[0] != sCode:
            raise ReadOutsideEvent("GetCommRealData outside of OnReceiveRealData")
        return self._real[1].get(nFid, "")

    def _tell_real(self, code: str, name: str, text: str) -> None:
        if not self._connected or not self.registrations.sends(code, name):
            return
        self._real = (code, dict(zip(real_types()[name].fids, text.split("\t"), strict=False)))
        try:
            self._events.OnReceiveRealData(code, name, text)
        finally:
            self._real = None

    def _tick(self) -> None:
        self._exchange.advance()
        if not self.registrations.codes() or not self._connected:
            self._ticking = False
            return
        self.tick()
        self._later(self._tick, TICK_SECONDS)
