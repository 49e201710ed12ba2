"""The table of ``broker-client watch``: what a stream brought so far, for a terminal."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from rich.box import HEAVY_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from broker_client.cells import NOTHING, cell
from broker_client.display import object_table
from broker_client.stream import Stream
from broker_client.streams import Item, StreamEvent, StreamStatus
from broker_client.tables import order_book_table
from broker_client.watch_lines import clock_time, name_of, signed, status_line

__all__ = ["WatchView"]

_PRICES = ("trade", "expected_trade", "index")
_TROUBLES = {
    "disconnected": "no connection to RabbitMQ",
    "unanswered": "no worker confirms the subscription",
}
"""This client's own states that last until the next of them."""
_MAX_EXECUTIONS = 200
_LINES_AROUND = 6
"""Of the terminal's height, what the frame of a table and the lines below it take."""


class WatchView:
    """Takes events and statuses in one thread, and is drawn in another.

    Args:
        stream: Whose they are.
        clock: The current time with an offset.
    """

    def __init__(self, stream: Stream, *, clock: Callable[[], datetime]) -> None:
        self._title = stream.method
        self._environment = stream.ack.environment if stream.ack else None
        self._clock = clock
        self._latest: dict[str, StreamEvent] = {}
        self._executions: deque[StreamEvent] = deque(maxlen=_MAX_EXECUTIONS)
        self._states: dict[str | None, StreamStatus] = {}
        self._own_status: StreamStatus | None = None
        self._last_status: StreamStatus | None = None
        self._events = 0
        self._missed = 0
        self._unknown_gaps = 0
        self._lock = threading.Lock()

    def add(self, item: Item) -> None:
        """Take an event or a status."""
        with self._lock:
            if isinstance(item, StreamStatus):
                self._last_status = item
                if item.message is None:
                    self._own_status = item
                else:
                    self._states[item.key] = item
                return
            self._events += 1
            self._missed += item.missed or 0
            self._unknown_gaps += item.missed is None
            if item.data.get("type") == "execution":
                self._executions.append(item)
            else:
                self._latest[item.key or name_of(item)] = item

    def render(self) -> RenderableType:
        """What is known by now."""
        with self._lock:
            return Group(*self._parts())

    def _parts(self) -> Iterator[RenderableType]:
        latest = list(self._latest.values())
        prices = [event for event in latest if event.data.get("type") in _PRICES]
        if prices:
            yield self._price_table(prices)
        for event in latest:
            if event not in prices:
                yield Text(" · ".join([name_of(event), *self._age_and_state(event)]), style="bold")
                is_book = isinstance(event.data.get("asks"), list) and isinstance(
                    event.data.get("bids"), list
                )
                yield order_book_table(event.data) if is_book else object_table(_shown(event.data))
        if self._executions:
            yield _Executions(list(self._executions))
        yield self._summary()

    def _price_table(self, events: list[StreamEvent]) -> Table:
        table = Table(header_style="bold", box=HEAVY_HEAD)
        for heading in ("ticker", "price", "change", "rate %", "volume", "time", "age", "state"):
            left = heading in ("ticker", "time", "state")
            table.add_column(heading, justify="left" if left else "right", no_wrap=True)
        for event in events:
            data = event.data
            style = _colour(data.get("change"))
            age, state = self._age_and_state(event)
            table.add_row(
                Text(name_of(event)),
                _styled(cell(data.get("price", data.get("value")), "price"), style),
                Text(signed(data.get("change"), "change"), style=style),
                Text(signed(data.get("change_rate"), "change_rate"), style=style),
                cell(data.get("volume")),
                Text(clock_time(data.get("time")) or NOTHING),
                Text(age),
                Text(state, style="" if state in ("live", "realtime") else "yellow"),
            )
        return table

    def _age_and_state(self, event: StreamEvent) -> tuple[str, str]:
        seconds = max(0.0, (self._clock() - event.received_at).total_seconds())
        status = self._states.get(event.key)
        state = event.mode
        if status is not None and status.received_at > event.received_at:
            state = status.state
        words = ["expected"] if event.data.get("expected") else []
        words += ["snapshot"] if event.snapshot and state == "realtime" else [state]
        return _age(seconds), " ".join(words)

    def _summary(self) -> Text:
        words = [self._title, *([self._environment] if self._environment else []), f"{self._events:,} events"]
        if self._missed or self._unknown_gaps:
            words.append(f"missed {self._missed:,}{' or more' if self._unknown_gaps else ''}")
        line = Text(" · ".join(words), style="dim")
        own = self._own_status
        if own is not None and own.state in _TROUBLES:
            line.append(f"\n{_TROUBLES[own.state]}: {own.reason or 'lost'}", style="red")
        elif self._last_status is not None:
            at = self._last_status.received_at.astimezone().strftime("%H:%M:%S")
            line.append(f"\n{at} {status_line(self._last_status)}", style="yellow")
        line.append("\nCtrl-C ends it", style="dim")
        return line


class _Executions:
    """The newest executions at the bottom, as many as the terminal is high."""

    def __init__(self, events: list[StreamEvent]) -> None:
        self._events = events

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table(header_style="bold", box=HEAVY_HEAD)
        names = ("time", "ticker", "event", "action", "side", "quantity", "price", "order_no", "")
        for name in names:
            table.add_column(name, justify="right" if name in ("quantity", "price") else "left", no_wrap=True)
        for event in self._events[-max(1, console.height - _LINES_AROUND) :]:
            data = event.data
            table.add_row(
                Text(clock_time(data.get("time")) or NOTHING),
                Text(name_of(event)),
                *(cell(data.get(name), name) for name in names[2:-1]),
                Text("recovered" if event.recovered else "", style="yellow"),
            )
        yield table


def _shown(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in ("type", "vendor") and value != {}}


def _age(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"


def _colour(change: Any) -> str:
    """Red for a rise and blue for a fall, as in Korea."""
    text = str(change or "")
    if not text.strip("-0."):
        return ""
    return "blue" if text.startswith("-") else "red"


def _styled(text: Text, style: str) -> Text:
    if style:
        text.stylize(style)
    return text
