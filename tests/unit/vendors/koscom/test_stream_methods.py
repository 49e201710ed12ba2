"""The stream methods: what they ask for, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from broker_client.errors import InvalidParameters, TaskFailed, Unsupported
from broker_server.core.methods import Method
from broker_server.core.stream_requests import Registration, StreamRequest
from broker_server.vendors.koscom.stream_methods import StreamMethods
from tests.support.koscom_live import live_config

METHODS: dict[str, Method[Any]] = {
    method.name: method for method in StreamMethods(live_config("ws://127.0.0.1:1")).methods()
}


def asked(name: str, methods: dict[str, Method[Any]] = METHODS, **parameters: Any) -> StreamRequest:
    method = methods[f"koscom.{name}"]
    assert method.stream is not None
    return method.stream(method.parameters(**parameters))


def registrations(request: StreamRequest) -> list[Registration]:
    return [wanted.registration for wanted in request.wanted]


def test_there_are_two_pairs() -> None:
    assert sorted(METHODS) == [
        "koscom.subscribe",
        "koscom.subscribe-market",
        "koscom.unsubscribe",
        "koscom.unsubscribe-market",
    ]
    for method in METHODS.values():
        method.parameters(**method.example)


def test_a_preset_is_a_registration() -> None:
    request = asked("subscribe", preset="quote10", ticker="005930", raw=True, polling=False)
    assert registrations(request) == [Registration("quote10", "005930")]
    assert (request.raw, request.copies, request.polling, request.snapshot) == (True, True, False, True)
    end = asked("unsubscribe", preset="quote10", ticker="005930")
    assert (end.family, registrations(end)) == (request.family, registrations(request))
    assert asked("unsubscribe").wanted == ()


@pytest.mark.parametrize("items", [["trdTm", "trdPrc", "TRDPRC"], "trdPrc, trdTm"])
def test_the_items_of_a_change_are_part_of_it(items: Any) -> None:
    request = asked("subscribe", preset="change", ticker="005930", items=items)
    assert registrations(request) == [Registration("change:trdPrc,trdTm", "005930")]


def test_a_market_has_no_copies() -> None:
    request = asked("subscribe-market", market="KOSDAQ")
    assert registrations(request) == [Registration("market", "kosdaq")]
    assert (request.copies, request.polling, request.snapshot) == (False, False, False)
    assert registrations(asked("unsubscribe-market", market="kosdaq")) == registrations(request)
    assert asked("unsubscribe-market").wanted == ()


@pytest.mark.parametrize("market", ["futures", "options"])
def test_markets_without_an_address_are_unsupported(market: str) -> None:
    with pytest.raises(Unsupported, match="no address for it"):
        asked("subscribe-market", market=market)
    with pytest.raises(InvalidParameters, match="kospi, kosdaq"):
        asked("subscribe-market", market="konex")


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"preset": "change", "ticker": "005930"}, "items are needed"),
        ({"preset": "tick", "ticker": "005930", "items": ["trdPrc"]}, "with no other"),
        ({"preset": "change", "ticker": "005930", "items": ["nonsense"]}, "is not one of"),
        ({"preset": "change", "ticker": "005930", "items": ["lstTrdTpCd"]}, "is not one of"),
        ({"preset": "change", "ticker": "K1", "items": ["trdPrc"]}, "preset index"),
        ({"preset": "tick", "ticker": "K1"}, "preset index"),
        ({"preset": "index", "ticker": "005930"}, "code of an index"),
        ({"preset": "tick", "ticker": 5930}, "must be text"),
        ({"preset": "tick", "ticker": "005930*001"}, "without a market"),
        ({"preset": "trade", "ticker": "005930"}, "tick"),
    ],
)
def test_what_koscom_would_refuse_is_refused_before(parameters: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        asked("subscribe", **parameters)


@pytest.mark.parametrize(
    "parameters",
    [{"preset": "tick"}, {"ticker": "005930"}, {"items": ["trdPrc"]}, {"preset": "change", "ticker": "1"}],
)
def test_an_end_names_all_or_nothing(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"belong together|say nothing|short code"):
        asked("unsubscribe", **parameters)


def test_a_future_has_items_of_its_own() -> None:
    request = asked("subscribe", preset="change", ticker="101S6000", items=["lstTrdTpCd"])
    assert registrations(request) == [Registration("change:lstTrdTpCd", "101S6000")]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("subscribe", {"preset": "tick", "ticker": "005930"}), ("subscribe-market", {"market": "kospi"})],
)
def test_without_an_address_one_clear_error_says_why(name: str, parameters: dict[str, Any]) -> None:
    methods = {method.name: method for method in StreamMethods(live_config(None)).methods()}
    with pytest.raises(TaskFailed, match=r"KOSCOM_WS_URL.*since 2018"):
        asked(name, methods, **parameters)
    assert asked("unsubscribe", methods).wanted == ()
