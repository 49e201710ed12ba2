"""Records in the common model: units, signals, books, indices, and what is published where."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from broker_server.core.stream_requests import Registration
from broker_server.vendors.koscom.presets import MARKET, change_of
from broker_server.vendors.koscom.targets import wires_of
from tests.unit.vendors.koscom.test_messages import CHANGE, KOSPI, TICK, Desk

TICK10, QUOTE10 = Registration("tick10", "005930"), Registration("quote10", "005930")
K1 = Registration("index", "K1")


@pytest.mark.parametrize("signal", [31000000, "41000000", 51000000, "61000000", 71000000, 81000000, 91000007])
@pytest.mark.parametrize("registration", [TICK, TICK10, K1])
def test_a_signal_in_place_of_the_time_is_an_event_of_the_market(
    registration: Registration, signal: Any
) -> None:
    desk = Desk(registration)
    desk.push(preset=registration.code, isuSrtCd=registration.symbol, trdPrc=100, trdvol=5, trdTm=signal)
    ((_, incoming),) = desk.got
    assert (incoming.channel, incoming.subject) == ("market_status", registration.symbol)
    assert not incoming.conflatable
    event = incoming.event()
    assert (event["type"], event["phase_code"], event["time"]) == ("market_status", str(signal), None)
    # What came with it is in its own form.
    assert incoming.raw_event()["fields"]["trdPrc"] == 100
    assert desk.intake.counts()["signals"] == 1


def test_a_signal_of_a_whole_market_is_one_of_its_issue() -> None:
    desk = Desk(KOSPI)
    desk.intake.take_market(
        KOSPI, [{"isuSrtCd": "005930", "trdPrc": "100", "trdVol": "5", "trdTm": "31000000"}]
    )
    ((_, incoming),) = desk.got
    assert (incoming.channel, incoming.subject) == ("market_status", "005930")


def test_an_index_is_in_points_shares_and_won() -> None:
    desk = Desk(K1)
    desk.push(
        preset="index",
        isuSrtCd="K1",
        trdTm=14341000,
        trdPrc=2510.35,
        cmpprevddTpCd="5",
        cmpprevddPrc=-12.5,
        accTrdvol=412_345,
        accTrdval=8_765_432,
    )
    ((_, incoming),) = desk.got
    assert incoming.conflatable
    event = incoming.event()
    assert (event["value"], event["change"]) == ("2510.35", "-12.5")
    assert event["volume"] == 412_345_000  # told in thousands of shares
    assert event["traded_value"] == 8_765_432_000_000  # and in millions of won


def test_a_whole_book() -> None:
    desk = Desk(QUOTE10)
    levels = {
        f"{side}Step{level}Bstord{what}": value
        for level in range(1, 11)
        for side, what, value in (
            ("ask", "Prc", 100 + level if level < 10 else 0),
            ("ask", "Rqty", level),
            ("bid", "Prc", str(100 - level)),
            ("bid", "Rqty", str(level)),
        )
    }
    desk.push(
        preset="quote10",
        isuSrtCd="005930",
        **levels,
        askordTotRqty=45,
        bidordTotRqty=55,
        deemTrdPrc=0,
        deemTrdvol=7,
    )
    ((_, incoming),) = desk.got
    event = incoming.event()
    assert event["asks"] == [{"price": 100 + level, "quantity": level} for level in range(1, 10)]
    assert event["bids"] == [{"price": 100 - level, "quantity": level} for level in range(1, 11)]
    assert (event["total_ask_quantity"], event["total_bid_quantity"]) == (45, 55)
    assert event["expected_price"] is event["expected_quantity"] is event["time"] is None
    desk.push(preset="quote10", isuSrtCd="005930", deemTrdPrc=101, deemTrdvol=7)
    auction = desk.events()[1]
    assert (auction["expected_price"], auction["expected_quantity"], auction["asks"]) == (101, 7, [])


def test_a_book_of_a_future_has_its_own_names_and_a_time() -> None:
    future = Registration("quote10", "101S6000")
    desk = Desk(future)
    desk.push(
        preset="quote10",
        isuSrtCd="101S6000*005",
        askStep1BstordPrc=330.05,
        askStep1BstordRqty=3,
        askTotOrdRqty=30,
        bidTotOrdRqty=31,
        ordAcptTm=9000101,
    )
    event = desk.events()[0]
    assert event["asks"] == [{"price": "330.05", "quantity": 3}]
    assert (event["total_ask_quantity"], event["total_bid_quantity"]) == (30, 31)
    assert event["time"] == "2026-11-20T09:00:01.010000+09:00"
    assert event["currency"] == "XXX"


def test_a_trade_of_a_future_comes_for_its_series() -> None:
    series = Registration("tick10", "K2FA001")
    desk = Desk(series)
    desk.push(preset="tick10", isuSrtCd="101S6000", trdPrc=330.05, trdvol=2, trdTm=9000101, lstTrdTpCd=2)
    ((registration, incoming),) = desk.got
    assert (registration, incoming.subject) == (series, "K2FA001")
    event = incoming.event()
    assert (event["price"], event["side"]) == ("330.05", "buy")


def test_an_option_that_is_named_by_its_standard_code() -> None:
    option = Registration("tick10", "201S6330")
    desk = Desk(option)
    desk.push(preset="tick10", isuCd="KR4201S63306", trdPrc=1.25, trdvol=2, trdTm=9000101)
    assert desk.events()[0]["price"] == "1.25"


def test_the_first_record_is_the_state_and_the_next_is_not() -> None:
    desk = Desk(TICK)
    for _ in range(2):
        desk.push(preset="tick", isuSrtCd="005930", trdPrc=100, trdvol=5, trdTm=9000000)
    assert [event.get("snapshot", False) for event in desk.events()] == [True, False]
    desk.intake.open(TICK)  # subscribed anew
    desk.push(preset="tick", isuSrtCd="005930", trdPrc=100, trdvol=5, trdTm=9000000)
    assert desk.events()[2]["snapshot"] is True


def test_a_change_is_merged_into_the_last_state() -> None:
    desk = Desk(CHANGE)
    desk.push(isuCd="KR7005930003", isuSrtCd="005930", trdPrc=100, trdTm=9000000)
    desk.push(isuCd="KR7005930003", isuSrtCd="005930", trdPrc=101)
    desk.push(preset="change", isuSrtCd="005930", trdTm=9000100)
    first, second, third = desk.events()
    assert first["snapshot"] is True
    assert (second["changed"], second["fields"]["trdPrc"], second["fields"]["trdTm"]) == (
        ["trdPrc"],
        101,
        "09000000",
    )
    assert (third["changed"], third["fields"]["trdPrc"]) == (["trdTm"], 101)
    assert [incoming.channel for _, incoming in desk.got] == ["change"] * 3
    desk.intake.forget()
    desk.intake.open(CHANGE)
    desk.push(isuSrtCd="005930", trdTm=9000200)
    assert "trdPrc" not in desk.events()[3]["fields"]  # it may have changed meanwhile


def test_two_changes_of_an_issue_are_one_at_koscom_and_two_here() -> None:
    volume, both = change_of("005930", ["accTrdvol"]), change_of("005930", ["trdPrc", "accTrdvol"])
    assert set(wires_of([volume, both, TICK]).values()) == {both, TICK}
    price = change_of("005930", ["trdPrc"])
    desk = Desk(volume, price)
    desk.push(isuSrtCd="005930", trdPrc=100, accTrdvol=7)
    desk.push(isuSrtCd="005930", trdPrc=101)
    assert [registration for registration, _ in desk.got] == [volume, price, price]
    assert desk.events()[0]["fields"] == {"isuSrtCd": "005930", "accTrdvol": 7}
    # On the exchange each has its own key.
    assert len({incoming.subject for _, incoming in desk.got}) == 2


def test_a_quantity_is_never_skipped() -> None:
    assert Desk(CHANGE).targets.of("change", "005930")[0].address.conflatable
    adding = Desk(change_of("005930", ["trdPrc", "trdvol"]))
    assert not adding.targets.of("change", "005930")[0].address.conflatable


def test_the_same_data_are_published_once() -> None:
    desk = Desk(TICK, TICK10, QUOTE10, Registration("quote", "005930"), KOSPI)
    record = {"isuSrtCd": "005930", "trdPrc": "100", "trdVol": "5", "trdTm": "09000000"}
    other = {**record, "isuSrtCd": "000660"}

    def published() -> list[tuple[str, str]]:
        desk.got.clear()
        desk.push(preset="tick", isuSrtCd="005930", trdPrc=100, trdvol=5, trdTm=9000000)
        desk.push(preset="tick10", isuSrtCd="005930", trdPrc=100, trdvol=5, trdTm=9000000)
        desk.push(preset="quote", isuSrtCd="005930", askStep1BstordPrc=100)
        desk.push(preset="quote10", isuSrtCd="005930", askStep1BstordPrc=100)
        desk.intake.take_market(KOSPI, [record, other])
        return [(registration.code, incoming.subject) for registration, incoming in desk.got]

    desk.targets.set_up([TICK, TICK10, QUOTE10, Registration("quote", "005930"), KOSPI])
    assert published() == [
        ("tick", "005930.tick"),
        ("tick10", "005930"),
        ("quote", "005930.quote"),
        ("quote10", "005930"),
        (MARKET, "000660"),
    ]
    # What is fuller and is not there takes nothing away.
    desk.targets.set_up([KOSPI])
    assert published() == [
        ("tick", "005930"),
        ("tick10", "005930"),
        ("quote", "005930"),
        ("quote10", "005930"),
        (MARKET, "005930"),
        (MARKET, "000660"),
    ]


def test_what_was_given_back_is_dropped_without_a_word() -> None:
    desk = Desk(TICK)
    desk.intake.close(TICK)
    desk.push(preset="tick", isuSrtCd="005930", trdPrc=100)
    desk.targets.set_wires({})
    desk.intake.take_market(KOSPI, [{"isuSrtCd": "005930"}])
    assert desk.got == []
    assert desk.intake.counts()["unwanted"] == 2
    assert not desk.odd


def test_values_that_a_model_cannot_take() -> None:
    desk = Desk(TICK, K1)
    desk.push(preset="tick", isuSrtCd="005930", trdPrc="a", trdTm=9000000)
    desk.push(preset="tick", isuSrtCd="005930", trdPrc=1, trdvol=1.5, trdTm=9000000)
    desk.push(preset="tick", isuSrtCd="005930", trdPrc=1, trdvol=1, trdTm=9990000)
    desk.push(preset="index", isuSrtCd="K1", trdPrc=0, trdTm=9000000)
    kinds = [event["type"] for event in desk.events()]
    assert kinds == ["tick", "tick", "tick", "index"]
    assert desk.odd == {"unusable": 4}
    assert desk.events()[0]["extra"] == [{"name": "trdPrc", "value": "a"}]


def test_a_flat_change_has_no_sign() -> None:
    desk = Desk(TICK10)
    for code, number in (("4", 450), ("5", "-450"), ("1", 450), ("0", -3), ("69", Decimal(0)), ("2", None)):
        value = int(number) if isinstance(number, Decimal) else number
        desk.push(
            preset="tick10",
            isuSrtCd="005930",
            trdPrc=1,
            trdTm=9000000,
            cmpprevddTpCd=code,
            cmpprevddPrc=value,
        )
    assert [event["change"] for event in desk.events()] == [-450, -450, 450, -3, 0, None]
