"""Every example message of KOSCOM's documents, and every defect of their printing."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from broker_server.core.feeds import Incoming
from broker_server.core.stream_requests import Registration
from broker_server.vendors.koscom.presets import MARKET, change_of
from broker_server.vendors.koscom.realtime_intake import Intake
from broker_server.vendors.koscom.realtime_messages import (
    Told,
    documents,
    heartbeat_text,
    init_text,
    is_answer,
    subscribe_text,
    told,
    unsubscribe_text,
)
from broker_server.vendors.koscom.targets import Targets, wires_of
from broker_server.vendors.oddities import OddityLog
from tests.support.fake_time import FakeClock

EXAMPLES = json.loads((Path(__file__).parent / "data/messages.json").read_text(encoding="utf-8"))
TICK, QUOTE = Registration("tick", "005930"), Registration("quote", "005930")
CHANGE = change_of("005930", ["trdPrc", "trdTm"])
KOSPI = Registration(MARKET, "kospi")


class Desk:
    """An intake of which everything is subscribed, and what it hands on."""

    def __init__(self, *registrations: Registration) -> None:
        self.clock = FakeClock(datetime.fromisoformat("2026-11-20T14:45:00+09:00"))
        self.oddities = OddityLog("koscom", self.clock)
        self.targets = Targets()
        wires = wires_of(registrations)
        self.targets.set_wires(wires)
        self.got: list[tuple[Registration, Incoming]] = []
        self.intake = Intake(
            lambda registration, incoming: self.got.append((registration, incoming)),
            self.targets,
            self.clock,
            self.oddities,
        )
        for wire in wires.values():
            self.intake.open(wire)

    def push(self, **params: Any) -> None:
        self.intake.take_push(orjson.loads(orjson.dumps(params)))

    def events(self) -> list[dict[str, Any]]:
        return [incoming.event() for _, incoming in self.got]

    @property
    def odd(self) -> Counter[str]:
        return self.oddities.counts


def test_what_we_send_is_what_the_documents_print() -> None:
    init, tick, change, end, beat = EXAMPLES["sent"]
    assert json.loads(init_text(1, "<API key>", "<company>")) == init
    assert json.loads(subscribe_text(2, TICK)) == tick
    assert json.loads(subscribe_text(3, CHANGE)) == change
    assert json.loads(unsubscribe_text(4, QUOTE)) == end
    assert json.loads(heartbeat_text(5)) == beat
    # Key by key in the documents' order, too.
    assert init_text(1, "<API key>", "<company>") == json.dumps(init, separators=(",", ":"))


def test_every_answer_of_the_documents_is_understood() -> None:
    ok, data, failure = EXAMPLES["answers"]
    assert all(is_answer(answer) for answer in EXAMPLES["answers"])
    assert told(ok) == Told(1, False, "", "ok", None)
    assert told(data) == Told(1, False, "", "", data["result"])
    assert told(failure) == Told(None, True, "47", "정상적인 JSON-RPC 형식이 아닙니다", None)


def test_the_state_in_an_answer_is_an_event() -> None:
    desk = Desk(TICK)
    desk.intake.take_result(TICK, EXAMPLES["answers"][1]["result"])
    (event,) = desk.events()
    assert (event["type"], event["price"], event["quantity"]) == ("trade", 1_310_000, 86)
    assert event["time"] == "2026-11-20T09:45:01.550000+09:00"
    assert event["snapshot"] is True
    assert desk.got[0][1].raw_event()["extra"] == [{"name": "mkStatTpCd", "value": 1}]
    assert not desk.odd


def test_every_push_of_the_documents_is_an_event() -> None:
    desk = Desk(TICK, QUOTE, CHANGE)
    for push in EXAMPLES["pushes"]:
        desk.push(**push["params"])
    assert [registration for registration, _ in desk.got] == [TICK, QUOTE, CHANGE]
    trade, book, change = desk.events()
    assert trade["price"], trade["volume"] == (2_465_000, 251_916)
    assert (trade["quantity"], trade["value"]) == (2, 627_899_637_000)
    assert trade["time"] == "2026-11-20T14:41:20+09:00"
    assert book["asks"] == [{"price": 2_465_000, "quantity": 144}]
    assert book["bids"] == [{"price": 2_464_000, "quantity": 298}]
    assert (change["type"], change["changed"]) == ("change", ["trdPrc", "trdTm"])
    assert change["fields"] == {"isuSrtCd": "005930", "trdPrc": 2_465_000, "trdTm": "14340400"}
    assert not desk.odd


def test_the_array_of_a_market_is_an_event_for_each_issue() -> None:
    desk = Desk(KOSPI)
    for array in EXAMPLES["market"]:
        desk.intake.take_market(KOSPI, array)
    assert [(one.channel, one.subject) for _, one in desk.got] == [("trade", "000210"), ("trade", "500032")]
    first, second = desk.events()
    assert (first["ticker"], first["price"], first["quantity"]) == ("000210", 81_000, 5)
    assert (second["price"], second["quantity"], second["volume"]) == (12_760, 400, None)
    assert first["time"] == "2026-11-20T14:34:04+09:00"
    assert desk.got[0][1].raw_event()["fields"]["trdvol"] == 5
    assert not desk.odd


def test_the_fourteen_fields_of_a_price_are_a_trade() -> None:
    tick10 = Registration("tick10", "005930")
    desk = Desk(tick10)
    desk.push(preset="tick10", **EXAMPLES["price"])
    (event,) = desk.events()
    assert event == {
        "type": "trade",
        "vendor": "koscom",
        "ticker": "005930",
        "venue": "KRX",
        "currency": "KRW",
        "time": "2026-11-20T09:54:45+09:00",
        "price": 38_600,
        "quantity": 76,
        "side": "sell",
        "expected": False,
        "change": 350,
        "change_rate": 350 / 38_250 * 100,
        "open": 38_250,
        "high": 38_900,
        "low": 38_200,
        "ask": 38_650,
        "bid": 38_600,
        "volume": 2_829_006,
        "value": 108_981_501_200,
        "session": None,
        "delayed": False,
        "snapshot": True,
    }


# The documents' defects: what is no JSON is refused, and everything else is understood.


@pytest.mark.parametrize(
    "printed",
    [
        '{"jsonrpc":"2.0","method":"push" "params":{"preset":"tick" "isuSrtCd":"005930"}}',
        '{"jsonrpc":"2.0","method":"push","params":{"preset":"tick","isuSrtCd" : 005930}}',
        '{"jsonrpc":"2.0","method":"push","params":{"preset":"tick","trdTm" : 09450155}}',
        '{"jsonrpc":"2.0","id":1,"result" {"message":"ok"}}',
        '{"jsonrpc":"2.0","id":5,"method":"heartbeat",}',
        '{"jsonrpc":"2.0" "error":{"message":"…","code":47}}',
        'Recieved: {"jsonrpc":"2.0","method":"push","params":{"isuSrtCd":"005930","trdPrc":2465000}}',
        "",
    ],
)
def test_what_is_printed_and_is_no_json_is_refused(printed: str) -> None:
    assert documents(printed.encode()) is None


def test_bytes_that_are_no_unicode_cost_no_message() -> None:
    frame = '{"jsonrpc":"2.0","id":1,"error":{"message":"오류","code":47}}'.encode("euc-kr")
    (document,) = documents(frame) or []
    assert told(document).code == "47"


@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        ({"id": "7", "error": {"mesage": "no", "code": "20056"}}, Told(7, True, "20056", "no")),
        ({"id": None, "error": "no"}, Told(None, True, "", "no")),
        ({"id": 7.0, "error": {}}, Told(7, True)),
        ({"id": 7, "result": "ok"}, Told(7, False, "", "ok")),
        ({"id": 7, "result": None}, Told(7, False)),
        ({"id": [7], "result": {"message": "OK"}}, Told(None, False, "", "OK")),
    ],
)
def test_answers_in_other_forms(answer: dict[str, Any], meant: Told) -> None:
    assert told(answer) == meant


@pytest.mark.parametrize(
    "params",
    [
        {"isuSrtCd": 5930, "trdTm": 9450155},
        {"isuSrtCd": "005930*001", "trdTm": "09450155"},
        {"isuSrtCode": "005930", "trdTm": "9450155"},
        {"IsuSrtCd": "005930", "trdTm": "09450155"},
        {"isuCd": "KR7005930003", "trdTm": "09450155"},
        {"isuSrtCd": ["005930"], "trdTm": 9450155},
    ],
)
@pytest.mark.parametrize("quantity", [{"trdvol": 5}, {"trdVol": "5"}, {"TRDVOL": 5.0}])
@pytest.mark.parametrize("price", [{"trdPrc": 81_000}, {"prc": "81000"}])
def test_fields_in_other_forms(
    params: dict[str, Any], quantity: dict[str, Any], price: dict[str, Any]
) -> None:
    desk = Desk(TICK)
    desk.push(preset="tick", **params, **quantity, **price)
    (event,) = desk.events()
    assert (event["ticker"], event["price"], event["quantity"]) == ("005930", 81_000, 5)
    assert event["time"] == "2026-11-20T09:45:01.550000+09:00"
    assert not desk.odd


@pytest.mark.parametrize(
    "params",
    [
        {"isuSrtCd": [" -"], "trdPrc": None},
        {"isuSrtCd": None, "trdPrc": 5},
        {"trdPrc": 5},
        {"isuSrtCd": {}, "trdPrc": 5},
    ],
)
def test_a_record_of_no_issue_is_refused(params: dict[str, Any]) -> None:
    desk = Desk(TICK)
    desk.push(preset="tick", **params)
    assert desk.got == []
    assert desk.odd == {"malformed": 1}


def test_a_record_that_nobody_asked_for_is_counted() -> None:
    desk = Desk(TICK)
    desk.push(preset="tick", isuSrtCd="000660", trdPrc=1)
    desk.push(preset="nonsense", isuSrtCd="005930", trdPrc=1)
    desk.push(isuSrtCd="005930", trdPrc=1)  # a change that nobody has
    assert desk.got == []
    assert desk.odd == {"never_asked": 2, "push_without_preset": 1}


def test_a_record_that_is_no_trade_keeps_its_own_form() -> None:
    desk = Desk(TICK)
    desk.push(preset="tick", isuSrtCd="005930", trdPrc=0, trdvol=0, trdTm=0)
    ((_, incoming),) = desk.got
    assert (incoming.channel, incoming.subject) == ("tick", "005930")
    assert incoming.event()["fields"] == {"isuSrtCd": "005930", "trdPrc": 0, "trdvol": 0, "trdTm": None}
    assert desk.odd == {"unusable": 1}


def test_a_broken_record_of_a_market_costs_no_other() -> None:
    desk = Desk(KOSPI)
    good = {"isuSrtCd": "000210", "trdPrc": "81000", "trdVol": "5", "trdTm": "14340400"}
    bad: list[Any] = [
        None,
        [],
        "x",
        {},
        {**good, "trdPrc": "x"},
        {**good, "trdTm": "9990000"},
        {**good, "isuSrtCd": " -"},
        {**good, "isuSrtCd": {}},
    ]
    desk.intake.take_market(
        KOSPI, [*bad, good, {**good, "isuSrtCd": "000660*001"}, {**good, "isuSrtCd": 5930}]
    )
    assert [one.subject for _, one in desk.got] == ["000210", "000660", "005930"]
    assert sum(desk.odd.values()) == len(bad)
    assert "defect" not in desk.odd
