"""``broker-server methods --apis``, and ``methods kis.call API`` or ``methods kiwoom.request-tr API``."""

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
from broker_server.vendors.kis import api_descriptions as kis
from broker_server.vendors.kiwoom import api_descriptions as kiwoom

CALLS = ("kis.call", "kis.call-order", "kis.call-cancel")
REQUESTS = "kiwoom.request-tr"

_WIDE = 120
"""Columns of a terminal that has room for what an API is called by, beside its name and title."""


def print_apis(pattern: str, *, as_json: bool) -> bool:
    """Print the APIs that a text is found in.

    Returns:
        Whether there is one.
    """
    lines: list[kis.ApiLine | kiwoom.KiwoomApiLine] = [*kis.list_apis(pattern), *kiwoom.list_apis(pattern)]
    if not lines:
        sys.stderr.write(f"no API of KIS or Kiwoom matches {pattern!r}\n")
        return False
    if as_json:
        _write_json(lines)
        return True
    console = Console()
    is_wide = console.width >= _WIDE
    table = Table(Column("API", no_wrap=True, style="bold"), box=SIMPLE_HEAD)
    if is_wide:
        table.add_column("called by", no_wrap=True)
    table.add_column("what it is", overflow="fold")
    for line in lines:
        table.add_row(line.api, *([line.method] if is_wide else []), escape(line.title))
    console.print(table)
    first = lines[0]
    explains = "kis.call" if isinstance(first, kis.ApiLine) else REQUESTS
    count = "1 API" if len(lines) == 1 else f"{len(lines)} APIs"
    console.print(f"{count}; broker-server methods {explains} {first.api} explains the first")
    return True


def print_api(method: str, name: str, *, as_json: bool) -> bool:
    """Print what an API takes.

    Returns:
        Whether there is such an API.
    """
    if method not in (*CALLS, REQUESTS):
        sys.stderr.write(
            f"an API of KIS is explained after {', '.join(CALLS)}, one of Kiwoom after {REQUESTS}, "
            f"not after {method!r}\n"
        )
        return False
    try:
        description: kis.ApiDescription | kiwoom.KiwoomApiDescription = (
            kiwoom.describe_api(name) if method == REQUESTS else kis.describe_api(name)
        )
    except InvalidParameters as error:
        sys.stderr.write(f"{error.message}\n")
        return False
    if as_json:
        _write_json([description])
    elif isinstance(description, kis.ApiDescription):
        _print_kis(description)
    else:
        _print_kiwoom(description)
    return True


def _print_kis(description: kis.ApiDescription) -> None:
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
    texts = (Column(name, overflow="fold") for name in ("what it is", "values"))
    table = Table(Column("argument", no_wrap=True, style="bold"), "", *texts, box=SIMPLE_HEAD)
    for each in description.arguments:
        need = "required" if each.required else f"default {each.default!r}" if each.default else ""
        table.add_row(each.name, need, escape(each.label), escape(each.values))
    if description.arguments:
        console.print(table)
    console.print("For example, with values of your own:")
    sys.stdout.write(f"{kis.example_line(description)}\n")


def _print_kiwoom(description: kiwoom.KiwoomApiDescription) -> None:
    console = Console()
    console.print(f"[bold]{description.api}[/]  {escape(description.title)}")
    console.print(f"called by {description.method}; POST {description.path}", highlight=False)
    what = Column("what it is", overflow="fold")
    table = Table(Column("input", no_wrap=True, style="bold"), "", "length", what, box=SIMPLE_HEAD)
    for given in description.inputs:
        need = {True: "required", False: "", None: "not said"}[given.required]
        table.add_row(given.key, need, str(given.length or ""), escape(given.description))
    if description.inputs:
        console.print(table)
    once = "the answer" if description.rows_key is None else f"each row of {description.rows_key}"
    for where, values in ((once, description.outputs), ("once, beside the rows", description.summary)):
        if values:
            what = Column("what it is", overflow="fold")
            table = Table(Column(where, no_wrap=True, style="bold"), what, box=SIMPLE_HEAD)
            for value in values:
                table.add_row(value.key, escape(value.description))
            console.print(table)
    line = kiwoom.example_line(description)
    if line is not None:
        console.print("For example, with values of your own:")
        sys.stdout.write(f"{line}\n")


def _write_json(rows: Sequence[BaseModel]) -> None:
    sys.stdout.buffer.write(
        orjson.dumps([row.model_dump() for row in rows], option=orjson.OPT_APPEND_NEWLINE)
    )
