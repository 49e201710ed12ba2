"""The data tables of the simulated Kiwoom: TRs, real-time types, messages, kinds of orders."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

from broker_server.simulator.orders import OrderType, TimeInForce

Environment = Literal["real", "mock"]

VENDOR = "kiwoom"
WEBSOCKET_PATH = "/api/dostk/websocket"

_TEXTS = frozenset(
    (
        *("stk_nm", "stk_cd", "setl_mm", "acnt_nm", "brch_nm", "crd_tp", "crd_tp_nm", "loan_dt"),
        *("crd_loan_dt", "expr_dt", "stk_infr", "elwexpr_dt", "crnc_cd", "prm", "name", "code"),
    )
)


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a request or an answer.

    Attributes:
        required: Of a request.
        children: The keys of a row; empty unless it is a list.
    """

    key: str
    required: bool = False
    children: tuple[Field, ...] = ()

    @property
    def is_list(self) -> bool:
        """Whether it holds rows."""
        return bool(self.children)


@dataclass(frozen=True, slots=True)
class Api:
    """One TR."""

    id: str
    name: str
    path: str
    request: tuple[Field, ...]
    response: tuple[Field, ...]

    def flat(self) -> dict[str, str]:
        """Every key of the answer that holds one value, with its neutral value; a new dict each time."""
        return {field.key: neutral(field.key) for field in self.response if not field.is_list}

    @property
    def rows(self) -> Field:
        """The list of the answer.

        Raises:
            LookupError: It has none.
        """
        for field in self.response:
            if field.is_list:
                return field
        raise LookupError(f"{self.id} answers without rows")

    def row(self) -> dict[str, str]:
        """Every key of a row, with its neutral value; a new dict each time."""
        return {field.key: neutral(field.key) for field in self.rows.children}


def neutral(key: str) -> str:
    """What stands where there is nothing: names and dates are empty, numbers are zero."""
    if key in _TEXTS or key.endswith(("_nm", "_dt", "_tp", "_txt", "_yn", "_tm")):
        return ""
    return "0.00" if key.endswith(("_rt", "_wght")) else "0"


@cache
def apis() -> Mapping[str, Api]:
    """Every TR by its id. The fields are the project's one table of them: data, no code."""
    rows = _shared("rest_apis")["apis"]
    return {
        api_id: Api(api_id, row["name"], row["path"], _fields(row["request"]), _fields(row["response"]))
        for api_id, row in rows.items()
    }


class RealType(NamedTuple):
    """A real-time type and its FIDs, in the order of Kiwoom's table."""

    code: str
    name: str
    fids: tuple[str, ...]


@cache
def real_types() -> Mapping[str, RealType]:
    """Every real-time type by its code. On the wire 04 has another name than in the document."""
    rows = _shared("realtime_fids")["rest_real_types"]
    names = {"04": "현물잔고"}
    return {
        code: RealType(code, names.get(code, row["name"]), tuple(str(fid) for fid, _ in row["fids"]))
        for code, row in rows.items()
    }


def message(code: str) -> tuple[int, str]:
    """The class and the text of a four-digit code."""
    number, text = _messages()["codes"].get(code, _messages()["codes"]["1999"])
    return number, text


def class_text(number: int) -> str:
    """What an error text of a class begins with."""
    text: str = _messages()["classes"].get(str(number), "")
    return text


def refusal(reason: str, environment: Environment) -> tuple[str, str]:
    """The code and the text of a refused order."""
    code, text = _messages()["refusals"][environment][reason]
    return code, text


def realtime_message(code: str) -> str:
    """The text of a six-digit code of the WebSocket."""
    text: str = _messages()["realtime"].get(code, "")
    return text


def system_message(code: str) -> str:
    """The text of a SYSTEM message."""
    text: str = _messages()["system"][code]
    return text


class OrderKind(NamedTuple):
    """What a ``trde_tp`` means; orders outside the regular session are not simulated."""

    name: str
    type: OrderType | None
    time_in_force: TimeInForce = TimeInForce.DAY
    venues: tuple[str, ...] = ("KRX", "NXT", "SOR")


_DAY, _IOC, _FOK = TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK
ORDER_KINDS: Mapping[str, OrderKind] = {
    "0": OrderKind("보통", OrderType.LIMIT),
    "3": OrderKind("시장가", OrderType.MARKET, _DAY, ("KRX", "SOR")),
    "5": OrderKind("조건부지정가", OrderType.CONDITIONAL, _DAY, ("KRX",)),
    "6": OrderKind("최유리지정가", OrderType.BEST),
    "7": OrderKind("최우선지정가", OrderType.TOP),
    "10": OrderKind("보통(IOC)", OrderType.LIMIT, _IOC),
    "13": OrderKind("시장가(IOC)", OrderType.MARKET, _IOC, ("KRX", "SOR")),
    "16": OrderKind("최유리(IOC)", OrderType.BEST, _IOC),
    "20": OrderKind("보통(FOK)", OrderType.LIMIT, _FOK),
    "23": OrderKind("시장가(FOK)", OrderType.MARKET, _FOK, ("KRX", "SOR")),
    "26": OrderKind("최유리(FOK)", OrderType.BEST, _FOK),
    "28": OrderKind("스톱지정가", OrderType.STOP_LIMIT),
    "29": OrderKind("중간가", OrderType.MID),
    "30": OrderKind("중간가(IOC)", OrderType.MID, _IOC),
    "31": OrderKind("중간가(FOK)", OrderType.MID, _FOK),
    "61": OrderKind("장전시간외", None),
    "62": OrderKind("시간외단일가", None),
    "81": OrderKind("장후시간외", None),
}
MOCK_KINDS = ("0", "3")


def _fields(rows: list[dict[str, Any]]) -> tuple[Field, ...]:
    return tuple(
        Field(row["key"], bool(row.get("required")), _fields(row.get("children", []))) for row in rows
    )


@cache
def _shared(name: str) -> Any:
    return json.loads(files("broker_server").joinpath(f"vendors/kiwoom/data/{name}.json").read_text("utf-8"))


@cache
def _messages() -> Any:
    return json.loads(
        files("broker_server.simulator.kiwoom").joinpath("data/messages.json").read_text("utf-8")
    )
