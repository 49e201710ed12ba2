"""What the order desk asks of KIS: which days, every page, and each row without loss."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from broker_client.errors import VendorUnavailable
from broker_server.core.listed_orders import ListedOrder, OrderList
from broker_server.core.orders import Status
from broker_server.core.vendor import Vendor
from broker_server.vendors.http import HttpResponse
from broker_server.vendors.values import KST
from tests.support.fake_time import START
from tests.support.kis_server import Bench, broken, make_bench, ok

ROW = {
    "ord_dt": "20261120",
    "odno": "0000000009",
    "orgn_odno": "",
    "ord_gno_brno": "06010",
    "sll_buy_dvsn_cd": "02",
    "sll_buy_dvsn_cd_name": "현금매수",
    "pdno": "005930",
    "ord_qty": "10",
    "ord_unpr": "70000",
    "ord_tmd": "093001",
    "tot_ccld_qty": "4",
    "avg_prvs": "69950.5",
    "rmn_qty": "6",
    "cnc_cfrm_qty": "0",
    "rjct_qty": "0",
    "ord_dvsn_cd": "00",
    "excg_id_dvsn_Cd": "SOR",
}
OVERSEAS_ROW = {
    "ord_dt": "20261119",
    "ord_tmd": "200000",
    "dmst_ord_dt": "20261120",
    "thco_ord_tmd": "100000",
    "odno": "0000000009",
    "orgn_odno": "0000000007",
    "sll_buy_dvsn_cd": "01",
    "rvse_cncl_dvsn": "01",
    "pdno": "AAPL",
    "ft_ord_qty": "10",
    "ft_ord_unpr3": "150.25000000",
    "ft_ccld_qty": "0",
    "ft_ccld_unpr3": "0.00000000",
    "nccs_qty": "10",
    "ovrs_excg_cd": "NASD",
    "tr_crcy_cd": "USD",
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


def page(*rows: dict[str, str], output: str = "output1", more: bool = False, key: str = "n") -> HttpResponse:
    names = {"output1": "100", "output": "200"}[output]
    keys = {f"ctx_area_fk{names}": "f", f"ctx_area_nk{names}": key}
    return ok(**{output: list(rows)}, **keys, headers={"tr_cont": "M" if more else "D"})


def listed(bench: Bench, market: str = "domestic") -> OrderList:
    return bench.vendor.orders.list_orders(market, bench.context())


def only(bench: Bench, market: str = "domestic") -> ListedOrder:
    found = listed(bench, market)
    assert found.incomplete is None
    (order,) = found.orders
    return order


def test_the_adapter_is_what_the_desk_wants(bench: Bench, tmp_path: Path) -> None:
    vendor: Vendor = bench.vendor
    assert tuple(vendor.orders.markets) == ("domestic", "overseas")
    for environment, simulated, live in [
        ("real", False, True),
        ("real", True, False),
        ("paper", False, False),
        ("paper", True, False),
    ]:
        made = make_bench(tmp_path, environment=environment, simulated=simulated).vendor
        assert made.live is live
        assert made.status()["orders"] == ("simulator" if simulated else environment)
    assert make_bench(tmp_path, account=None).vendor.status()["orders"] is None


def test_a_domestic_row_is_listed_without_loss(bench: Bench) -> None:
    bench.kis.on("inquire-daily-ccld", page(ROW))
    assert only(bench) == ListedOrder(
        order_no="0000000009",
        original=None,
        action="new",
        ticker="005930",
        side="buy",
        quantity=10,
        price=Decimal(70000),
        order_type="limit",
        venue="SOR",
        received_at=datetime(2026, 11, 20, 9, 30, 1, tzinfo=KST),
        filled=4,
        remaining=6,
        average_price=Decimal("69950.5"),
        cancelled=0,
        status=Status.PARTIALLY_FILLED,
    )


def test_an_overseas_row_is_listed_without_loss(bench: Bench) -> None:
    bench.kis.on("inquire-ccnl", page(OVERSEAS_ROW, output="output"))
    assert only(bench, "overseas") == ListedOrder(
        order_no="0000000009",
        original="0000000007",
        action="modify",
        ticker="AAPL",
        side="sell",
        quantity=10,
        price=Decimal("150.25"),
        order_type=None,
        venue="NASD",
        received_at=datetime(2026, 11, 20, 10, 0, 0, tzinfo=KST),
        filled=0,
        remaining=10,
        average_price=None,
        cancelled=None,
        status=Status.WORKING,
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ord_dvsn_cd": "01", "ord_unpr": "0"}, {"price": None, "order_type": "market"}),
        ({"ord_dvsn_cd": "03"}, {"price": None, "order_type": "best"}),
        ({"ord_dvsn_cd": "22"}, {"price": Decimal(70000), "order_type": "22"}),
        ({"odno": "9"}, {"order_no": "0000000009"}),
        ({"orgn_odno": "7"}, {"original": "0000000007", "action": "modify_or_cancel"}),
        ({"orgn_odno": "0000000000"}, {"original": None, "action": "new"}),
        ({"orgn_odno": "7", "sll_buy_dvsn_cd_name": "매수취소*"}, {"action": "cancel"}),
        ({"orgn_odno": "7", "sll_buy_dvsn_cd_name": "현금매수정정"}, {"action": "modify"}),
        ({"tot_ccld_qty": "10", "rmn_qty": "0"}, {"status": Status.FILLED}),
        ({"tot_ccld_qty": "0"}, {"status": Status.WORKING}),
        ({"rmn_qty": "0", "cnc_cfrm_qty": "6"}, {"status": Status.CANCELLED, "cancelled": 6, "filled": 4}),
        (
            {"tot_ccld_qty": "0", "rmn_qty": "0", "rjct_qty": "10"},
            {"status": Status.REJECTED_BY_EXCHANGE, "remaining": 0},
        ),
    ],
)
def test_a_domestic_row_means(bench: Bench, changes: dict[str, str], expected: dict[str, Any]) -> None:
    bench.kis.on("inquire-daily-ccld", page({**ROW, **changes}))
    order = only(bench)
    assert {name: getattr(order, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ft_ord_unpr3": "0.00000000"}, {"price": None}),
        ({"rvse_cncl_dvsn": "02", "nccs_qty": "0"}, {"action": "cancel", "status": Status.CANCELLED}),
        ({"rvse_cncl_dvsn": "00", "orgn_odno": "0"}, {"action": "new", "original": None}),
        ({"rjct_rson_name": "호가 오류", "nccs_qty": "0"}, {"status": Status.REJECTED_BY_EXCHANGE}),
        (
            {"ft_ccld_qty": "10", "nccs_qty": "0", "ft_ccld_unpr3": "150.12345678"},
            {"status": Status.FILLED, "average_price": Decimal("150.12345678")},
        ),
        (
            {"dmst_ord_dt": "", "ord_tmd": "100000"},
            {"received_at": datetime(2026, 11, 20, 0, 0, tzinfo=KST)},
        ),
    ],
)
def test_an_overseas_row_means(bench: Bench, changes: dict[str, str], expected: dict[str, Any]) -> None:
    bench.kis.on("inquire-ccnl", page({**OVERSEAS_ROW, **changes}, output="output"))
    order = only(bench, "overseas")
    assert {name: getattr(order, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("market", "tail"), [("domestic", "inquire-daily-ccld"), ("overseas", "inquire-ccnl")]
)
def test_every_page_is_read_and_a_page_that_fails_is_told(bench: Bench, market: str, tail: str) -> None:
    output, row = ("output1", ROW) if market == "domestic" else ("output", OVERSEAS_ROW)
    rows = [{**row, "odno": str(number)} for number in range(1, 5)]
    first = page(*rows[:2], output=output, more=True)
    second = page(*rows[1:3], output=output, more=True, key="o")
    last = page(rows[3], output=output)
    bench.kis.on(tail, first, second, last)
    whole = listed(bench, market)
    assert [order.order_no[-1] for order in whole.orders] == ["1", "2", "3", "4"]
    assert whole.incomplete is None

    bench.kis.on(tail, first, second, broken(bytes_left=True))
    part = listed(bench, market)
    assert [order.order_no[-1] for order in part.orders] == ["1", "2", "3"]
    assert part.incomplete is not None
    assert "page 3 could not be read" in part.incomplete

    bench.kis.on(tail, first, page(output=output, more=True, key=" "))
    assert "gave no key" in str(listed(bench, market).incomplete)

    bench.kis.on(tail, broken(bytes_left=True))
    with pytest.raises(VendorUnavailable):
        listed(bench, market)


def test_the_newer_reading_of_an_order_counts(bench: Bench) -> None:
    older = page({**ROW, "tot_ccld_qty": "0", "rmn_qty": "10"}, more=True)
    bench.kis.on("inquire-daily-ccld", older, page(ROW))
    assert only(bench).filled == 4


def test_equal_numbers_of_two_branches_are_two_orders(bench: Bench) -> None:
    bench.kis.on("inquire-daily-ccld", page(ROW, {**ROW, "ord_gno_brno": "91252"}))
    assert len(listed(bench).orders) == 2


@pytest.mark.parametrize(
    ("environment", "tr_id", "venues"), [("real", "TTTC0081R", "ALL"), ("paper", "VTTC0081R", "KRX")]
)
def test_domestic_orders_are_those_of_today_in_korea(
    tmp_path: Path, environment: str, tr_id: str, venues: str
) -> None:
    bench = make_bench(tmp_path, environment=environment)
    bench.kis.on("inquire-daily-ccld", page())
    assert listed(bench).orders == []
    (call,) = bench.kis.calls("inquire-daily-ccld")
    assert call.headers["tr_id"] == tr_id
    assert (call.query["INQR_STRT_DT"], call.query["INQR_END_DT"]) == ("20261120", "20261120")
    assert (call.query["CCLD_DVSN"], call.query["EXCG_ID_DVSN_CD"]) == ("00", venues)


@pytest.mark.parametrize(
    ("now", "asked", "american", "japanese"),
    [
        ("2026-11-21T00:30+09:00", ("20261120", "20261121"), "20261120", "20261121"),
        ("2026-11-20T15:00+09:00", ("20261119", "20261120"), "20261119", "20261120"),
        ("2026-11-20T18:30+09:00", ("20261120", "20261120"), "20261120", "20261120"),
    ],
)
@pytest.mark.parametrize(("environment", "everything"), [("real", "%"), ("paper", "")])
def test_overseas_orders_are_those_of_each_exchanges_own_day(
    tmp_path: Path,
    now: str,
    asked: tuple[str, str],
    american: str,
    japanese: str,
    environment: str,
    everything: str,
) -> None:
    bench = make_bench(tmp_path, environment=environment)
    bench.clock.advance((datetime.fromisoformat(now) - START).total_seconds())
    rows = [
        {**OVERSEAS_ROW, "odno": f"{number}{place}", "ovrs_excg_cd": exchange, "ord_dt": day}
        for place, (exchange, current) in enumerate([("NASD", american), ("TKSE", japanese)])
        for number, day in enumerate([current, f"{int(current) - 1}"], 1)
    ]
    bench.kis.on("inquire-ccnl", page(*rows, output="output"))
    assert [order.order_no[-2:] for order in listed(bench, "overseas").orders] == ["10", "11"]
    (call,) = bench.kis.calls("inquire-ccnl")
    assert (call.query["ORD_STRT_DT"], call.query["ORD_END_DT"]) == asked
    assert call.query["OVRS_EXCG_CD"] == call.query["PDNO"] == everything


def test_earlier_days_are_asked_for_when_an_earlier_order_is_looked_for(bench: Bench) -> None:
    assert listed_since(bench, "domestic", None) == datetime(2026, 11, 20, tzinfo=KST)
    yesterday = datetime(2026, 11, 19, 23, 59, 57, tzinfo=KST)
    twice = page(ROW, {**ROW, "ord_dt": "20261119"})
    bench.kis.on("inquire-daily-ccld", twice)
    found = bench.vendor.orders.list_orders("domestic", bench.context(), yesterday)
    assert len(found.orders) == 2, "numbers begin anew each day"
    assert found.since == datetime(2026, 11, 19, tzinfo=KST)
    query = bench.kis.calls("inquire-daily-ccld")[-1].query
    assert (query["INQR_STRT_DT"], query["INQR_END_DT"]) == ("20261119", "20261120")

    begins = datetime(2026, 11, 20, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))
    assert listed_since(bench, "overseas", None) == begins, "the last midnight of all exchanges"
    assert listed_since(bench, "overseas", yesterday) <= yesterday
    assert bench.kis.calls("inquire-ccnl")[-1].query["ORD_END_DT"] == "20261120"


def listed_since(bench: Bench, market: str, since: datetime | None) -> datetime:
    bench.kis.on("inquire-daily-ccld", page())
    bench.kis.on("inquire-ccnl", page(output="output"))
    found = bench.vendor.orders.list_orders(market, bench.context(), since)
    assert found.since is not None
    return found.since


def test_today_is_the_vendors_and_a_day_that_was_wrong_is_asked_again(bench: Bench) -> None:
    tomorrow = {"Date": "Sat, 21 Nov 2026 01:00:00 GMT", "tr_cont": "D"}
    bench.kis.on("inquire-daily-ccld", ok(output1=[], headers=tomorrow))
    assert listed(bench).incomplete is None
    days = [call.query["INQR_STRT_DT"] for call in bench.kis.calls("inquire-daily-ccld")]
    assert days == ["20261120", "20261121"]
    assert bench.vendor.orders.clock_offset() >= timedelta(days=1)


def test_the_vendors_clock_is_read_from_orders_too(bench: Bench) -> None:
    assert bench.vendor.orders.clock_offset() == timedelta(0)
    bench.kis.on("order-cash", ok({"ODNO": "1"}, headers={"Date": "Fri, 20 Nov 2026 01:00:10 GMT"}))
    bench.outcome("kis.buy-order", ticker="005930", quantity=1, price=1)
    assert bench.vendor.orders.clock_offset() == timedelta(seconds=10.5)
