"""Parts of the simulated KOSCOM: times, signals, writing, the quota, the load's frames, contracts."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from broker_server.simulator.clock import KST, SimulatedClock, fixed_start
from broker_server.simulator.koscom.catalogue import find_product
from broker_server.simulator.koscom.endpoints import route
from broker_server.simulator.koscom.indices import INDICES
from broker_server.simulator.koscom.products import PRESETS
from broker_server.simulator.koscom.quota import KoscomLimits, Quota
from broker_server.simulator.koscom.realtime.load import LoadFeed
from broker_server.simulator.koscom.tables import change_items, fields, names_of
from broker_server.simulator.koscom.times import last_trade_time, signals_between, time_number
from broker_server.simulator.koscom.wording import rewritten
from broker_server.simulator.market import Market

MORNING = datetime(2026, 11, 20, 9, 5, 7, 123_456, tzinfo=KST)


def at(hour: int, minute: int = 0, *, year: int = 2026) -> datetime:
    return datetime(year, 11, 20, hour, minute, tzinfo=KST)


@pytest.fixture
def market():
    clock = fixed_start(MORNING)
    clock.freeze()
    clock.set(MORNING)
    return Market(clock)


def test_a_time_is_a_number_of_hundredths():
    assert time_number(MORNING) == 9_050_712
    assert time_number(at(0)) == 0


def test_signals_come_once_and_only_where_hours_are_kept(market):
    kept = Market(SimulatedClock(), hours=True)
    assert signals_between(kept, at(15, 29), at(15, 30)) == [31_000_000]
    assert signals_between(kept, at(15, 30), at(15, 59)) == []
    assert signals_between(kept, at(9), at(19)) == [31_000_000, 41_000_000]
    assert signals_between(market, at(9), at(19)) == []
    assert last_trade_time(kept, at(16, 30), 5) == 41_000_000
    assert last_trade_time(kept, at(10), 5) == 10_000_000
    assert last_trade_time(kept, at(10), 0) == 0


def test_everything_can_be_written_as_text():
    value = {"a": 1, "b": [{"c": 2.5, "d": None, "e": "x"}], "isuSrtCd": [" -"]}
    assert rewritten(value, "numbers") is value
    assert rewritten(value, "strings") == {
        "a": "1",
        "b": [{"c": "2.50", "d": None, "e": "x"}],
        "isuSrtCd": [" -"],
    }


def test_the_quota_counts_each_key_by_the_day_of_greenwich():
    clock = fixed_start(MORNING)
    clock.freeze()
    quota = Quota(clock)
    assert [quota.take("a", 2), quota.take("a", 2), quota.take("a", 2), quota.take("b", 2)] == [1, 0, None, 1]
    clock.set(datetime(2026, 11, 21, 8, 59, tzinfo=KST))
    assert quota.take("a", 2) is None
    clock.set(datetime(2026, 11, 21, 9, 0, tzinfo=KST))
    assert quota.take("a", 2) == 1
    with pytest.raises(ValueError, match="koscom_per_day"):
        KoscomLimits().changed({"per_second": 5})
    with pytest.raises(ValueError, match="whole number"):
        KoscomLimits().changed({"per_day": -1})


def test_both_versions_of_a_path_are_one_table():
    new, old = (
        route("/v3/market/realtime/kospi/stocks/005930/price"),
        route("/v2/market/stocks/kospi/005930/price"),
    )
    assert new is not None
    assert old is not None
    assert new.table is old.table
    assert (new.version, old.version) == ("v3", "v2")
    assert route("/v3/market/realtime/krx/stocks/005930/price") is None


def test_loaded_frames_are_valid_and_turn_through_all_issues(market):
    feed = LoadFeed(market, "kosdaq", 60, suffix=False, now=MORNING)
    assert len(feed) == 60
    told = _elements(feed.frames(130, 50, b"09050712"))
    assert len(told) == 130
    codes = [each["isuSrtCd"] for each in told]
    assert len(set(codes[:60])) == 60
    assert codes[:60] == codes[60:120]
    assert all(list(each) == ["isuSrtCd", "trdPrc", "trdVol", "trdTm"] for each in told)
    assert {each["trdTm"] for each in told} == {"09050712"}
    more = _elements(feed.frames(20, 50, b"09050713"))
    assert [each["isuSrtCd"] for each in more] == codes[10:30]


def test_what_is_loaded_is_traded(market):
    item = market.instruments.find("247540")
    feed = LoadFeed(market, "kosdaq", 9, suffix=True, now=MORNING)
    before = market.quote(item).volume
    feed.frames(90, 50, b"09050712")
    feed.freshen(MORNING)
    assert market.quote(item).volume > before


@pytest.mark.parametrize("code", ["005930", "500001", "K1", "K2FA001", "105S6000", "201S6350"])
def test_every_preset_of_a_product_has_its_documented_fields(market, code):
    product = find_product(market, code)
    assert product is not None
    moment = product.at(MORNING)
    for preset in PRESETS[product.kind]:
        told = {"isuSrtCd", *moment.record(preset, moment.last_trade())}
        if preset == "change":
            assert change_items(product.kind) <= told
        elif preset == "index":
            assert told == set(names_of("index_current_7"))
        elif preset in ("tick10", "quote10"):
            wanted = {row["name"] for row in fields()["push"][product.kind][preset]}
            assert wanted <= told | {"isuCd"}


def test_what_is_not_listed_is_not_found(market):
    assert find_product(market, "Q500001") is None
    assert find_product(market, "AAPL") is None
    assert {find_product(market, code).code for code in INDICES} == set(INDICES)


def _elements(data: bytes) -> list[dict[str, str]]:
    """What the frames hold; each is a text frame of up to 64 KiB."""
    found: list[dict[str, str]] = []
    while data:
        assert data[0] == 0x81
        length, head = data[1], 2
        if length == 126:
            length, head = int.from_bytes(data[2:4], "big"), 4
        found += json.loads(data[head : head + length])
        data = data[head + length :]
    return found
