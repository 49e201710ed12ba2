"""A live record on its way to the listener: where it is published, as what, and what is left out."""

from __future__ import annotations

import pytest

from broker_server.core.stream_requests import Registration
from broker_server.vendors.kis.codec import Record, decode_records
from broker_server.vendors.kis.frames import DataFrame, Quarantined, Reason, parse_frame
from broker_server.vendors.kis.incoming import MASKED, KisIncoming, is_of_another_account
from broker_server.vendors.kis.normalised import NORMALISERS
from broker_server.vendors.kis.realtime_keys import address_of, is_notice, shown
from broker_server.vendors.kis.realtime_table import realtime_trs
from tests.support.kis_stream import (
    CIPHER,
    RECEIVED,
    changed,
    frame_of,
    payload_of,
    recorded,
    sealed_frame_of,
)

NOTICE = [
    *("trader77", "1234567801", "0000012345", "", "02", "0", "00", "0", "005930", "10", "71900", "103000"),
    *("0", "2", "2", "00950", "10", "홍길동", "0", "1", "Y", "", "10", "", "삼성전자", "71900"),
]
PERSONAL = ("trader77", "1234567801", "홍길동")


def record_of(text: str) -> Record:
    frame = parse_frame(text)
    assert isinstance(frame, DataFrame)
    (record,) = decode_records(frame, None, CIPHER).records
    return record


def incoming(text: str, symbol: str) -> tuple[KisIncoming, list[Quarantined]]:
    record = record_of(text)
    unusable: list[Quarantined] = []
    address = address_of(Registration(record.tr_id, symbol), "default")
    return KisIncoming(record, RECEIVED, address, unusable.append), unusable


@pytest.mark.parametrize(
    ("code", "symbol", "address"),
    [
        ("H0STCNT0", "005930", ("trade", "005930", False)),
        ("H0NXCNT0", "005930", ("trade", "005930.NXT", False)),
        ("H0UNCNT0", "005930", ("trade", "005930.UNIFIED", False)),
        ("H0STANC0", "005930", ("expected_trade", "005930", True)),
        ("H0UNASP0", "005930", ("order_book", "005930.UNIFIED", True)),
        ("H0UPCNT0", "0001", ("index", "0001", True)),
        ("H0NXMKO0", "005930", ("market_status", "005930.NXT", False)),
        ("HDFSCNT0", "DNASAAPL", ("trade", "AAPL.NASD", False)),
        ("HDFSASP0", "RBAQAAPL", ("order_book", "AAPL.NASD", True)),
        ("HDFSASP1", "DHKS00003", ("order_book", "00003.SEHK.delayed", True)),
        ("HDFSCNT0", "DXXXAAPL", ("trade", "DXXXAAPL", False)),
        ("H0STCNI0", "trader77", ("execution", "default", False)),
        ("H0IFCNI0", "trader77", ("H0IFCNI0", "default", False)),
        ("H0STPGM0", "005930", ("H0STPGM0", "005930", True)),
    ],
)
def test_where_a_registration_is_published(code: str, symbol: str, address: tuple[str, str, bool]) -> None:
    assert address_of(Registration(code, symbol), "default") == address


def test_every_tr_has_an_address_and_notices_never_show_their_key() -> None:
    for code in realtime_trs():
        registration = Registration(code, "someone")
        address = address_of(registration, "default")
        assert (address.channel == code) == (code not in NORMALISERS)
        assert ("someone" in address.subject) != is_notice(code)
        assert ("someone" in shown(registration)) != is_notice(code)


@pytest.mark.parametrize("code", ["H0STCNT0", "H0STASP0", "H0UPCNT0", "H0STMKO0", "HDFSCNT0", "HDFSASP0"])
def test_the_address_says_what_the_event_is(code: str) -> None:
    text = recorded(code)
    made, unusable = incoming(text, payload_of(text)[0])
    event = made.event()
    assert event["type"] == made.channel
    assert made.subject.split(".")[0] == event["ticker"]
    assert event is not made.event()
    assert made.raw_event()["type"] == code
    assert unusable == []


def test_a_record_that_does_not_fit_the_model_is_published_as_it_is() -> None:
    text = frame_of("H0STCNT0", changed(payload_of(recorded("H0STCNT0")), "H0STCNT0", STCK_PRPR=0))
    made, unusable = incoming(text, "005930")
    assert made.channel == "H0STCNT0"
    assert made.event()["type"] == "H0STCNT0"
    assert made.event()["fields"]["STCK_PRPR"] == 0
    assert [one.reason for one in unusable] == [Reason.INCOMPLETE]


def test_a_book_is_read_when_somebody_wants_it() -> None:
    text = frame_of("H0STASP0", changed(payload_of(recorded("H0STASP0")), "H0STASP0", BSOP_HOUR="256199"))
    made, unusable = incoming(text, "005930")
    assert (made.channel, unusable) == ("order_book", [])
    assert made.event()["type"] == "H0STASP0"
    assert [one.reason for one in unusable] == [Reason.NO_TIME]


def test_a_tr_without_a_model_is_published_as_it_is() -> None:
    made, unusable = incoming(recorded("H0STPGM0"), "005930")
    assert made.event() == made.raw_event()
    assert (made.event()["type"], made.event()["key"], unusable) == ("H0STPGM0", "005930", [])


@pytest.mark.parametrize("code", ["H0STCNI0", "H0STCNI9"])
def test_a_notice_has_nothing_personal_in_it(code: str) -> None:
    made, _ = incoming(sealed_frame_of(code, [*NOTICE, "something new 홍길동"]), "trader77")
    assert made.channel == "execution"
    raw = made.raw_event()
    assert (raw["key"], raw["extra"]) == ("default", [MASKED])
    assert (raw["fields"]["ACNT_NO"], raw["fields"]["ODER_NO"]) == (MASKED, "0000012345")
    assert not any(word in str(made.event()) + str(raw) for word in PERSONAL)


def test_a_notice_that_does_not_fit_the_model_is_masked_too() -> None:
    made, unusable = incoming(sealed_frame_of("H0STCNI0", changed(NOTICE, "H0STCNI0", CNTG_YN="7")), "x")
    assert (made.channel, made.event()["type"]) == ("H0STCNI0", "H0STCNI0")
    assert not any(word in str(made.event()) for word in PERSONAL)
    assert [one.reason for one in unusable] == [Reason.UNKNOWN_CODE]


@pytest.mark.parametrize("code", [code for code, tr in realtime_trs().items() if tr.encrypted])
def test_every_notice_layout_is_masked(code: str) -> None:
    fields = realtime_trs()[code].fields
    texts = ["1" if field.kind in ("int", "decimal") else f"<{field.name}>" for field in fields]
    made, _ = incoming(sealed_frame_of(code, texts), "trader77")
    raw = str(made.raw_event())
    personal = ("CUST_ID", "USER_ID", "ACNT_NO", "ACCT_NO", "ACNT_NAME", "WORK_EMPL")
    assert not any(f"<{name}>" in raw for name in personal)
    assert "<ODER_NO>" in raw or "<ODNO>" in raw


@pytest.mark.parametrize(
    ("code", "told", "account", "other"),
    [
        ("H0STCNI0", "1234567801", "12345678-01", False),
        ("H0STCNI0", "1234567802", "12345678-01", True),
        ("H0STCNI0", "12345678", "12345678-01", False),
        ("H0STCNI0", "87654321", "12345678-01", True),
        ("H0STCNI0", "", "12345678-01", False),
        ("H0STCNI0", "8765432101", None, False),
        ("H0IFCNI0", "1234567803", "12345678-01", False),
        ("H0IFCNI0", "8765432103", "12345678-01", True),
    ],
)
def test_whose_notice_it_is(code: str, told: str, account: str | None, other: bool) -> None:
    record = Record(code, "trader77", {"ACNT_NO": told or None}, ())
    assert is_of_another_account(record, account) is other
