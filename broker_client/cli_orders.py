"""The commands of ``broker-client`` about orders: what became of them, and the kill switch."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console

from broker_client.cli_support import (
    JsonOption,
    TimeoutOption,
    UrlOption,
    errors_as_exits,
    for_people,
    open_client,
    print_rows,
)
from broker_client.display import result_view
from broker_client.order_display import OrdersTable, order_page
from broker_client.order_records import OrderRecord, read_order

__all__ = ["halt", "orders", "resume"]

ReasonArgument = Annotated[str, typer.Argument(help="For whoever finds orders halted or resumed.")]


def orders(
    task_id: Annotated[str | None, typer.Argument(help="One order, with every step of it.")] = None,
    order_no: Annotated[
        str | None, typer.Option("--order-no", metavar="N", help="The same, by the brokerage's number.")
    ] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that may still change.")] = False,
    ticker: Annotated[str | None, typer.Option("--ticker", help="Only of that instrument.")] = None,
    state: Annotated[
        str | None, typer.Option("--state", help="Only in that state, such as UNKNOWN or ACCEPTED.")
    ] = None,
    day: Annotated[
        str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="Only of that day in Korea.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", help="At most so many; 100 if not given.")] = None,
    timeout: TimeoutOption = 10.0,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Show what became of orders, open ones first, newest first. JSON: one order per line."""
    filters = {
        "ticker": ticker,
        "state": None if state is None else state.upper().replace("-", "_"),
        "day": day,
        "limit": limit,
        "open": only_open or None,
    }
    given = {name: value for name, value in filters.items() if value is not None}
    if task_id is not None and order_no is not None:
        raise typer.BadParameter("give TASK_ID or --order-no, not both")
    if (task_id is not None or order_no is not None) and given:
        raise typer.BadParameter(f"one order takes no --{next(iter(given))}")
    if task_id is not None:
        _show_one({"task_id": task_id}, timeout, as_json, url)
    elif order_no is not None:
        _show_one({"order_no": order_no}, timeout, as_json, url)
    else:
        _show_list(given, timeout, as_json, url)


def _show_one(parameters: dict[str, Any], timeout: float, as_json: bool, url: str | None) -> None:
    method = "broker.get-order"
    with errors_as_exits(method), open_client(url, timeout) as client:
        result = client.send_parameters(method, parameters).result()
        if for_people(as_json):
            Console().print(order_page(read_order(result)))
        else:
            print_rows(result.rows)


def _show_list(parameters: dict[str, Any], timeout: float, as_json: bool, url: str | None) -> None:
    method = "broker.list-orders"
    with errors_as_exits(method), open_client(url, timeout) as client:
        result = client.send_parameters(method, parameters).result()
    if for_people(as_json):
        records = [OrderRecord.model_validate(row) for row in result.rows]
        Console().print(OrdersTable(records, environment=result.environment, truncated=result.truncated))
        return
    print_rows(result.rows)
    if result.truncated:
        typer.echo(f"truncated: {result.truncated}", err=True)


def halt(
    reason: ReasonArgument = "broker-client halt",
    timeout: TimeoutOption = 10.0,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Let no worker send another order, cancels excepted. Repeat it until it succeeds."""
    _switch("broker.halt-orders", reason, timeout, as_json, url)


def resume(
    reason: ReasonArgument = "broker-client resume",
    timeout: TimeoutOption = 10.0,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """Let the workers send orders again."""
    _switch("broker.resume-orders", reason, timeout, as_json, url)


def _switch(method: str, reason: str, timeout: float, as_json: bool, url: str | None) -> None:
    with errors_as_exits(method), open_client(url, timeout) as client:
        result = client.call(method, reason=reason)
    if for_people(as_json):
        Console().print(result_view(result))
    else:
        print_rows(result.rows)
