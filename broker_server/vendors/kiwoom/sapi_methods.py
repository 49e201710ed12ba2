"""The bare methods of the original server, from the contract: look-ups and transactions.

They answer as the contract of this project says. With ``compat`` their rows are the original's, quirks
included, and `sapi_style` writes them as the original did. The two subscriptions are in `stream_methods`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import BaseModel, Field, create_model

from broker_client.errors import InvalidParameters
from broker_server.core.methods import Lane, Method, Outcome, TaskContext
from broker_server.vendors.kiwoom.backend import Backend
from broker_server.vendors.kiwoom.sapi_contract import ContractMethod, contract
from broker_server.vendors.kiwoom.sapi_parameters import AsGiven, bounds, model_of

VENDOR = "kiwoom"

_SUMMARIES: Mapping[str, str] = {
    "get-stock-name": "The Korean name of an instrument.",
    "get-stock-codes": "The codes of a market, one element each.",
    "get-stock-states": "The states of an instrument, such as its margin rate, one element each.",
    "request-minute-candle": "Minute candles as Kiwoom's texts, newest first.",
    "request-day-candle": "Daily candles as Kiwoom's texts, newest first.",
    "request-upper-and-low": "Stocks at their upper or lower limit, rising or falling; the first page.",
    "request-offer-price-info": "The order book as Kiwoom's texts, in one element.",
    "request-offhour-single-trade-info": "The single-price session after hours, in one element.",
    "request-short-trend": "Short selling day by day, newest first.",
}
_EXAMPLES: Mapping[str, dict[str, Any]] = {
    "get-stock-name": {"stock_code": "015760"},
    "get-stock-codes": {"market": "0"},
    "get-stock-states": {"stock_code": "015760"},
    "request-minute-candle": {
        "stock_code": "015760", "tick": "1", "is_adjusted": "1", "from": "20261120", "to": "20261120"
    },
    "request-day-candle": {
        "stock_code": "015760", "is_adjusted": "1", "from": "20261101", "to": "20261120"
    },
    "request-upper-and-low": {
        "market": "000", "query_type": "1", "sort_type": "1", "filter_type": "0", "volume_type": "00000",
        "credit_type": "0", "price_type": "0",
    },
    "request-offer-price-info": {"stock_code": "015760"},
    "request-offhour-single-trade-info": {"stock_code": "015760"},
    "request-short-trend": {
        "stock_code": "015760", "query_type": "1", "from": "20261101", "to": "20261120"
    },
}  # fmt: skip


class SapiMethods:
    """The handlers.

    Args:
        backend: The way to Kiwoom.
        compat: Answer as the original did.
    """

    def __init__(self, backend: Backend, *, compat: bool = False) -> None:
        self._backend = backend
        self._compat = compat

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        lookups: dict[str, Callable[[Any, TaskContext], Outcome]] = {
            "get-stock-name": self.get_stock_name,
            "get-stock-codes": self.get_stock_codes,
            "get-stock-states": self.get_stock_states,
        }
        found: list[Method[Any]] = []
        for name, method in contract().items():
            if method.kind == "REALTIME":
                continue
            found.append(
                Method(
                    name=name,
                    vendor=VENDOR,
                    kind="read",
                    lane=Lane.BULK if method.pages else Lane.QUOTE,
                    summary=_SUMMARIES[name],
                    parameters=AsGiven if self._compat else model_of(method),
                    result=row_model(method) if method.columns and not self._compat else None,
                    handler=lookups.get(name) or partial(self.request, method),
                    reference=_reference(method),
                    example=_EXAMPLES[name],
                )
            )
        return found

    def get_stock_name(self, parameters: Any, context: TaskContext) -> Outcome:
        """One element: the name."""
        code = str(parameters.stock_code)
        name = self._backend.stock_name(code, context)
        if self._compat:
            return Outcome([name or ""])
        if not name:
            raise unknown_code(code)
        return Outcome([name])

    def get_stock_codes(self, parameters: Any, context: TaskContext) -> Outcome:
        """One element per code; the original joined them, each with a semicolon behind it."""
        try:
            codes = self._backend.stock_codes(str(parameters.market), context)
        except InvalidParameters as error:
            if not self._compat or error.vendor is None:
                raise
            codes = []  # the control knows no codes of an unknown market either
        if self._compat:
            return Outcome(["".join(f"{code};" for code in codes)])
        return Outcome(list(codes))

    def get_stock_states(self, parameters: Any, context: TaskContext) -> Outcome:
        """One element per state; the original passed the joined text on."""
        code = str(parameters.stock_code)
        state = self._backend.stock_state(code, context)
        if self._compat:
            return Outcome([state or ""])
        if state is None:
            raise unknown_code(code)
        return Outcome([each.strip() for each in state.split("|") if each.strip()])

    def request(self, method: ContractMethod, parameters: Any, context: TaskContext) -> Outcome:
        """A transaction: its rows, newest first, between ``from`` and ``to`` where it has them."""
        inputs = {each.name: _text(getattr(parameters, each.name)) for each in method.parameters if each.sent}
        if method.name == "request-day-candle":
            inputs["to"] = inputs["to"][:8]
        first, last = self._bounds(method, parameters)
        rows, truncated = self._read(method, inputs, first, context)
        if method.time_column is not None:
            column, width = method.time_column, 14 if method.time_column == "timestamp" else 8
            low, high = (first, last) if self._compat else (first[:width], last[:width])
            rows = [row for row in rows if low <= row[column].strip() <= high]
        if self._compat:
            return Outcome([method.original_row(row) for row in rows])
        named = [{each.name: row.get(each.name, "") for each in method.columns} for row in rows]
        return Outcome(named, truncated)

    def _bounds(self, method: ContractMethod, parameters: Any) -> tuple[str, str]:
        if method.time_column is None:
            return "", ""
        if self._compat:  # compared as they are: a day's digits are less than those of any moment of it
            return _text(getattr(parameters, "from")), _text(parameters.to)
        return bounds(parameters)

    def _read(
        self, method: ContractMethod, inputs: Mapping[str, str], first: str, context: TaskContext
    ) -> tuple[Sequence[Mapping[str, str]], str | None]:
        """The rows, and why they may stop early."""
        if method.tr is None:
            raise ValueError(f"{method.name} is no transaction")
        lane = Lane.BULK if method.pages else Lane.QUOTE
        column = method.time_column
        found: list[Mapping[str, str]] = []
        after: str | None = None
        pages = 0
        while True:
            page = self._backend.request(method.tr, inputs, context, lane, after=after)
            found += page.rows
            pages += 1
            # A page may end in empty rows.
            times = [each for each in (row[column].strip() for row in page.rows) if each] if column else []
            reached = bool(times) and times[-1] <= first
            if not method.pages:
                more = page.more is not None and not reached
                return found, "Kiwoom has more pages, and this method reads the first one" if more else None
            context.report_progress(pages, None)
            if page.more is None or not times or reached:
                return found, None
            after = page.more


def row_model(method: ContractMethod) -> type[BaseModel]:
    """The model of one row of a transaction: Kiwoom's texts, untouched."""
    name = "".join(word.capitalize() for word in method.name.split("-")) + "Row"
    fields: dict[str, Any] = {
        each.name: (str, Field(description=f"{each.item}; as Kiwoom writes it.")) for each in method.columns
    }
    return create_model(name, __doc__=f"One element of the result of {method.name}.", **fields)


def unknown_code(code: str) -> InvalidParameters:
    """Kiwoom knows no such instrument."""
    return InvalidParameters(f"stock_code: Kiwoom knows no instrument {code}", vendor=VENDOR)


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def _reference(method: ContractMethod) -> str | None:
    tr = method.tr
    return None if tr is None else f"{(tr.code or '').lower()} / {tr.api_id} {method.tr_name}"
