"""One life of the control: its parts put together, and its events handed to whom they belong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import structlog

from broker_client.errors import TaskFailed
from broker_server.vendors.kiwoom.openapi_plus.control import KiwoomControl
from broker_server.vendors.kiwoom.openapi_plus.errors import unavailable
from broker_server.vendors.kiwoom.openapi_plus.login import LoggedIn, Login
from broker_server.vendors.kiwoom.openapi_plus.orders import Orders
from broker_server.vendors.kiwoom.openapi_plus.registrar import RealSink, Registrar
from broker_server.vendors.kiwoom.openapi_plus.requests import Requests
from broker_server.vendors.kiwoom.openapi_plus.screens import make_pools
from broker_server.vendors.kiwoom.openapi_plus.sta import ControlLoop
from broker_server.vendors.kiwoom.openapi_plus.states import HostState, Notice, OnNotice
from broker_server.vendors.kiwoom.openapi_plus.timing import Timing, order_limiter, query_limiter

# ruff: noqa: N802, N803 - the events' names are the control's own

log = structlog.get_logger(__name__)

NEWS_OF_ORDERS = "0"


class Session:
    """Implements `ControlEvents`; everything on the control's thread.

    Args:
        control: Just made; its events come here.
        loop: The thread's work.
        timing: The waits.
        sink: Whom live data are told to.
        notify: Whom to tell of each state.
        ready: Called once logged in.
    """

    def __init__(
        self,
        control: KiwoomControl,
        loop: ControlLoop,
        *,
        timing: Timing,
        sink: RealSink,
        notify: OnNotice,
        ready: Callable[[LoggedIn], None],
    ) -> None:
        self.control = control
        self._sink = sink
        self._notify = notify
        self._told_ready = ready
        self._loop = loop
        self._over: Notice | None = None
        for_queries, for_orders, for_live_data = make_pools()
        self.requests = Requests(
            control,
            loop,
            limiter=query_limiter(timing.queries),
            screens=for_queries,
            timing=timing,
            notify=self._told,
        )
        self.orders = Orders(
            control,
            loop,
            limiter=order_limiter(),
            screens=for_orders,
            timing=timing,
            notify=self._told,
        )
        self.registrar = Registrar(control, for_live_data, sink, loop)
        self._login = Login(control, loop, timing=timing, notify=notify, ready=self._ready, lost=self._lost)
        self._counts: dict[str, int] = {}

    def begin(self) -> None:
        """Log in."""
        try:
            self._login.start()
        except Exception as error:
            self._told(Notice(HostState.CONTROL_FAILED, f"the login raised {error}", restart=True))

    def end(self, reason: str) -> None:
        """End everything that waits, give live data back, and ask nothing any more."""
        if self._over is None and self._login.is_ready:
            try:
                self.registrar.release()
            except Exception as error:
                log.warning("kiwoom_control_not_released", reason=str(error))
        self._shut(Notice(HostState.STOPPED, reason))

    def error(self) -> TaskFailed | None:
        """Why nothing can be asked for good; ``None`` while something can, now or soon."""
        return None if self._over is None else _error_of(self._over)

    @property
    def is_ready(self) -> bool:
        """Logged in, and not over."""
        return self._over is None and self._login.is_ready and not self._login.is_over

    def status(self) -> dict[str, Any]:
        """Counts of every part."""
        return {
            "queries": self.requests.status(),
            "orders": self.orders.status(),
            "live_data": self.registrar.status(),
            "events": dict(self._counts),
        }

    def rate_limit(self) -> dict[str, Any]:
        """How many queries and orders wait in each lane; what is left only the control's thread may ask."""
        waiting = Counter(self.requests.status()["waiting"])
        waiting.update(self.orders.status()["waiting"])
        return {"waiting": dict(waiting)}

    def OnEventConnect(self, nErrCode: int) -> None:
        self._count("OnEventConnect")
        self._login.on_connect(nErrCode)

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
        self._count("OnReceiveTrData")
        if not self.orders.on_tr_data(sRQName, sTrCode):
            self.requests.on_tr_data(sRQName, sScrNo, sRecordName.strip(), sPrevNext)

    def OnReceiveMsg(self, sScrNo: str, sRQName: str, sTrCode: str, sMsg: str) -> None:
        self._count("OnReceiveMsg")
        if not self.orders.on_message(sRQName, sMsg) and not self.requests.on_message(sRQName, sMsg):
            log.debug("kiwoom_message", text=sMsg, tr=sTrCode)

    def OnReceiveRealData(self, sRealKey: str, sRealType: str, sRealData: str) -> None:
        self._sink.received(sRealKey.strip(), sRealType.strip(), sRealData)

    def OnReceiveChejanData(self, sGubun: str, nItemCnt: int, sFIdList: str) -> None:
        self._count("OnReceiveChejanData")
        fids = [int(fid) for fid in sFIdList.split(";") if fid.strip().isdecimal()]
        fields = {fid: self.control.GetChejanData(fid) for fid in fids}
        kind = sGubun.strip()
        if kind == NEWS_OF_ORDERS:
            self.orders.on_chejan(fields)
        self._sink.chejan(kind, fields)

    def OnReceiveInvestRealData(self, sRealKey: str) -> None:
        self._count("OnReceiveInvestRealData")

    def OnReceiveRealCondition(
        self, sTrCode: str, strType: str, strConditionName: str, strConditionIndex: str
    ) -> None:
        self._count("OnReceiveRealCondition")

    def OnReceiveTrCondition(
        self, sScrNo: str, strCodeList: str, strConditionName: str, nIndex: int, nNext: int
    ) -> None:
        self._count("OnReceiveTrCondition")

    def OnReceiveConditionVer(self, lRet: int, sMsg: str) -> None:
        self._count("OnReceiveConditionVer")

    def _ready(self, logged_in: LoggedIn) -> None:
        self._told_ready(logged_in)
        self.orders.open()
        self.requests.open()
        self.registrar.open()

    def _lost(self, notice: Notice) -> None:
        # It may come from within a call of the control: what follows is done after that call.
        self._loop.post(lambda: self._shut(notice))

    def _told(self, notice: Notice) -> None:
        self._notify(notice)
        if notice.state is HostState.CONTROL_FAILED or notice.restart:
            self._loop.post(lambda: self._shut(notice))

    def _shut(self, notice: Notice) -> None:
        if self._over is not None:
            return
        self._over = notice
        self._login.is_over = True
        self.orders.shut(notice.reason)
        self.requests.shut(lambda: _error_of(notice))
        self.registrar.shut(notice.reason)

    def _count(self, event: str) -> None:
        self._counts[event] = self._counts.get(event, 0) + 1


def _error_of(notice: Notice) -> TaskFailed:
    code = None if notice.vendor_code is None else int(notice.vendor_code)
    return unavailable(f"{notice.state}: {notice.reason}", code)
