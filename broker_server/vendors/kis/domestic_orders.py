"""The account's domestic orders at KIS: the open ones, and those of a period."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import cast, get_args

from broker_server.core.methods import Lane, Outcome, TaskContext
from broker_server.vendors.account_models import OrderAction, OrderRecord, OrderState
from broker_server.vendors.clock import Clock
from broker_server.vendors.kis.account import account_arguments
from broker_server.vendors.kis.client import KisClient
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.errors import unreadable
from broker_server.vendors.kis.order_types import SIDES, domestic_name
from broker_server.vendors.kis.values import (
    KST,
    Answer,
    Row,
    date_of,
    decimal_of,
    decimal_text,
    integer_of,
    moment,
    order_number,
    order_number_of,
    required_integer,
    text_of,
    time_of,
)
from broker_server.vendors.parameters import OrderVenue
from broker_server.vendors.periods import months_before

_MONTHS_OF_THE_CURRENT_TR = 3
_OPEN_ORDERS = "domestic_stock.inquire_psbl_rvsecncl"
_HISTORY = "domestic_stock.inquire_daily_ccld"


@dataclass(frozen=True, slots=True)
class DomesticOrder:
    """One row of KIS with what a cancel needs of it.

    Attributes:
        record: What a client sees.
        branch: The routing field that a change or a cancel must repeat.
        type_code: KIS's order type code, likewise.
        row: The vendor's row.
    """

    record: OrderRecord
    branch: str
    type_code: str
    row: Row

    @property
    def is_open(self) -> bool:
        """Whether shares are still to be filled."""
        return self.record.remaining_quantity > 0

    @property
    def original_number(self) -> str:
        """The number of the order that this one changed or cancelled."""
        return self.record.original_order_no or ""


@dataclass(slots=True)
class DomesticOrders:
    """Orders as KIS lists them, and why the list may stop early."""

    orders: list[DomesticOrder] = field(default_factory=list)
    truncated: str | None = None

    def outcome(self, account: str, *, raw: bool, ticker: str | None) -> Outcome:
        """The records for a client."""
        records = [
            order.record.model_copy(update={"account": account, "raw": order.row if raw else None})
            for order in self.orders
            if ticker is None or order.record.ticker == ticker
        ]
        return Outcome(records, self.truncated)

    def find(self, order_no: str) -> DomesticOrder | None:
        """The order of that number; leading zeros do not matter."""
        wanted = order_number(order_no)
        return next((each for each in self.orders if each.record.order_no == wanted), None)

    def find_latest(self, order_no: str) -> DomesticOrder | None:
        """The order of that number if it is open, else the open order that it was changed into, else itself.

        A change gives the changed shares a new number and leaves the old one without a remainder.
        """
        order = self.find(order_no)
        if order is None or order.is_open:
            return order
        lineage = {order_number(order_no)}
        grown = True
        while grown:
            heirs = [each for each in self.orders if each.original_number in lineage]
            for heir in heirs:
                if heir.is_open:
                    return heir
            before = len(lineage)
            lineage |= {heir.record.order_no for heir in heirs}
            grown = len(lineage) > before
        return order


class DomesticOrderBook:
    """Asks KIS for orders.

    Args:
        config: The account.
        client: The calls.
        clock: What today is.
    """

    def __init__(self, config: KisConfig, client: KisClient, clock: Clock) -> None:
        self._config = config
        self._client = client
        self._clock = clock

    def today(self) -> date:
        """Today in Korea."""
        return self._clock.now().astimezone(KST).date()

    def open_orders(self, context: TaskContext, lane: Lane) -> DomesticOrders:
        """Orders with a remainder; on paper, where KIS has no such list, the ones in today's history."""
        if self._client.catalogue.why_unsupported(_OPEN_ORDERS):
            today = self.today()
            listed = self.history(today, today, context, lane)
            still_open = [each for each in listed.orders if each.is_open]
            return DomesticOrders(still_open, listed.truncated)
        pages = self._client.read_pages(
            _OPEN_ORDERS,
            {**account_arguments(self._config), "inqr_dvsn_1": "0", "inqr_dvsn_2": "0"},
            keys=("FK100", "NK100"),
            context=context,
            lane=lane,
        )
        return DomesticOrders(self._read(pages.rows("output")), pages.truncated)

    def history(
        self,
        start: date,
        end: date,
        context: TaskContext,
        lane: Lane,
        *,
        ticker: str = "",
        enough: Callable[[Answer], bool] = lambda answer: False,
        partial: bool = False,
    ) -> DomesticOrders:
        """Orders of a period, newest first. What is older than three months is asked by another TR."""
        found = DomesticOrders()
        found.truncated = self.read_history(
            start, end, context, lane, found.orders.append, ticker=ticker, enough=enough, partial=partial
        )
        return found

    def read_history(
        self,
        start: date,
        end: date,
        context: TaskContext,
        lane: Lane,
        take: Callable[[DomesticOrder], None],
        *,
        ticker: str = "",
        enough: Callable[[Answer], bool] = lambda answer: False,
        partial: bool = False,
    ) -> str | None:
        """Give each order of a period to ``take``, as `history` would list it, page by page.

        Returns:
            Why the list may stop early.
        """

        def take_page(answer: Answer) -> None:
            for order in self._read(answer.rows("output1")):
                take(order)

        boundary = months_before(self.today(), _MONTHS_OF_THE_CURRENT_TR)
        truncated = None
        for first, last, age in (
            (max(start, boundary), end, "inner"),
            (start, min(end, boundary - timedelta(days=1)), "before"),
        ):
            if first > last:
                continue
            pages = self._client.read_pages(
                _HISTORY,
                self._history_arguments(first, last, ticker),
                keys=("FK100", "NK100"),
                context=context,
                lane=lane,
                enough=enough,
                partial=partial,
                take=take_page,
                pd_dv=age,
            )
            truncated = truncated or pages.truncated
        return truncated

    def find(self, order_no: str, context: TaskContext, lane: Lane) -> DomesticOrder | None:
        """What a change or a cancel of today's order would be about: see `DomesticOrders.find_latest`."""
        if self._client.catalogue.why_unsupported(_OPEN_ORDERS) is None:
            order = self.open_orders(context, lane).find(order_no)
            if order is not None:
                return order

        # Newest first: whatever the order was changed into comes before it.
        def holds_the_order(answer: Answer) -> bool:
            wanted = order_number(order_no)
            return any(order_number_of(row, "odno") == wanted for row in answer.rows("output1"))

        today = self.today()
        return self.history(today, today, context, lane, enough=holds_the_order).find_latest(order_no)

    def _history_arguments(self, start: date, end: date, ticker: str) -> dict[str, str]:
        return {
            **account_arguments(self._config),
            "inqr_strt_dt": f"{start:%Y%m%d}",
            "inqr_end_dt": f"{end:%Y%m%d}",
            "sll_buy_dvsn_cd": "00",
            "pdno": ticker,
            "ccld_dvsn": "00",
            "inqr_dvsn": "00",
            "inqr_dvsn_3": "00",
            "ord_gno_brno": "",
            "odno": "",
            "inqr_dvsn_1": "",
            "excg_id_dvsn_cd": "KRX" if self._config.environment == "paper" else "ALL",
        }

    def _read(self, rows: Iterable[Row]) -> list[DomesticOrder]:
        today = self.today()
        return [_order(row, today) for row in rows if order_number_of(row, "odno")]


def _order(row: Row, today: date) -> DomesticOrder:
    side = SIDES.get(text_of(row, "sll_buy_dvsn_cd"))
    if side is None:
        raise unreadable("sll_buy_dvsn_cd is neither buy nor sell")
    quantity = required_integer(row, "ord_qty")
    filled = integer_of(row, "tot_ccld_qty") or 0
    cancelled = integer_of(row, "cnc_cfrm_qty", "cncl_cfrm_qty")
    rejected = integer_of(row, "rjct_qty")
    remaining = integer_of(row, "rmn_qty", "psbl_qty")
    if remaining is None:
        remaining = max(0, quantity - filled - (cancelled or 0) - (rejected or 0))
    original = order_number_of(row, "orgn_odno")
    average = decimal_of(row, "avg_prvs")
    venue = text_of(row, "excg_id_dvsn_cd")
    type_code = text_of(row, "ord_dvsn_cd")
    record = OrderRecord(
        account="default",
        order_no=order_number_of(row, "odno"),
        original_order_no=original or None,
        action=_action(row) if original else "new",
        ticker=text_of(row, "pdno"),
        name=text_of(row, "prdt_name") or None,
        side=side,
        order_type=domestic_name(type_code),
        venue=cast("OrderVenue", venue) if venue in get_args(OrderVenue) else "KRX",
        quantity=quantity,
        price=integer_of(row, "ord_unpr") or None,
        filled_quantity=filled,
        average_price=decimal_text(average) if average else None,
        cancelled_quantity=cancelled,
        rejected_quantity=rejected,
        remaining_quantity=remaining,
        state=order_state(
            quantity, filled=filled, remaining=remaining, rejected=(rejected or 0) >= max(quantity, 1)
        ),
        time=moment(date_of(row, "ord_dt") or today, time_of(row, "ord_tmd")),
    )
    return DomesticOrder(record, text_of(row, "ord_gno_brno", "krx_fwdg_ord_orgno"), type_code, row)


def _action(row: Row) -> OrderAction:
    """What was done to the original. KIS tells by a name, such as 매수취소*, in either list one of its own.

    The names of the history are from the portal's description of ``sll_buy_dvsn_cd_name``, not seen live.
    """
    name = text_of(row, "rvse_cncl_dvsn_name", "sll_buy_dvsn_cd_name")
    if ("정정" in name) == ("취소" in name):
        return "modify_or_cancel"
    return "modify" if "정정" in name else "cancel"


def order_state(quantity: int, *, filled: int, remaining: int, rejected: bool) -> OrderState:
    """The state that the quantities tell; KIS has no field for it.

    Args:
        quantity: Ordered.
        filled: Bought or sold so far.
        remaining: Still to be filled.
        rejected: The exchange refused it.
    """
    if rejected:
        return "rejected"
    if remaining > 0:
        return "partially_filled" if filled else "working"
    return "filled" if filled and filled >= quantity else "cancelled"
