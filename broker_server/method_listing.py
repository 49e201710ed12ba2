"""``broker-server methods``: what the worker of all vendors offers, without one."""

from __future__ import annotations

import sys
from typing import Any

import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from broker_client.display import matching_methods, method_page
from broker_server.admin import describe
from broker_server.wiring.catalogue import catalogue

_WITH_APIS = ("kis.call", "kiwoom.request-tr")


def print_methods(pattern: str, *, as_json: bool) -> bool:
    """Print the methods that match; a whole name is printed with types, defaults, meanings and an example.

    Args:
        pattern: Part of a name, a glob, a whole name, or a part of what methods do.
        as_json: As one JSON array.

    Returns:
        Whether there was one.
    """
    rows = matching_methods([describe(method).model_dump() for method in catalogue()], pattern)
    exact = [row for row in rows if row["name"] == pattern]
    if not rows:
        sys.stderr.write(f"no method matches {pattern!r}\n")
    elif as_json:
        sys.stdout.buffer.write(orjson.dumps(exact or rows, option=orjson.OPT_APPEND_NEWLINE))
    else:
        Console().print(method_page(exact[0]) if exact else _table(rows))
        if any(row["name"].startswith(_WITH_APIS) for row in rows):
            sys.stdout.write(
                "REST APIs of KIS and Kiwoom: broker-server methods --apis [TEXT], then "
                "broker-server methods kis.call API or kiwoom.request-tr API\n"
            )
    return bool(rows)


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(Column("method", no_wrap=True, style="bold"), "parameters", "what it does", box=SIMPLE_HEAD)
    for row in rows:
        required = set(row["parameters"].get("required", []))
        names = sorted(row["parameters"].get("properties", {}), key=lambda name: name not in required)
        shown = " ".join(name if name in required else f"[{name}]" for name in names)
        table.add_row(row["name"], escape(shown), row["summary"])
    return table
