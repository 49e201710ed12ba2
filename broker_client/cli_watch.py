"""``broker-client watch``: live data as a table that follows it, or one line per event."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from broker_client.arguments import parse_parameters
from broker_client.cli_support import (
    TimeoutOption,
    UrlOption,
    errors_as_exits,
    open_client,
    print_message,
    print_warnings,
)
from broker_client.client import Client
from broker_client.errors import TaskFailed
from broker_client.stream import Stream
from broker_client.streams import Item, StreamEvent, StreamStatus
from broker_client.watch_lines import event_line, status_line
from broker_client.watch_view import WatchView

__all__ = ["watch"]

_REFRESHES = 4
"""Per second: the age of the prices is shown, so the table changes without an event too."""


def watch(
    method: Annotated[str, typer.Argument(help="Such as kis.subscribe-realtime-price.")],
    parameters: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=VALUE]...", help="Text, or JSON when it begins with { or [."),
    ] = None,
    timeout: TimeoutOption = 30.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Every message of the stream as it came, one per line.")
    ] = False,
    count: Annotated[int | None, typer.Option("--count", min=1, help="End after so many events.")] = None,
    url: UrlOption = None,
) -> None:
    """Subscribe and show what comes, until Ctrl-C. Without a terminal: one line per event.

    What this side notices itself (no connection, no answer from a worker) is below the table, else on stderr.
    """
    try:
        plain = parse_parameters(parameters or ())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with errors_as_exits(method), open_client(url, timeout) as client:
        try:
            stream = _open(client, method, plain, as_json=as_json)
            try:
                _follow(stream, count, as_json=as_json)
            finally:
                stream.close()
        except KeyboardInterrupt:
            # Interrupting is how watching ends.
            raise typer.Exit(0) from None


def _open(client: Client, method: str, parameters: dict[str, Any], *, as_json: bool) -> Stream:
    try:
        stream = client.stream_parameters(method, parameters)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    try:
        stream.open()
    except TaskFailed:
        if as_json and stream.ack_message is not None:
            print_message(stream.ack_message)
        raise
    if as_json:
        print_message(stream.ack_message or b"")
    print_warnings(stream.ack.warnings if stream.ack else ())
    return stream


def _follow(stream: Stream, count: int | None, *, as_json: bool) -> None:
    if as_json:
        _take(stream.messages(), count, _print_raw)
    elif not sys.stdout.isatty():
        _take(stream.messages(), count, _print_line)
    else:
        view = WatchView(stream, clock=lambda: datetime.now(UTC))
        live = Live(
            get_renderable=view.render,
            console=Console(),
            refresh_per_second=_REFRESHES,
            vertical_overflow="crop",
        )
        with live:
            _take(stream.messages(), count, view.add)


def _take(items: Iterable[Item], count: int | None, show: Callable[[Item], None]) -> None:
    events = 0
    for item in items:
        show(item)
        events += isinstance(item, StreamEvent)
        if events == count:
            return


def _print_raw(item: Item) -> None:
    if item.message is not None:
        print_message(item.message)
    elif isinstance(item, StreamStatus):
        typer.echo(status_line(item), err=True)


def _print_line(item: Item) -> None:
    if isinstance(item, StreamEvent):
        typer.echo(event_line(item))
    else:
        typer.echo(status_line(item), err=True)
