"""The simulated WebSocket's records: every TR as our codec expects it, and true to the simulated market."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

import pytest

from broker_server.simulator.clock import KST, fixed_start
from broker_server.simulator.kis.realtime.cipher import CipherPair
from broker_server.simulator.kis.realtime.invented_notices import invented_notice
from broker_server.simulator.kis.realtime.messages import StreamRefusal
from broker_server.simulator.kis.realtime.streams import Stream, record_of
from broker_server.simulator.kis.realtime.subjects import Subjects
from broker_server.simulator.kis.realtime.tables import realtime_trs
from broker_server.simulator.kis.realtime.wire import data_frame
from broker_server.simulator.market import Market
from broker_server.vendors.kis import realtime_table
from broker_server.vendors.kis.codec import decode_records
from broker_server.vendors.kis.frames import CipherKeys, DataFrame, parse_frame

START = datetime(2026, 11, 20, 10, 0, tzinfo=KST)
BEFORE_THE_CHANGE = datetime(2026, 3, 6, 10, 0, tzinfo=KST)
KEYS = {
    "domestic": "005930",
    "etf": "069500",
    "index": "0001",
    "elw": "57JN53",
    "overseas": "DNASAAPL",
    "overseas_delayed": "DHKS00003",
    "index_futures": "101W09",
    "commodity_futures": "165W09",
    "stock_futures": "111W08",
    "night_futures": "101W9000",
    "index_option": "B01610A51",
    "stock_option": "239W08090",
    "night_option": "301V06362",
    "overseas_futures": "OESH23 C3900",
    "bond": "KR103502GA34",
    "bond_index": "KBPR01",
}
INVENTED = [tr_id for tr_id, tr in realtime_trs().items() if tr.kind == "notice" and not tr.notice]
PLAIN = [tr_id for tr_id, tr in realtime_trs().items() if tr.kind != "notice"]


@cache
def _market(*, hours: bool) -> Market:
    clock = fixed_start(START, lambda: START)
    clock.freeze()
    return Market(clock, 3, hours=hours)


def make_market(start: datetime = START, *, hours: bool = False) -> Market:
    """One market at another time: its history is the same and takes a while to make."""
    market = _market(hours=hours)
    market.clock.set(start)
    market.set_suspended(market.instruments.find("005930"), False)
    return market


def make_stream(market: Market, tr_id: str, key: str | None = None, *, entitled: bool = True) -> Stream:
    tr = realtime_trs()[tr_id]
    subject = Subjects(market).find(tr, key or KEYS[tr.source], entitled=entitled)
    return Stream(subject, market.clock.now())


def advance(market: Market, stream: Stream, seconds: float = 1.0, burst_every: int = 0) -> list[list[str]]:
    market.clock.advance(seconds)
    return stream.advance(market.clock.now(), burst_every)


def decode(tr_id: str, records: list[list[str]], pair: CipherPair | None = None) -> list[dict]:
    frame = parse_frame(data_frame(tr_id, records, pair).decode())
    assert isinstance(frame, DataFrame), frame
    cipher = CipherKeys(pair.key, pair.iv) if pair else None
    found = decode_records(frame, {record[0] for record in records}, cipher)
    assert found.quarantined == []
    return [record.fields for record in found.records]


def test_all_63_are_served_with_the_published_layout():
    assert realtime_trs().keys() == realtime_table.realtime_trs().keys()
    assert len(realtime_trs()) == 63


@pytest.mark.parametrize("start", [START, BEFORE_THE_CHANGE])
@pytest.mark.parametrize("tr_id", PLAIN)
def test_a_record_has_the_width_and_types_of_its_tr(tr_id, start):
    market = make_market(start)
    stream = make_stream(market, tr_id)
    subject = stream.subject
    record = record_of(subject, stream.facts(market.clock.now()))
    known = realtime_table.realtime_trs()[tr_id]
    assert len(known.fields) <= len(record) <= len(known.fields) + len(known.optional_tail)
    [fields] = decode(tr_id, [record])
    assert next(iter(fields.values())) == subject.key
    for field in known.fields:
        if field.kind in ("int", "decimal", "time", "date"):
            assert fields[field.name] is not None, field.name


@pytest.mark.parametrize("tr_id", PLAIN)
def test_everything_is_sent_within_a_few_ticks(tr_id):
    abolished = realtime_trs()[tr_id].venue == "OVTM"
    market = make_market(BEFORE_THE_CHANGE if abolished else START)
    stream = make_stream(market, tr_id)
    records = [record for _ in range(5) for record in advance(market, stream)]
    assert records
    decode(tr_id, records)


@pytest.mark.parametrize(
    ("tr_id", "before", "after"),
    [
        ("H0STCNT0", 46, 47),
        ("H0STASP0", 59, 63),
        ("H0UNASP0", 65, 66),
        ("HDFSASP0", 71, 71),
        ("H0STMKO0", 10, 10),
    ],
)
def test_records_grew_with_the_change_of_september_2026(tr_id, before, after):
    widths = []
    for start in (BEFORE_THE_CHANGE, START):
        market = make_market(start)
        widths.append(len(advance(market, make_stream(market, tr_id))[0]))
    assert widths == [before, after]


def test_equal_seeds_and_times_give_equal_records():
    found = []
    for _ in range(2):
        market = make_market()
        found.append([advance(market, make_stream(market, tr_id)) for tr_id in ("H0STMBC0", "H0IOCNT0")])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("tr_id", "key", "quantity", "volume"),
    [
        ("H0STCNT0", "005930", "CNTG_VOL", "ACML_VOL"),
        ("H0UNCNT0", "000660", "CNTG_VOL", "ACML_VOL"),
        ("HDFSCNT0", "DNASAAPL", "EVOL", "TVOL"),
        ("H0IFCNT0", "101W09", "LAST_CNQN", "ACML_VOL"),
    ],
)
def test_every_trade_adds_its_quantity_to_the_volume(tr_id, key, quantity, volume):
    market = make_market()
    stream = make_stream(market, tr_id, key)
    before = stream.volume
    sizes = set()
    for _ in range(40):
        records = advance(market, stream, 0.25, burst_every=4)
        sizes.add(len(records))
        for fields in decode(tr_id, records) if records else ():
            assert fields[volume] == before + fields[quantity]
            before = fields[volume]
    assert max(sizes) > 1


def test_a_trade_is_the_quote_of_that_moment():
    market = make_market()
    stream = make_stream(market, "H0STCNT0")
    [fields] = decode("H0STCNT0", advance(market, stream))
    quote = market.quote(market.instruments.find("005930"))
    assert (fields["STCK_PRPR"], fields["ACML_VOL"], fields["ACML_TR_PBMN"]) == (
        quote.price,
        quote.volume,
        quote.value,
    )
    assert (fields["STCK_OPRC"], fields["STCK_HGPR"], fields["STCK_LWPR"]) == (
        quote.open,
        quote.high,
        quote.low,
    )
    assert fields["PRDY_VRSS"] == quote.price - quote.base


@pytest.mark.parametrize("tr_id", ["H0STASP0", "H0NXASP0", "H0UNASP0", "H0EWASP0", "H0ZFASP0", "H0IFASP0"])
def test_the_totals_of_a_book_are_the_sums_of_its_levels(tr_id):
    market = make_market()
    [fields] = decode(tr_id, advance(market, make_stream(market, tr_id)))
    for side in ("ASKP", "BIDP"):
        levels = [value for name, value in fields.items() if name.startswith(f"{side}_RSQN")]
        assert fields[f"TOTAL_{side}_RSQN"] == sum(levels) > 0


@pytest.mark.parametrize(
    ("tr_id", "key", "levels"), [("HDFSASP0", "RBAQAAPL", 10), ("HDFSASP1", "DHKS00700", 1)]
)
def test_an_overseas_book_is_the_markets(tr_id, key, levels):
    market = make_market()
    [record] = advance(market, make_stream(market, tr_id, key))
    assert len(record) == 11 + 6 * levels
    [fields] = decode(tr_id, [record])
    assert fields["BVOL"] == sum(fields[f"VBID{n}"] for n in range(1, levels + 1)) > 0
    assert fields["AVOL"] == sum(fields[f"VASK{n}"] for n in range(1, levels + 1)) > 0
    assert fields["PBID1"] < fields["PASK1"]
    exchange = {"RBAQ": "NASD", "DHKS": "SEHK"}[key[:4]]
    book = market.order_book(market.instruments.find(key[4:], exchange))
    assert fields["PASK1"] * 100 == book.asks[0].price


def test_nothing_moves_while_the_clock_stands_still():
    market = make_market()
    stream = make_stream(market, "H0STASP0")
    assert advance(market, stream)
    assert advance(market, stream, 0) == []


def test_a_suspended_instrument_tells_of_its_suspension_alone():
    market = make_market()
    instrument = market.instruments.find("005930")
    streams = [make_stream(market, tr_id) for tr_id in ("H0STCNT0", "H0STASP0", "H0STPGM0", "H0STMKO0")]
    assert all([advance(market, each, 4) for each in (*streams, *streams)][:2])
    market.set_suspended(instrument, True)
    trade, book, program, status = [[advance(market, each) for _ in range(8)] for each in streams]
    assert not any(trade + book + program)
    [told] = [records for records in status if records]
    assert decode("H0STMKO0", told)[0]["TRHT_YN"] == "Y"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=KST)


@pytest.mark.parametrize(
    ("tr_id", "key", "at", "speaks"),
    [
        ("H0STCNT0", "005930", "2026-11-20T10:00", True),
        ("H0STCNT0", "005930", "2026-11-20T07:00", False),
        ("H0STCNT0", "005930", "2026-11-21T10:00", False),
        ("H0STASP0", "005930", "2026-11-20T08:40", True),
        ("H0STANC0", "005930", "2026-11-20T08:40", True),
        ("H0STANC0", "005930", "2026-11-20T11:00", False),
        ("H0NXASP0", "005930", "2026-11-20T08:10", True),
        ("H0STASP0", "005930", "2026-11-20T17:00", True),
        ("H0STASP0", "005930", "2026-11-20T22:00", False),
        ("H0UPCNT0", "0001", "2026-11-20T22:00", False),
        ("H0MFCNT0", "101W09", "2026-11-20T22:00", True),
        ("H0IFCNT0", "101W09", "2026-11-20T22:00", False),
        ("HDFSCNT0", "DNASAAPL", "2026-11-20T11:00", False),
        ("HDFSASP0", "DNASAAPL", "2026-11-20T11:00", False),
        ("HDFSCNT0", "RBAQAAPL", "2026-11-20T11:00", True),
        ("HDFSASP0", "RBAQAAPL", "2026-11-20T11:00", True),
        ("HDFSCNT0", "DNASAAPL", "2026-11-21T01:00", True),
        ("HDFSCNT0", "RBAQAAPL", "2026-11-21T01:00", False),
        ("H0STOUP0", "005930", "2026-03-06T17:00", False),
    ],
)
def test_with_hours_kept_nothing_is_sent_outside_them(tr_id, key, at, speaks):
    market = make_market(moment(at), hours=True)
    stream = make_stream(market, tr_id, key)
    assert any(advance(market, stream) for _ in range(5)) is speaks


def test_the_after_hours_session_has_ended():
    market = make_market()
    stream = make_stream(market, "H0STOUP0")
    assert not any(advance(market, stream) for _ in range(5))


@pytest.mark.parametrize(
    ("tr_id", "key"),
    [
        ("H0STCNT0", "999999"),
        ("H0STCNT0", "AAPL"),
        ("H0NXCNT0", "0080G0"),
        ("H0STNAV0", "005930"),
        ("H0UPCNT0", "9999"),
        ("HDFSCNT0", "NASAAPL"),
        ("HDFSCNT0", "DNASNONE"),
        ("HDFSCNT0", "DBAQAAPL"),
        ("HDFSASP0", "DHKS00003"),
        ("HDFSASP1", "DNASAAPL"),
        ("H0BJCNT0", "005930"),
        ("H0EWCNT0", "005930"),
        ("H0IOCNT0", "101W09"),
    ],
)
def test_a_key_of_another_form_or_nobody_is_refused(tr_id, key):
    with pytest.raises(StreamRefusal) as refused:
        make_stream(make_market(), tr_id, key)
    assert refused.value.code == "OPSP8992"


@pytest.mark.parametrize(
    ("tr_id", "key"),
    [("HDFSCNT0", "RHKS00003"), ("HDFSASP0", "RTSE7203"), ("HDFSCNT0", "RNASAAPL"), ("HDFFF020", "1OZQ25")],
)
def test_paid_quotes_need_an_entitlement(tr_id, key):
    market = make_market()
    with pytest.raises(StreamRefusal) as refused:
        make_stream(market, tr_id, key, entitled=False)
    assert refused.value.code == "OPSP0009"
    assert make_stream(market, tr_id, key, entitled=True).subject.key == key


@pytest.mark.parametrize(
    "tr_id", [i for i, tr in realtime_trs().items() if tr.kind == "notice" and not tr.notice]
)
def test_invented_notices_have_the_published_layout(tr_id):
    record = invented_notice(realtime_trs()[tr_id], "SomeId", START)
    [fields] = decode(tr_id, [record], CipherPair("k" * 32, "i" * 16))
    assert len(record) == len(realtime_table.realtime_trs()[tr_id].fields)
    assert next(iter(fields.values())) == "SomeId"


def test_a_volume_starts_anew_with_the_day():
    market = make_market(START.replace(hour=23, minute=59, second=59))
    stream = make_stream(market, "H0STCNT0")
    advance(market, stream, 0.5)
    [fields] = decode("H0STCNT0", advance(market, stream, 1))
    assert fields["ACML_VOL"] == fields["CNTG_VOL"] < 10_000
    assert market.clock.now() - START < timedelta(days=1)
