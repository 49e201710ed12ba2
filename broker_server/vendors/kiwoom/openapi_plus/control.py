"""The control KHOPENAPI as it is: its methods and its events, by their own names and with their own types.

Names, arguments and results are those of Kiwoom's OpenAPI+ guide; what the guide calls obsolete is left out.
Every call must come from the thread that made the control. `GetRepeatCnt`, `GetCommData`, `GetCommDataEx`,
`GetCommRealData` and `GetChejanData` give right values only inside the event that they belong to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

# ruff: noqa: N802, N803 - the names are the control's own


class KiwoomControl(Protocol):
    """The control's methods."""

    def CommConnect(self) -> int:
        """Begin to log in; the outcome comes by `ControlEvents.OnEventConnect`."""
        ...

    def GetConnectState(self) -> int:
        """1 while connected."""
        ...

    def GetLoginInfo(self, sTag: str) -> str:
        """``ACCNO``: accounts with ``;`` between; ``GetServerGubun``: ``1`` for mock trading."""
        ...

    def GetAPIModulePath(self) -> str: ...

    def SetInputValue(self, sID: str, sValue: str) -> None:
        """Set one input of the next `CommRqData`, in the order of the TR's items."""
        ...

    def CommRqData(self, sRQName: str, sTrCode: str, nPrevNext: int, sScreenNo: str) -> int:
        """Send a TR with the inputs; 0, or a negative code. ``nPrevNext`` 2 asks for the next page."""
        ...

    def CommKwRqData(
        self, sArrCode: str, bNext: int, nCodeCount: int, nTypeFlag: int, sRQName: str, sScreenNo: str
    ) -> int:
        """Ask for up to 100 instruments at once."""
        ...

    def GetRepeatCnt(self, sTrCode: str, sRecordName: str) -> int: ...

    def GetCommData(self, strTrCode: str, strRecordName: str, nIndex: int, strItemName: str) -> str:
        """One value of the answer, padded; empty for an unknown item."""
        ...

    def GetCommDataEx(self, strTrCode: str, strRecordName: str) -> Sequence[Sequence[str]] | None:
        """All rows of the record with many rows, without names; ``None`` without rows."""
        ...

    def SendOrder(
        self,
        sRQName: str,
        sScreenNo: str,
        sAccNo: str,
        nOrderType: int,
        sCode: str,
        nQty: int,
        nPrice: int,
        sHogaGb: str,
        sOrgOrderNo: str,
    ) -> int:
        """Send an order; 0, or a negative code. Its number comes by `ControlEvents.OnReceiveTrData`."""
        ...

    def SendOrderFO(
        self,
        sRQName: str,
        sScreenNo: str,
        sAccNo: str,
        sCode: str,
        lOrdKind: int,
        sSlbyTp: str,
        sOrdTp: str,
        lQty: int,
        sPrice: str,
        sOrgOrdNo: str,
    ) -> int: ...

    def SendOrderCredit(
        self,
        sRQName: str,
        sScreenNo: str,
        sAccNo: str,
        nOrderType: int,
        sCode: str,
        nQty: int,
        nPrice: int,
        sHogaGb: str,
        sCreditGb: str,
        sLoanDate: str,
        sOrgOrderNo: str,
    ) -> int: ...

    def GetChejanData(self, nFid: int) -> str: ...

    def SetRealReg(self, strScreenNo: str, strCodeList: str, strFidList: str, strOptType: str) -> int:
        """Register live data: at most 100 codes and 100 FIDs; ``0`` replaces the screen's, ``1`` adds."""
        ...

    def SetRealRemove(self, strScrNo: str, strDelCode: str) -> None:
        """Take back what `SetRealReg` registered."""
        ...

    def DisconnectRealData(self, sScnNo: str) -> None:
        """Take back everything of a screen, what a TR registered by itself too, and free the screen."""
        ...

    def GetCommRealData(self, sCode: str, nFid: int) -> str: ...

    def GetConditionLoad(self) -> int:
        """1 is success here."""
        ...

    def GetConditionNameList(self) -> str: ...

    def SendCondition(self, strScrNo: str, strConditionName: str, nIndex: int, nSearch: int) -> int:
        """1 is success here."""
        ...

    def SendConditionStop(self, strScrNo: str, strConditionName: str, nIndex: int) -> None: ...

    def GetCodeListByMarket(self, sMarket: str) -> str:
        """Codes with ``;`` behind each."""
        ...

    def GetMasterCodeName(self, sTrCode: str) -> str:
        """Empty for an unknown code."""
        ...

    def GetMasterListedStockCnt(self, sTrCode: str) -> int: ...

    def GetMasterConstruction(self, sTrCode: str) -> str: ...

    def GetMasterListedStockDate(self, sTrCode: str) -> str: ...

    def GetMasterLastPrice(self, sTrCode: str) -> str: ...

    def GetMasterStockState(self, sTrCode: str) -> str:
        """Parts with ``|`` between."""
        ...

    def GetMarketType(self, sTrCode: str) -> int: ...

    def GetThemeGroupList(self, nType: int) -> str: ...

    def GetThemeGroupCode(self, strThemeCode: str) -> str: ...

    def GetFutureList(self) -> str: ...

    def GetFutureCodeByIndex(self, nIndex: int) -> str: ...

    def GetActPriceList(self) -> str: ...

    def GetMonthList(self) -> str: ...

    def GetOptionCode(self, strActPrice: str, nCp: int, strMonth: str) -> str: ...

    def GetBranchCodeName(self) -> str: ...

    def KOA_Functions(self, sFunctionName: str, sParam: str) -> str: ...


class ControlEvents(Protocol):
    """The control's events. They come on its thread, sometimes from within a call."""

    def OnReceiveTrData(
        self,
        sScrNo: str,
        sRQName: str,
        sTrCode: str,
        sRecordName: str,
        sPrevNext: str,
        nDataLength: int,
        sErrorCode: str,
        sMessage: str,
        sSplmMsg: str,
    ) -> None:
        """An answer is there; ``sPrevNext`` is ``2`` when there are more pages."""
        ...

    def OnReceiveRealData(self, sRealKey: str, sRealType: str, sRealData: str) -> None:
        """Live data: values with tabs between, in the order of the type's FIDs."""
        ...

    def OnReceiveMsg(self, sScrNo: str, sRQName: str, sTrCode: str, sMsg: str) -> None:
        """A text of the server: before or after the answer, or all that a refused request gets."""
        ...

    def OnReceiveChejanData(self, sGubun: str, nItemCnt: int, sFIdList: str) -> None:
        """``0`` news of an own order, ``1`` of a holding."""
        ...

    def OnEventConnect(self, nErrCode: int) -> None:
        """0 logged in; negative: refused, or the connection is lost."""
        ...

    def OnReceiveInvestRealData(self, sRealKey: str) -> None:
        """Kiwoom does not support it any more."""
        ...

    def OnReceiveRealCondition(
        self, sTrCode: str, strType: str, strConditionName: str, strConditionIndex: str
    ) -> None: ...

    def OnReceiveTrCondition(
        self, sScrNo: str, strCodeList: str, strConditionName: str, nIndex: int, nNext: int
    ) -> None: ...

    def OnReceiveConditionVer(self, lRet: int, sMsg: str) -> None: ...


METHODS = tuple(sorted(name for name in vars(KiwoomControl) if name[0].isupper()))
"""The control's methods by name."""

EVENTS = tuple(sorted(name for name in vars(ControlEvents) if name[0].isupper()))
"""The nine events by name."""
