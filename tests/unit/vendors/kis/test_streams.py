"""The live part of the KIS adapter: snapshots by REST, hours, what is its own, and what is shown."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr

from broker_client.errors import InvalidParameters, VendorUnavailable
from broker_server.core.feeds import Feed, FeedListener, FeedObserver, Streams
from broker_server.core.methods import Lane
from broker_server.core.stream_requests import Registration
from broker_server.market_sessions import load_market_sessions, packaged_table
from broker_server.vendors.kis import KisConfig, create
from broker_server.vendors.kis.stream_codes import StreamCodes
from broker_server.vendors.kis.stream_names import stream_trs
from broker_server.vendors.kis.stream_snapshots import Snapshots
from broker_server.vendors.kis.streams import KisStreams
from broker_server.vendors.values import KST
from tests.support.fake_time import FakeClock
from tests.support.kis_server import APP_KEY, APP_SECRET, HOST, Bench, FakeKis, make_bench, ok, reply, token

HTS_ID = "Seoul7Login"
PRICE = {
    "stck_prpr": "69900",
    "prdy_vrss": "-100",
    "prdy_vrss_sign": "5",
    "prdy_ctrt": "-0.14",
    "stck_oprc": "70100",
    "stck_hgpr": "70500",
    "stck_lwpr": "69800",
    "acml_vol": "12345678",
    "acml_tr_pbmn": "864197460000",
}
BOOK = {
    "aspr_acpt_hour": "095959",
    "askp1": "70000",
    "askp_rsqn1": "10",
    "askp2": "70100",
    "askp_rsqn2": "20",
    "askp3": "0",
    "askp_rsqn3": "0",
    "bidp1": "69900",
    "bidp_rsqn1": "30",
    "total_askp_rsqn": "1000",
    "total_bidp_rsqn": "2000",
}
OVERSEAS_PRICE = {
    "rsym": "DNASAAPL",
    "last": "187.3500",
    "sign": "2",
    "diff": "1.2000",
    "rate": "0.64",
    "tvol": "51234567",
    "tamt": "9598765432",
}
OVERSEAS_BOOK = {
    "curr": "USD",
    "last": "187.3500",
    "dymd": "20261119",
    "dhms": "200500",
    "avol": "381",
    "bvol": "1482",
}
OVERSEAS_LEVELS = {"pask1": "187.3600", "vask1": "12", "pbid1": "187.3400", "vbid1": "7", "pbid2": "0"}


def make_streams(
    bench: Bench, *, hts_id: str | None = HTS_ID, has_account: bool = True
) -> tuple[KisStreams, list[FeedListener]]:
    opened: list[FeedListener] = []

    def make_feed(listener: FeedListener, observer: FeedObserver | None) -> Feed:
        opened.append(listener)
        return cast("Feed", object())

    codes = StreamCodes("real", hts_id=None if hts_id is None else SecretStr(hts_id), real_quotes=False)
    snapshots = Snapshots(bench.vendor._client, bench.clock)
    return KisStreams(codes, snapshots, make_feed, try_out=lambda: "", has_account=has_account), opened


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


@pytest.fixture
def streams(bench: Bench) -> KisStreams:
    return make_streams(bench)[0]


def read(streams: KisStreams, bench: Bench, code: str, key: str) -> Any:
    return streams.snapshot(Registration(code, key), bench.context(), bulk=False)


class TestDomesticPrice:
    @pytest.mark.parametrize(
        ("code", "market", "venue", "subject"),
        [
            ("H0STCNT0", "J", "KRX", "005930"),
            ("H0NXCNT0", "NX", "NXT", "005930.NXT"),
            ("H0UNCNT0", "UN", "UNIFIED", "005930.UNIFIED"),
        ],
    )
    def test_it_is_a_trade_of_no_quantity(
        self, streams: KisStreams, bench: Bench, code: str, market: str, venue: str, subject: str
    ) -> None:
        bench.kis.on("inquire-price", ok(PRICE))
        snapshot = read(streams, bench, code, "005930")
        assert (snapshot.channel, snapshot.subject, snapshot.conflatable) == ("trade", subject, False)
        assert snapshot.event() == {
            "type": "trade",
            "vendor": "kis",
            "ticker": "005930",
            "venue": venue,
            "currency": "KRW",
            "time": "2026-11-20T10:00:00+09:00",
            "price": 69900,
            "quantity": None,
            "side": None,
            "expected": False,
            "change": -100,
            "change_rate": -0.14,
            "open": 70100,
            "high": 70500,
            "low": 69800,
            "ask": None,
            "bid": None,
            "volume": 12345678,
            "value": 864197460000,
            "session": None,
            "delayed": False,
        }
        assert snapshot.event() is not snapshot.event()
        (request,) = bench.kis.calls("inquire-price")
        assert request.query["FID_COND_MRKT_DIV_CODE"] == market

    def test_by_the_vendors_names(self, streams: KisStreams, bench: Bench) -> None:
        bench.kis.on("inquire-price", ok(PRICE))
        raw = read(streams, bench, "H0STCNT0", "005930").raw_event()
        assert raw == {"type": "H0STCNT0", "vendor": "kis", "key": "005930", "fields": PRICE, "extra": []}

    def test_before_the_first_trade_there_is_no_opening_price(
        self, streams: KisStreams, bench: Bench
    ) -> None:
        bench.kis.on("inquire-price", ok({**PRICE, "stck_oprc": "0", "stck_hgpr": "0", "stck_lwpr": "0"}))
        event = read(streams, bench, "H0STCNT0", "005930").event()
        assert (event["open"], event["high"], event["low"]) == (None, None, None)

    @pytest.mark.parametrize("price", ["0", ""])
    def test_an_unknown_ticker_is_never_a_price_of_zero(
        self, streams: KisStreams, bench: Bench, price: str
    ) -> None:
        bench.kis.on("inquire-price", ok({**PRICE, "stck_prpr": price}))
        with pytest.raises(InvalidParameters, match="knows no domestic stock 999999"):
            read(streams, bench, "H0STCNT0", "999999")

    def test_a_success_without_its_output_is_no_answer(self, streams: KisStreams, bench: Bench) -> None:
        bench.kis.on("inquire-price", reply({"rt_cd": "0"}))
        with pytest.raises(VendorUnavailable, match="output is missing"):
            read(streams, bench, "H0STCNT0", "005930")


class TestDomesticBook:
    def test_it_has_the_levels_that_have_a_price(self, streams: KisStreams, bench: Bench) -> None:
        bench.kis.on("inquire-asking-price-exp-ccn", ok(output1=BOOK, output2={"antc_cnpr": "0"}))
        snapshot = read(streams, bench, "H0NXASP0", "005930")
        assert (snapshot.channel, snapshot.subject, snapshot.conflatable) == (
            "order_book",
            "005930.NXT",
            True,
        )
        assert snapshot.event() == {
            "type": "order_book",
            "vendor": "kis",
            "ticker": "005930",
            "venue": "NXT",
            "currency": "KRW",
            "time": "2026-11-20T09:59:59+09:00",
            "asks": [{"price": 70000, "quantity": 10}, {"price": 70100, "quantity": 20}],
            "bids": [{"price": 69900, "quantity": 30}],
            "total_ask_quantity": 1000,
            "total_bid_quantity": 2000,
            "expected_price": None,
            "expected_quantity": None,
            "delayed": False,
        }

    def test_an_auction(self, streams: KisStreams, bench: Bench) -> None:
        expected = {"antc_cnpr": "70050", "antc_vol": "321"}
        bench.kis.on("inquire-asking-price-exp-ccn", ok(output1=BOOK, output2=expected))
        event = read(streams, bench, "H0STASP0", "005930").event()
        assert (event["expected_price"], event["expected_quantity"]) == (70050, 321)

    @pytest.mark.parametrize(
        ("text", "time"),
        [
            ("100001", "2026-11-20T10:00:01+09:00"),
            ("153000", "2026-11-19T15:30:00+09:00"),
            ("", "2026-11-20T10:00:00+09:00"),
        ],
    )
    def test_its_time_is_not_to_come(self, streams: KisStreams, bench: Bench, text: str, time: str) -> None:
        book = {**BOOK, "aspr_acpt_hour": text}
        bench.kis.on("inquire-asking-price-exp-ccn", ok(output1=book, output2={}))
        assert read(streams, bench, "H0STASP0", "005930").event()["time"] == time

    def test_an_unknown_ticker(self, streams: KisStreams, bench: Bench) -> None:
        bench.kis.on("inquire-asking-price-exp-ccn", ok(output1={"askp1": "0"}, output2={"stck_prpr": "0"}))
        with pytest.raises(InvalidParameters, match="knows no domestic stock 999999"):
            read(streams, bench, "H0STASP0", "999999")


class TestOverseas:
    @pytest.mark.parametrize(
        ("key", "code", "subject", "delayed"),
        [
            ("DNASAAPL", "NAS", "AAPL.NASD", False),
            ("RBAQAAPL", "BAQ", "AAPL.NASD", False),
            ("DHKS00003", "HKS", "00003.SEHK.delayed", True),
            ("RHKS00003", "HKS", "00003.SEHK", False),
        ],
    )
    def test_a_price(
        self, streams: KisStreams, bench: Bench, key: str, code: str, subject: str, delayed: bool
    ) -> None:
        bench.kis.on("price", ok(OVERSEAS_PRICE))
        snapshot = read(streams, bench, "HDFSCNT0", key)
        assert (snapshot.channel, snapshot.subject, snapshot.conflatable) == ("trade", subject, False)
        event = snapshot.event()
        ticker, venue = subject.split(".")[:2]
        assert (event["ticker"], event["venue"], event["delayed"]) == (ticker, venue, delayed)
        assert event["currency"] == ("HKD" if venue == "SEHK" else "USD")
        assert (event["price"], event["change"], event["change_rate"]) == ("187.3500", "1.2000", 0.64)
        assert (event["volume"], event["value"], event["quantity"]) == (51234567, "9598765432", None)
        assert event["time"] == "2026-11-20T10:00:00+09:00"
        (request,) = bench.kis.calls("price")
        assert request.query["EXCD"] == code
        assert request.query["SYMB"] == ticker

    def test_a_book(self, streams: KisStreams, bench: Bench) -> None:
        bench.kis.on("inquire-asking-price", ok(output1=OVERSEAS_BOOK, output2=OVERSEAS_LEVELS))
        snapshot = read(streams, bench, "HDFSASP0", "RBAQAAPL")
        assert (snapshot.channel, snapshot.subject, snapshot.conflatable) == ("order_book", "AAPL.NASD", True)
        event = snapshot.event()
        assert event["asks"] == [{"price": "187.3600", "quantity": 12}]
        assert event["bids"] == [{"price": "187.3400", "quantity": 7}]
        assert (event["total_ask_quantity"], event["total_bid_quantity"]) == (381, 1482)
        assert (event["currency"], event["time"]) == ("USD", "2026-11-20T10:05:00+09:00")
        assert snapshot.raw_event()["fields"] == OVERSEAS_BOOK | OVERSEAS_LEVELS

    def test_a_late_book_without_a_time(self, streams: KisStreams, bench: Bench) -> None:
        summary = {"last": "52.1", "dymd": "", "dhms": ""}
        bench.kis.on("inquire-asking-price", ok(output1=summary, output2=OVERSEAS_LEVELS))
        event = read(streams, bench, "HDFSASP1", "DHKS00003").event()
        assert (event["delayed"], event["currency"]) == (True, "HKD")
        assert event["time"] == "2026-11-20T10:00:00+09:00"

    @pytest.mark.parametrize("last", ["", "0.0000"])
    def test_an_unknown_symbol(self, streams: KisStreams, bench: Bench, last: str) -> None:
        bench.kis.on("price", ok({"rsym": "DNASNOPE", "last": last}))
        bench.kis.on("inquire-asking-price", ok(output1={"last": last}, output2=OVERSEAS_LEVELS))
        for code in ("HDFSCNT0", "HDFSASP0"):
            with pytest.raises(InvalidParameters, match="knows no NOPE at NASD"):
                read(streams, bench, code, "DNASNOPE")


def test_a_poll_waits_behind_everything_else(
    bench: Bench, streams: KisStreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    lanes: list[Lane] = []
    client_read = bench.vendor._client.read

    def noted(*arguments: Any, lane: Lane, **more: Any) -> Any:
        lanes.append(lane)
        return client_read(*arguments, lane=lane, **more)

    monkeypatch.setattr(bench.vendor._client, "read", noted)
    bench.kis.on("inquire-price", ok(PRICE))
    for bulk in (False, True):
        streams.snapshot(Registration("H0STCNT0", "005930"), bench.context(), bulk=bulk)
    assert lanes == [Lane.QUOTE, Lane.BULK]


def test_rest_has_what_is_priced(streams: KisStreams) -> None:
    readable = {code for code in stream_trs() if streams.can_snapshot(Registration(code, "x"))}
    assert readable == {
        *("H0STCNT0", "H0NXCNT0", "H0UNCNT0", "H0STASP0", "H0NXASP0", "H0UNASP0"),
        *("HDFSCNT0", "HDFSASP0", "HDFSASP1"),
    }


@pytest.mark.parametrize(
    ("code", "key", "venue"),
    [
        ("H0STCNT0", "005930", "KRX"),
        ("H0STASP0", "005930", "KRX"),
        ("H0NXCNT0", "005930", "NXT"),
        ("H0UNCNT0", "005930", "KRX"),
        ("H0UNASP0", "005930", "KRX"),
        ("H0UPCNT0", "0001", "KRX"),
        ("HDFSCNT0", "DNASAAPL", "US-NIGHT"),
        ("HDFSASP0", "DNYSIBM", "US-NIGHT"),
        ("HDFSCNT0", "RBAQAAPL", "US-DAY"),
        ("HDFSCNT0", "DHKS00003", "SEHK"),
        ("HDFSASP0", "RTSE7203", "TKSE"),
        ("HDFSASP1", "DHNXSHS", "HASE"),
        ("H0STCNI0", HTS_ID, None),
        ("H0STMKO0", "005930", None),
        ("H0STANC0", "005930", None),
        ("H0STOUP0", "005930", None),
        ("H0IFCNT0", "101S12", None),
    ],
)
def test_whose_hours_it_keeps(streams: KisStreams, code: str, key: str, venue: str | None) -> None:
    assert streams.venue(Registration(code, key)) == venue
    assert venue is None or venue in packaged_table()["venues"]


def test_american_keys_share_the_hours_of_orders_between_them() -> None:
    table = packaged_table()
    parts = [each for name in ("US-DAY", "US-NIGHT") for each in table["markets"][name]["sessions"]]
    whole = table["markets"]["US"]["sessions"]
    hours = ("name", "kind", "opens", "closes", "time_zone")
    assert [[each.get(name) for name in hours] for each in parts] == [
        [each.get(name) for name in hours] for each in whole
    ]
    for entry in table["days"].values():
        assert entry["markets"].get("US") == entry["markets"].get("US-NIGHT")
    sessions = load_market_sessions()
    for now, day, night in (
        ("2026-11-20T11:00:00", True, False),
        ("2026-11-20T16:30:00", False, False),
        ("2026-11-20T23:00:00", False, True),
        ("2026-11-28T03:30:00", False, True),  # New York closed at 13:00, and trades on until 17:00
        ("2026-11-28T08:00:00", False, False),
    ):
        moment = datetime.fromisoformat(now).replace(tzinfo=KST)
        assert sessions.is_open("US-DAY", moment) == day
        assert sessions.is_open("US-NIGHT", moment) == night


class TestOwn:
    def test_the_worker_wants_the_notices_of_its_account(self, streams: KisStreams) -> None:
        own = streams.own_registrations()
        assert [each.code for each in own] == ["H0STCNI0", "H0GSCNI0"]
        assert all(streams.is_reserved(each) for each in own)
        assert not streams.is_reserved(Registration("H0STCNT0", "005930"))
        assert not streams.is_reserved(Registration("H0IFCNI0", HTS_ID))
        assert HTS_ID not in repr(own)

    @pytest.mark.parametrize(("hts_id", "has_account"), [(None, True), (HTS_ID, False)])
    def test_nothing_without_an_account_and_an_hts_id(
        self, bench: Bench, hts_id: str | None, has_account: bool
    ) -> None:
        streams, _ = make_streams(bench, hts_id=hts_id, has_account=has_account)
        assert list(streams.own_registrations()) == []


def test_what_is_shown_has_no_hts_id(streams: KisStreams) -> None:
    assert streams.describe(Registration("HDFSCNT0", "DHKS00003")) == {
        "key": "trade.00003.SEHK.delayed",
        "tr_id": "HDFSCNT0",
        "tr_key": "DHKS00003",
    }
    for code, tr in stream_trs().items():
        if tr.key == "notice":
            shown = streams.describe(Registration(code, HTS_ID))
            assert shown["tr_key"] is None
            assert HTS_ID not in str(shown)


def test_the_feed_is_made_for_its_listener(bench: Bench) -> None:
    streams, opened = make_streams(bench)
    listener = cast("FeedListener", object())
    streams.open_feed(listener)
    assert opened == [listener]


def test_the_vendor_has_them(tmp_path: Path) -> None:
    kis = FakeKis()
    kis.on("tokenP", token())
    kis.on("inquire-price", ok(PRICE))
    config = KisConfig(
        environment="paper",
        simulated=True,
        app_key=SecretStr(APP_KEY),
        app_secret=SecretStr(APP_SECRET),
        account="12345678-01",
        cache_folder=tmp_path,
        rest_url=HOST,
        hts_id=SecretStr(HTS_ID),
    )
    clock = FakeClock()
    vendor = create(config, clock=clock, read_transport=kis, order_transport=kis)
    streams: Streams | None = vendor.streams
    assert streams is not None
    assert [each.code for each in streams.own_registrations()] == ["H0STCNI9", "H0GSCNI9"]
    bench = Bench(vendor, kis, clock)
    snapshot = streams.snapshot(Registration("H0STCNT0", "005930"), bench.context(), bulk=True)
    assert snapshot.event()["price"] == 69900
    assert clock.now() - datetime.fromisoformat(snapshot.event()["time"]) < timedelta(minutes=1)
