"""Data frames to records: recorded frames, each known trap, round trips of all TRs."""

from __future__ import annotations

import random
from collections.abc import Container
from decimal import Decimal

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_server.vendors.kis.codec import Record, Records, decode_records, record_event
from broker_server.vendors.kis.frames import DataFrame, Quarantined, Reason, parse_frame
from broker_server.vendors.kis.realtime_table import Field, realtime_trs
from broker_server.vendors.kis.record_readers import Value
from tests.support.aes import unseal
from tests.support.kis_stream import (
    CIPHER,
    changed,
    frame_of,
    lines_of,
    payload_of,
    record_for,
    recorded,
    recorded_frames,
    sealed_frame_of,
    texts_of,
)


def decode(text: str, subscribed: Container[str] | None = None) -> Records:
    frame = parse_frame(text)
    assert isinstance(frame, DataFrame), frame
    return decode_records(frame, subscribed, CIPHER, decrypt=unseal)


def only(text: str, subscribed: Container[str] | None = None) -> Record:
    found = decode(text, subscribed)
    assert not found.quarantined
    (record,) = found.records
    return record


def refused(text: str, subscribed: Container[str] | None = None) -> Quarantined:
    found = decode(text, subscribed)
    assert not found.records
    (one,) = found.quarantined
    return one


@pytest.mark.parametrize("text", recorded_frames(), ids=lambda text: text[2:10])
def test_a_recorded_frame_decodes_to_what_it_says(text: str) -> None:
    values = payload_of(text)
    record = only(text, {values[0]})
    tr = realtime_trs()[record.tr_id]
    layout = (*tr.fields, *tr.optional_tail)[: len(values)]
    assert list(record.fields) == [field.name for field in layout]
    assert list(record.extra) == values[len(layout) :]
    assert record.key == values[0]
    for field, sent in zip(layout, values, strict=False):
        assert_meant(field, sent, record.fields[field.name])


def assert_meant(field: Field, sent: str, value: Value) -> None:
    if sent in ("", "(null)") or (field.kind in ("int", "decimal") and sent in ("nan", "-nan")):
        assert value is None
    elif field.kind == "int":
        assert type(value) is int
        assert Decimal(sent) == value
    elif field.kind == "decimal":
        assert type(value) is Decimal
        assert Decimal(sent) == value
    else:
        assert value == sent


def test_there_are_recorded_frames_of_30_trs() -> None:
    assert len({text[2:10] for text in recorded_frames()}) == 30


# What a frame proves about its layout.


@pytest.mark.parametrize("number", [0, 1])
def test_the_levels_of_a_domestic_book_add_up_to_its_totals(number: int) -> None:
    fields = only(recorded("H0STASP0", number)).fields
    assert total(fields, "ASKP_RSQN") == fields["TOTAL_ASKP_RSQN"] == (1159362, 190189)[number]
    assert total(fields, "BIDP_RSQN") == fields["TOTAL_BIDP_RSQN"] == (2095167, 770303)[number]


def test_the_levels_of_the_single_price_book_add_up_to_its_totals() -> None:
    fields = only(recorded("H0STOAA0")).fields
    assert total(fields, "ASKP_RSQN") == fields["TOTAL_ASKP_RSQN"] == 24644
    assert total(fields, "BIDP_RSQN") == fields["TOTAL_BIDP_RSQN"] == 30955


def test_the_overseas_book_has_71_values_and_its_levels_add_up() -> None:
    record = only(recorded("HDFSASP0"))
    assert len(record.fields) == 71
    assert total(record.fields, "VBID") == record.fields["BVOL"] == 1482
    assert total(record.fields, "VASK") == record.fields["AVOL"] == 381
    bids = [record.fields[f"PBID{level}"] for level in range(1, 11)]
    assert bids == sorted(bids, key=lambda price: Decimal(str(price)), reverse=True)
    assert (bids[0], bids[9]) == (Decimal("182.85"), Decimal("182.63"))


def test_the_middle_price_is_the_middle() -> None:
    fields = only(recorded("H0STASP0", 1)).fields
    assert fields["KMID_PRC"] == Decimal(244250) == Decimal(244500 + 244000) / 2
    assert "MARKET_CLS_CODE" not in fields


def total(fields: dict[str, Value], name: str) -> int:
    return sum(int(str(fields[f"{name}{level}"])) for level in range(1, 11))


# The traps, by name.


def test_a_frame_of_several_records_has_no_mark_between_them() -> None:
    one = payload_of(recorded("H0STCNT0"))
    records = decode(
        frame_of("H0STCNT0", *[changed(one, "H0STCNT0", STCK_PRPR=price) for price in (1, 2, 3)])
    ).records
    assert [record.fields["STCK_PRPR"] for record in records] == [1, 2, 3]
    assert {record.fields["ACML_VOL"] for record in records} == {3052507}


def test_a_longer_record_keeps_its_extra_values_and_shifts_nothing() -> None:
    one = payload_of(recorded("H0STCNT0"))
    record = only(frame_of("H0STCNT0", [*one, "2", "new", ""]))
    assert record.fields["STCK_PRPR"] == 71900
    assert record.fields["MARKET_CLS_CODE"] == "2"
    assert record.extra == ("new", "")


def test_undocumented_values_at_the_end_are_kept() -> None:
    record = only(recorded("H0MFASP0"))
    assert len(record.fields) == 38
    assert record.extra == ("0", "0", "0", "0", "", "000000", "2", "")


@pytest.mark.parametrize("tr_id", sorted(realtime_trs()))
def test_a_shorter_record_is_never_mapped(tr_id: str) -> None:
    values = [""] * (len(realtime_trs()[tr_id].fields) - 1)
    found = refused(frame_of(tr_id, values))
    assert (found.reason, found.tr_id, found.raw) == (Reason.TOO_SHORT, tr_id, "^".join(values))


@pytest.mark.parametrize("text", lines_of(starting="HTS ID^"), ids=["receipt", "fill"])
def test_a_notice_of_the_old_23_values_is_quarantined(text: str) -> None:
    assert text.count("^") == 22
    found = refused(f"0|H0STCNI0|001|{text}")
    assert found.reason is Reason.TOO_SHORT
    assert "1234567801" not in repr(found)


def test_the_single_price_book_of_the_samples_is_too_short() -> None:
    assert refused(frame_of("H0STOAA0", payload_of(recorded("H0STOAA0"))[:54])).reason is Reason.TOO_SHORT


def test_an_index_by_the_portals_30_columns_would_be_shifted_and_is_not_mapped() -> None:
    """The portal lists the 30 columns of H0UPCNT0 for H0UPANC0, of which 15 are on the wire."""
    found = refused(frame_of("H0UPANC0", payload_of(recorded("H0UPCNT0"))))
    assert found.reason is Reason.NOT_A_NUMBER


@pytest.mark.parametrize("count", [2, 5, 9999])
def test_values_that_do_not_divide_into_the_counted_records_are_quarantined(count: int) -> None:
    values = payload_of(recorded("H0STCNT0"))
    found = refused(frame_of("H0STCNT0", [*values, "x"], count=count))
    assert found.reason is Reason.UNEVEN


def test_two_records_that_are_counted_as_one_are_not_taken_for_one() -> None:
    values = payload_of(recorded("H0STCNT0"))
    assert refused(frame_of("H0STCNT0", values, values, count=1)).reason is Reason.MISCOUNTED


def test_an_overseas_book_with_level_3_twice_is_quarantined() -> None:
    values = payload_of(recorded("HDFSASP0"))
    doubled = values[:29] + values[23:29] + values[29:]
    assert len(doubled) == 77
    assert refused(frame_of("HDFSASP0", doubled)).reason is Reason.DOUBLED_LEVEL


def test_six_appended_values_do_not_make_a_doubled_level() -> None:
    record = only(frame_of("HDFSASP0", payload_of(recorded("HDFSASP0")) + ["1"] * 6))
    assert record.fields["PBID10"] == Decimal("182.63")
    assert record.extra == ("1",) * 6


def test_the_16_names_of_the_samples_for_the_overseas_book_are_too_short() -> None:
    assert refused(frame_of("HDFSASP0", payload_of(recorded("HDFSASP0"))[:16])).reason is Reason.TOO_SHORT


def test_the_market_state_of_both_exchanges_begins_with_the_stock_code() -> None:
    """The published list of H0UNMKO0 has ten names too, and the stock code is not among them."""
    record = only(recorded("H0UNMKO0"), {"100840"})
    assert record.fields["MKSC_SHRN_ISCD"] == "100840"
    assert record.fields["TRHT_YN"] == "N"
    assert record.fields["TR_SUSP_REAS_CNTT"] is None
    shifted = [*payload_of(recorded("H0UNMKO0"))[1:], "1"]
    assert refused(frame_of("H0UNMKO0", shifted), {"100840"}).reason is Reason.OTHER_KEY


def test_a_record_of_another_key_does_not_take_its_neighbours_with_it() -> None:
    one = payload_of(recorded("H0STCNT0"))
    other = changed(one, "H0STCNT0", MKSC_SHRN_ISCD="000660")
    found = decode(frame_of("H0STCNT0", one, other, one), {"005930"})
    assert len(found.records) == 2
    assert [each.reason for each in found.quarantined] == [Reason.OTHER_KEY]


def test_the_first_value_of_an_overseas_record_is_the_whole_key() -> None:
    text = recorded("HDFSCNT0")
    assert only(text, {"DNASAAPL"}).key == "DNASAAPL"
    assert refused(text, {"AAPL", "RNASAAPL"}).reason is Reason.OTHER_KEY


def test_a_padded_key_is_the_same_key() -> None:
    values = changed(payload_of(recorded("H0STCNT0")), "H0STCNT0", MKSC_SHRN_ISCD="005930   ")
    assert only(frame_of("H0STCNT0", values), {"005930"}).key == "005930"


@pytest.mark.parametrize("time", ["71900", "9335", "09335a", "2024010", "٠٩٣٣٥٤"])
def test_a_time_that_is_none_shows_shifted_values(time: str) -> None:
    values = changed(payload_of(recorded("H0STCNT0")), "H0STCNT0", STCK_CNTG_HOUR=time)
    assert refused(frame_of("H0STCNT0", values), {"005930"}).reason is Reason.NO_TIME


def test_nan_is_no_number() -> None:
    fields = only(recorded("H0EUCNT0")).fields
    assert [name for name, value in fields.items() if value is None]
    assert all(not isinstance(value, Decimal) or value.is_finite() for value in fields.values())


def test_words_for_nothing_are_none() -> None:
    fields = only(recorded("H0STMKO0")).fields
    assert (fields["TR_SUSP_REAS_CNTT"], fields["MKOP_CLS_CODE"]) == (None, None)
    assert fields["ANTC_MKOP_CLS_CODE"] == "311"


def test_the_levels_of_a_stock_option_book_go_on_behind_the_totals() -> None:
    fields = only(recorded("H0ZOASP0")).fields
    names = list(fields)
    assert (names.index("OPTN_ASKP5"), names.index("TOTAL_ASKP_RSQN"), names.index("OPTN_ASKP6")) == (
        6,
        34,
        38,
    )
    asks = [Decimal(str(fields[f"OPTN_ASKP{level}"])) for level in range(1, 9)]
    assert asks == sorted(asks)


def test_an_unknown_tr_is_quarantined() -> None:
    found = refused("0|H0XXXXX0|001|005930^1")
    assert (found.reason, found.tr_id) == (Reason.UNKNOWN_TR, "H0XXXXX0")


def test_a_record_as_an_event_is_json() -> None:
    event = record_event(only(frame_of("H0STCNT0", [*payload_of(recorded("H0STCNT0")), "2", "extra"])))
    assert orjson.loads(orjson.dumps(event)) == event
    assert event["type"] == "H0STCNT0"
    assert (event["vendor"], event["key"], event["extra"]) == ("kis", "005930", ["extra"])
    assert event["fields"]["WGHN_AVRG_STCK_PRC"] == "72023.83"
    assert event["fields"]["STCK_PRPR"] == 71900


def test_a_number_that_json_cannot_hold_is_text_in_the_event() -> None:
    values = changed(payload_of(recorded("H0STCNT0")), "H0STCNT0", ACML_TR_PBMN=10**30)
    event = record_event(only(frame_of("H0STCNT0", values)))
    assert event["fields"]["ACML_TR_PBMN"] == "1" + "0" * 30
    orjson.dumps(event)


# Round trips.


@pytest.mark.parametrize("tr_id", sorted(realtime_trs()))
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 12),
    tail=st.integers(0, 4),
    appended=st.integers(0, 6) | st.integers(0, 200),
)
def test_what_is_encoded_is_decoded(tr_id: str, seed: int, count: int, tail: int, appended: int) -> None:
    chance, tr, key = random.Random(seed), realtime_trs()[tr_id], "DNASAAPL"
    tail = min(tail, len(tr.optional_tail))
    extra = tuple(
        "".join(chance.choices("abc 0.가|", k=chance.randint(0, 4)))
        for _ in range(appended if tail == len(tr.optional_tail) else 0)
    )
    sent = [record_for(tr_id, key, tail, chance) for _ in range(count)]
    rows = [texts_of(tr_id, values, extra) for values in sent]
    if tr.encrypted:
        count, sent, rows = min(count, 2), sent[:2], rows[:2]
    found = decode(sealed_frame_of(tr_id, *rows) if tr.encrypted else frame_of(tr_id, *rows), {key})
    assert found.quarantined == []
    assert found.records == [Record(tr_id, key, values, extra) for values in sent]
    assert [list(record.fields) for record in found.records] == [list(values) for values in sent]
