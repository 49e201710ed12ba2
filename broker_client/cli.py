"""``broker-client``: one task from the command line.

Exit codes: 0 TASK_SUCCEED, 1 TASK_FAILED, 2 usage, 3 no answer, 130 interrupted.
"""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console

from broker_client.address import url_list
from broker_client.arguments import parse_parameters
from broker_client.call import check_timeout
from broker_client.client import Client, PendingTask
from broker_client.display import (
    ProgressBar,
    failure_line,
    failure_panel,
    matching_methods,
    method_page,
    methods_table,
    result_view,
    status_view,
)
from broker_client.errors import BrokerError, BrokerUnreachable, NoAnswer, OrderOutcomeUnknown, TaskFailed
from broker_client.protocol import is_order_method
from broker_client.results import TaskResult
from broker_client.version_option import VersionOption

__all__ = ["app", "main"]

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NO_ANSWER = 3
EXIT_INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Ask a sapi-broker worker over RabbitMQ. BROKER_URL (environment or .env) says where it is.",
)

UrlOption = Annotated[
    str | None, typer.Option("--url", help="The broker's URL instead of BROKER_URL.", metavar="URL")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="JSON on stdout, nothing else; the default without a terminal.")
]
TimeoutOption = Annotated[float, typer.Option("--timeout", help="Seconds to wait for the answer.")]


def main() -> int:
    """Run the command line; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A Korean Windows would write cp949 into a pipe; JSON is UTF-8.
        if isinstance(stream, io.TextIOWrapper) and not stream.isatty():
            stream.reconfigure(encoding="utf-8")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    # pika tells a refused connection in seven lines before our one.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
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
    try:
        plain = parse_parameters(parameters or ())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    as_json = as_json or not sys.stdout.isatty()
    with _errors_as_exits(method), _client(url, timeout) as client:
        result, message = _ask(client, method, plain, task_id, show_progress=not as_json)
        if as_json:
            _print_json_line(message)
        elif isinstance(result, TaskResult):
            Console().print(result_view(result))
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
    with _errors_as_exits(), _client(url, timeout) as client:
        rows = matching_methods(client.call("broker.list-methods").rows, pattern)
    exact = [row for row in rows if row.get("name") == pattern]
    if as_json or not sys.stdout.isatty():
        for row in exact or rows:
            typer.echo(json.dumps(row, ensure_ascii=False))
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
    with _errors_as_exits(), _client(url, timeout) as client:
        rows = client.call("broker.get-status").rows
    if as_json or not sys.stdout.isatty():
        for row in rows:
            typer.echo(json.dumps(row, ensure_ascii=False))
    else:
        Console().print(status_view(rows))


def _client(url: str | None, timeout: float) -> Client:
    try:
        check_timeout(timeout)
    except ValueError as error:
        raise typer.BadParameter(f"--{error}") from None
    try:
        return Client(url_list(url), timeout=timeout, name="broker-client command", on_task_id=_print_task_id)
    except ValueError as error:
        typer.echo(str(error) if url is None else f"--url: {error}", err=True)
        raise typer.Exit(EXIT_USAGE) from None


def _print_task_id(task_id: str, method: str) -> None:
    typer.echo(f"task_id: {task_id}", err=True)


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
            typer.echo(_resume_advice(task.task_id), err=True)
        raise
    finally:
        if bar is not None:
            bar.stop()
    return result, task.message or b""


def _resume_advice(task_id: str) -> str:
    return f"The order may have been placed. Ask again with the same arguments and --task-id {task_id}"


def _print_json_line(message: bytes) -> None:
    text = message.decode()
    if "\n" in text:
        text = json.dumps(json.loads(text), ensure_ascii=False)
    typer.echo(text)


@contextmanager
def _errors_as_exits(method: str | None = None) -> Iterator[None]:
    try:
        yield
    except TaskFailed as error:
        console = Console(stderr=True)
        if console.is_terminal:
            console.print(failure_panel(error, method))
        else:
            typer.echo(failure_line(error, method), err=True)
        raise typer.Exit(EXIT_FAILED) from None
    except OrderOutcomeUnknown as error:
        typer.echo(f"{error} {_resume_advice(error.task_id)}", err=True)
        raise typer.Exit(EXIT_NO_ANSWER) from None
    except NoAnswer as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_NO_ANSWER) from None
    except BrokerUnreachable as error:
        typer.echo(f"{error} (the broker is the one of BROKER_URL, or --url)", err=True)
        raise typer.Exit(EXIT_NO_ANSWER) from None
    except BrokerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_NO_ANSWER) from None
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_INTERRUPTED) from None


if __name__ == "__main__":
    sys.exit(main())
