"""Orders for people: a list that stays readable at 80 columns, and one order with its history."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from broker_client.cells import NOTHING
from broker_client.hints import shell_word
from broker_client.order_records import OrderRecord, OrderStep
from broker_client.tables import joined

__all__ = ["KST", "OrdersTable", "order_page"]

KST = timezone(timedelta(hours=9), "KST")
"""Korea has no summer time."""

_GAP = 2
# What does not fit beside the rest moves to a second line, in this order.
_SECOND_LINE = ("task_id", "order_no", "time", "status")
_RIGHT = {"filled", "price", "average"}
_STYLES = {
    "UNKNOWN": "bold red",
    "SENDING": "yellow",
    "RECEIVED": "yellow",
    "REJECTED": "red",
    "NOT_SENT": "red",
    "REFUSED": "red",
    "working": "cyan",
    "partially_filled": "cyan",
    "filled": "green",
    "cancelled": "dim",
    "rejected_by_exchange": "red",
}


class OrdersTable:
    """Orders, the open ones first; what does not fit in a line stands in a second one below it.

    Args:
        orders: As the worker lists them, newest first.
        environment: The worker's.
        truncated: Why there are more than these.
    """

    def __init__(
        self, orders: Sequence[OrderRecord], *, environment: str | None = None, truncated: str | None = None
    ) -> None:
        self._open = [order for order in orders if order.is_open]
        self._done = [order for order in orders if not order.is_open]
        self._environment = environment
        self._truncated = truncated
        self._format, self._day = _time_format([order.received_at for order in orders])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Choose the columns of the first line for the width at hand."""
        orders = [*self._open, *self._done]
        if not orders:
            yield Text("no such order on record", style="dim")
            return
        rows = [self._cells(order) for order in orders]
        first, second = _split(rows, options.max_width)
        widths = {name: _width(rows, name) for name in first}
        yield _line({name: name for name in first}, widths, bold=True)
        yield Text("─" * min(options.max_width, _total(widths)), style="dim")
        for number, (order, row) in enumerate(zip(orders, rows, strict=True)):
            if 0 < number == len(self._open):
                yield Text("─" * min(options.max_width, _total(widths)), style="dim")
            yield _line(row, widths)
            yield from _below(order, row, second, options.max_width)
        yield from self._notes(len(orders), options.max_width)

    def _cells(self, order: OrderRecord) -> dict[str, str]:
        return {
            "time": order.received_at.astimezone(KST).strftime(self._format),
            "state": order.state,
            "status": order.status or NOTHING,
            "order": _what(order),
            "filled": _filled(order),
            "price": _price(order),
            "average": NOTHING if order.average_price is None else f"{order.average_price:,f}",
            "order_no": order.order_no or NOTHING,
            "task_id": order.task_id,
        }

    def _notes(self, count: int, width: int) -> Iterator[Text]:
        unknown = sum(not order.is_settled for order in self._open)
        notes = [
            f"{count} order{'' if count == 1 else 's'}",
            f"{len(self._open)} open",
            *([f"{unknown} not settled"] if unknown else []),
            f"times in Korea (KST){f', {self._day}' if self._day else ''}",
            *([self._environment] if self._environment else []),
        ]
        for line in joined(notes, width):
            yield Text(line, style="dim")
        if self._truncated:
            yield Text(f"{self._truncated}: --limit shows more, --open those that may change", style="yellow")


def _time_format(moments: Sequence[datetime]) -> tuple[str, str | None]:
    """The shortest format that tells the moments apart, and the day that all of them share."""
    days = {moment.astimezone(KST).date() for moment in moments}
    if len(days) == 1:
        return "%H:%M:%S", days.pop().isoformat()
    if len({day.year for day in days}) == 1:
        return "%m-%d %H:%M:%S", None
    return "%Y-%m-%d %H:%M:%S", None


def _split(rows: Sequence[dict[str, str]], width: int) -> tuple[list[str], list[str]]:
    first, second = list(rows[0]), list[str]()
    for name in _SECOND_LINE:
        if _total({each: _width(rows, each) for each in first}) <= width:
            break
        first.remove(name)
        second.insert(0, name)
    return first, second


def _width(rows: Sequence[dict[str, str]], name: str) -> int:
    return max(cell_len(name), *(cell_len(row[name]) for row in rows))


def _total(widths: dict[str, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)


def _line(row: dict[str, str], widths: dict[str, int], *, bold: bool = False) -> Text:
    line = Text(style="bold" if bold else "", overflow="fold")
    for number, (name, width) in enumerate(widths.items()):
        text = row[name]
        padding = " " * (width - cell_len(text))
        style = "" if bold else "dim" if text == NOTHING else _STYLES.get(text, "")
        line.append(" " * (_GAP if number else 0))
        line.append(padding if name in _RIGHT else "")
        line.append(text, style=style)
        line.append("" if name in _RIGHT else padding)
    line.rstrip()
    return line


def _below(
    order: OrderRecord, row: dict[str, str], names: Sequence[str], width: int
) -> Iterator[RenderableType]:
    said = [row[name] for name in names if row[name] != NOTHING]
    if order.original_order_no:
        said.append(f"of {order.original_order_no}")
    if said:
        yield Padding(Text("  ".join(said), style="dim", overflow="fold"), (0, 0, 0, _GAP), expand=False)
    if why := _why(order):
        yield Padding(Text(why, style="yellow", overflow="fold"), (0, 0, 0, _GAP), expand=False)


def _what(order: OrderRecord) -> str:
    return f"{order.action} {order.ticker or ''}".rstrip()


def _filled(order: OrderRecord) -> str:
    quantity = "all" if order.quantity is None else f"{order.quantity:,}"
    return f"{order.filled_quantity:,}/{quantity}" if order.action in ("buy", "sell") else quantity


def _price(order: OrderRecord) -> str:
    if order.price is None:
        return NOTHING if order.action == "cancel" else order.order_type or NOTHING
    return _amount(order.price, order.currency)


def _amount(amount: Decimal, currency: str | None) -> str:
    return f"{amount:,f}" if currency in (None, "KRW") else f"{amount:,f} {currency}"


def _why(order: OrderRecord) -> str | None:
    """Why it was not accepted, or did not last."""
    if order.state == "ACCEPTED" and order.status != "rejected_by_exchange":
        return None
    words = [order.reason or ""]
    words += [said for said in (order.vendor_code, order.vendor_message) if said and said not in words[0]]
    return " · ".join(word for word in words if word) or None


def order_page(order: OrderRecord) -> RenderableType:
    """One order: what it is, every step of it, and what can be done now."""
    parts: list[RenderableType] = [_facts(order)]
    if order.history:
        parts += ["", *_timeline(order.history)]
    if advice := _advice(order):
        parts += ["", Text(advice, style="yellow")]
    return Group(*parts)


def _facts(order: OrderRecord) -> Table:
    grid = Table.grid(padding=(0, _GAP))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    verdict = Text(order.state, style=_STYLES.get(order.state, ""))
    if order.status:
        verdict.append("  ").append(order.status, style=_STYLES.get(order.status, ""))
    at = _price(order)
    quantity = "all" if order.quantity is None else f"{order.quantity:,}"
    venue = f" ({order.venue})" if order.venue else ""
    filled = _filled(order)
    if order.average_price is not None:
        filled += f" at {_amount(order.average_price, order.currency)}"
    rows = {
        "state": verdict,
        "why": _why(order),
        "order": f"{_what(order)}, {quantity}{'' if at == NOTHING else f' at {at}'}{venue}",
        "filled": filled if order.action in ("buy", "sell") else None,
        "order_no": order.order_no,
        "of order_no": order.original_order_no,
        "task_id": order.task_id,
        "account": f"{order.vendor}/{order.account}",
        "asked by": order.user,
    }
    for name, value in rows.items():
        if value is not None:
            grid.add_row(name, value if isinstance(value, Text) else Text(value))
    return grid


def _timeline(steps: Sequence[OrderStep]) -> Iterator[RenderableType]:
    days = [step.at.astimezone(KST).date() for step in steps]
    for number, (step, day) in enumerate(zip(steps, days, strict=True)):
        if number == 0 or day != days[number - 1]:
            yield Text(f"{day.isoformat()} KST", style="bold")
        line = Text(step.at.astimezone(KST).strftime("%H:%M:%S.%f")[:-3])
        shown = step.status or step.state
        line.append(" ● ", style=_STYLES.get(shown, "")).append(f"{step.event:<10} ")
        line.append(step.state, style=_STYLES.get(step.state, ""))
        if step.status:
            line.append(f" {step.status}", style=_STYLES.get(step.status, ""))
        if step.filled_quantity:
            line.append(f", {step.filled_quantity:,} filled")
        if number == 0 or step.by != steps[number - 1].by:
            line.append(f"  by {step.by}", style="dim")
        yield line
        if step.reason:
            yield Padding(Text(step.reason, style="dim", overflow="fold"), (0, 0, 0, 15), expand=False)


def _advice(order: OrderRecord) -> str | None:
    task_id = shell_word(order.task_id)
    if order.stuck:
        return (
            "Compare the brokerage's own list, then settle it by hand: broker-client call "
            f"broker.resolve-order task_id={task_id} state=ACCEPTED order_no=… reason=… "
            "(or state=NOT_SENT, state=REJECTED)"
        )
    if not order.is_settled:
        return "Do not send it again: the worker finds out what became of it."
    if order.is_open and order.order_no and order.action in ("buy", "sell"):
        cancel = re.sub(r"\.(buy|sell)-", ".cancel-", order.method)
        return f"Take it back: broker-client call {cancel} order_no={order.order_no}"
    return None
