"""Parts of the simulated Kiwoom on their own."""

from __future__ import annotations

from datetime import datetime

import pytest

from broker_server.simulator.clock import KST, fixed_start
from broker_server.simulator.kiwoom.codes import account_code, code_of, find, look_up
from broker_server.simulator.kiwoom.errors import KiwoomError, failure
from broker_server.simulator.kiwoom.limits import KiwoomLimits
from broker_server.simulator.kiwoom.realtime.fields import values_of
from broker_server.simulator.kiwoom.realtime.messages import StreamRefusal, parse_registering
from broker_server.simulator.kiwoom.realtime.phases import phases_between
from broker_server.simulator.kiwoom.realtime.streams import Stream
from broker_server.simulator.kiwoom.tables import apis, neutral, real_types
from broker_server.simulator.kiwoom.text import directed, padded, sign_code, signed, signed_percent
from broker_server.simulator.market import Market

MORNING = datetime(2026, 11, 20, 10, 0, tzinfo=KST)


def make_market(start=MORNING, *, hours=False) -> Market:
    clock = fixed_start(start)
    clock.freeze()
    clock.set(start)
    return Market(clock, hours=hours)


@pytest.mark.parametrize(
    ("price", "base", "shown"), [(70100, 70000, "+70100"), (69900, 70000, "-69900"), (70000, 70000, "70000")]
)
def test_a_price_has_the_direction_before_it(price, base, shown):
    assert directed(price, base) == shown


def test_numbers():
    assert [signed(value) for value in (5, -5, 0)] == ["+5", "-5", "0"]
    assert directed(260012, 250000, 2) == "+2600.12"
    assert [signed_percent(part, 1000) for part in (5, -5, 0, 0.001)] == ["+0.50", "-0.50", "0.00", "0.00"]
    assert [padded(value, 15) for value in (17598258, -196888)] == ["000000017598258", "-00000000196888"]
    assert [sign_code(price, 100, 70, 130) for price in (130, 110, 100, 70, 90)] == ["1", "2", "3", "4", "5"]


def test_codes_have_venues_behind_them_and_no_q_before_an_etn():
    market = make_market()
    assert find(market, "005930_NX").venue == "NXT"
    assert find(market, "0080G0_AL").venue == "SOR"
    etn = find(market, "500001").instrument
    assert (etn.kind, code_of(etn), account_code(etn)) == ("etn", "500001", "Q500001")
    assert account_code(find(market, "005930").instrument) == "A005930"
    assert [look_up(market, code) for code in ("Q500001", "AAPL", "005930_XX", "500001_NX", "")] == [None] * 5


def test_an_error_has_three_dialects():
    bodies = [failure("8005", dialect=dialect).body for dialect in ("class", "number", "text")]
    assert [body["return_code"] for body in bodies] == [3, 8005, "3"]
    assert bodies[0]["return_msg"] == "인증에 실패했습니다[8005:Token이 유효하지 않습니다]"
    assert failure("1700").status == 429


def test_limits_are_changed_by_name():
    limits = KiwoomLimits().changed({"per_second": 7, "orders_per_second": 0})
    assert (limits.real_per_second, limits.mock_per_second) == (7, 7)
    for wrong in ({"mock": 1}, {"per_second": 0}, {"per_second": 1.5}, {"per_second": True}):
        with pytest.raises(ValueError, match="kiwoom_"):
            KiwoomLimits().changed(wrong)


def test_neutral_values_are_typed_by_their_names():
    assert [neutral(key) for key in ("stk_nm", "crd_loan_dt", "flu_rt", "ord_qty")] == ["", "", "0.00", "0"]
    assert len(apis()) == 46


def test_an_item_goes_with_every_type_of_its_entry_once():
    document = {
        "grp_no": "1",
        "data": [{"item": ["1", "2"], "type": ["0B", "0D"]}, {"item": ["1"], "type": ["0B"]}],
    }
    wanted = parse_registering(document)
    assert wanted.pairs == (("0B", "1"), ("0D", "1"), ("0B", "2"), ("0D", "2"))
    assert wanted.keeps
    with pytest.raises(StreamRefusal):
        parse_registering({"grp_no": "1", "data": []})


def test_every_served_fid_of_a_trade_and_a_book_has_a_value():
    market = make_market()
    market.clock.set(MORNING)
    for type_, empty in (("0B", {"9081"}), ("0D", set())):
        stream = Stream(market, type_, "005930", MORNING)
        assert stream._source is not None
        values = values_of(real_types()[type_].fids, stream._source.facts(MORNING))
        unnamed = {fid for fid, value in values.items() if not value}
        assert unnamed - {str(fid) for fid in range(6100, 6116)} - {"216"} <= empty


def test_phases_follow_the_hours():
    day = MORNING.replace(hour=8, minute=30)
    market = make_market(day, hours=True)
    assert [each["215"] for each in phases_between(market, None, day)] == ["P"]
    later = phases_between(market, day, day.replace(hour=9, minute=1))
    assert [(each["215"], each["214"]) for each in later[:3]] == [
        ("0", "002000"),
        ("Q", "000000"),
        ("3", "000000"),
    ]
    assert phases_between(market, later and day, day.replace(day=22)) == []
    around_the_clock = make_market()
    assert [each["215"] for each in phases_between(around_the_clock, None, MORNING)] == ["3"]
    assert phases_between(around_the_clock, MORNING, MORNING) == []


def test_an_unknown_code_is_an_error_of_class_2():
    with pytest.raises(KiwoomError) as caught:
        find(make_market(), "999999")
    assert caught.value.body["return_code"] == 2
