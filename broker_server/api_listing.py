"""``broker-server methods --apis`` and ``broker-server methods kis.call API``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import orjson
from pydantic import BaseModel
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from broker_client.errors import InvalidParameters
from broker_server.vendors.kis.api_descriptions import (
    ApiDescription,
    describe_api,
    example_line,
    list_apis,
)

CALLS = ("kis.call", "kis.call-order", "kis.call-cancel")


def print_apis(pattern: str, *, as_json: bool) -> bool:
    """Print the APIs that a text is found in.

    Returns:
        Whether there is one.
    """
    lines = list_apis(pattern)
    if not lines:
        sys.stderr.write(f"no API of KIS matches {pattern!r}\n")
        return False
    if as_json:
        _write_json(lines)
        return True
    table = Table(Column("API", no_wrap=True, style="bold"), "called by", "what it is", box=SIMPLE_HEAD)
    for line in lines:
        table.add_row(line.api, line.method, escape(line.title))
    console = Console()
    console.print(table)
    console.print(f"{len(lines)} APIs; broker-server methods kis.call {lines[0].api} explains the first")
    return True


def print_api(method: str, name: str, *, as_json: bool) -> bool:
    """Print what an API takes.

    Returns:
        Whether there is such an API.
    """
    if method not in CALLS:
        sys.stderr.write(f"an API of KIS is explained after {', '.join(CALLS)}, not after {method!r}\n")
        return False
    try:
        description = describe_api(name)
    except InvalidParameters as error:
        sys.stderr.write(f"{error.message}\n")
        return False
    if as_json:
        _write_json([description])
    else:
        _print_description(description)
    return True


def _print_description(description: ApiDescription) -> None:
    console = Console()
    console.print(f"[bold]{description.api}[/]  {escape(description.title)}")
    console.print(f"called by {description.method}; {description.http} {description.path}", highlight=False)
    for environment, ids in description.tr_ids.items():
        console.print(f"TR id, {environment}: {', '.join(ids) or 'none'}", highlight=False)
    if description.not_on_paper is not None:
        console.print(f"not offered in paper trading: {description.not_on_paper}", highlight=False)
    if description.reconciled is False:
        console.print(
            "no list of orders shows what it places: on a live account only if ALLOW_UNRECONCILED_ORDERS "
            "names it (cancels always)"
        )
    if description.from_settings:
        console.print(f"added from the settings: {', '.join(description.from_settings)}")
    table = Table(Column("argument", no_wrap=True, style="bold"), "", "what it is", "values", box=SIMPLE_HEAD)
    for each in description.arguments:
        need = "required" if each.required else f"default {each.default!r}" if each.default else ""
        table.add_row(each.name, need, escape(each.label), escape(each.values))
    if description.arguments:
        console.print(table)
    console.print("For example, with values of your own:")
    sys.stdout.write(f"{example_line(description)}\n")


def _write_json(rows: Sequence[BaseModel]) -> None:
    sys.stdout.buffer.write(
        orjson.dumps([row.model_dump() for row in rows], option=orjson.OPT_APPEND_NEWLINE)
    )
