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
_PAGES = {"OPT10080": 900, "OPT10081": 600}
_PASSWORD = ("비밀번호", "비밀번호입력매체구분")  # names of inputs


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
    account = ("계좌번호", *_PASSWORD)
    found["OPT10001"] = TrItems(("종목코드",), (), _rest_items("ka10001"), "주식기본정보")
    found["OPT10075"] = TrItems(
        ("계좌번호", "전체종목구분", "매매구분", "종목코드", "체결구분"),
        _rest_items("ka10075", "oso"),
        (),
        "실시간미체결",
    )
    found["OPT10076"] = TrItems(
        ("종목코드", "조회구분", "매도수구분", "계좌번호", "비밀번호", "주문번호", "체결구분"),
        _rest_items("ka10076", "cntr"),
        (),
        "실시간체결",
    )
    found["OPW00001"] = TrItems(
        (*account, "조회구분"),
        (),
        ("예수금", "출금가능금액", "주문가능금액", "d+1추정예수금", "d+2추정예수금"),
        "예수금상세현황",
    )
    found["OPW00018"] = TrItems(
        (*account, "조회구분"),
        (
            "종목번호",
            "종목명",
            "평가손익",
            "수익률(%)",
            "매입가",
            "전일종가",
            "보유수량",
            "매매가능수량",
            "현재가",
            "매입금액",
            "평가금액",
        ),
        ("총매입금액", "총평가금액", "총평가손익금액", "총수익률(%)", "추정예탁자산"),
        "계좌평가잔고개별합산",
    )
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


def _rest_items(api: str, rows: str | None = None) -> tuple[str, ...]:
    """The documents describe an answer by the names that its items have in the control."""
    fields = _read("rest_apis.json")["apis"][api]["response"]
    if rows is not None:
        fields = next(each["children"] for each in fields if each["key"] == rows)
    names = (each["desc"].split()[0] for each in fields if each.get("desc"))
    return tuple(dict.fromkeys(names))


@cache
def _read(name: str) -> Any:
    return json.loads(files("broker_server.vendors.kiwoom").joinpath(f"data/{name}").read_text("utf-8"))
