"""The state of a subscription by REST."""

from __future__ import annotations

from typing import Any

import pytest

from broker_client.errors import TaskFailed
from broker_server.core.stream_requests import Registration
from tests.support.koscom_rest import PRICE, Bench, make_bench, quota, result
from tests.unit.vendors.koscom.test_quotes import KOSPI, book

BOOK = "/realtime/kospi/stocks/005930/orderbook"


def snapshot(bench: Bench, code: str, symbol: str = "005930", *, bulk: bool = False) -> Any:
    streams = bench.vendor.streams
    assert streams is not None
    assert streams.can_snapshot(Registration(code, symbol))
    return streams.snapshot(Registration(code, symbol), bench.context(), bulk=bulk)


@pytest.mark.parametrize("preset", ["tick", "tick10"])
def test_a_trade(preset: str) -> None:
    bench = make_bench()
    bench.koscom.on(KOSPI, result(PRICE))
    incoming = snapshot(bench, preset)
    event = incoming.event()
    assert (incoming.channel, incoming.subject, incoming.conflatable) == ("trade", "005930", False)
    assert (event["type"], event["price"], event["quantity"], event["volume"]) == (
        "trade",
        38_600,
        None,
        2_829_006,
    )
    assert event["time"] == "2026-11-20T09:54:45+09:00"
    raw = incoming.raw_event()
    assert (raw["type"], raw["key"], raw["fields"]["trdvol"], raw["extra"]) == (preset, "005930", 76, [])


def test_after_the_close_a_price_is_no_signal() -> None:
    bench = make_bench()
    bench.koscom.on(KOSPI, result(PRICE | {"trdTm": 31000000}))
    event = snapshot(bench, "tick").event()
    assert (event["type"], event["price"], event["time"]) == ("trade", 38_600, None)


@pytest.mark.parametrize(("preset", "levels"), [("quote", 1), ("quote10", 10)])
def test_an_order_book(preset: str, levels: int) -> None:
    bench = make_bench()
    bench.koscom.on(BOOK, result(book()))
    event = snapshot(bench, preset).event()
    assert len(event["asks"]) == levels
    assert event["asks"][0] == {"price": 38_650, "quantity": 101}


@pytest.mark.parametrize(("code", "market"), [("K1", "kospi"), ("Q1", "kosdaq"), ("S501", "sector")])
def test_an_index(code: str, market: str) -> None:
    bench = make_bench()
    row = {
        "isuSrtCd": code,
        "trdPrc": 2657.69,
        "cmpprevddTpCd": "5",
        "cmpprevddPrc": -28.21,
        "accTrdvol": 426,
    }
    bench.koscom.on(f"/realtime/index/{market}/{code}/index", result(row | {"trdTm": 10010000}))
    event = snapshot(bench, "index", code).event()
    assert (event["value"], event["change"], event["volume"]) == ("2657.69", "-28.21", 426_000)


@pytest.mark.parametrize(
    ("code", "symbol"),
    [("change:trdPrc", "005930"), ("market", "kospi"), ("tick", "101S6000"), ("tick", "K2FA001")],
)
def test_what_no_table_has(code: str, symbol: str) -> None:
    streams = make_bench().vendor.streams
    assert streams is not None
    assert not streams.can_snapshot(Registration(code, symbol))


def test_nothing_traded_yet() -> None:
    bench = make_bench()
    bench.koscom.on(KOSPI, result(PRICE | {"trdPrc": 0}))
    with pytest.raises(TaskFailed, match="no state of 005930") as failure:
        snapshot(bench, "tick")
    assert failure.value.retryable


def test_polls_leave_the_rest_of_the_quota_to_others() -> None:
    bench = make_bench()
    bench.koscom.on(KOSPI, result(PRICE, **quota(50)))
    snapshot(bench, "tick", bulk=True)
    with pytest.raises(TaskFailed, match="kept for quotes"):
        snapshot(bench, "tick", bulk=True)
    snapshot(bench, "tick")
