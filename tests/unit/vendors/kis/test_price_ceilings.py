"""The most that an order without a limit can cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from broker_client.errors import InvalidParameters
from broker_server.core.orders import OrderDetails
from broker_server.vendors.http import HttpResponse
from tests.support.fake_time import START
from tests.support.kis_server import Bench, make_bench, ok


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


def market_order(**more: Any) -> OrderDetails:
    return OrderDetails(
        **{"action": "buy", "market": "domestic", "ticker": "005930", "order_type": "market", **more}
    )


def ceiling(bench: Bench, **more: Any) -> Decimal:
    return bench.vendor.orders.price_ceiling(market_order(**more), bench.context())


def limit(price: int) -> HttpResponse:
    return ok({"stck_prpr": "70000", "stck_mxpr": str(price)})


def test_the_ceiling_is_the_upper_limit_asked_once_a_day(bench: Bench) -> None:
    bench.kis.on("inquire-price", limit(91000), limit(99900), limit(90000))
    assert [ceiling(bench), ceiling(bench), ceiling(bench, ticker="000660")] == [91000, 91000, 99900]
    assert len(bench.kis.calls("inquire-price")) == 2
    bench.clock.advance(timedelta(days=1).total_seconds())
    assert ceiling(bench) == 90000


def test_an_upper_limit_before_the_first_session_is_not_kept(bench: Bench) -> None:
    before = datetime(2026, 11, 20, 22, 59, tzinfo=UTC)  # 07:59 in Korea
    bench.clock.advance((before - START).total_seconds())
    bench.kis.on("inquire-price", limit(91000), limit(95000), limit(99000))
    assert ceiling(bench) == 91000
    bench.clock.advance(60)
    assert [ceiling(bench), ceiling(bench)] == [95000, 95000]


@pytest.mark.parametrize(
    ("row", "problem"),
    [({"stck_prpr": "0"}, "knows no domestic stock"), ({"stck_prpr": "70000"}, "gives no upper limit")],
)
def test_without_an_upper_limit_there_is_no_ceiling(bench: Bench, row: Any, problem: str) -> None:
    bench.kis.on("inquire-price", ok(row))
    with pytest.raises(InvalidParameters, match=problem):
        ceiling(bench)


def test_the_ceiling_overseas_is_twice_the_last_price(bench: Bench) -> None:
    bench.kis.on("price", ok({"last": "150.2500"}))
    close = {"market": "overseas", "ticker": "AAPL", "venue": "NYSE", "order_type": "market_on_close"}
    assert ceiling(bench, **close) == Decimal("300.5")
    assert bench.kis.calls("price")[0].query["EXCD"] == "NYS"
    bench.kis.on("price", ok({"last": "0"}))
    with pytest.raises(InvalidParameters, match="knows no AAPL at NYSE"):
        ceiling(bench, **close)


def test_a_ceiling_is_asked_in_the_lane_of_orders(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, rate_limit=1)
    bench.kis.on("inquire-price", limit(91000))
    waiting: list[str] = []

    def look() -> None:
        lanes = bench.vendor.status()["rate_limit"]["waiting"]
        waiting.extend(lane for lane, calls in lanes.items() if calls)

    bench.clock.on_wait = look
    assert (ceiling(bench), ceiling(bench, ticker="000660")) == (91000, 91000)
    assert set(waiting) == {"order"}


def test_a_change_that_was_not_looked_up_has_no_ceiling(bench: Bench) -> None:
    with pytest.raises(ValueError, match="before its order was looked up"):
        ceiling(bench, action="modify", ticker=None)
