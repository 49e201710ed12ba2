"""Kiwoom's tables: the items of its TRs, and the FIDs of its live data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class TrItems:
    """What a TR has.

    Attributes:
        inputs: Item names in the order that the TR wants.
        columns: Of the record with many rows, in its order; empty without one.
        single: Of the record with one row.
        record: Name of the record with many rows.
        page: Rows of a page.
    """

    inputs: tuple[str, ...]
    columns: tuple[str, ...]
    single: tuple[str, ...]
    record: str
    page: int = 100


_SINGLE = frozenset({"OPT10004", "OPT10087"})
_PAGES = {"OPT10080": 900, "OPT10081": 600, "OPW00007": 20}


@cache
def trs() -> Mapping[str, TrItems]:
    """By code, in capitals."""
    found = {}
    for method in _read("sapi_contract.json")["methods"].values():
        code = method["tr_code"]
        if code is None:
            continue
        inputs = tuple(each["korean"] for each in method["parameters"] if each.get("sent_to_ocx"))
        columns = tuple(each["ocx_korean"] for each in method["result_fields"])
        is_single = code in _SINGLE
        found[code] = TrItems(
            inputs,
            () if is_single else columns,
            columns if is_single else (),
            method["tr_name"].removesuffix("요청"),
            _PAGES.get(code, 100),
        )
    for row in _read("trs.json").values():
        # The control has many more items than a program asks for.
        columns = tuple(control for control, _ in row["columns"].values())
        beside = tuple(control for control, _ in row.get("summary", {}).values())
        has_rows = row["record"] is not None
        found[row["code"]] = TrItems(
            tuple(control for control, _ in row["inputs"].values()),
            (*columns, "비고") if has_rows else (),
            beside if has_rows else columns,
            row["record"] or "",
            _PAGES.get(row["code"], 100),
        )
    found["OPT10001"] = TrItems(("종목코드",), (), _rest_items("ka10001"), "주식기본정보")
    return found


@dataclass(frozen=True, slots=True)
class RealItems:
    """A type of live data.

    Attributes:
        name: As the event has it.
        fids: In the order of the values.
    """

    name: str
    fids: tuple[int, ...]


@cache
def real_types() -> Mapping[str, RealItems]:
    """By name."""
    rows = _read("realtime_fids.json")["ocx_real_types"]
    return {name: RealItems(name, tuple(fid for fid, _ in row["fids"])) for name, row in rows.items()}


@cache
def chejan_fids(kind: str) -> tuple[int, ...]:
    """The FIDs of news: ``0`` orders, ``1`` holdings."""
    return tuple(fid for fid, _ in _read("realtime_fids.json")["chejan"][kind]["fids"])


def _rest_items(api: str) -> tuple[str, ...]:
    """The documents describe an answer by the names that its items have in the control."""
    fields = _read("rest_apis.json")["apis"][api]["response"]
    return tuple(dict.fromkeys(each["desc"].split()[0] for each in fields if each.get("desc")))


@cache
def _read(name: str) -> Any:
    return json.loads(files("broker_server.vendors.kiwoom").joinpath(f"data/{name}").read_text("utf-8"))
