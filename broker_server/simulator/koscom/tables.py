"""The data tables of the simulated KOSCOM: fields of presets and answers, codes, endpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

VENDOR = "koscom"

Environment = Literal["real", "sandbox"]
MarketName = Literal["kospi", "kosdaq"]

WEBSOCKET_PATH = "/ws"
MARKET_PATHS: Mapping[str, MarketName] = {"/ws_ksp": "kospi", "/ws_kdq": "kosdaq"}
"""Without the slash that may follow."""

SEGMENTS: Mapping[str, str] = {"kospi": "KOSPI", "kosdaq": "KOSDAQ", "konex": "KONEX"}


def read_data(name: str) -> Any:
    """A data table that the adapter has too."""
    text = files("broker_server").joinpath(f"vendors/koscom/data/{name}.json").read_text("utf-8")
    return json.loads(text)


@cache
def fields() -> Mapping[str, Any]:
    """What every preset and answer is made of."""
    found: Mapping[str, Any] = read_data("fields")
    return found


@cache
def presets() -> frozenset[str]:
    """What can be subscribed to."""
    return frozenset(fields()["push"]["market_data_presets"])


@cache
def change_items(kind: str) -> frozenset[str]:
    """The items of ``change`` for ``stock``, ``futures`` or ``options``."""
    return frozenset(row["name"] for row in fields()["push"]["change_allowed_items"][kind])


@cache
def names_of(table: str) -> tuple[str, ...]:
    """The names of one answer's values, without those of its rows."""
    return tuple(row["name"] for row in _rows(table) if not row.get("nested"))


@cache
def row_names_of(table: str) -> tuple[str, ...]:
    """The names of the values of one answer's rows."""
    return tuple(row["name"] for row in _rows(table) if row.get("nested"))


@cache
def error_text(code: int) -> str:
    """What KOSCOM calls an error."""
    errors = fields()["errors"]
    text: str = errors["ws_jsonrpc"].get(str(code)) or errors["market"][str(code)]
    return text


def _rows(table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = fields()["query"][table]
    return rows
