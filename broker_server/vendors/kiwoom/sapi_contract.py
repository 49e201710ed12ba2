"""The eleven methods of the original server as ``data/sapi_contract.json`` has them, and what is mended.

Where a column of the original had a wrong name, `Column.name` is the right one and `Column.original` the
original's. The JSON is the only list: names, order, item names and REST keys all come from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

from broker_server.vendors.kiwoom.backend import Name, Tr
from broker_server.vendors.kiwoom.tables import load_data

Kind = Literal["REALTIME", "LOOKUP", "TRANSACTION"]

SIGN_OF_OFFHOUR_CLOSING = "offhour_closing_sign"
_TOTAL = "offhour_top_total_buy_remaining_volume"
_CHANGE_OF_TOTAL = f"{_TOTAL}_constart_previous"
_MENDED = {
    ("request-offhour-single-trade-info", 39): _TOTAL,
    ("request-offhour-single-trade-info", 40): _CHANGE_OF_TOTAL,
    ("request-offhour-single-trade-info", 42): SIGN_OF_OFFHOUR_CLOSING,
}
"""By method and position: two names of the original were swapped, and one was there twice."""
_NEWER_VALUES: Mapping[str, Mapping[str, str]] = {"credit_type": {"7": "신용융자E군"}}
"""By parameter, what Kiwoom takes today and the original's list does not have; Kiwoom's REST document."""
_FIXED: Mapping[str, Mapping[str, str]] = {"request-upper-and-low": {"stex_tp": "1"}}
"""What REST wants in addition: KRX, as the control knew no other exchange."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    Attributes:
        korean: Kiwoom's name of the input; ``None`` where the original had none.
        description: In the original's words.
        sent: It goes to Kiwoom; else the original used it itself.
        rest_key: REST's name of the input.
        values: What it may be, with meanings; empty where anything may.
    """

    name: str
    korean: str | None
    description: str
    sent: bool
    rest_key: str | None
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the rows.

    Attributes:
        name: What it is called.
        original: What the original called it.
        item: The control's item name.
        rest_key: REST's key; ``None`` where REST has no such thing.
    """

    name: str
    original: str
    item: str
    rest_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractMethod:
    """One of the eleven.

    Attributes:
        parameters: In the original's order, in which it looked for missing ones.
        columns: Of a transaction, in the order of the control's record.
        tr: Of a transaction.
        time_column: Which column ``from`` and ``to`` are about; ``None`` without them.
        pages: More pages are read while the rows are not older than ``from``.
        tr_name: Kiwoom's name of the TR.
    """

    name: str
    kind: Kind
    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    tr: Tr | None
    time_column: str | None
    pages: bool
    tr_name: str | None

    def original_row(self, row: Mapping[str, str]) -> dict[str, str]:
        """A row as the original zipped it: a name that is there twice keeps its last value."""
        return {column.original: row.get(column.name, "") for column in self.columns}


@cache
def contract() -> Mapping[str, ContractMethod]:
    """The eleven methods, by name."""
    methods: Mapping[str, Any] = load_data("sapi_contract.json")["methods"]
    return MappingProxyType({name: _method(name, entry) for name, entry in methods.items()})


def _method(name: str, entry: Mapping[str, Any]) -> ContractMethod:
    parameters = tuple(_parameter(each) for each in entry["parameters"])
    is_transaction = entry["type"] == "TRANSACTION"
    columns = tuple(_column(name, each) for each in entry["result_fields"]) if is_transaction else ()
    names = {column.name for column in columns}
    bounded = any(each.name == "from" for each in parameters)
    return ContractMethod(
        name=name,
        kind=entry["type"],
        parameters=parameters,
        columns=columns,
        tr=_tr(name, entry, parameters, columns) if is_transaction else None,
        time_column=next(each for each in ("timestamp", "day") if each in names) if bounded else None,
        pages=bool(entry.get("paging", {}).get("continues")),
        tr_name=entry.get("tr_name"),
    )


def _parameter(entry: Mapping[str, Any]) -> Parameter:
    return Parameter(
        name=entry["name"],
        korean=entry["korean"],
        description=entry["description"],
        sent=bool(entry.get("sent_to_ocx")),
        rest_key=entry.get("rest_key"),
        values=MappingProxyType(
            {each["value"]: each["meaning"] for each in entry.get("enum", ())}
            | dict(_NEWER_VALUES.get(entry["name"], {}))
        ),
    )


def _column(method: str, entry: Mapping[str, Any]) -> Column:
    key = entry["rest_key"]
    return Column(
        name=_MENDED.get((method, entry["position"]), entry["name"]),
        original=entry["name"],
        item=entry["ocx_korean"],
        rest_key=key.split()[0] if key else None,  # a remark may follow the key
    )


def _tr(
    name: str, entry: Mapping[str, Any], parameters: tuple[Parameter, ...], columns: tuple[Column, ...]
) -> Tr:
    rest = entry["rest_equivalent"]
    many = rest["list_key"] is not None
    return Tr(
        code=entry["tr_code"],
        api_id=rest["api_id"],
        path=rest["path"],
        record=entry["ocx_multi_record_name"] if many else None,
        rows_key=rest["list_key"],
        inputs={each.name: Name(each.korean or "", each.rest_key) for each in parameters if each.sent},
        columns={each.name: Name(each.item, each.rest_key) for each in columns},
        fixed=_FIXED.get(name, {}),
    )
