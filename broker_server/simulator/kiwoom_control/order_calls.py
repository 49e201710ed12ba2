"""Orders of the simulated control, and the news of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from broker_server.simulator.kiwoom_control.answer import VENDOR
from broker_server.simulator.kiwoom_control.core import READ_SECONDS, ControlCore, Setup
from broker_server.simulator.kiwoom_control.faults import ReadOutsideEvent
from broker_server.simulator.kiwoom_control.limits import Windows
from broker_server.simulator.kiwoom_control.live import news_of_holding, news_of_order
from broker_server.simulator.kiwoom_control.orders import OrderIntake, RefusedOrder
from broker_server.simulator.kiwoom_control.tables import chejan_fids
from broker_server.simulator.orders import OrderEvent, OrderEventKind

# ruff: noqa: N802, N803 - the names are the control's own

ORDER_TR = {1: "KOA_NORMAL_BUY_KP_ORD", 2: "KOA_NORMAL_SELL_KP_ORD"}


class OrderCalls(ControlCore):
    """Orders of the simulated control, and the news of them."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.ordered: list[tuple[Any, ...]] = []
        self._intake = OrderIntake(setup.exchange, mock=setup.mock)
        self._orders = Windows(((5, 1.0),), setup.messages.monotonic)
        self._chejan: dict[int, str] | None = None
        self._screen_of: dict[int, str] = {}
        self._sending: list[tuple[str, dict[int, str]]] | None = None
        self._sending_screen = ""
        setup.exchange.listeners.append(self._happened)

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
        self._called()
        if not self._connected:
            return -101
        if self.faults.order_code:
            return self.faults.order_code
        if self.faults.order_overloads:
            self.faults.order_overloads -= 1
            return -308
        if not self._orders.take():
            return -308
        if sAccNo not in self._accounts:
            return -302
        if self.faults.no_password:
            return -301
        if not sCode:
            return -500
        if nQty <= 0 and nOrderType in (1, 2):
            return -300
        self._use_screen(sScreenNo)
        arguments = (sAccNo, nOrderType, sCode, nQty, nPrice, sHogaGb, sOrgOrderNo)
        self.ordered.append(arguments)
        tr = ORDER_TR.get(nOrderType, "KOA_NORMAL_KP_MODIFY")
        self._sending, self._sending_screen, number, text = [], sScreenNo, "", ""
        try:
            if "order" in self.faults.refused:
                raise RefusedOrder(self.faults.refused["order"])
            order = self._intake.send(*arguments)
            number, text = f"{order.number:07d}", "[100000] 주문이 접수되었습니다."
        except RefusedOrder as refusal:
            text = str(refusal)
        happened, self._sending = self._sending, None
        answer = self._answer_of_order(sRQName, tr, sScreenNo, number, text)
        news: list[Callable[[], None]] = [partial(self._tell_chejan, *each) for each in happened]
        for work in (*news, *answer) if self.faults.chejan_first else (*answer, *news):
            self._later(work, self._answer_seconds)
        return 0

    def SendOrderFO(self, *arguments: Any) -> int:
        self._called()
        return -10

    def SendOrderCredit(self, *arguments: Any) -> int:
        self._called()
        return -10

    def GetChejanData(self, nFid: int) -> str:
        self._called(READ_SECONDS)
        if self._chejan is None:
            raise ReadOutsideEvent("GetChejanData outside of OnReceiveChejanData")
        return self._chejan.get(nFid, "")

    def _answer_of_order(
        self, name: str, tr: str, screen: str, number: str, text: str
    ) -> list[Callable[[], None]]:
        if "order" in self.faults.silent:
            return []

        def tell() -> None:
            self._order_number = number or " "
            try:
                self._events.OnReceiveTrData(screen, name, tr, "", "", 0, "", "", "")
            finally:
                self._order_number = ""

        def say() -> None:
            self._events.OnReceiveMsg(screen, name, tr, text)

        return [say, tell] if self.faults.text_first else [tell, say]

    def _happened(self, event: OrderEvent) -> None:
        if event.order.request.vendor != VENDOR or event.order.request.account not in self._accounts:
            return
        if self._sending is not None:
            self._screen_of[event.order.number] = self._sending_screen
        screen = self._screen_of.get(event.order.number, "")
        news = [("0", fields) for fields in news_of_order(event, screen)]
        if event.kind is OrderEventKind.FILLED:
            account = self._exchange.account(VENDOR, event.order.request.account)
            instrument = event.order.request.instrument
            news.append(("1", news_of_holding(account, instrument, self._market)))
        if self._sending is not None:
            self._sending += news
        elif self._connected and not self._dead:
            for each in news:
                self._later(partial(self._tell_chejan, *each))

    def _tell_chejan(self, kind: str, fields: dict[int, str]) -> None:
        fids = chejan_fids(kind)
        self._chejan = fields
        try:
            self._events.OnReceiveChejanData(kind, len(fids), "".join(f"{fid};" for fid in fids))
        finally:
            self._chejan = None
