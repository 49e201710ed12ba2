"""A way to Kiwoom in memory that keeps orders: they are listed as its TRs list them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from broker_client.errors import VendorRejected
from broker_server.core.methods import Lane, TaskContext
from broker_server.vendors.kiwoom.backend import OrderRequest, Page, Tr
from broker_server.vendors.values import KST
from tests.support.kiwoom_backend import FakeBackend

KINDS = {"0": "보통", "3": "시장가", "5": "조건부지정가", "10": "보통(IOC)"}


@dataclass(slots=True)
class Booked:
    """One order as Kiwoom has it."""

    number: str
    request: OrderRequest
    time: datetime
    remaining: int
    filled: int = 0
    filled_at: int = 0
    receipt: str = "접수"
    kind: str | None = None
    venue: str | None = None


class TradingBackend(FakeBackend):
    """Books orders.

    Attributes:
        booked: In order: the ground truth.
        after: Called when an order was booked; may raise instead of its answer.
        hidden: Lists show nothing.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__()
        self.booked: list[Booked] = []
        self.after: Callable[[Booked, TaskContext], None] = lambda booked, context: None
        self.hidden = False
        self._now = now
        self.send = self._book
        self.answers["ka10001"] = [[{"price": "+70000", "upper_limit": "+91000", "name": "삼성전자"}]]

    def find(self, number: str) -> Booked:
        return next(each for each in self.booked if each.number == number)

    def fill(self, number: str, quantity: int, price: int) -> None:
        order = self.find(number)
        order.filled, order.remaining = order.filled + quantity, order.remaining - quantity
        order.filled_at = price

    def request(
        self, tr: Tr, inputs: Mapping[str, str], context: TaskContext, lane: Lane, *, after: str | None = None
    ) -> Page:
        if tr.api_id not in ("ka10075", "kt00007"):
            return super().request(tr, inputs, context, lane, after=after)
        self.asked.append((tr.api_id, dict(inputs), after))
        shown = [] if self.hidden else list(reversed(self.booked))
        if tr.api_id == "ka10075":
            rows = [_open_row(each) for each in shown if each.remaining and each.request.action != "cancel"]
        else:
            rows = [
                _listed_row(each) for each in shown if f"{each.time.astimezone(KST):%Y%m%d}" == inputs["day"]
            ]
        return Page([{name: row.get(name, "") for name in tr.columns} for row in rows], None)

    def _book(self, order: OrderRequest, context: TaskContext) -> str:
        number = f"{len(self.booked) + 1001:07}"
        booked = Booked(number, order, self._now().replace(microsecond=0), order.quantity)
        if order.action != "new":
            original = self.find(order.original or "")
            if original.remaining < order.quantity:
                raise VendorRejected("no", vendor="kiwoom", vendor_code="RC4033")
            original.remaining -= order.quantity
        if order.action == "cancel":
            booked.remaining, booked.receipt = 0, "확인"
        self.booked.append(booked)
        self.after(booked, context)
        return number


def _common(each: Booked) -> dict[str, Any]:
    order = each.request
    return {
        "order_no": each.number,
        "original": order.original or "0000000",
        "stock_code": f"A{order.ticker}",
        "name": "삼성전자",
        "type": KINDS[order.kind] if each.kind is None else each.kind,
        "quantity": f"{order.quantity:010}",
        "price": f"{order.price:010}",
        "remaining": f"{each.remaining:010}",
        "filled": f"{each.filled:010}",
        "time": f"{each.time.astimezone(KST):%H:%M:%S}",
    }


def _side(each: Booked) -> str:
    return "매수" if each.request.side == "buy" else "매도"


def _open_row(each: Booked) -> dict[str, str]:
    what = {"new": "", "modify": "정정", "cancel": "취소"}[each.request.action]
    return _common(each) | {
        "kind": f"{'+' if each.request.side == 'buy' else '-'}{_side(each)}{what}",
        "filled_amount": str(each.filled * each.filled_at),
        "venue": each.request.venue,
        "sor": "N",
    }


def _listed_row(each: Booked) -> dict[str, str]:
    return _common(each) | {
        "kind": f"현금{_side(each)}",
        "change": {"new": "", "modify": "정정", "cancel": "취소"}[each.request.action],
        "receipt": each.receipt,
        "fill_price": f"{each.filled_at:010}",
        "confirmed": "0",
        "venue": each.request.venue if each.venue is None else each.venue,
    }
