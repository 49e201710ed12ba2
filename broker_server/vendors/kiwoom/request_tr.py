"""``kiwoom.request-tr``: any TR of the control by its code, any REST API by its id."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field

from broker_client.errors import InvalidParameters, Unsupported
from broker_server.core.accounts import DEFAULT, AccountAlias
from broker_server.core.methods import Lane, Method, Outcome, Parameters, TaskContext
from broker_server.vendors.kiwoom.api_descriptions import (
    NO_QUERY,
    ORDER_PATHS,
    listed_apis,
    nearest,
    split_answer,
)
from broker_server.vendors.kiwoom.backend import Backend, Name, Tr
from broker_server.vendors.kiwoom.reading import VENDOR
from broker_server.vendors.kiwoom.trs import trs
from broker_server.vendors.results import Part

_REST = re.compile(r"(au|ka|kt)[0-9]{5}", re.ASCII)
_ORDER_CODES = re.compile(r"koa_(normal|credit)_|sendorder", re.IGNORECASE)
_ORDER_IDS = re.compile(r"kt1[0-9]{4}|kt5000[0-9]", re.ASCII)
"""Where the ids of orders are, of stocks and of gold: one that the tables do not have yet may be an order."""
_QUERY_PATHS = tuple(
    f"/api/dostk/{group}"
    for group in (
        "acnt", "chart", "elw", "etf", "frgnistt", "mrkcond",
        "rkinfo", "sect", "shsa", "slb", "stkinfo", "thme",
    )
)  # fmt: skip
"""Where Kiwoom serves queries and nothing else: the groups of its REST document. A server refuses an api-id
at another address than its own, so none of an order can be asked for here."""

Text = Annotated[str, Field(max_length=200)]
Input = Annotated[str, Field(max_length=1100)]
"""A hundred codes with their venues, and bars between."""


class TrParameters(Parameters):
    """What to ask Kiwoom for, in its own words.

    Attributes:
        tr: A TR of the control such as ``opt10001``, or an api-id of REST such as ``ka10001``: whichever the
            worker's backend speaks.
        inputs: By Kiwoom's names: ``{"종목코드": "005930"}``, or ``{"stk_cd": "005930"}``.
        record: The control's name of the record with many rows; left out, the answer is one row. Of an api-id
            that the worker does not know, REST's key of the rows.
        fields: The names of the values wanted. Needed unless the worker knows the TR; of a known api-id only
            these keys, else all.
        path: Where REST serves an api-id that the worker does not know: ``/api/dostk/stkinfo``.
        after: ``more`` of the page before, for the next one.
        account: The alias of the account whose key asks.
    """

    tr: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_]+$")]
    inputs: Annotated[dict[str, Input], Field(max_length=50)] = Field(default_factory=dict)
    record: Text | None = None
    fields: Annotated[tuple[Text, ...], Field(max_length=500)] = ()
    path: Text | None = None
    after: Annotated[str, Field(max_length=500, pattern=r"^[!-~]([ -~]*[!-~])?$")] | None = None
    account: AccountAlias = DEFAULT


class TrPage(Part):
    """One page.

    Attributes:
        rows: Kiwoom's texts by its names.
        summary: What comes once beside the rows.
        more: For the next page, as ``after``; null after the last one.
    """

    tr: str
    rows: list[dict[str, str]]
    summary: dict[str, str]
    more: str | None


class RequestTr:
    """The handler.

    Args:
        backend: The way to Kiwoom.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def methods(self) -> list[Method[Any]]:
        """The declared method."""
        return [
            Method(
                name="kiwoom.request-tr",
                vendor=VENDOR,
                kind="read",
                lane=Lane.BULK,
                summary="Any TR of the control or any REST API of Kiwoom, orders excepted.",
                parameters=TrParameters,
                result=TrPage,
                handler=self.request,
                reference="CommRqData, or any api-id",
                example={"tr": "ka10001", "inputs": {"stk_cd": "005930"}},
            )
        ]

    def request(self, parameters: TrParameters, context: TaskContext) -> Outcome:
        """One page."""
        name = parameters.tr.lower()
        tr = _rest_tr(name, parameters) if _REST.fullmatch(name) else _control_tr(name, parameters)
        asked = name if tr.api_id is None else tr.api_id
        if (tr.api_id is None) != (self._backend.name == "openapi-plus"):
            raise Unsupported(
                f"this worker reaches Kiwoom by {self._backend.name}, which has no {asked}: REST takes "
                "api-ids such as ka10001, OpenAPI+ TRs such as opt10001",
                vendor=VENDOR,
            )
        page = self._backend.request(tr, parameters.inputs, context, Lane.BULK, after=parameters.after)
        rows = [dict(row) for row in page.rows]
        return Outcome([TrPage(tr=asked, rows=rows, summary=dict(page.summary), more=page.more)])


def _rest_tr(name: str, parameters: TrParameters) -> Tr:
    entry = listed_apis().get(name)
    if entry is None:
        return _unknown_rest_tr(name, parameters)
    if entry["path"] in ORDER_PATHS:
        raise _has_its_own_method(name)
    if entry["path"] in NO_QUERY:
        raise InvalidParameters(f"tr: {name} ({entry['name']}) is no query")
    known = [each["key"] for each in entry["request"]]
    required = [each["key"] for each in entry["request"] if each.get("required")]
    unknown = [key for key in parameters.inputs if key not in known]
    missing = [key for key in required if key not in parameters.inputs]
    if unknown or missing:
        what = (
            f"{unknown[0][:64]} is no input of {name}{nearest(unknown[0], known)}"
            if unknown
            else f"{missing[0]} is missing"
        )
        raise InvalidParameters(
            f"inputs: {what}; they are {', '.join(known) or 'none'}; "
            f"kiwoom.describe-api api={name} explains them"
        )
    many, single = split_answer(entry)
    beside = [each["key"] for each in single]
    columns = [each["key"] for each in many["children"]] if many else beside
    wanted = _wanted(parameters, columns, beside if many else [])
    return Tr(
        code=None,
        api_id=name,
        path=entry["path"],
        record=None,
        rows_key=many["key"] if many else None,
        inputs={key: Name("", key) for key in parameters.inputs},
        columns={key: Name("", key) for key in columns if key in wanted},
        fixed={},
        summary={key: Name("", key) for key in beside if many and key in wanted},
    )


def _unknown_rest_tr(name: str, parameters: TrParameters) -> Tr:
    """An api-id of the caller's own knowledge; whatever is not known to be a query may be an order."""
    if _ORDER_IDS.fullmatch(name):
        raise _has_its_own_method(name)
    if parameters.path not in _QUERY_PATHS or not parameters.fields:
        raise InvalidParameters(
            f"tr: {name} is none of the api-ids that this version knows (kiwoom.describe-api lists them)"
            f"{nearest(name, list(listed_apis()))}; for another one say with path where Kiwoom "
            f"serves it ({', '.join(_QUERY_PATHS)}), with record its key of the rows, and with fields the "
            "keys wanted"
        )
    return Tr(
        code=None,
        api_id=name,
        path=parameters.path,
        record=None,
        rows_key=parameters.record,
        inputs={key: Name("", key) for key in parameters.inputs},
        columns={key: Name("", key) for key in parameters.fields},
        fixed={},
    )


def _wanted(parameters: TrParameters, columns: list[str], beside: list[str]) -> set[str]:
    known = {*columns, *beside}
    strange = [key for key in parameters.fields if key not in known]
    if strange:
        raise InvalidParameters(
            f"fields: {parameters.tr} has no {strange[0]}{nearest(strange[0], sorted(known))}"
        )
    return set(parameters.fields) or known


def _control_tr(name: str, parameters: TrParameters) -> Tr:
    if _ORDER_CODES.match(name):
        raise _has_its_own_method(name)
    known = next((each for each in trs().values() if (each.code or "").lower() == name), None)
    fields = parameters.fields
    if not fields and known is not None:
        fields = tuple(each.control for each in known.columns.values())
    record = parameters.record
    if record is None and known is not None and not parameters.fields:
        record = known.record
    if not fields:
        raise InvalidParameters(f"fields: name the values of {name} that are wanted, by Kiwoom's item names")
    return Tr(
        code=name.upper(),
        api_id=None,
        path=None,
        record=record,
        rows_key=None,
        inputs={key: Name(key, None) for key in parameters.inputs},
        columns={key: Name(key, None) for key in fields},
        fixed={},
    )


def _has_its_own_method(name: str) -> InvalidParameters:
    return InvalidParameters(
        f"tr: {name} places orders, which has its own method: kiwoom.buy-order, kiwoom.sell-order, "
        "kiwoom.modify-order, kiwoom.cancel-order"
    )
