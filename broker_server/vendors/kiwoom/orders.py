"""The account's orders at Kiwoom: the open ones, and those of a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import cast

from broker_server.core.methods import Lane, Outcome, TaskContext
from broker_server.core.orders import Side
from broker_server.vendors.account_models import OrderAction, OrderRecord, OrderState
from broker_server.vendors.clock import Clock
from broker_server.vendors.kiwoom.backend import Backend, Tr
from broker_server.vendors.kiwoom.order_types import name_of, takes_no_price
from broker_server.vendors.kiwoom.reading import Row, readable, required_integer, time_of
from broker_server.vendors.kiwoom.trs import OPEN_ORDERS, ORDERS, trs
from broker_server.vendors.kiwoom.values import integer_of, order_number, price_of, ticker_of
from broker_server.vendors.parameters import OrderVenue
from broker_server.vendors.values import KST, decimal_text, moment

MOST_PAGES = 100
_REGISTERED_WITH_THE_CONTROL = "00"
_CENTS = Decimal("0.01")
_VENUES = ("KRX", "NXT", "SOR")


@dataclass(slots=True)
class Orders:
    """Orders as Kiwoom lists them, and why the list may stop early."""

    orders: list[OrderRecord] = field(default_factory=list)
    truncated: str | None = None

    def outcome(self, account: str, *, raw: bool, ticker: str | None) -> Outcome:
        """The records for a client."""
        records = [
            order.model_copy(update={"account": account} if raw else {"account": account, "raw": None})
            for order in self.orders
            if ticker is None or order.ticker == ticker
        ]
        return Outcome(records, self.truncated)

    def find(self, order_no: str) -> OrderRecord | None:
        """The order of that number; leading zeros do not matter."""
        wanted = order_number(order_no)
        return next((each for each in self.orders if each.order_no == wanted), None)

    def find_latest(self, order_no: str) -> OrderRecord | None:
        """The order of that number if it is open, else the open order that it was changed into, else itself.

        A change gives the changed shares a new number and leaves the old one without a remainder.
        """
        order = self.find(order_no)
        if order is None or is_open(order):
            return order
        lineage = {order_number(order_no)}
        grown = True
        while grown:
            heirs = [each for each in self.orders if each.original_order_no in lineage]
            for heir in heirs:
                if is_open(heir):
                    return heir
            before = len(lineage)
            lineage |= {heir.order_no for heir in heirs}
            grown = len(lineage) > before
        return order


class OrderBook:
    """Asks Kiwoom for orders.

    Args:
        backend: The way to Kiwoom.
        account: Ten digits; ``None`` where the key or the login tells it.
        clock: What today is.
    """

    def __init__(self, backend: Backend, account: str | None, clock: Clock) -> None:
        self._backend = backend
        self._account = account
        self._clock = clock

    def today(self) -> date:
        """Today in Korea."""
        return self._clock.now().astimezone(KST).date()

    def open_orders(self, context: TaskContext, lane: Lane) -> Orders:
        """Orders with a remainder."""
        inputs = {
            "account": self._account or "",
            "scope": "0",
            "side": "0",
            "stock_code": "",
            "filled": "1",
        }
        rows, truncated = self._pages(trs()[OPEN_ORDERS], inputs, context, lane)
        with readable("open orders"):
            found = [_open(row, self.today()) for row in rows if _has_number(row)]
        # A list that changes while it is paged may show an order twice: the later page is the newer reading.
        return Orders(list({each.order_no: each for each in found}.values()), truncated)

    def history(self, first: date, last: date, context: TaskContext, lane: Lane) -> Orders:
        """Orders of a period, the newest day first; Kiwoom is asked day by day."""
        found = Orders()
        day = last
        while day >= first:
            listed = self.of_day(day, context, lane)
            found.orders += listed.orders
            found.truncated = found.truncated or listed.truncated
            day -= timedelta(days=1)
        return found

    def of_day(self, day: date, context: TaskContext, lane: Lane) -> Orders:
        """Every order of one day, newest first."""
        inputs = {
            "day": f"{day:%Y%m%d}",
            **account_inputs(self._account),
            "query_type": "2",
            "asset": "1",
            "side": "0",
            "stock_code": "",
            "from_order": "",
        }
        rows, truncated = self._pages(trs()[ORDERS], inputs, context, lane)
        with readable("orders"):
            return Orders([_listed(row, day) for row in rows if _has_number(row)], truncated)

    def find(self, order_no: str, context: TaskContext, lane: Lane) -> OrderRecord | None:
        """What a change or a cancel of today's order would be about: see `Orders.find_latest`."""
        order = self.open_orders(context, lane).find(order_no)
        if order is not None:
            return order
        return self.of_day(self.today(), context, lane).find_latest(order_no)

    def _pages(
        self, tr: Tr, inputs: Mapping[str, str], context: TaskContext, lane: Lane
    ) -> tuple[list[Row], str | None]:
        rows: list[Row] = []
        after: str | None = None
        for pages in range(1, MOST_PAGES + 1):
            page = self._backend.request(tr, inputs, context, lane, after=after)
            rows += page.rows
            if page.more is None:
                return rows, None
            context.report_progress(pages, None)
            after = page.more
        return rows, f"Kiwoom had more than {MOST_PAGES} pages"


def account_inputs(account: str | None) -> dict[str, str]:
    """What the control wants of an account; the password is registered with it, never given."""
    return {"account": account or "", "password": "", "password_medium": _REGISTERED_WITH_THE_CONTROL}


def listed_venue(order: OrderRecord) -> OrderVenue | None:
    """Where an order is as Kiwoom's list has it; ``None`` if that is no name of a venue that is known."""
    told = str((order.raw or {}).get("venue", "")).strip()
    return order.venue if told in _VENUES else None


def is_open(order: OrderRecord) -> bool:
    """Whether shares are still to be filled."""
    return order.remaining_quantity > 0


def _has_number(row: Row) -> bool:
    return bool(row["order_no"].strip("0 "))


def _open(row: Row, today: date) -> OrderRecord:
    quantity, remaining = required_integer(row, "quantity"), required_integer(row, "remaining")
    filled = integer_of(row["filled"]) or 0
    average = None
    if filled:
        amount = integer_of(row["filled_amount"])
        average = Decimal(amount) / filled if amount else None
    return _record(
        row,
        quantity=quantity,
        remaining=remaining,
        filled=filled,
        average=None if average is None else decimal_text(average.quantize(_CENTS)),
        cancelled=max(0, quantity - filled - remaining),
        rejected=False,
        action=_action(row["kind"], row["original"]),
        venue="SOR" if row["sor"].strip() == "Y" else row["venue"].strip(),
        day=today,
    )


def _listed(row: Row, day: date) -> OrderRecord:
    quantity, remaining = required_integer(row, "quantity"), integer_of(row["remaining"]) or 0
    filled = integer_of(row["filled"]) or 0
    price = price_of(row["fill_price"])
    rejected = "거부" in row["receipt"]
    return _record(
        row,
        quantity=quantity,
        remaining=0 if rejected else remaining,
        filled=filled,
        average=str(price) if filled and price else None,
        cancelled=0 if rejected else max(0, quantity - filled - remaining),
        rejected=rejected,
        action=_action(row["change"] + row["kind"], row["original"]),
        venue=row["venue"].strip(),
        day=day,
    )


def _record(
    row: Row,
    *,
    quantity: int,
    remaining: int,
    filled: int,
    average: str | None,
    cancelled: int,
    rejected: bool,
    action: OrderAction,
    venue: str,
    day: date,
) -> OrderRecord:
    kind = name_of(row["type"])
    side: Side = "sell" if "매도" in row["kind"] else "buy"
    if side == "buy" and "매수" not in row["kind"]:
        raise ValueError(f"{row['kind']!r} is neither buy nor sell")
    original = row["original"].strip()
    return OrderRecord(
        account="default",
        order_no=order_number(row["order_no"]),
        original_order_no=order_number(original) if original.strip("0") else None,
        action=action,
        ticker=ticker_of(row["stock_code"]),
        name=row["name"].strip() or None,
        side=side,
        order_type=kind,
        venue=cast("OrderVenue", venue) if venue in _VENUES else "KRX",
        quantity=quantity,
        price=None if takes_no_price(kind) else price_of(row["price"]),
        filled_quantity=filled,
        average_price=average,
        cancelled_quantity=cancelled,
        rejected_quantity=quantity if rejected else 0,
        remaining_quantity=remaining,
        state=_state(quantity, filled=filled, remaining=remaining, rejected=rejected),
        time=moment(day, time_of(row["time"])),
        raw=dict(row),
    )


def _action(kind: str, original: str) -> OrderAction:
    if "정정" in kind:
        return "modify"
    if "취소" in kind:
        return "cancel"
    return "modify_or_cancel" if original.strip("0 ") else "new"


def _state(quantity: int, *, filled: int, remaining: int, rejected: bool) -> OrderState:
    if rejected:
        return "rejected"
    if remaining > 0:
        return "partially_filled" if filled else "working"
    return "filled" if filled and filled >= quantity else "cancelled"
