"""What a newcomer needs to call an API of KIS: what it is, its arguments, a line to begin with."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from pydantic import Field

from broker_client.errors import InvalidParameters
from broker_server.core.methods import Lane, Method, Outcome, Parameters, TaskContext
from broker_server.vendors.kis.api_orders import OrderApi
from broker_server.vendors.kis.apis import Api, Argument
from broker_server.vendors.kis.catalogue import Catalogue, operations, why_not_on_paper
from broker_server.vendors.kis.errors import VENDOR
from broker_server.vendors.results import Part

_QUOTED = re.compile("'([^' ]+)'|\"([^\" ]+)\"")
_SHOWN = re.compile(r"(?:예:?|ex\.?)\s*([A-Za-z0-9]+)|^\W*([A-Za-z0-9]{1,14})(?=\s*(?:[:,|–-]|입력|$))")
_CODE = re.compile(r"(?<!\w)(?:KR\w{10}|\d{2,3}[A-Z]\d{2,3}|\d{4,6})(?![0-9A-Za-z])", re.ASCII)
_NO_CODE = "123456"
_EVERY_ISSUER = "00000"
_PLACEHOLDER = re.compile("Default|[YMDH]{4,8}")
_KNOWN = {
    "fid_cond_mrkt_div_code": "J",
    "ovrs_excg_cd": "NASD",
    "excd": "NAS",
    "symb": "AAPL",
    "auth": "",
    "ord_qty": "1",
}
"""Where the catalogue's texts show no example, or a poor one."""
_INSTRUMENTS = {
    "domestic_bond": "KR2033022D33",
    "domestic_futureoption": "101W09",
    "domestic_stock": "005930",
    "elw": "58J297",
    "etfetn": "069500",
    "overseas_stock": "AAPL",
}
"""What an API is asked for by ``fid_input_iscd`` or ``pdno``, by the first part of its name: where its texts
show no code, or one that KIS only made up (123456)."""
_DATE = re.compile("(^|_)(dt|date)(_|$)|bymd")


class ArgumentDescription(Part):
    """One argument.

    Attributes:
        label: What it is, in KIS's Korean.
        values: What it may be, in KIS's Korean; empty where KIS's samples say nothing.
        default: What is sent when it is left out.
    """

    name: str
    required: bool
    label: str
    values: str
    default: str


class ApiDescription(Part):
    """One API.

    Attributes:
        api: Its name.
        title: KIS's own, in Korean.
        method: The method that calls it; of an API that also cancels, ``kis.call-order or kis.call-cancel``.
        http: ``GET`` or ``POST``.
        path: From the host on.
        tr_ids: Every TR id of it, by ``real`` and ``paper``, corrections included.
        not_on_paper: Why paper trading does not offer it; null if it may: of quotations KIS says so when
            asked.
        pages: Whether ``all_pages`` continues by keys; others continue where KIS announces more.
        from_settings: What is added, by the setting's name.
        reconciled: Of an order API: whether a list of orders shows what it places.
        arguments: What it takes; required ones first.
        example: Parameters to begin with; the values are samples, not advice.
    """

    api: str
    title: str
    method: str
    http: str
    path: str
    tr_ids: dict[str, list[str]]
    not_on_paper: str | None
    pages: bool
    from_settings: list[str]
    reconciled: bool | None
    arguments: list[ArgumentDescription]
    example: dict[str, Any]


class ApiLine(Part):
    """One line of the list."""

    api: str
    method: str
    title: str


class DescribeApi(Parameters):
    """Which APIs to describe.

    Attributes:
        api: One of them in full.
        pattern: Those whose name, Korean title, path or TR id contains this text, a line each; all of them
            without it.
    """

    api: Annotated[str, Field(max_length=100)] | None = None
    pattern: Annotated[str, Field(max_length=100)] = ""


def describe_api(name: str) -> ApiDescription:
    """Describe one API.

    Raises:
        InvalidParameters: There is none of that name; the message has the nearest.
    """
    api = Api(name, Catalogue("real"))
    order = OrderApi(name) if api.changes_something else None
    added = ["KIS_ACCOUNT"] if api.needs_account else []
    added += ["KIS_HTS_ID"] if "user_id" in api.arguments else []
    return ApiDescription(
        api=name,
        title=api.title,
        method=_method(order),
        http=api.method,
        path=api.path,
        tr_ids={"real": Catalogue("real").tr_ids(name), "paper": Catalogue("paper").tr_ids(name)},
        not_on_paper=why_not_on_paper(name),
        pages=bool(api.continuation),
        from_settings=added,
        reconciled=None if order is None else order.reconciled,
        arguments=[
            ArgumentDescription(
                name=each.name,
                required=each.required,
                label=each.label,
                values=each.values or " or ".join(each.choices),
                default=each.default,
            )
            for each in api.arguments.values()
        ],
        example={
            "api": name,
            "arguments": {each.name: _sample(name, each) for each in api.arguments.values() if each.required},
        },
    )


def list_apis(pattern: str = "") -> list[ApiLine]:
    """The APIs that a text is found in, whatever its case; all of them for an empty one."""
    wanted = pattern.lower()
    found = []
    for name, entry in operations().items():
        texts = [name, entry["title_ko"]]
        texts += [text for each in entry["requests"] for text in (each["path"], each["tr_id"])]
        if any(wanted in text.lower() for text in texts):
            order = OrderApi(name) if entry["requests"][0]["method"] != "GET" else None
            found.append(ApiLine(api=name, method=_method(order), title=entry["title_ko"]))
    return found


def example_line(description: ApiDescription) -> str:
    """The command line of the example."""
    method = description.method.partition(" ")[0]
    arguments = json.dumps(description.example["arguments"], ensure_ascii=False)
    return f"broker-client call {method} api={description.api} arguments='{arguments}'"


def describing_methods() -> list[Method[Any]]:
    """The declared method."""
    return [
        Method(
            name="kis.describe-api",
            vendor=VENDOR,
            kind="read",
            lane=Lane.QUOTE,
            summary="List the REST APIs of KIS, or explain the arguments of one.",
            parameters=DescribeApi,
            handler=_describe,
            example={"api": "domestic_stock.inquire_price"},
        )
    ]


def _describe(parameters: DescribeApi, _: TaskContext) -> Outcome:
    if parameters.api is not None:
        if parameters.pattern:
            raise InvalidParameters("pattern: give api or pattern, not both")
        return Outcome([describe_api(parameters.api)])
    return Outcome(list_apis(parameters.pattern))


def _method(order: OrderApi | None) -> str:
    if order is None:
        return "kis.call"
    actions = order.actions()
    names = ["kis.call-order"] if actions - {"cancel"} else []
    return " or ".join([*names, *(["kis.call-cancel"] if "cancel" in actions else [])])


def _sample(api: str, argument: Argument) -> str:
    if argument.choices:
        return argument.choices[0]
    if argument.name in ("fid_input_iscd", "pdno"):
        return _instrument(api, argument)
    if argument.name in _KNOWN and argument.name != "fid_cond_mrkt_div_code":
        return _KNOWN[argument.name]
    for pattern in (_QUOTED, _SHOWN):
        for text in (argument.values, argument.label):
            shown = pattern.search(text)
            if shown is not None and _PLACEHOLDER.fullmatch(shown[0]) is None:
                return shown[1] or shown[2]
    if _DATE.search(argument.name):
        return "20260102"
    return _KNOWN.get(argument.name, argument.default)


def _instrument(api: str, argument: Argument) -> str:
    group = api.partition(".")[0]
    if group != "overseas_stock":
        for text in (argument.values, argument.label):
            code = _CODE.search(text)
            if code is not None and code[0] != _NO_CODE:
                return code[0]
    return _EVERY_ISSUER if "발행사" in argument.label else _INSTRUMENTS[group]
