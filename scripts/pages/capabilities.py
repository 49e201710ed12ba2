"""The capability tables of the vendors' pages: which method works where.

What KIS offers on paper is read from the tables of its adapter, what the simulator serves from the
simulator's own. A method that works on one side with less than on the other has a note here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from broker_server.core.methods import Method, MethodRegistry
from broker_server.vendors.kis.catalogue import operations, why_not_on_paper
from broker_server.vendors.kis.realtime_table import realtime_trs
from scripts.pages.markdown import table
from scripts.pages.methods import place_of

Language = Literal["en", "ko"]
Extent = Literal["yes", "partly", "no"]

_WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {"yes": "yes", "partly": "partly", "no": "no", "method": "method"},
    "ko": {"yes": "됨", "partly": "일부", "no": "안 됨", "method": "메서드"},
}
_COLUMNS: Mapping[Language, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "kis": ("real", "paper", "simulator"),
        "kiwoom": ("REST, real", "REST, paper", "OpenAPI+", "simulator"),
        "koscom": ("KOSCOM's server", "simulator"),
    },
    "ko": {
        "kis": ("실전", "모의투자", "시뮬레이터"),
        "kiwoom": ("REST 실전", "REST 모의투자", "OpenAPI+", "시뮬레이터"),
        "koscom": ("코스콤 서버", "시뮬레이터"),
    },
}


@dataclass(frozen=True)
class Note:
    """Why something works only partly or not at all.

    Attributes:
        columns: In which columns, counted from 0.
    """

    columns: tuple[int, ...]
    en: str
    ko: str
    extent: Extent = "partly"


_PAPER = (1,)
_KRX_ONLY = Note(_PAPER, "On paper orders go to KRX only.", "모의투자 주문은 KRX로만 나갑니다.")
_KRX_FEEDS = Note(
    _PAPER,
    "On paper KRX only. A real key for quotes in `ACCOUNTS_FILE` brings the rest.",
    "모의투자는 KRX만 됩니다. `ACCOUNTS_FILE`에 시세용 실전 키를 넣으면 나머지도 됩니다.",
)
_REAL_FEED = Note(
    _PAPER,
    "Paper trading has no such feed. A real key for quotes in `ACCOUNTS_FILE` brings it.",
    "모의투자에는 없습니다. `ACCOUNTS_FILE`에 시세용 실전 키를 넣으면 됩니다.",
    "no",
)
_LIMIT_ONLY = Note(_PAPER, "On paper limit orders only.", "모의투자는 지정가 주문만 받습니다.")
_WITH_A_TR = Note(
    _PAPER,
    "Whatever KIS has a paper TR for: `kis.describe-api` says it of each API.",
    "모의투자 TR이 있는 것만 됩니다. API마다 `kis.describe-api`가 알려 줍니다.",
)
_KIWOOM_KRX = Note(
    (1, 2),
    "On paper and by OpenAPI+ KRX only.",
    "모의투자와 OpenAPI+에서는 KRX만 됩니다.",
)
_KIWOOM_ORDERS = Note(
    (1, 2),
    "On paper and by OpenAPI+ to KRX only; on paper limit and market orders only.",
    "모의투자와 OpenAPI+에서는 KRX로만 나갑니다. 모의투자는 지정가와 시장가만 받습니다.",
)
_OWN_NAMES = Note(
    (0, 1, 2),
    "REST takes api-ids such as `ka10001`, OpenAPI+ TRs such as `opt10001`.",
    "REST는 `ka10001` 같은 api-id, OpenAPI+는 `opt10001` 같은 TR을 받습니다.",
)
_OWN_TYPES = Note((0, 1, 2), "The live types that this way has.", "그 길에 있는 실시간 타입만 됩니다.")
_NO_COLUMNS = Note(
    (0, 1),
    "REST has no `is_adjusted`, `adjust_rate` and similar columns: they are empty texts.",
    "REST에는 `is_adjusted`, `adjust_rate` 같은 열이 없어 빈 문자열로 옵니다.",
)
_WITH_AN_ADDRESS = Note(
    (0,),
    "Only with `KOSCOM_WS_URL`: the public documents name no server of live data.",
    "`KOSCOM_WS_URL`이 있어야 됩니다. 공개 문서에는 실시간 서버 주소가 없습니다.",
)
_NOTES: Mapping[str, Note] = {
    "kis.get-open-orders": Note(
        _PAPER,
        "KIS has no such list on paper: the worker takes them from today's history.",
        "모의투자에는 이 조회가 없어 워커가 당일 주문 내역에서 찾습니다.",
    ),
    "kis.get-stock-info": Note(
        _PAPER, "On paper some fields are null.", "모의투자에서는 비는 항목이 있습니다."
    ),
    "kis.get-minute-candles": Note(_PAPER, "On paper of today only.", "모의투자는 오늘 것만 됩니다."),
    "kis.buy-order": _KRX_ONLY,
    "kis.sell-order": _KRX_ONLY,
    "kis.buy-overseas-order": _LIMIT_ONLY,
    "kis.sell-overseas-order": _LIMIT_ONLY,
    "kis.call": _WITH_A_TR,
    "kis.call-order": _WITH_A_TR,
    "kis.call-cancel": _WITH_A_TR,
    "kis.subscribe": _KRX_FEEDS,
    "kiwoom.get-current-price": _KIWOOM_KRX,
    "kiwoom.get-order-book": _KIWOOM_KRX,
    "kiwoom.get-daily-candles": _KIWOOM_KRX,
    "kiwoom.get-minute-candles": _KIWOOM_KRX,
    "kiwoom.subscribe-realtime-price": _KIWOOM_KRX,
    "kiwoom.subscribe-order-book": _KIWOOM_KRX,
    "kiwoom.buy-order": _KIWOOM_ORDERS,
    "kiwoom.sell-order": _KIWOOM_ORDERS,
    "kiwoom.request-tr": _OWN_NAMES,
    "kiwoom.subscribe": _OWN_TYPES,
    "request-day-candle": _NO_COLUMNS,
    "request-minute-candle": _NO_COLUMNS,
    "koscom.subscribe": _WITH_AN_ADDRESS,
    "koscom.subscribe-market": _WITH_AN_ADDRESS,
}
_ALSO_USES = {"kis.get-minute-candles": "domestic_stock.inquire_time_dailychartprice"}
"""An API of KIS that a method needs beside the one that it names."""


def capability_table(registry: MethodRegistry, vendor: str, language: Language) -> str:
    """The table of one vendor, with its notes below; what ends a subscription is left out.

    Raises:
        LookupError: KIS does not offer a method on paper, and no note says what becomes of it.
    """
    words, columns = _WORDS[language], _COLUMNS[language][vendor]
    numbers: dict[str, int] = {}
    rows = []
    for method in registry:
        if method.vendor != vendor or "unsubscribe" in method.name:
            continue
        cells = [words["yes"]] * len(columns)
        for note in _notes_of(method):
            number = numbers.setdefault(note.ko if language == "ko" else note.en, len(numbers) + 1)
            for column in note.columns:
                cells[column] = f"{words[note.extent]} <sup>{number}</sup>"
        rows.append((f"[{method.name}](../reference/{place_of(method)})", *cells))
    notes = "".join(f"{number}. {text}\n" for text, number in numbers.items())
    return f"{table((words['method'], *columns), rows)}\n{notes}"


def _notes_of(method: Method[Any]) -> list[Note]:
    notes = [_NOTES[method.name]] if method.name in _NOTES else []
    if method.vendor == "kis":
        if method.kind == "stream" and not notes:
            notes += _feeds_on_paper(method)
        _ensure_explained(method, notes)
        notes += _simulated(method)
    return notes


def _feeds_on_paper(method: Method[Any]) -> list[Note]:
    offered = [realtime_trs()[code].paper for code in _references(method)]
    return [] if all(offered) or "executions" in method.name else [_KRX_FEEDS if any(offered) else _REAL_FEED]


def _ensure_explained(method: Method[Any], notes: list[Note]) -> None:
    used = [*_references(method), *filter(None, [_ALSO_USES.get(method.name)])]
    missing = [api for api in used if api in operations() and why_not_on_paper(api)]
    if missing and not notes:
        raise LookupError(f"{method.name} needs {missing[0]}, which paper trading lacks: add a note")


def _simulated(method: Method[Any]) -> list[Note]:
    """What the simulator of KIS serves, by its own tables."""
    paths = {each["path"] for each in _of_simulator("operations.json")}
    served = {
        api for api, entry in operations().items() if any(each["path"] in paths for each in entry["requests"])
    } | set(_of_simulator("realtime.json")["trs"])
    if method.name in ("kis.call", "kis.call-order", "kis.call-cancel"):
        count = len(served & operations().keys())
        return [
            Note(
                (2,),
                f"The simulator serves {count} of KIS's {len(operations())} APIs.",
                f"시뮬레이터는 KIS의 API {len(operations())}개 가운데 {count}개를 제공합니다.",
            )
        ]
    unknown = [each for each in _references(method) if each not in served]
    if unknown:
        raise LookupError(f"the simulator does not serve {', '.join(unknown)} of {method.name}: add a note")
    return []


def _references(method: Method[Any]) -> list[str]:
    return method.reference.split(", ") if method.reference else []


def _of_simulator(name: str) -> Any:
    text = files("broker_server.simulator.kis").joinpath("data", name).read_text(encoding="utf-8")
    return json.loads(text)
