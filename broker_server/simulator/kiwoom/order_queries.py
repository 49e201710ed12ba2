"""Queries about orders: open ones, executions, and the history of a day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from broker_server.simulator.accounts import COMMISSION, costs
from broker_server.simulator.candles import parse_date
from broker_server.simulator.clock import KST
from broker_server.simulator.kiwoom.calls import Answer, Call
from broker_server.simulator.kiwoom.codes import account_code, code_of, find
from broker_server.simulator.kiwoom.errors import malformed, missing
from broker_server.simulator.kiwoom.orders import SIDE_WORDS, VENUES, order_number
from broker_server.simulator.kiwoom.paging import paginate
from broker_server.simulator.kiwoom.tables import ORDER_KINDS, VENDOR
from broker_server.simulator.kiwoom.text import directed, hhmmss, padded
from broker_server.simulator.matching import Exchange
from broker_server.simulator.orders import Order, OrderState, Side

OPEN_ROWS, HISTORY_ROWS = 100, 20
VENUE_CODES = {"SOR": ("0", "통합"), "KRX": ("1", "KRX"), "NXT": ("2", "NXT")}
SIGNED_SIDES = {Side.BUY: "+매수", Side.SELL: "-매도"}
CHANGES = {"modify": "정정", "cancel": "취소"}
_SIDES = {"0": None, "1": Side.SELL, "2": Side.BUY}
_VENUE_FILTERS = {"0": VENUES, "1": ("KRX", "SOR"), "2": ("NXT", "SOR")}


class OrderQueries:
    """``ka10075``, ``ka10076``, ``kt00007`` and ``kt00009``.

    Args:
        exchange: Accounts and orders.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._market = exchange.market

    def open_orders(self, call: Call) -> Answer:
        """``ka10075``: newest first, prices with signs."""
        by_code = call.choice("all_stk_tp", "0", "1") == "1"
        wanted = self._wanted(call, "trde_tp", by_code=by_code)
        orders = [order for order in self._orders(call) if order.is_open and wanted(order)]
        return self._page(call, orders[::-1], OPEN_ROWS, self._open_row)

    def executions(self, call: Call) -> Answer:
        """``ka10076``: today's orders that something was filled of, newest first."""
        by_code = call.choice("qry_tp", "0", "1") == "1"
        wanted = self._wanted(call, "sell_tp", by_code=by_code)
        before = call.whole("ord_no") if call.get("ord_no") else None
        today = self._today()
        orders = [
            order
            for order in self._orders(call)
            if order.fills
            and order.day == today
            and wanted(order)
            and (before is None or order.number < before)
        ]
        return self._page(call, orders[::-1], OPEN_ROWS, self._open_row)

    def history(self, call: Call) -> Answer:
        """``kt00007``: orders, modifications and cancellations of a day, numbers padded."""
        what = call.choice("qry_tp", "1", "2", "3", "4")
        orders = self._of_day(call)
        if what == "2":
            orders.reverse()
        elif what == "3":
            orders = [order for order in orders if order.is_open]
        elif what == "4":
            orders = [order for order in orders if order.fills]
        return self._page(call, orders, HISTORY_ROWS, _history_row)

    def status(self, call: Call) -> Answer:
        """``kt00009``: the same with totals, newest first."""
        orders = [
            order for order in self._of_day(call) if order.fills or call.choice("qry_tp", "0", "1") == "0"
        ]
        bought, sold = (
            sum(order.amount for order in orders if order.request.side is side)
            for side in (Side.BUY, Side.SELL)
        )
        answer = self._page(call, orders[::-1], HISTORY_ROWS, _history_row)
        totals = {"sell_grntl_engg_amt": sold, "buy_engg_amt": bought, "engg_amt": bought + sold}
        shown = {key: padded(value, 12) for key, value in totals.items()}
        return Answer({**shown, **answer.outputs}, answer.next_key)

    def _orders(self, call: Call) -> list[Order]:
        self._exchange.advance()
        return self._exchange.orders_of(VENDOR, call.owner.account)

    def _today(self) -> date:
        return self._market.clock.now().astimezone(KST).date()

    def _wanted(self, call: Call, side_key: str, *, by_code: bool) -> Callable[[Order], bool]:
        if call.get(side_key) not in _SIDES:
            raise malformed(side_key)
        side = _SIDES[call.get(side_key)]
        venues = _VENUE_FILTERS[call.choice("stex_tp", *_VENUE_FILTERS)]
        if by_code and not call.get("stk_cd"):
            raise missing("stk_cd")
        instrument = find(self._market, call.get("stk_cd")).instrument if by_code else None
        return lambda order: (
            side in (None, order.request.side)
            and order.request.venue in venues
            and instrument in (None, order.request.instrument)
        )

    def _of_day(self, call: Call) -> list[Order]:
        day = parse_date(call.get("ord_dt")) if call.get("ord_dt") else self._today()
        if day is None:
            raise malformed("ord_dt")
        side = _SIDES[call.choice("sell_tp", *_SIDES)]
        bonds = call.choice("stk_bond_tp", "0", "1", "2") == "2"
        venue = call.choice("dmst_stex_tp", "%", *VENUES)
        code = call.get("stk_cd")
        instrument = (
            find(self._market, code.removeprefix("A") if len(code) > 6 else code).instrument if code else None
        )
        first = call.whole("fr_ord_no") if call.get("fr_ord_no") else 0
        return [
            order
            for order in self._orders(call)
            if order.day == day
            and not bonds
            and side in (None, order.request.side)
            and venue in ("%", order.request.venue)
            and instrument in (None, order.request.instrument)
            and order.number >= first
        ]

    def _page(
        self, call: Call, orders: Sequence[Order], size: int, make: Callable[[Order], dict[str, str]]
    ) -> Answer:
        page, next_key = paginate(orders, call, size, lambda order: f"{order.day:%Y%m%d}{order.number:07d}")
        neutral = call.api.row()
        rows = []
        for order in page:
            known = make(order)
            rows.append({key: known.get(key, value) for key, value in neutral.items()})
        return Answer({call.api.rows.key: rows}, next_key)

    def _open_row(self, order: Order) -> dict[str, str]:
        request = order.request
        quote, book = self._market.quote(request.instrument), self._market.order_book(request.instrument)
        code, name = VENUE_CODES[request.venue]
        last = order.fills[-1] if order.fills else None
        fees = sum(
            costs(request.instrument, request.side, fill.price * fill.quantity) for fill in order.fills
        )
        commission = int(order.amount * COMMISSION)
        time = hhmmss(order.time)
        return {
            "acnt_no": request.account,
            "ord_no": order_number(order.number),
            "stk_cd": code_of(request.instrument),
            "stk_nm": request.instrument.name,
            "ord_stt": state_word(order),
            "ord_qty": str(request.quantity),
            "ord_pric": str(order.price or 0),
            "oso_qty": str(order.remaining),
            "cntr_tot_amt": str(order.amount),
            "orig_ord_no": order_number(order.original),
            "io_tp_nm": f"{SIGNED_SIDES[request.side]}{CHANGES.get(order.kind, '')}",
            "trde_tp": kind_name(order),
            "tm": time,
            "ord_tm": time,
            "cntr_no": execution_number(order),
            "cntr_pric": str(order.amount // order.filled) if order.filled else "0",
            "cntr_qty": str(order.filled),
            "cur_prc": directed(quote.price, quote.base),
            "sel_bid": directed(book.asks[0].price, quote.base) if book.asks else "0",
            "buy_bid": directed(book.bids[0].price, quote.base) if book.bids else "0",
            "unit_cntr_pric": str(last.price) if last else "0",
            "unit_cntr_qty": str(last.quantity) if last else "0",
            "tdy_trde_cmsn": str(commission),
            "tdy_trde_tax": str(max(0, fees - commission)),
            "stex_tp": code,
            "stex_tp_txt": name,
            "sor_yn": "Y" if request.venue == "SOR" else "N",
            "stop_pric": str(request.trigger or 0),
        }


def state_word(order: Order) -> str:
    """``ord_stt``: received, filled, confirmed (of a change), rejected."""
    if order.state is OrderState.REJECTED:
        return "거부"
    if order.fills:
        return "체결"
    return "확인" if order.kind == "cancel" else "접수"


def kind_name(order: Order) -> str:
    """The name of the order's kind."""
    return ORDER_KINDS.get(order.request.code, ORDER_KINDS["0"]).name


def execution_number(order: Order) -> str:
    """Of its last execution; empty while there is none."""
    return str(order.number * 10 + len(order.fills)) if order.fills else ""


def _history_row(order: Order) -> dict[str, str]:
    request = order.request
    clock = f"{order.time.astimezone(KST):%H:%M:%S}"
    filled_at = f"{order.fills[-1].time.astimezone(KST):%H:%M:%S}" if order.fills else ""
    change = CHANGES.get(order.kind, "")
    original = order_number(order.original)
    return {
        "stk_bond_tp": "1",
        "ord_no": order_number(order.number),
        "stk_cd": account_code(request.instrument),
        "stk_nm": request.instrument.name,
        "trde_tp": kind_name(order),
        "crd_tp": "보통매매",
        "crd_deal_tp": "보통매매",
        "setl_tp": "삼일결제",
        "ord_qty": padded(request.quantity, 10),
        "ord_uv": padded(order.price or 0, 10),
        "cnfm_qty": padded(request.quantity if order.kind != "new" else order.cancelled, 10),
        "acpt_tp": "거부"
        if order.state is OrderState.REJECTED
        else "확인"
        if order.kind == "cancel"
        else "접수",
        "rsrv_tp": "",
        "rsrv_oppo": "",
        "ord_tm": clock,
        "ori_ord": original,
        "orig_ord_no": original,
        "io_tp_nm": f"현금{SIDE_WORDS[request.side]}{change}",
        "cntr_no": execution_number(order),
        "cntr_qty": padded(order.filled, 10),
        "cntr_uv": padded(order.amount // order.filled if order.filled else 0, 10),
        "ord_remnq": padded(order.remaining, 10),
        "comm_ord_tp": "REST API",
        "mdfy_cncl": change,
        "mdfy_cncl_tp": change,
        "cnfm_tm": clock if order.kind == "cancel" else "",
        "cntr_tm": filled_at,
        "dmst_stex_tp": request.venue,
        "cond_uv": padded(request.trigger or 0, 10),
    }
