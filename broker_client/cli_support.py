"""What the commands of ``broker-client`` share: options, the client, and errors as exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console

from broker_client.address import url_list
from broker_client.call import check_timeout
from broker_client.client import Client
from broker_client.display import failure_line, failure_panel
from broker_client.errors import BrokerError, BrokerUnreachable, OrderOutcomeUnknown, StreamEnded, TaskFailed
from broker_client.hints import shell_word
from broker_client.order_effects import CANCEL_ALL, possible_effect

__all__ = [
    "EXIT_FAILED",
    "EXIT_INTERRUPTED",
    "EXIT_NO_ANSWER",
    "EXIT_USAGE",
    "JsonOption",
    "TimeoutOption",
    "UrlOption",
    "errors_as_exits",
    "for_people",
    "open_client",
    "print_message",
    "print_rows",
    "print_warnings",
    "resume_advice",
]

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NO_ANSWER = 3
EXIT_INTERRUPTED = 130

UrlOption = Annotated[
    str | None, typer.Option("--url", help="The broker's URL instead of BROKER_URL.", metavar="URL")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="JSON on stdout, nothing else; the default without a terminal.")
]
TimeoutOption = Annotated[float, typer.Option("--timeout", help="Seconds to wait for the answer.")]


def for_people(as_json: bool) -> bool:
    """Whether stdout is a terminal, and JSON was not asked for."""
    return not as_json and sys.stdout.isatty()


def print_message(message: bytes) -> None:
    """Print a reply message as one line of JSON."""
    text = message.decode()
    if "\n" in text:
        text = json.dumps(json.loads(text), ensure_ascii=False)
    typer.echo(text)


def print_rows(rows: Iterable[dict[str, Any]]) -> None:
    """Print one JSON line per row."""
    for row in rows:
        typer.echo(json.dumps(row, ensure_ascii=False))


def print_warnings(warnings: Iterable[str]) -> None:
    """Print what the worker found odd, on stderr."""
    for warning in warnings:
        typer.echo(f"warning: {' '.join(warning.split())}", err=True)


def open_client(url: str | None, timeout: float) -> Client:
    """Connect; what is wrong with the options or settings ends the command."""
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


def resume_advice(task_id: str, method: str) -> str:
    """What to do about an order that was not answered."""
    effect, task = possible_effect(method), shell_word(task_id)
    # A cancel of all is on record as one cancel for each order.
    look = "See what is open" if method == CANCEL_ALL else "See what became of it"
    orders = "broker-client orders" if method == CANCEL_ALL else f"broker-client orders {task}"
    return (
        f"{effect[0].upper()}{effect[1:]}. {look}: {orders}, "
        f"or ask again with the same arguments and --task-id {task}"
    )


@contextmanager
def errors_as_exits(method: str | None = None) -> Iterator[None]:
    """Print an error in one line, or as a panel on a terminal, and end with its exit code.

    Args:
        method: What is called, for the advice.
    """
    try:
        yield
    except TaskFailed as error:
        console = Console(stderr=True)
        if console.is_terminal:
            console.print(failure_panel(error, method))
        else:
            typer.echo(failure_line(error, method), err=True)
        raise typer.Exit(EXIT_FAILED) from None
    except StreamEnded as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_FAILED) from None
    except OrderOutcomeUnknown as error:
        typer.echo(f"{error} {resume_advice(error.task_id, error.method)}", err=True)
        raise typer.Exit(EXIT_NO_ANSWER) from None
    except BrokerUnreachable as error:
        typer.echo(f"{error} (the broker is the one of BROKER_URL, or --url)", err=True)
        raise typer.Exit(EXIT_NO_ANSWER) from None
    except BrokerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_NO_ANSWER) from None
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_INTERRUPTED) from None
