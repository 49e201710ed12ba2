"""Records of Kiwoom as events: the common models, Kiwoom's own form, and what is left out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from broker_server.core.stream_requests import Registration
from broker_server.vendors.kiwoom.incoming import MASKED, KiwoomIncoming
from broker_server.vendors.kiwoom.real_types import EVERYTHING, stream_name
from broker_server.vendors.kiwoom.rest.realtime_intake import Intake
from broker_server.vendors.kiwoom.tables import load_data
from broker_server.vendors.oddities import OddityLog
from tests.support.fake_time import FakeClock

RECEIVED = datetime(2026, 11, 20, 0, 50, tzinfo=UTC)

TRADE = {
    "20": "093000", "10": "-20800", "11": "-50", "12": "-0.24", "27": "-20800", "28": "-20750", "15": "+82",
    "13": "30379732", "14": "632640", "16": "-20850", "17": "+21150", "18": "-20450", "25": "5",
    "228": "92.16", "290": "2", "9081": "1",
}  # fmt: skip
NOTICE = {
    "9201": "1111111111", "9203": "0000018", "9205": "", "9001": "A005930", "912": "JJ", "913": "접수",
    "302": "삼성전자", "900": "10", "901": "60700", "902": "10", "903": "0", "904": "0000000",
    "905": "+매수", "906": "보통", "907": "2", "908": "094022", "909": "", "910": "", "911": "",
    "10": "+60700", "27": "+60700", "28": "-60000", "914": "", "915": "", "938": "0", "939": "0",
    "919": "0", "920": "", "921": "0802", "922": "00", "923": "00000000", "10010": "", "2134": "1",
    "2135": "KRX", "2136": "Y",
}  # fmt: skip


def incoming(code: str, item: str, values: dict[str, str]) -> KiwoomIncoming:
    return KiwoomIncoming(Registration(code, item), code, values, RECEIVED)


def event(code: str, item: str, **changes: str) -> dict[str, Any]:
    base = {"0B": TRADE, "00": NOTICE}.get(code, {})
    values = {**base, **{name.removeprefix("f"): value for name, value in changes.items()}}
    return incoming(code, item, values).event()


def test_a_trade() -> None:
    assert event("0B", "005930") == {
        "type": "trade",
        "vendor": "kiwoom",
        "ticker": "005930",
        "venue": "KRX",
        "currency": "KRW",
        "time": "2026-11-20T09:30:00+09:00",
        "price": 20800,
        "quantity": 82,
        "side": "buy",
        "expected": False,
        "change": -50,
        "change_rate": -0.24,
        "open": 20850,
        "high": 21150,
        "low": 20450,
        "ask": 20800,
        "bid": 20750,
        "volume": 30379732,
        "value": 632640000000,
        "session": "regular",
        "delayed": False,
    }


@pytest.mark.parametrize(("sign", "side"), [("+5", "buy"), (" -5", "sell"), ("5", None), ("0", None)])
def test_the_sign_of_the_quantity_tells_who_took(sign: str, side: str | None) -> None:
    assert event("0B", "005930", f15=sign)["side"] == side


@pytest.mark.parametrize(
    ("item", "venue", "subject"),
    [
        ("005930", "KRX", "005930"),
        ("005930_NX", "NXT", "005930.NXT"),
        ("0156T0_AL", "UNIFIED", "0156T0.UNIFIED"),
    ],
)
def test_the_suffix_is_the_venue(item: str, venue: str, subject: str) -> None:
    record = incoming("0B", item, TRADE)
    assert (record.channel, record.subject, record.conflatable) == ("trade", subject, False)
    assert record.event()["venue"] == venue


def test_an_expected_trade() -> None:
    record = incoming(
        "0H", "005930", {"20": "085500", "10": "+71000", "15": "+1500", "11": "+100", "13": "9"}
    )
    assert (record.channel, record.conflatable) == ("expected_trade", True)
    told = record.event()
    assert (told["expected"], told["price"], told["quantity"], told["side"]) == (True, 71000, 1500, None)
    assert told["volume"] is None


def test_an_order_book() -> None:
    values = {"21": "093000", "121": "100", "125": "200", "23": "1", "24": "2"}
    for level in range(3):
        values |= {
            str(41 + level): f"+{70100 + 100 * level}",
            str(61 + level): str(10 + level),
            str(51 + level): f"-{70000 - 100 * level}",
            str(71 + level): str(20 + level),
        }
    told = incoming("0D", "005930", values | {"44": "0", "64": "0"}).event()
    assert told["asks"] == [{"price": 70100 + 100 * at, "quantity": 10 + at} for at in range(3)]
    assert told["bids"] == [{"price": 70000 - 100 * at, "quantity": 20 + at} for at in range(3)]
    assert (told["total_ask_quantity"], told["total_bid_quantity"]) == (100, 200)
    assert told["expected_price"] is None
    told = incoming("0D", "005930", values | {"291": "+70050", "292": "300"}).event()
    assert (told["expected_price"], told["expected_quantity"]) == (70050, 300)


def test_an_index() -> None:
    values = {
        "20": "093000",
        "10": "-2850.31",
        "11": "-12.05",
        "12": "-0.42",
        "13": "350",
        "14": "7",
        "16": "+2860.00",
    }
    told = incoming("0J", "001", values).event()
    assert (told["type"], told["ticker"], told["value"]) == ("index", "001", "2850.31")
    assert (told["change"], told["open"]) == ("-12.05", "2860.00")
    assert (told["volume"], told["traded_value"]) == (350_000, 7_000_000)


@pytest.mark.parametrize(("phase", "venue"), [("3", "KRX"), ("a", "KRX"), ("P", "NXT")])
def test_a_phase_of_the_market(phase: str, venue: str) -> None:
    record = incoming("0s", "", {"215": phase, "20": "090000", "214": "000000"})
    assert (record.channel, record.subject) == ("market_status", "market")
    told = record.event()
    assert (told["type"], told["phase_code"], told["venue"]) == ("market_status", phase, venue)


def test_a_received_order() -> None:
    assert event("00", "005930") == {
        "type": "execution",
        "vendor": "kiwoom",
        "ticker": "005930",
        "venue": "SOR",
        "currency": "KRW",
        "time": "2026-11-20T09:40:22+09:00",
        "event": "received",
        "action": "new",
        "order_no": "0000018",
        "original_order_no": None,
        "side": "buy",
        "quantity": None,
        "price": None,
        "order_quantity": 10,
        "order_price": 60700,
    }


def test_a_fill_has_its_own_quantity_and_price() -> None:
    told = event("00", "", f913="체결", f910="60650", f911="7", f914="60700", f915="2", f902="3")
    assert (told["event"], told["quantity"], told["price"]) == ("fill", 2, 60700)


def test_totals_are_not_taken_for_a_fill() -> None:
    told = incoming("00", "", NOTICE | {"913": "체결", "910": "60650", "911": "7", "902": "3"})
    assert told.channel == "00", "as Kiwoom wrote it"
    assert told.event() == told.raw_event()


@pytest.mark.parametrize(
    ("kind", "side_code", "action", "side"),
    [
        ("-매도", "1", "new", "sell"),
        ("매수정정", "2", "modify", "buy"),
        ("-매도취소", "1", "cancel", "sell"),
        ("+매수", "", "new", "buy"),
    ],
)
def test_what_the_order_does(kind: str, side_code: str, action: str, side: str) -> None:
    told = event("00", "", f905=kind, f907=side_code, f904="17", f913="확인")
    assert (told["action"], told["side"], told["event"]) == (action, side, "confirmed")
    assert told["original_order_no"] == "0000017"


@pytest.mark.parametrize(
    "changes",
    [
        {"913": "무엇"},
        {"9203": ""},
        {"907": "9", "905": "?"},
        {"900": "ten"},
    ],
)
def test_a_notice_that_does_not_fit_is_told_in_kiwooms_own_form(changes: dict[str, str]) -> None:
    record = incoming("00", "", {**NOTICE, **changes})
    assert record.channel == "00"
    assert record.event()["type"] == "00"
    assert "1111111111" not in str(record.event())


def test_kiwooms_own_form_is_by_fid_and_untouched() -> None:
    record = incoming("0B", "005930", {**TRADE, "99999": " new "})
    told = record.raw_event()
    assert (told["type"], told["vendor"], told["key"], told["extra"]) == ("0B", "kiwoom", "005930", [])
    assert told["fields"] == {**TRADE, "99999": " new "}


def test_no_account_number_is_shown() -> None:
    for code, values in (("00", NOTICE), ("04", {"9201": "1111111111", "9001": "A005930", "930": "5"})):
        record = incoming(code, "005930", {**values, "9205": "emp-7", "77777": "1111111111"})
        for told in (record.raw_event(), record.event(), repr(record)):
            assert "1111111111" not in str(told)
            assert "emp-7" not in str(told)
        raw = record.raw_event()
        assert raw["key"] == "default"
        assert raw["fields"]["9201"] == raw["fields"]["77777"] == MASKED
        assert record.subject == "default"


def test_a_type_without_a_model_has_a_channel_of_its_own() -> None:
    record = incoming("0w", "005930", {"20": "093000", "10": "-1"})
    assert (record.channel, record.subject) == ("0w", "005930")
    assert record.event() == record.raw_event()


def test_every_type_of_the_document_has_a_name() -> None:
    for code in load_data("realtime_fids.json")["rest_real_types"]:
        name = stream_name(Registration(code, "005930"))
        assert name.channel
        assert name.subject


def test_the_originals_registration_has_a_name_of_its_own_and_no_model() -> None:
    record = KiwoomIncoming(Registration(EVERYTHING, "005930"), "0B", TRADE, RECEIVED)
    assert (record.channel, record.subject, record.conflatable) == (EVERYTHING, "005930", False)
    assert record.event() == record.raw_event()
    assert record.raw_event()["type"] == "0B"


@pytest.mark.parametrize(
    ("own", "told", "taken"),
    [
        ("1111111111", "1111111111", True),
        ("1111111111", "11111111", True),
        ("11111111", "1111111111", True),
        ("1111111111", "2222222211", False),
        ("1111111111", "", True),
        (None, "2222222211", True),
    ],
)
def test_notices_of_other_accounts_are_dropped(own: str | None, told: str, taken: bool) -> None:
    clock = FakeClock()
    received: list[Any] = []
    oddities = OddityLog("kiwoom", clock)
    notices = Registration("00", "")
    intake = Intake(
        lambda *it: received.append(it), own, "default", lambda code, item: [notices], clock, oddities
    )
    intake.take([{"type": "00", "item": "005930", "values": {**NOTICE, "9201": told}}])
    assert [registration for registration, _ in received] == [notices] * taken
    assert intake.of_other_accounts == (not taken)
