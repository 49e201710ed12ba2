"""Condition search: two invented conditions over the simulated KOSDAQ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from broker_server.simulator.kiwoom.codes import account_code
from broker_server.simulator.kiwoom.realtime.messages import StreamRefusal, answer
from broker_server.simulator.kiwoom.realtime.sessions import Session
from broker_server.simulator.kiwoom.text import directed, sign_code, signed, signed_percent
from broker_server.simulator.market import Market
from broker_server.simulator.quotes import Quote

_CONDITIONS: Mapping[str, tuple[str, Callable[[Quote], bool]]] = {
    "0": ("코스닥 상승", lambda quote: quote.price > quote.base),
    "1": ("코스닥 하락", lambda quote: quote.price < quote.base),
}
SEGMENT = "KOSDAQ"
MESSAGES = ("CNSRLST", "CNSRREQ", "CNSRCLR")


def condition_answer(market: Market, session: Session, trnm: str, document: Mapping[str, Any]) -> bytes:
    """Carry out one message of condition search; the list has to be asked for first.

    Hits that come later (type 02) are not simulated.

    Raises:
        StreamRefusal: Something is missing.
    """
    if trnm == "CNSRLST":
        session.conditions = True
        return answer(trnm, data=[[number, name] for number, (name, _) in _CONDITIONS.items()])
    number = document.get("seq")
    if not session.conditions or not isinstance(number, str) or number not in _CONDITIONS:
        raise StreamRefusal("100002", "필수 입력값이 누락되었습니다 [seq]")
    if trnm == "CNSRCLR":
        return answer(trnm, seq=number)
    search_type = document.get("search_type")
    if search_type not in ("0", "1"):
        raise StreamRefusal("100002", "필수 입력값이 누락되었습니다 [search_type]")
    matches = _CONDITIONS[number][1]
    found = [
        market.quote(item)
        for item in market.instruments
        if item.segment == SEGMENT and not market.is_suspended(item) and matches(market.quote(item))
    ]
    if search_type == "1":
        return answer(trnm, seq=number, data=[{"jmcode": account_code(quote.instrument)} for quote in found])
    return answer(trnm, seq=number, cont_yn="N", next_key="", data=[_row(quote) for quote in found])


def _row(quote: Quote) -> dict[str, str]:
    change = quote.price - quote.base
    return {
        "9001": account_code(quote.instrument),
        "302": quote.instrument.name,
        "10": directed(quote.price, quote.base).lstrip("+-").zfill(9),
        "25": sign_code(quote.price, quote.base, quote.lower, quote.upper),
        "11": signed(change),
        "12": signed_percent(change, quote.base),
        "13": str(quote.volume).zfill(9),
        "16": str(quote.open).zfill(9),
        "17": str(quote.high).zfill(9),
        "18": str(quote.low).zfill(9),
    }
