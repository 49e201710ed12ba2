"""The events of ``subscribe-realtime`` in the original's shape.

The original registered FID 10 at the control, which then sends every real type of the stock that has a price:
trades, expected trades and quotes without a trade. Each event has the type's Korean name and its values as
one text, separated by tabs, in the order of the control's own table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from broker_server.vendors.kiwoom.tables import load_data

FAMILY = "kiwoom.sapi-realtime"
CODES = ("0B", "0A", "0H")
"""What FID 10 of a stock brings: 주식체결, 주식시세 and 주식예상체결."""


def original_event(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The three keys.

    Args:
        raw: An event in the vendor's own form: ``fields`` by FID, values untouched.
    """
    kind = real_types()[raw["type"]]
    fields = raw["fields"]
    values = [fields.get(fid) for fid in kind.fids] + list(raw["extra"])
    return {
        "stock_code": raw["key"],
        "real_data_type": kind.name,
        "real_time_data": "\t".join("" if value is None else str(value) for value in values),
    }


@dataclass(frozen=True, slots=True)
class RealType:
    """A real type of the control.

    Attributes:
        name: In Korean.
        fids: In the order in which the control sends their values.
    """

    name: str
    fids: tuple[str, ...]


@cache
def real_types() -> Mapping[str, RealType]:
    """The control's real types by REST's code of them."""
    table = load_data("realtime_fids.json")
    codes = {entry["ocx_gidc"]: entry["rest_type"] for entry in table["code_differences"].values()}
    rest = table["rest_real_types"]
    found = {}
    for name, entry in table["ocx_real_types"].items():
        code = codes.get(entry["gidc"], entry["gidc"])
        if code in rest:
            found[code] = RealType(name, tuple(str(fid) for fid, _ in entry["fids"]))
    return MappingProxyType(found)
