"""Records as neutral events, by the recorded frames."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from broker_server.core.market_data import (
    Execution,
    Index,
    Level,
    MarketData,
    MarketStatus,
    OrderBook,
    Trade,
    event_of,
)
from broker_server.vendors.kis.codec import decode_records
from broker_server.vendors.kis.frames import DataFrame, Quarantined, Reason, parse_frame
from broker_server.vendors.kis.normalised import NORMALISERS, normalise
from broker_server.vendors.kis.realtime_table import realtime_trs
from broker_server.vendors.values import KST
from tests.support.kis_stream import RECEIVED, changed, frame_of, lines_of, payload_of, recorded

FILL = lines_of(starting="# TESTHTS^")[0].removeprefix("# ").split("^")
OVERSEAS_FILL = [
    *("TESTHTS", "1234567801", "0000000202", "", "02", "0", "0", "AAPL", "0000000010", "001480100"),
    *(
        "223000",
        "0",
        "2",
        "2",
        "00950",
        "0000000010",
        "홍길동",
        "애플",
        "6",
        "",
        "",
        "",
        "",
        "",
        "000001480100",
    ),
]


def event(tr_id: str, texts: list[str], received: datetime = RECEIVED) -> MarketData | Quarantined:
    frame = parse_frame(frame_of(tr_id, texts))
    assert isinstance(frame, DataFrame)
    found = decode_records(frame)
    assert not found.quarantined
    return normalise(found.records[0], received)


def of_recorded(tr_id: str, number: int = 0, **values: Any) -> MarketData | Quarantined:
    return event(tr_id, changed(payload_of(recorded(tr_id, number)), tr_id, **values))


def test_a_domestic_trade() -> None:
    assert of_recorded("H0STCNT0") == Trade(
        vendor="kis",
        ticker="005930",
        venue="KRX",
        currency="KRW",
        time=datetime(2023, 6, 12, 9, 33, 54, tzinfo=KST),
        price=71900,
        quantity=1,
        side="buy",
        change=-100,
        change_rate=-0.14,
        open=72100,
        high=72400,
        low=71700,
        ask=71900,
        bid=71800,
        volume=3052507,
        value=219853241700,
    )


@pytest.mark.parametrize(("tr_id", "venue"), [("H0NXCNT0", "NXT"), ("H0UNCNT0", "UNIFIED")])
def test_a_trade_says_where_it_was_made(tr_id: str, venue: str) -> None:
    made = event(tr_id, [*payload_of(recorded("H0STCNT0")), "3"])
    assert isinstance(made, Trade)
    assert (made.venue, made.session, made.price) == (venue, "after", 71900)


@pytest.mark.parametrize(("code", "side"), [("1", "buy"), ("5", "sell"), ("3", None), ("", None)])
def test_who_took_liquidity(code: str, side: str | None) -> None:
    made = of_recorded("H0STCNT0", CCLD_DVSN=code)
    assert isinstance(made, Trade)
    assert made.side == side


def test_a_trade_without_a_price_is_none() -> None:
    for price in ("0", ""):
        made = of_recorded("H0STCNT0", STCK_PRPR=price)
        assert isinstance(made, Quarantined)
        assert made.reason is Reason.INCOMPLETE


def test_an_expected_match_is_marked_as_one_and_has_no_taker() -> None:
    made = of_recorded("H0STANC0")
    assert isinstance(made, Trade)
    assert (made.expected, made.side, made.price) == (True, None, 77600)
    assert (made.open, made.volume, made.value) == (None, None, None)
    nothing = of_recorded("H0STANC0", STCK_PRPR=0)
    assert isinstance(nothing, Trade)
    assert nothing.price is None


@pytest.mark.parametrize("tr_id", ["H0STANC0", "H0STOAC0"])
def test_the_expected_quantity_is_the_one_that_makes_the_expected_value(tr_id: str) -> None:
    made, amount = of_recorded(tr_id), int(payload_of(recorded(tr_id))[14])
    assert isinstance(made, Trade)
    assert made.price is not None
    assert made.quantity is not None
    assert made.price * made.quantity == amount


@pytest.mark.parametrize(("tr_id", "side"), [("H0STCNT0", "buy"), ("H0STOUP0", "sell")])
def test_who_took_liquidity_traded_at_the_other_sides_price(tr_id: str, side: str) -> None:
    made = of_recorded(tr_id)
    assert isinstance(made, Trade)
    assert made.side == side
    assert made.price == (made.ask if side == "buy" else made.bid)


def test_a_domestic_book() -> None:
    book = of_recorded("H0STASP0", 1)
    assert isinstance(book, OrderBook)
    assert (len(book.asks), len(book.bids)) == (10, 10)
    assert book.asks[0] == Level(244500, 11496)
    assert book.bids[0] == Level(244000, 12170)
    assert (book.total_ask_quantity, book.total_bid_quantity) == (190189, 770303)
    assert (book.expected_price, book.expected_quantity) == (None, None)
    assert book.time == datetime(2026, 9, 15, 15, 5, 26, tzinfo=KST)


def test_levels_without_a_price_are_left_out() -> None:
    book = of_recorded("H0STOAA0")
    assert isinstance(book, OrderBook)
    assert book.asks == (Level(77800, 8005), Level(77900, 7355), Level(78000, 9284))
    assert len(book.bids) == 3


def test_a_time_without_a_date_is_the_one_nearest_to_the_receipt() -> None:
    texts = changed(payload_of(recorded("H0STASP0")), "H0STASP0", BSOP_HOUR="235959")
    past_midnight = datetime(2026, 9, 15, 0, 0, 1, tzinfo=KST)
    late = event("H0STASP0", texts, past_midnight.astimezone(UTC))
    assert isinstance(late, OrderBook)
    assert late.time == past_midnight - timedelta(seconds=2)
    texts = changed(texts, "H0STASP0", BSOP_HOUR="000001")
    early = event("H0STASP0", texts, past_midnight - timedelta(seconds=2))
    assert isinstance(early, OrderBook)
    assert early.time == past_midnight


@pytest.mark.parametrize("time", ["246060", "999999"])
def test_a_time_that_does_not_exist_is_not_sent_on(time: str) -> None:
    made = of_recorded("H0STCNT0", STCK_CNTG_HOUR=time)
    assert isinstance(made, Quarantined)
    assert made.reason is Reason.NO_TIME


def test_an_index_is_in_shares_and_won() -> None:
    made = of_recorded("H0UPCNT0")
    assert isinstance(made, Index)
    assert (made.ticker, made.value, made.change, made.change_rate) == (
        "0001",
        Decimal("2624.54"),
        Decimal("32.68"),
        1.26,
    )
    assert (made.volume, made.traded_value) == (63_952_000, 1_650_684_000_000)
    assert (made.rising, made.unchanged, made.falling) == (670, 72, 177)
    assert not made.expected


def test_an_expected_index_is_marked_as_one() -> None:
    made = of_recorded("H0UPANC0")
    assert isinstance(made, Index)
    assert (made.expected, made.value, made.open) == (True, Decimal("2607.71"), None)
    assert (made.volume, made.traded_value) == (None, None)


def test_the_state_of_an_issue() -> None:
    made = of_recorded("H0UNMKO0")
    assert made == MarketStatus(
        vendor="kis",
        ticker="100840",
        venue="UNIFIED",
        time=None,
        halted=False,
        halt_reason=None,
        volatility_interruption=False,
        phase_code="AB1",
        status_code="55",
    )
    halted = of_recorded("H0STMKO0", TRHT_YN="Y", VI_CLS_CODE="Y", TR_SUSP_REAS_CNTT="공시")
    assert isinstance(halted, MarketStatus)
    assert (halted.halted, halted.volatility_interruption, halted.halt_reason) == (True, True, "공시")


def test_an_overseas_trade_is_in_the_money_of_its_exchange_and_in_korean_time() -> None:
    made = of_recorded("HDFSCNT0")
    assert isinstance(made, Trade)
    assert (made.ticker, made.venue, made.currency, made.delayed) == ("AAPL", "NASD", "USD", False)
    assert (made.price, made.bid, made.ask) == (Decimal("259.02"), Decimal("258.96"), Decimal("259.22"))
    assert made.time == datetime(2024, 12, 27, 21, 2, 29, tzinfo=KST)
    assert made.session == "regular"


@pytest.mark.parametrize(
    ("sign", "change"), [("2", Decimal("1.5")), ("5", Decimal("-1.5")), ("4", Decimal("-1.5"))]
)
def test_an_unsigned_change_gets_its_sign_from_the_code(sign: str, change: Decimal) -> None:
    made = of_recorded("HDFSCNT0", SIGN=sign, DIFF="1.5000", RATE="0.58")
    assert isinstance(made, Trade)
    assert made.change == change
    assert made.change_rate == pytest.approx(0.58 if change > 0 else -0.58)


def test_an_overseas_book() -> None:
    book = of_recorded("HDFSASP0")
    assert isinstance(book, OrderBook)
    assert (book.ticker, book.venue) == ("AAPL", "NASD")
    assert book.bids[0] == Level(Decimal("182.85"), 350)
    assert book.asks[9] == Level(Decimal("183.01"), 98)
    assert (book.total_bid_quantity, book.total_ask_quantity) == (1482, 381)
    assert book.time == datetime(2024, 5, 7, 9, 22, 23, tzinfo=KST)


def test_the_delayed_asian_book_has_one_level_and_says_that_it_is_late() -> None:
    texts = payload_of(recorded("HDFSASP0"))[:17]
    texts = changed(texts, "HDFSASP1", RSYM="DHKS00003", SYMB="00003")
    book = event("HDFSASP1", texts)
    assert isinstance(book, OrderBook)
    assert (book.ticker, book.venue, book.currency, book.delayed) == ("00003", "SEHK", "HKD", True)
    assert (len(book.asks), len(book.bids)) == (1, 1)


def test_paid_asian_data_are_not_late() -> None:
    book = of_recorded("HDFSASP0", RSYM="RHKS00003", SYMB="00003")
    assert isinstance(book, OrderBook)
    assert not book.delayed


def test_a_key_of_an_unknown_exchange_is_quarantined() -> None:
    made = of_recorded("HDFSCNT0", RSYM="DXXXAAPL")
    assert isinstance(made, Quarantined)
    assert made.reason is Reason.UNKNOWN_CODE


def test_a_domestic_fill() -> None:
    assert event("H0STCNI0", FILL) == Execution(
        vendor="kis",
        ticker="005930",
        venue="KRX",
        currency="KRW",
        time=datetime(2026, 9, 15, 9, 35, 1, tzinfo=KST),
        event="fill",
        action="new",
        order_no="0000000101",
        original_order_no=None,
        side="buy",
        quantity=3,
        price=70000,
        order_quantity=10,
        order_price=70000,
        account="1234567801",
    )


def execution(texts: list[str], tr_id: str = "H0STCNI9", **values: Any) -> Execution:
    made = event(tr_id, changed(texts, tr_id, **values))
    assert isinstance(made, Execution), made
    return made


def test_a_receipt_has_the_orders_quantity_where_a_fill_has_its_own() -> None:
    made = execution(FILL, CNTG_YN=1, ACPT_YN=1)
    assert (made.event, made.quantity, made.price) == ("received", None, None)
    assert (made.order_quantity, made.order_price) == (3, 70000)


@pytest.mark.parametrize(
    ("refused", "accepted", "said"),
    [("0", "1", "received"), ("0", "2", "confirmed"), ("0", "3", "cancelled"), ("1", "1", "rejected")],
)
def test_what_the_market_says_of_an_order(refused: str, accepted: str, said: str) -> None:
    assert execution(FILL, CNTG_YN=1, RFUS_YN=refused, ACPT_YN=accepted).event == said


@pytest.mark.parametrize(("code", "action"), [("0", "new"), ("1", "modify"), ("2", "cancel")])
def test_a_change_names_the_order_that_it_is_about(code: str, action: str) -> None:
    made = execution(FILL, CNTG_YN=1, RCTF_CLS=code, OODER_NO="0000000099", SELN_BYOV_CLS="01")
    assert (made.action, made.original_order_no, made.side) == (action, "0000000099", "sell")


@pytest.mark.parametrize(
    "values",
    [
        {"CNTG_YN": 3},
        {"CNTG_YN": 1, "RFUS_YN": "Y"},
        {"CNTG_YN": 1, "ACPT_YN": 9},
        {"SELN_BYOV_CLS": "03"},
        {"RCTF_CLS": "7"},
    ],
)
def test_a_code_that_is_not_known_is_not_guessed(values: dict[str, Any]) -> None:
    made = event("H0STCNI0", changed(FILL, "H0STCNI0", **values))
    assert isinstance(made, Quarantined)
    assert made.reason is Reason.UNKNOWN_CODE
    assert "1234567801" not in repr(made)


@pytest.mark.parametrize(
    "values", [{"CNTG_QTY": 0}, {"CNTG_QTY": ""}, {"CNTG_UNPR": "000000000"}, {"ODER_NO": ""}]
)
def test_a_fill_without_its_figures_is_not_one(values: dict[str, Any]) -> None:
    made = event("H0STCNI0", changed(FILL, "H0STCNI0", **values))
    assert isinstance(made, Quarantined)
    assert made.reason is Reason.INCOMPLETE


@pytest.mark.parametrize(
    ("code", "sent", "price", "venue", "currency"),
    [
        ("6", "001480100", "148.0100", "NASD", "USD"),
        ("7", "001480100", "148.01", "NYSE", "USD"),
        ("D", "000032200", "3220.0", "TKSE", "JPY"),
        ("4", "000078350", "78.350", "SEHK", "HKD"),
        ("A", "000012340", "12.34", "SHAA", "CNY"),
        ("F", "000025000", "25000", "VNSE", "VND"),
        ("6", "148.0100", "148.01", "NASD", "USD"),
    ],
)
def test_overseas_prices_have_the_implied_decimals_of_their_country(
    code: str, sent: str, price: str, venue: str, currency: str
) -> None:
    made = execution(OVERSEAS_FILL, "H0GSCNI0", ODER_COND=code, CNTG_UNPR=sent)
    assert made.price == Decimal(price)
    assert (made.venue, made.currency, made.quantity, made.order_quantity) == (venue, currency, 10, 10)
    assert made.time is None


def test_an_overseas_receipt_has_the_orders_quantity_in_the_fills_place() -> None:
    made = execution(OVERSEAS_FILL, "H0GSCNI9", CNTG_YN=1, ACPT_YN=1, ODER_QTY="", STCK_CNTG_HOUR="")
    assert (made.event, made.quantity, made.order_quantity) == ("received", None, 10)
    assert made.order_price == Decimal("148.01")


@pytest.mark.parametrize("code", ["", "Z"])
def test_a_price_of_an_unknown_market_is_not_guessed(code: str) -> None:
    made = event("H0GSCNI0", changed(OVERSEAS_FILL, "H0GSCNI0", ODER_COND=code))
    assert isinstance(made, Quarantined)
    assert made.reason is Reason.UNKNOWN_CODE


@pytest.mark.parametrize("price", ["abc", "-1", "1.2.3", "１"])
def test_an_overseas_price_that_is_no_number_is_quarantined(price: str) -> None:
    made = event("H0GSCNI0", changed(OVERSEAS_FILL, "H0GSCNI0", CNTG_UNPR=price))
    assert isinstance(made, Quarantined)
    assert made.reason is Reason.NOT_A_NUMBER


def test_the_main_families_are_all_there() -> None:
    assert NORMALISERS.keys() <= realtime_trs().keys()
    assert len(NORMALISERS) == 24


def test_a_published_execution_has_no_account() -> None:
    made = execution(FILL)
    assert "account" not in event_of(made)
    assert "1234567801" not in repr(made)
