"""The TRs that the methods ask for, by both their names.

Those of the original's contract are made from that contract, the others from ``data/trs.json``: the names of
the control are Kiwoom's item names, those of REST the keys of its document (``data/rest_apis.json``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from broker_server.vendors.kiwoom.backend import Name, Tr
from broker_server.vendors.kiwoom.sapi_contract import contract
from broker_server.vendors.kiwoom.tables import load_data

MINUTE_CANDLES = "request-minute-candle"
DAY_CANDLES = "request-day-candle"
ORDER_BOOK = "request-offer-price-info"
STOCK = "stock"
WEEK_CANDLES, MONTH_CANDLES, YEAR_CANDLES = "week_candles", "month_candles", "year_candles"
DEPOSIT = "deposit"
BALANCE = "balance"
OPEN_ORDERS = "open_orders"
ORDERS = "orders"


@cache
def trs() -> Mapping[str, Tr]:
    """Every TR: those of the contract by the method's name, the others by a name of ours."""
    own = {name: _tr(entry) for name, entry in load_data("trs.json").items()}
    shared = {name: method.tr for name, method in contract().items() if method.tr is not None}
    return MappingProxyType({**shared, **own})


def _tr(entry: Mapping[str, Any]) -> Tr:
    def names(part: str) -> dict[str, Name]:
        return {ours: Name(*theirs) for ours, theirs in entry.get(part, {}).items()}

    return Tr(
        code=entry["code"],
        api_id=entry["api_id"],
        path=entry["path"],
        record=entry["record"],
        rows_key=entry["rows_key"],
        inputs=names("inputs"),
        columns=names("columns"),
        fixed=entry["fixed"],
        summary=names("summary"),
    )
