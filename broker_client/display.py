"""Results and errors for people: rich tables, panels and a progress bar."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from typing import Any

import orjson
from rich.box import HEAVY_HEAD
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from broker_client.cells import cell, is_number, plain
from broker_client.errors import TaskFailed
from broker_client.hints import hint
from broker_client.protocol import TaskReply
from broker_client.results import TaskResult
from broker_client.tables import RowsTable, order_book_table

__all__ = [
    "ProgressBar",
    "failure_line",
    "failure_panel",
    "matching_methods",
    "method_page",
    "methods_table",
    "object_table",
    "result_view",
    "rows_table",
    "status_view",
]


def result_view(result: TaskResult) -> RenderableType:
    """One object as names and values, several rows as a table, plain values as lines."""
    parts: list[RenderableType] = []
    if not result.result:
        parts.append(Text("no rows", style="dim"))
    elif len(result.result) == 1 and isinstance(result.first, dict):
        parts.append(object_table(result.first))
    elif any(isinstance(element, dict) for element in result.result):
        parts.append(rows_table(result.rows))
    else:
        parts.extend(cell(element) for element in result.result)
    notes = [f"{len(result.result)} rows"] if len(result.result) > 1 else []
    if result.environment:
        notes.append(result.environment)
    if result.replayed:
        notes.append("replayed: the recorded outcome of an earlier call")
    if notes:
        parts.append(Text(" · ".join(notes), style="dim"))
    if result.truncated:
        parts.append(Text(f"truncated: {result.truncated}", style="yellow"))
    return Group(*parts)


def status_view(rows: Sequence[dict[str, Any]]) -> RenderableType:
    """``broker.get-status``: each worker as names and values, and in colour what needs a person.

    A row with ``error`` is of a worker, or of some, that did not answer.
    """
    parts: list[RenderableType] = []
    for row in rows:
        if "error" in row:
            parts.append(
                Text(": ".join(str(row[key]) for key in ("worker", "error") if row.get(key)), style="red")
            )
            continue
        parts.append(object_table(row))
        halt = row.get("halted")
        if isinstance(halt, dict):
            since, by, reason = (plain(halt.get(name)) for name in ("since", "by", "reason"))
            parts.append(Text(f"orders are halted since {since} by {by}: {reason}", style="red"))
    return Group(*parts)


def rows_table(rows: Sequence[dict[str, Any]], *, inner: bool = False) -> RenderableType:
    """Rows as a table that fits the terminal; numbers are aligned right, with thousands separators.

    Args:
        rows: At least one.
        inner: The table stands in a cell of another, so it has no frame of its own.
    """
    return RowsTable(rows, inner=inner)


def object_table(fields: dict[str, Any]) -> RenderableType:
    """One object as names and values, an order book as a book, lists of objects as tables below."""
    is_book = all(_is_rows(fields.get(side)) for side in ("asks", "bids"))
    below = {name: value for name, value in fields.items() if _is_rows(value)}
    raw = fields.get("raw")
    apart = {*below, "raw"} if isinstance(raw, dict) else set(below)
    beside = {name: value for name, value in fields.items() if name not in apart}
    parts: list[RenderableType] = []
    if is_book:
        del below["asks"], below["bids"]
        for name in ("total_ask_quantity", "total_bid_quantity"):
            beside.pop(name, None)
        parts.append(order_book_table(fields))
    if beside:
        parts.insert(0, _names_and_values(beside))
    for name, value in below.items():
        parts.append(Text(name, style="bold"))
        parts.append(rows_table(value))
    if isinstance(raw, dict):
        parts.append(Text("raw, as the vendor sent it", style="bold"))
        parts.append(_names_and_values(raw, untouched=True))
    return Group(*parts)


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(element, dict) for element in value)


def _names_and_values(fields: dict[str, Any], *, inner: bool = False, untouched: bool = False) -> Table:
    table = Table(show_header=False, box=None if inner else HEAVY_HEAD, pad_edge=not inner)
    table.add_column("name", style="bold", no_wrap=True)
    table.add_column("value", overflow="fold")
    numbers = [len(plain(value, name)) for name, value in fields.items() if is_number(value, name)]
    for name, value in fields.items():
        shown: RenderableType = cell(value, name)
        if untouched and isinstance(value, str):
            shown = Text(value)
        elif _is_rows(value):
            shown = rows_table(value, inner=True)
        elif isinstance(value, dict) and value:
            shown = _names_and_values(value, inner=True)
        elif is_number(value, name):
            shown = Text(plain(value, name).rjust(max(numbers)))
        table.add_row(name, shown)
    return table


def failure_line(error: TaskFailed, method: str | None = None) -> str:
    """A failed reply in one line of plain text.

    Args:
        method: What was called, for the advice.
    """
    parts = [f"TASK_FAILED {error}"]
    if said := _vendor_words(error):
        parts.append(f"({said})")
    if error.retryable:
        parts.append("[may succeed later]")
    if next_step := hint(error.code, method, error.task_id):
        parts.append(f"- next: {next_step}")
    return " ".join(" ".join(parts).split())


def _vendor_words(error: TaskFailed) -> str:
    """Vendor, code and text, as far as the message does not tell them already."""
    words = (error.vendor, error.vendor_code, error.vendor_message)
    told = all(not word or word in error.message for word in words[1:])
    return "" if told else " ".join(word for word in words if word)


def failure_panel(error: TaskFailed, method: str | None = None) -> Panel:
    """A failed reply for a terminal: code, message, the vendor's own words, what to do next.

    Args:
        method: What was called, for the advice.
    """
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    grid.add_row("reason", Text(error.message))
    if error.vendor:
        grid.add_row("vendor", Text(error.vendor))
    if error.vendor_code or error.vendor_message:
        said = " ".join(part for part in (error.vendor_code, error.vendor_message) if part)
        grid.add_row("its own words", Text(said))
    if error.retryable:
        grid.add_row("retry", Text("the same task may succeed later"))
    if next_step := hint(error.code, method, error.task_id):
        grid.add_row("next", Text(next_step))
    if error.task_id:
        grid.add_row("task_id", Text(error.task_id))
    return Panel(grid, title=Text(error.code), title_align="left", border_style="red")


def matching_methods(rows: Sequence[dict[str, Any]], pattern: str | None) -> list[dict[str, Any]]:
    """The methods whose name contains, or as a glob equals, ``pattern``; all of them without one.

    Where no name does, those whose summary has that text.
    """
    if not pattern:
        return list(rows)
    glob = pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*"
    named = [row for row in rows if fnmatch.fnmatchcase(str(row.get("name", "")), glob)]
    return named or [row for row in rows if pattern.lower() in str(row.get("summary", "")).lower()]


def methods_table(rows: Sequence[dict[str, Any]]) -> Table:
    """The method catalogue: name, kind and summary."""
    table = Table(header_style="bold")
    table.add_column("method", no_wrap=True)
    table.add_column("kind")
    table.add_column("summary", overflow="fold")
    for row in rows:
        table.add_row(cell(row.get("name")), cell(row.get("kind")), Text(_prose(row.get("summary"))))
    return table


def method_page(row: dict[str, Any]) -> RenderableType:
    """One method with its parameters and the line to try."""
    parts: list[RenderableType] = [
        Text(str(row.get("name")), style="bold"),
        Text(_prose(row.get("summary"))),
    ]
    schema = row.get("parameters") or {}
    required = set(schema.get("required", ()))
    properties: dict[str, dict[str, Any]] = schema.get("properties", {})
    if properties:
        table = Table(header_style="bold")
        for heading in ("parameter", "type", "default", "meaning"):
            table.add_column(heading, overflow="fold")
        for name, field in properties.items():
            default = Text("required") if name in required else cell(field.get("default"))
            table.add_row(
                Text(name),
                Text(_type_name(field, schema)),
                default,
                Text(_prose(field.get("description"))),
            )
        parts.append(table)
    example = row.get("example")
    if isinstance(example, dict):
        words = " ".join(f"{name}={_argument(value)}" for name, value in example.items())
        parts.append(Text(f"broker-client call {row.get('name')} {words}".rstrip()))
    return Group(*parts)


def _prose(text: object) -> str:
    """A docstring's text without its marks of code."""
    return str(text or "").replace("``", "")


def _argument(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return f"'{orjson.dumps(value).decode()}'"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _type_name(field: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in field:
        definition = schema.get("$defs", {}).get(str(field["$ref"]).rsplit("/", 1)[-1], {})
        return _type_name(definition, schema)
    if "enum" in field:
        return " | ".join(str(value) for value in field["enum"])
    if "const" in field:
        return str(field["const"])
    if choices := field.get("anyOf") or field.get("oneOf") or field.get("allOf"):
        names = [_type_name(choice, schema) for choice in choices if choice.get("type") != "null"]
        return " | ".join(dict.fromkeys(names))
    return str(field.get("format") or field.get("type") or "any")


class ProgressBar:
    """A bar on ``console`` that follows the ``progress`` status messages of one task.

    It appears with the first message, so a task of one page shows none.
    """

    def __init__(self, console: Console, label: str) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task(label, total=None)
        self._started = False

    def __call__(self, status: TaskReply) -> None:
        """Take one status message."""
        for event in status.result if isinstance(status.result, list) else ():
            if isinstance(event, dict) and event.get("type") == "progress":
                if not self._started:
                    self._started = True
                    self._progress.start()
                self._progress.update(self._task, completed=event.get("done"), total=event.get("total"))

    def stop(self) -> None:
        """Remove the bar."""
        if self._started:
            self._progress.stop()
