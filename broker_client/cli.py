"""``broker-client``: tasks from the command line.

Exit codes: 0 TASK_SUCCEED, 1 TASK_FAILED, 2 usage, 3 no answer, 130 interrupted; interrupting ``watch`` is 0.
"""

from __future__ import annotations

import io
import logging
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

from broker_client.arguments import parse_parameters
from broker_client.cli_mcp import mcp
from broker_client.cli_orders import halt, orders, resume
from broker_client.cli_support import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    JsonOption,
    TimeoutOption,
    UrlOption,
    errors_as_exits,
    for_people,
    open_client,
    print_message,
    print_rows,
    print_warnings,
    resume_advice,
)
from broker_client.cli_watch import watch
from broker_client.client import Client, PendingTask
from broker_client.display import (
    ProgressBar,
    matching_methods,
    method_page,
    methods_table,
    result_view,
    status_view,
)
from broker_client.errors import TaskFailed
from broker_client.protocol import decode_reply, is_order_method, is_subscription
from broker_client.results import TaskResult
from broker_client.version_option import VersionOption

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Ask a sapi-broker worker over RabbitMQ. BROKER_URL (environment or .env) says where it is.",
)


def main() -> int:
    """Run the command line; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A Korean Windows would write cp949 into a pipe; JSON is UTF-8.
        if isinstance(stream, io.TextIOWrapper) and not stream.isatty():
            stream.reconfigure(encoding="utf-8")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    # They tell a refused connection before our one line, pika in seven.
    for library in ("pika", "aiormq"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        app(standalone_mode=True)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


@app.callback()
def _options(version: VersionOption = False) -> None:
    pass


@app.command()
def call(
    method: Annotated[str, typer.Argument(help="Such as kis.get-current-price.")],
    parameters: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=VALUE]...", help="Text, or JSON when it begins with { or [."),
    ] = None,
    timeout: TimeoutOption = 30.0,
    as_json: JsonOption = False,
    task_id: Annotated[
        str | None,
        typer.Option(
            "--task-id", metavar="ID", help="Repeat, or name, a task: an order runs once under one id."
        ),
    ] = None,
    url: UrlOption = None,
) -> None:
    """Run one task and print its answer."""
    if is_subscription(method):
        raise typer.BadParameter(f"{method} goes on after its answer; use broker-client watch {method} …")
    try:
        plain = parse_parameters(parameters or ())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    people = for_people(as_json)
    with errors_as_exits(method), open_client(url, timeout) as client:
        result, message = _ask(client, method, plain, task_id, show_progress=people)
        if not people:
            print_message(message)
        elif isinstance(result, TaskResult):
            Console().print(result_view(result))
        print_warnings(decode_reply(message).warnings)
        if isinstance(result, TaskFailed):
            raise result


@app.command()
def methods(
    pattern: Annotated[
        str | None, typer.Argument(help="Part of a name, a glob such as 'kis.*', or a whole name.")
    ] = None,
    timeout: TimeoutOption = 10.0,
    as_json: JsonOption = False,
    url: UrlOption = None,
) -> None:
    """List what the worker offers; a whole name shows its parameters. JSON: one method per line."""
    with errors_as_exits(), open_client(url, timeout) as client:
        rows = matching_methods(client.call("broker.list-methods").rows, pattern)
    exact = [row for row in rows if row.get("name") == pattern]
    if not for_people(as_json):
        print_rows(exact or rows)
    elif exact:
        Console().print(method_page(exact[0]))
    else:
        Console().print(methods_table(rows))
    if not rows:
        typer.echo(f"no method matches {pattern!r}", err=True)
        raise typer.Exit(EXIT_FAILED)


@app.command()
def status(timeout: TimeoutOption = 10.0, as_json: JsonOption = False, url: UrlOption = None) -> None:
    """Show how the workers are, the one that answers first. JSON: one worker per line."""
    with errors_as_exits(), open_client(url, timeout) as client:
        rows = client.call("broker.get-status").rows
    if for_people(as_json):
        Console().print(status_view(rows))
    else:
        print_rows(rows)


# After the commands above: the help lists them in this order, what a newcomer needs first.
app.command()(watch)
app.command()(orders)
app.command()(halt)
app.command()(resume)
app.command()(mcp)


def _ask(
    client: Client, method: str, parameters: dict[str, Any], task_id: str | None, *, show_progress: bool
) -> tuple[TaskResult | TaskFailed, bytes]:
    bar = ProgressBar(Console(stderr=True), method) if show_progress and not is_order_method(method) else None
    task: PendingTask | None = None
    try:
        try:
            task = client.send_parameters(method, parameters, task_id=task_id, on_progress=bar)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        result: TaskResult | TaskFailed = task.result()
    except TaskFailed as error:
        if task is None or task.message is None:
            raise
        result = error
    except KeyboardInterrupt:
        if task is not None and is_order_method(method):
            typer.echo(resume_advice(task.task_id, method), err=True)
        raise
    finally:
        if bar is not None:
            bar.stop()
    return result, task.message or b""


if __name__ == "__main__":
    sys.exit(main())
