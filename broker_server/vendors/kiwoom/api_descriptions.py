"""What a newcomer needs to ask Kiwoom for anything: the api-ids of its REST API, their inputs and outputs."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from broker_client.errors import InvalidParameters
from broker_server.core.methods import Lane, Method, Outcome, Parameters, TaskContext
from broker_server.vendors.kiwoom.reading import VENDOR
from broker_server.vendors.kiwoom.tables import load_data
from broker_server.vendors.results import Part

ORDER_PATHS = ("/api/dostk/ordr", "/api/dostk/crdordr")
NO_QUERY = ("/oauth2/token", "/oauth2/revoke", "/api/dostk/websocket")
_REQUEST_TR = "kiwoom.request-tr"
_CALLED_BY = {
    "kt10000": "kiwoom.buy-order",
    "kt10001": "kiwoom.sell-order",
    "kt10002": "kiwoom.modify-order",
    "kt10003": "kiwoom.cancel-order",
}
_NOT_CALLED = {
    "/api/dostk/crdordr": "no method: credit orders are not offered",
    "/oauth2/token": "no method: the worker looks after its token",
    "/oauth2/revoke": "no method: the worker looks after its token",
    "/api/dostk/websocket": "no method: condition search is a conversation on Kiwoom's WebSocket",
}
_SAMPLES = {"stk_cd": "005930", "dmst_stex_tp": "KRX", "uv": "70000"}
_CODED = (re.compile(r"([0-9A-Z]+) ?:"), re.compile(r": ?([0-9]+)"), re.compile(r"\b([0-9]+) or "))
"""How the descriptions write what an input may be: ``0:전체, 1:종목``, ``당일 : 1``, ``0 or 1``."""
_DATE = "YYYYMMDD"


class InputDescription(Part):
    """One input.

    Attributes:
        description: What it is and may be, in Kiwoom's Korean.
        required: Null where Kiwoom's document does not say.
        length: Of its longest value; null where Kiwoom does not say.
    """

    key: str
    description: str
    required: bool | None
    length: int | None


class OutputDescription(Part):
    """One value of an answer.

    Attributes:
        description: In Kiwoom's Korean.
    """

    key: str
    description: str


class KiwoomApiDescription(Part):
    """One api-id.

    Attributes:
        api: The api-id, such as ``ka10001``.
        title: Kiwoom's own name, in Korean, with that of its group.
        method: The method that asks for it, or why there is none.
        path: From the host on; always by POST.
        inputs: What it takes, by Kiwoom's keys.
        rows_key: The key of the rows; null where the answer is one row.
        outputs: The values of a row.
        summary: What comes once beside the rows.
        example: Parameters to begin with, null where no method takes any; the values are samples, not advice.
    """

    api: str
    title: str
    method: str
    path: str
    inputs: list[InputDescription]
    rows_key: str | None
    outputs: list[OutputDescription]
    summary: list[OutputDescription]
    example: dict[str, Any] | None


class KiwoomApiLine(Part):
    """One line of the list."""

    api: str
    method: str
    title: str


class DescribeKiwoomApi(Parameters):
    """Which api-ids to describe.

    Attributes:
        api: One of them in full.
        pattern: Those whose id, Korean name or path contains this text, or an input or output of it, a line
            each; all of them without it.
    """

    api: Annotated[str, Field(max_length=40)] | None = None
    pattern: Annotated[str, Field(max_length=100)] = ""


def listed_apis() -> Mapping[str, Mapping[str, Any]]:
    """The api-ids that this version knows, as ``data/rest_apis.json`` has them."""
    found: Mapping[str, Mapping[str, Any]] = load_data("rest_apis.json")["apis"]
    return found


def nearest(word: str, known: list[str]) -> str:
    """``; did you mean …?`` where one of the known words is near, else nothing."""
    near = difflib.get_close_matches(word.lower(), known, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def split_answer(entry: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, list[Mapping[str, Any]]]:
    """The list of rows of an api-id's answer, if there is one, and what comes beside it."""
    many = next((each for each in entry["response"] if each.get("type") == "list"), None)
    return many, [each for each in entry["response"] if each.get("type") != "list"]


def describe_api(name: str) -> KiwoomApiDescription:
    """Describe one api-id.

    Raises:
        InvalidParameters: It is none that this version knows; the message has the nearest.
    """
    entry = listed_apis().get(name.lower())
    if entry is None:
        hint = nearest(name, list(listed_apis()))
        raise InvalidParameters(
            f"api: this version knows no api-id {name!r} of Kiwoom{hint} kiwoom.describe-api lists them all"
        )
    many, beside = split_answer(entry)
    method = _method(name.lower(), entry)
    example = None
    if method == _REQUEST_TR:
        inputs = {each["key"]: _sample(each) for each in entry["request"] if each["required"]}
        example = {"tr": name.lower(), "inputs": inputs}
    return KiwoomApiDescription(
        api=name.lower(),
        title=_title(entry),
        method=method,
        path=entry["path"],
        inputs=[
            InputDescription(
                key=each["key"],
                description=each["desc"],
                required=each["required"],
                length=each.get("length"),
            )
            for each in entry["request"]
        ],
        rows_key=many["key"] if many else None,
        outputs=_outputs(many["children"] if many else beside),
        summary=_outputs(beside if many else []),
        example=example,
    )


def list_apis(pattern: str = "") -> list[KiwoomApiLine]:
    """The api-ids that a text is found in, whatever its case; all of them for an empty one."""
    wanted = pattern.lower()
    return [
        KiwoomApiLine(api=name, method=_method(name, entry), title=_title(entry))
        for name, entry in listed_apis().items()
        if any(wanted in text.lower() for text in _texts(name, entry))
    ]


def example_line(description: KiwoomApiDescription) -> str | None:
    """The command line of the example, if there is one."""
    if description.example is None:
        return None
    inputs = json.dumps(description.example["inputs"], ensure_ascii=False)
    return f"broker-client call {description.method} tr={description.api} inputs='{inputs}'"


def describing_methods() -> list[Method[Any]]:
    """The declared method."""
    return [
        Method(
            name="kiwoom.describe-api",
            vendor=VENDOR,
            kind="read",
            lane=Lane.QUOTE,
            summary="List the REST api-ids of Kiwoom, or explain one.",
            parameters=DescribeKiwoomApi,
            handler=_describe,
            example={"api": "ka10001"},
        )
    ]


def _describe(parameters: DescribeKiwoomApi, _: TaskContext) -> Outcome:
    if parameters.api is not None:
        if parameters.pattern:
            raise InvalidParameters("pattern: give api or pattern, not both")
        return Outcome([describe_api(parameters.api)])
    return Outcome(list_apis(parameters.pattern))


def _title(entry: Mapping[str, Any]) -> str:
    return f"[{entry['group']}] {entry['name']}"


def _method(name: str, entry: Mapping[str, Any]) -> str:
    return _CALLED_BY.get(name) or _NOT_CALLED.get(entry["path"], _REQUEST_TR)


def _texts(name: str, entry: Mapping[str, Any]) -> list[str]:
    many, beside = split_answer(entry)
    named = [*entry["request"], *beside, *((many, *many["children"]) if many else ())]
    return [
        name,
        _title(entry),
        entry["path"],
        *(text for each in named for text in (each["key"], each.get("desc") or "")),
    ]


def _outputs(values: list[Mapping[str, Any]]) -> list[OutputDescription]:
    return [OutputDescription(key=each["key"], description=each.get("desc") or "") for each in values]


def _sample(given: Mapping[str, Any]) -> str:
    if given["key"] in _SAMPLES:
        return _SAMPLES[given["key"]]
    if _DATE in given["desc"]:
        return "20260102"
    return next(found[1] for pattern in _CODED if (found := pattern.search(given["desc"])))
