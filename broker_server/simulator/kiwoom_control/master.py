"""What the control knows by itself, without asking the server."""

from __future__ import annotations

from broker_server.simulator.instruments import KRX
from broker_server.simulator.kiwoom.listings import state_text
from broker_server.simulator.kiwoom_control.core import ControlCore

# ruff: noqa: N802, N803 - the names are the control's own

_MARKETS = {"0": "KOSPI", "10": "KOSDAQ"}


class MasterData(ControlCore):
    """What the control knows by itself, without asking the server."""

    def GetCodeListByMarket(self, sMarket: str) -> str:
        self._called()
        if not self._connected:
            return ""
        kind = {"8": "etf", "60": "etn"}.get(sMarket)
        segment = _MARKETS.get(sMarket)
        found = [
            each.symbol[-6:]  # an ETN is listed without its Q
            for each in self._market.instruments
            if each.exchange == KRX
            and (sMarket == "" or each.kind == kind or (segment is not None and each.segment == segment))
        ]
        return "".join(f"{symbol};" for symbol in found)

    def GetMasterCodeName(self, sTrCode: str) -> str:
        self._called()
        instrument = self._known(sTrCode)
        return instrument.name if instrument else ""

    def GetMasterListedStockCnt(self, sTrCode: str) -> int:
        self._called()
        instrument = self._known(sTrCode)
        count = instrument.shares if instrument else 0
        return (count + 2**31) % 2**32 - 2**31

    def GetMasterConstruction(self, sTrCode: str) -> str:
        self._called()
        return "정상" if self._known(sTrCode) else ""

    def GetMasterListedStockDate(self, sTrCode: str) -> str:
        self._called()
        instrument = self._known(sTrCode)
        return f"{instrument.listed_on:%Y%m%d}" if instrument else ""

    def GetMasterLastPrice(self, sTrCode: str) -> str:
        self._called()
        instrument = self._known(sTrCode)
        return f"{self._market.quote(instrument).base:08d}" if instrument else ""

    def GetMasterStockState(self, sTrCode: str) -> str:
        self._called()
        instrument = self._known(sTrCode)
        if instrument is None:
            return ""
        return state_text(instrument, suspended=self._market.is_suspended(instrument))

    def GetMarketType(self, sTrCode: str) -> int:
        self._called()
        instrument = self._known(sTrCode)
        return -1 if instrument is None else 0 if instrument.segment == "KOSPI" else 10

    def GetThemeGroupList(self, nType: int) -> str:
        self._called()
        return ""

    def GetThemeGroupCode(self, strThemeCode: str) -> str:
        self._called()
        return ""

    def GetFutureList(self) -> str:
        self._called()
        return ""

    def GetFutureCodeByIndex(self, nIndex: int) -> str:
        self._called()
        return ""

    def GetActPriceList(self) -> str:
        self._called()
        return ""

    def GetMonthList(self) -> str:
        self._called()
        return ""

    def GetOptionCode(self, strActPrice: str, nCp: int, strMonth: str) -> str:
        self._called()
        return ""

    def GetBranchCodeName(self) -> str:
        self._called()
        return ""

    def GetConditionLoad(self) -> int:
        self._called()
        return 0

    def GetConditionNameList(self) -> str:
        self._called()
        return ""

    def SendCondition(self, strScrNo: str, strConditionName: str, nIndex: int, nSearch: int) -> int:
        self._called()
        return 0

    def SendConditionStop(self, strScrNo: str, strConditionName: str, nIndex: int) -> None:
        self._called()
