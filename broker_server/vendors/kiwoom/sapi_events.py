"""The events of ``subscribe-realtime`` in the original's shape.

The original registered FID 10 at the control, which then sends every real type of the stock that has a price:
trades, expected trades and quotes without a trade. Each event has the type's Korean name and its values as
one text, separated by tabs, in the order of the control's own table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker_server.vendors.kiwoom.real_types import real_types

FAMILY = "realtime"


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
