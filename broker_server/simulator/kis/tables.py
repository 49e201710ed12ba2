"""The data tables of the simulated KIS: operations with their TR ids, output columns, messages."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Environment = Literal["real", "paper"]
Template = dict[str, str]


@cache
def _read(name: str) -> Any:
    return json.loads(files("broker_server.simulator.kis").joinpath(f"data/{name}.json").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Tr:
    """What a TR id means for its operation.

    Attributes:
        environment: Where it exists; None in both.
        side: ``buy`` or ``sell`` of an order TR.
        older: The id from before exchange choice; its orders go to KRX whatever they name.
        period: ``within`` three months or ``before``.
        exchanges: The foreign exchanges it serves.
    """

    id: str
    environment: Environment | None = None
    side: str = ""
    older: bool = False
    period: str = ""
    exchanges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One path of the API."""

    name: str
    method: str
    path: str
    required: tuple[str, ...]
    trs: dict[str, Tr] = field(default_factory=dict)


@cache
def operations() -> dict[str, Operation]:
    """Every operation by path."""
    found = {}
    for row in _read("operations"):
        trs = {
            tr_id: Tr(tr_id, **{**facts, "exchanges": tuple(facts.get("exchanges", ()))})
            for tr_id, facts in row["trs"].items()
        }
        found[row["path"]] = Operation(row["name"], row["method"], row["path"], tuple(row["required"]), trs)
    return found


def template(operation: str, output: str) -> Template:
    """A row with every published column of an output and its neutral value; a new dict each time."""
    row: Template = _read("outputs")[operation][output]
    return dict(row)


def published_fields() -> dict[str, list[str]]:
    """Per operation, the columns that the vendor publishes, all outputs merged."""
    fields: dict[str, list[str]] = _read("published_fields")
    return fields


def gateway_message(code: str) -> str:
    """The text of an ``EGW`` code."""
    text: str = _read("messages")["gateway"].get(code, "오류가 발생했습니다.")
    return text


def refusal(reason: str) -> tuple[str, str]:
    """``msg_cd`` and ``msg1`` of a refused instruction."""
    code, text = _read("messages")["refusals"][reason]
    return code, text


def order_divisions() -> dict[str, Any]:
    """What each ``ORD_DVSN`` means, domestic and overseas."""
    table: dict[str, Any] = _read("order_divisions")
    return table
