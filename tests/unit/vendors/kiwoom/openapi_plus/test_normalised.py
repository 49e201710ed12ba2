from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_server.core.market_data import Level
from broker_server.simulator.clock import SimulatedClock
from broker_server.simulator.kiwoom_control.live import BOOK, TRADE, record
from broker_server.simulator.market import Market
from broker_server.vendors.kiwoom.openapi_plus.incoming import ChejanRecord, RealRecord
from broker_server.vendors.kiwoom.openapi_plus.normalised import NORMALISERS, execution
from broker_server.vendors.kiwoom.openapi_plus.realtime_table import RealType, real_types, types_by_code
from broker_server.vendors.kiwoom.openapi_plus.record_fields import RecordFields, Unusable

NOW = datetime(2026, 11, 20, 1, 0, 3, tzinfo=UTC)


def data_of(name: str, values: dict[int, str]) -> str:
    return "\t".join(values.get(fid, "") for fid in real_types()[name].fids)


def incoming(name: str, values: dict[int, str], key: str = "005930") -> RealRecord:
    return RealRecord(real_types().get(name), name, key, data_of(name, values), NOW)


def test_a_trade() -> None:
    record_ = incoming(
        TRADE,
        {20: "100001", 10: "-75400", 11: "-1200", 12: "-1.57", 27: "-75500", 28: "-75400", 15: "+12"}
        | {13: "1005000", 14: "75800", 16: "+76700", 17: "+77000", 18: "-75300", 290: "2"},
    )
    event = record_.event()
    assert (record_.channel, record_.subject, record_.conflatable) == ("trade", "005930", False)
    assert event["time"] == "2026-11-20T10:00:01+09:00"
    assert (event["price"], event["quantity"], event["side"]) == (75400, 12, "buy")
    assert (event["change"], event["change_rate"], event["session"]) == (-1200, -1.57, "regular")
    assert (event["open"], event["high"], event["low"]) == (76700, 77000, 75300)
    assert (event["volume"], event["value"]) == (1005000, 75_800_000_000)


def test_the_raw_event_is_what_the_original_passed_on() -> None:
    data = data_of(TRADE, {10: "-75400", 15: "-3"})
    raw = RealRecord(real_types()[TRADE], TRADE, "005930", data, NOW).raw_event()
    assert (raw["real_data_type"], raw["real_time_data"]) == (TRADE, data)
    assert (raw["type"], raw["fields"]["10"], raw["extra"]) == ("0B", "-75400", [])


@pytest.mark.parametrize("width", [19, 35, 43, 60])
def test_an_older_or_newer_control_sends_fewer_or_more_values(width: int) -> None:
    values = data_of(TRADE, {20: "100001", 10: "75400", 15: "3"}).split("\t") + ["new"] * 20
    record_ = RealRecord(real_types()[TRADE], TRADE, "005930", "\t".join(values[:width]), NOW)
    assert record_.event()["price"] == 75400
    assert record_.raw_event()["extra"] == ["new"] * max(0, width - len(real_types()[TRADE].fids))


def test_a_venue_is_in_the_key() -> None:
    record_ = incoming(TRADE, {10: "75400"}, "005930_NX")
    assert (record_.subject, record_.event()["venue"], record_.event()["ticker"]) == (
        "005930.NXT",
        "NXT",
        "005930",
    )


def test_a_book_leaves_levels_without_a_price_out() -> None:
    record_ = incoming(
        BOOK, {21: "100001", 41: "+75500", 61: "100", 42: "0", 62: "0", 51: "-75400", 71: "7", 121: "100"}
    )
    event = record_.event()
    assert event["asks"] == [{"price": 75500, "quantity": 100}]
    assert event["bids"] == [{"price": 75400, "quantity": 7}]
    assert event["total_ask_quantity"] == 100
    assert record_.conflatable


def test_an_index_has_thousands_and_millions() -> None:
    event = incoming(
        "업종지수", {20: "100001", 10: "-2501.53", 11: "-3.1", 13: "63952", 14: "1650684"}, "001"
    ).event()
    assert (event["value"], event["change"]) == ("2501.53", "-3.1")
    assert (event["volume"], event["traded_value"]) == (63_952_000, 1_650_684_000_000)


def test_what_does_not_fit_is_published_by_kiwooms_own_names() -> None:
    record_ = incoming(TRADE, {10: "none"})
    assert record_.channel == "0B"
    assert record_.event()["fields"]["10"] == "none"


def test_a_type_that_the_table_does_not_have_keeps_its_name() -> None:
    record_ = RealRecord(None, "새로운타입", "005930", "1\t2", NOW)
    assert record_.channel == "새로운타입"
    assert record_.event()["extra"] == ["1", "2"]


@pytest.mark.parametrize("code", sorted(NORMALISERS))
@given(data=st.data())
def test_no_text_makes_a_normaliser_raise_anything_else(code: str, data: st.DataObject) -> None:
    kind: RealType = types_by_code()[code]
    texts = st.one_of(
        st.text(max_size=6), st.sampled_from(["", " ", "+", "--3405", "+1,234", "9" * 40, "١٢", "NaN", "1e9"])
    )
    values = data.draw(st.lists(texts, max_size=len(kind.fids) + 3))
    record_ = RealRecord(kind, kind.name, "005930", "\t".join(values), NOW)
    assert record_.event()["type"] in {"trade", "order_book", "index", code}


def fill(**changes: str) -> dict[int, str]:
    values = {9201: "8012345611", 9203: "0001001", 9001: "A005930", 913: "체결", 900: "10", 901: "0"}
    values |= {902: "4", 904: "0000000", 905: "+매수", 907: "2", 908: "100000", 910: "75450", 911: "6"}
    return values | {914: "75500", 915: "2"} | {int(name[1:]): value for name, value in changes.items()}


def test_a_fill_has_its_own_quantity_and_price() -> None:
    found = execution(RecordFields(fill(), NOW))
    assert (found.event, found.quantity, found.price) == ("fill", 2, 75500)
    assert (found.ticker, found.order_no, found.original_order_no) == ("005930", "0001001", None)
    assert (found.side, found.action, found.order_quantity, found.order_price) == ("buy", "new", 10, None)


def test_totals_stand_in_only_for_the_first_fill() -> None:
    found = execution(RecordFields(fill(f914="", f915=""), NOW))
    assert (found.quantity, found.price) == (6, 75450)
    with pytest.raises(Unusable):
        execution(RecordFields(fill(f914="", f915="", f911="2"), NOW))


@pytest.mark.parametrize(
    ("state", "kind", "event", "action"),
    [
        ("접수", "+매수", "received", "new"),
        ("확인", "매수정정", "confirmed", "modify"),
        ("확인", "매도취소", "confirmed", "cancel"),
        ("취소", "-매도", "cancelled", "new"),
        ("거부", "+매수", "rejected", "new"),
    ],
)
def test_news_of_the_order_itself(state: str, kind: str, event: str, action: str) -> None:
    found = execution(RecordFields(fill(f913=state, f905=kind, f904="0000900", f901="70000"), NOW))
    assert (found.event, found.action, found.quantity, found.price) == (event, action, None, None)
    assert (found.original_order_no, found.order_price) == ("0000900", 70000)


def test_nothing_personal_is_published() -> None:
    record_ = ChejanRecord("04", {9201: "8012345611", 930: "10"}, "default", NOW)
    assert record_.event()["fields"] == {"9201": "***", "930": "10"}
    assert (record_.channel, record_.subject, record_.account) == ("04", "default", "8012345611")
    assert "8012345611" not in str(ChejanRecord("00", fill(), "default", NOW).event())
    unusable = ChejanRecord("00", fill(f907="x"), "default", NOW)
    assert unusable.channel == "00"
    assert "8012345611" not in str(unusable.event())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (" -67300", Decimal(-67300)),
        ("+15", Decimal(15)),
        ("--3405", Decimal(-3405)),
        ("1,234", Decimal(1234)),
        ("000000017598258", Decimal(17598258)),
        ("", None),
    ],
)
def test_numbers_as_kiwoom_writes_them(text: str, number: Decimal | None) -> None:
    assert RecordFields({10: text}, NOW).number(10) == number


def test_a_time_of_day_is_of_the_day_nearest_to_the_receipt() -> None:
    midnight = datetime(2026, 11, 20, 15, 0, 5, tzinfo=UTC)
    moment = RecordFields({20: "235958"}, midnight).moment(20)
    assert moment is not None
    assert moment.isoformat() == "2026-11-20T23:59:58+09:00"


def test_the_simulated_records_are_read_as_the_market_has_them() -> None:
    market = Market(SimulatedClock(lambda: NOW))
    samsung = market.instruments.find("005930")
    assert samsung is not None
    quote, book = market.quote(samsung), market.order_book(samsung)
    trade = RealRecord(real_types()[TRADE], TRADE, "005930", record(market, samsung, TRADE, 1), NOW).event()
    shown = RealRecord(real_types()[BOOK], BOOK, "005930", record(market, samsung, BOOK, 1), NOW).event()
    assert (trade["price"], trade["volume"], trade["high"]) == (quote.price, quote.volume, quote.high)
    assert [Level(**each) for each in shown["asks"]] == [
        Level(each.price, each.quantity) for each in book.asks
    ]
    assert shown["total_bid_quantity"] == sum(each.quantity for each in book.bids)
