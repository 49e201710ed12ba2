"""What the declared methods answer, for the traps of KIS's answers."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker_client.errors import InvalidParameters, TaskFailed, Unsupported, VendorRejected, VendorUnavailable
from broker_client.protocol import is_order_method
from broker_server.core.methods import Lane
from broker_server.vendors.kis.catalogue import load_data
from broker_server.vendors.kis.realtime_table import realtime_trs
from broker_server.vendors.values import KST
from tests.support.kis_server import Bench, make_bench, ok, refusal, reply

PRICE_ROW = {"stck_prpr": "69900", "prdy_vrss": "100", "prdy_vrss_sign": "5", "prdy_ctrt": "0.14"}


@pytest.fixture
def real(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


@pytest.fixture
def paper(tmp_path: Path) -> Bench:
    return make_bench(tmp_path, environment="paper")


def test_names_tell_orders_from_reads(real: Bench) -> None:
    methods = real.vendor.methods()
    assert len({method.name for method in methods}) == len(methods)
    for method in methods:
        assert (method.kind == "order") == is_order_method(method.name)
        assert (method.lane <= Lane.ORDER) == (method.kind == "order")
        assert method.vendor == "kis"
        assert method.summary.endswith(".")
        if method.kind == "stream":
            assert all(code in realtime_trs() for code in (method.reference or "H0STCNT0").split(", "))
        elif method.name not in ("kis.call", "kis.call-order", "kis.call-cancel", "kis.describe-api"):
            assert method.reference in load_data("rest_catalogue.json")
        if method.example is not None:
            method.parameters.model_validate(method.example)


def test_every_method_of_the_contract_is_served(real: Bench) -> None:
    domestic = (
        "get-current-price get-order-book get-daily-candles get-minute-candles get-stock-info get-balance "
        "get-buyable-amount get-open-orders get-order-history buy-order sell-order modify-order cancel-order"
    )
    overseas = (
        "get-overseas-price get-overseas-order-book get-overseas-daily-candles get-overseas-balance "
        "get-overseas-order-history get-overseas-open-orders get-overseas-buyable-amount "
        "buy-overseas-order sell-overseas-order modify-overseas-order cancel-overseas-order"
    )
    live = ("realtime-price", "order-book", "executions", "overseas-price", "overseas-order-book")
    streams = {f"kis.{verb}-{noun}" for verb in ("subscribe", "unsubscribe") for noun in live}
    streams |= {"kis.subscribe", "kis.unsubscribe", "get-stock-name"}
    streams |= {"kis.call", "kis.call-order", "kis.call-cancel", "kis.describe-api"}
    expected = {f"kis.{name}" for name in f"{domestic} {overseas}".split()} | streams
    assert {method.name for method in real.vendor.methods()} == expected
    assert [method.name for method in real.vendor.legacy_methods()] == ["get-stock-name"]


@pytest.mark.parametrize(("sign", "change"), [("1", 100), ("2", 100), ("4", -100), ("5", -100)])
@pytest.mark.parametrize("sent", ["100", "-100"])
def test_a_change_has_the_sign_of_its_code(real: Bench, sign: str, change: int, sent: str) -> None:
    real.kis.on("inquire-price", ok({**PRICE_ROW, "prdy_vrss_sign": sign, "prdy_vrss": sent}))
    (price,) = real.rows("kis.get-current-price", ticker="005930")
    assert price["change"] == change
    assert price["change_rate"] == pytest.approx(change / 100 * 0.14)


@pytest.mark.parametrize("row", [{"stck_prpr": "0"}, {"stck_prpr": ""}])
def test_an_unknown_ticker_is_never_a_price_of_zero(real: Bench, row: Any) -> None:
    real.kis.on("inquire-price", ok(row))
    with pytest.raises(InvalidParameters, match="knows no domestic stock 999999"):
        real.outcome("kis.get-current-price", ticker="999999")


READS_WITH_AN_OUTPUT = [
    ("kis.get-current-price", "inquire-price", {"ticker": "005930"}),
    ("kis.get-order-book", "inquire-asking-price-exp-ccn", {"ticker": "005930"}),
    ("kis.get-stock-info", "search-stock-info", {"ticker": "005930"}),
    ("get-stock-name", "search-stock-info", {"stock_code": "005930"}),
    ("kis.get-daily-candles", "inquire-daily-itemchartprice", {"ticker": "005930"}),
    ("kis.get-minute-candles", "inquire-time-itemchartprice", {"ticker": "005930"}),
    ("kis.get-balance", "inquire-balance", {}),
    ("kis.get-buyable-amount", "inquire-psbl-order", {"ticker": "005930"}),
    ("kis.get-overseas-price", "price", {"ticker": "AAPL", "exchange": "NASD"}),
    ("kis.get-overseas-order-book", "inquire-asking-price", {"ticker": "AAPL", "exchange": "NASD"}),
    ("kis.get-overseas-daily-candles", "dailyprice", {"ticker": "AAPL", "exchange": "NASD"}),
    ("kis.get-overseas-balance", "inquire-balance", {}),
    (
        "kis.get-overseas-buyable-amount",
        "inquire-psamount",
        {"ticker": "AAPL", "exchange": "NASD", "price": "1"},
    ),
]
LISTS_OF_ROWS = [
    ("kis.get-open-orders", "inquire-psbl-rvsecncl", "output"),
    ("kis.get-order-history", "inquire-daily-ccld", "output1"),
    ("kis.get-overseas-open-orders", "inquire-nccs", "output"),
    ("kis.get-overseas-order-history", "inquire-ccnl", "output"),
]


@pytest.mark.parametrize(("method", "tail", "arguments"), READS_WITH_AN_OUTPUT, ids=lambda value: str(value))
@pytest.mark.parametrize("empty", [None, {}, [], ""])
def test_a_success_without_its_output_is_no_answer(
    real: Bench, method: str, tail: str, arguments: dict[str, str], empty: Any
) -> None:
    outputs = {} if empty is None else dict.fromkeys(["output", "output1", "output2"], empty)
    real.kis.on(tail, reply({"rt_cd": "0", **outputs}))
    with pytest.raises(VendorUnavailable, match="is missing"):
        real.outcome(method, **arguments)


@pytest.mark.parametrize(("method", "tail", "output"), LISTS_OF_ROWS)
@pytest.mark.parametrize("body", [{}, {"output": []}, {"msg1": "maintenance"}, {"rt_cd": None}])
def test_nothing_is_said_of_orders_without_a_result_code(
    real: Bench, method: str, tail: str, output: str, body: Any
) -> None:
    real.kis.on(tail, reply(body))
    with pytest.raises((VendorUnavailable, VendorRejected)):
        real.outcome(method)


@pytest.mark.parametrize(("method", "tail", "output"), LISTS_OF_ROWS)
@pytest.mark.parametrize("empty", [None, [], {}, ""])
def test_a_list_of_orders_may_be_empty_in_any_way(
    real: Bench, method: str, tail: str, output: str, empty: Any
) -> None:
    real.kis.on(tail, reply({"rt_cd": "0"} if empty is None else {"rt_cd": "0", output: empty}))
    assert real.rows(method) == []


@pytest.mark.parametrize("last", ["", "   ", "0", "0.0000"])
def test_an_unknown_symbol_is_never_a_price_of_zero(real: Bench, last: str) -> None:
    real.kis.on("price", ok({"rsym": "DNASNOPE", "last": last}))
    with pytest.raises(InvalidParameters, match="knows no NOPE at NASD"):
        real.outcome("kis.get-overseas-price", ticker="NOPE", exchange="NASD")


def test_a_price_that_is_no_number_is_not_passed_on(real: Bench) -> None:
    real.kis.on("inquire-price", ok({**PRICE_ROW, "stck_prpr": "N/A"}))
    with pytest.raises(VendorUnavailable, match="stck_prpr is not a number"):
        real.outcome("kis.get-current-price", ticker="005930")


@pytest.mark.parametrize(("venue", "code"), [("KRX", "J"), ("NXT", "NX"), ("UNIFIED", "UN")])
def test_a_price_names_its_venue(real: Bench, venue: str, code: str) -> None:
    real.kis.on("inquire-price", ok(PRICE_ROW))
    (price,) = real.rows("kis.get-current-price", ticker="005930", exchange=venue)
    assert price["venue"] == venue
    assert real.kis.calls("inquire-price")[0].query["FID_COND_MRKT_DIV_CODE"] == code


def test_the_vendors_row_comes_only_on_request(real: Bench) -> None:
    real.kis.on("inquire-price", ok(PRICE_ROW))
    (plain,) = real.rows("kis.get-current-price", ticker="005930")
    (raw,) = real.rows("kis.get-current-price", ticker="005930", raw=True)
    assert "raw" not in plain
    assert raw["raw"] == PRICE_ROW


@pytest.mark.parametrize(("adjusted", "domestic", "overseas"), [(True, "0", "1"), (False, "1", "0")])
def test_the_two_charts_say_adjusted_the_opposite_way(
    real: Bench, adjusted: bool, domestic: str, overseas: str
) -> None:
    candle = {"stck_bsop_date": "20261119", **dict.fromkeys(["stck_oprc", "stck_hgpr", "stck_lwpr"], "1")}
    real.kis.on(
        "inquire-daily-itemchartprice",
        ok(output1={"stck_prpr": "1"}, output2=[{**candle, "stck_clpr": "1", "acml_vol": "1"}]),
    )
    foreign = {"xymd": "20261119", "open": "1", "high": "1", "low": "1", "clos": "1.50", "tvol": "1"}
    real.kis.on("dailyprice", ok(output1={"nrec": "1"}, output2=[foreign]))
    real.rows("kis.get-daily-candles", ticker="005930", adjusted=adjusted)
    real.rows("kis.get-overseas-daily-candles", ticker="AAPL", exchange="NASD", adjusted=adjusted)
    assert real.kis.calls("inquire-daily-itemchartprice")[0].query["FID_ORG_ADJ_PRC"] == domestic
    assert real.kis.calls("dailyprice")[0].query["MODP"] == overseas


def order_row(**more: str) -> dict[str, str]:
    return {
        "ord_dt": "20261120",
        "odno": "0000000007",
        "orgn_odno": "",
        "ord_gno_brno": "06010",
        "sll_buy_dvsn_cd": "02",
        "pdno": "005930",
        "ord_qty": "10",
        "ord_unpr": "70000",
        "ord_tmd": "093000",
        "tot_ccld_qty": "4",
        "avg_prvs": "69950.5",
        "rmn_qty": "6",
        "rjct_qty": "0",
        "ord_dvsn_cd": "00",
        "excg_id_dvsn_Cd": "NXT",
        **more,
    }


def test_open_orders_on_paper_come_from_todays_history(paper: Bench) -> None:
    gone = order_row(odno="0000000008", rmn_qty="0", tot_ccld_qty="10")
    paper.kis.on("inquire-daily-ccld", ok(output1=[order_row(), gone], output2={}))
    (order,) = paper.rows("kis.get-open-orders")
    assert (order["order_no"], order["remaining_quantity"]) == ("0000000007", 6)
    assert (order["state"], order["average_price"], order["venue"]) == ("partially_filled", "69950.5", "NXT")
    (request,) = paper.kis.requests[-1:]
    assert request.headers["tr_id"] == "VTTC0081R"
    assert (request.query["INQR_STRT_DT"], request.query["INQR_END_DT"]) == ("20261120", "20261120")


@pytest.mark.parametrize(
    ("start", "end", "asked"),
    [
        ("2026-08-20", "2026-11-20", [("TTTC0081R", "20260820", "20261120")]),
        ("2026-01-02", "2026-03-31", [("CTSC9215R", "20260102", "20260331")]),
        (
            "2026-06-01",
            "2026-11-20",
            [("TTTC0081R", "20260820", "20261120"), ("CTSC9215R", "20260601", "20260819")],
        ),
    ],
)
def test_a_long_history_is_asked_of_both_trs(
    real: Bench, start: str, end: str, asked: list[tuple[str, str, str]]
) -> None:
    real.kis.on("inquire-daily-ccld", ok(output1=[], output2={}))
    real.outcome("kis.get-order-history", start=start, end=end)
    calls = [
        (call.headers["tr_id"], call.query["INQR_STRT_DT"], call.query["INQR_END_DT"])
        for call in real.kis.calls("inquire-daily-ccld")
    ]
    assert calls == asked


def test_a_cancel_repeats_the_routing_of_the_original(real: Bench) -> None:
    real.kis.on("inquire-psbl-rvsecncl", ok([{**order_row(ord_dvsn_cd="03"), "psbl_qty": "6"}]))
    real.kis.on("order-rvsecncl", ok({"ODNO": "0000000009", "ORD_TMD": "100000"}))
    (receipt,) = real.rows("kis.cancel-order", order_no="7")
    assert (receipt["order_no"], receipt["original_order_no"], receipt["quantity"]) == (
        "0000000009",
        "0000000007",
        6,
    )
    body = (real.kis.calls("order-rvsecncl")[0].body or b"").decode()
    for field in (
        '"KRX_FWDG_ORD_ORGNO": "06010"',
        '"ORGN_ODNO": "0000000007"',
        '"ORD_DVSN": "03"',
        '"RVSE_CNCL_DVSN_CD": "02"',
        '"QTY_ALL_ORD_YN": "Y"',
        '"EXCG_ID_DVSN_CD": "NXT"',
    ):
        assert field in body


def test_a_cancel_on_paper_reads_no_further_than_its_order(paper: Bench) -> None:
    first = ok(
        output1=[order_row(odno="0000000008")],
        ctx_area_fk100="f",
        ctx_area_nk100="n",
        headers={"tr_cont": "M"},
    )
    second = ok(output1=[order_row()], ctx_area_fk100="f", ctx_area_nk100="more", headers={"tr_cont": "M"})
    paper.kis.on("inquire-daily-ccld", first, second)
    paper.kis.on("order-rvsecncl", ok({"ODNO": "0000000009", "ORD_TMD": "100000"}))
    (receipt,) = paper.rows("kis.cancel-order", order_no="0000000007")
    assert receipt["original_order_no"] == "0000000007"
    assert len(paper.kis.calls("inquire-daily-ccld")) == 2


@pytest.mark.parametrize(
    ("environment", "exchange", "known"),
    [
        ("real", None, True),
        ("real", "NASD", False),
        ("real", "NYSE", True),
        ("paper", None, False),
        ("paper", "NASD", True),
        ("paper", "SEHK", True),
    ],
)
def test_overseas_totals_are_those_of_the_market_asked_for_or_none(
    tmp_path: Path, environment: str, exchange: str | None, known: bool
) -> None:
    bench = make_bench(tmp_path, environment=environment)
    rows = [
        {"ovrs_pdno": "AAPL", "ovrs_excg_cd": "NASD", "ovrs_cblc_qty": "1"},
        {"ovrs_pdno": "IBM", "ovrs_excg_cd": "NYSE", "ovrs_cblc_qty": "2"},
    ]
    bench.kis.on("inquire-balance", ok(output1=rows, output2={"frcr_pchs_amt1": "10.50"}))
    arguments = {} if exchange is None else {"exchange": exchange}
    (balance,) = bench.rows("kis.get-overseas-balance", **arguments)
    assert balance["cost"] == ("10.5" if known else None)
    assert {holding["venue"] for holding in balance["holdings"]} <= {
        exchange,
        *(["NASD", "NYSE"] * (not exchange)),
    }


def test_a_cancel_that_lost_the_race_is_already_done(real: Bench) -> None:
    filled = order_row(rmn_qty="0", tot_ccld_qty="10")
    real.kis.on("inquire-psbl-rvsecncl", ok([{**order_row(), "psbl_qty": "6"}]), ok([]))
    real.kis.on("order-rvsecncl", refusal("APBK0344", "정정취소 가능수량이 없습니다."))
    real.kis.on("inquire-daily-ccld", ok(output1=[filled], output2={}))
    (receipt,) = real.rows("kis.cancel-order", order_no="7")
    assert (receipt["already_done"], receipt["state"], receipt["order_no"]) == (True, "filled", None)


def test_a_refused_cancel_of_an_open_order_stays_a_refusal(real: Bench) -> None:
    real.kis.on("inquire-psbl-rvsecncl", ok([{**order_row(), "psbl_qty": "6"}]))
    real.kis.on("order-rvsecncl", refusal("APBK0918", "장종료"))
    with pytest.raises(VendorRejected, match="APBK0918"):
        real.outcome("kis.cancel-order", order_no="7")


def test_a_failed_look_up_does_not_hide_the_refusal_of_a_cancel(real: Bench) -> None:
    real.kis.on("inquire-psbl-rvsecncl", ok([{**order_row(), "psbl_qty": "6"}]), refusal("EGW00103"))
    real.kis.on("order-rvsecncl", refusal("APBK0918", "장종료"))
    with pytest.raises(VendorRejected, match="APBK0918"):
        real.outcome("kis.cancel-order", order_no="7")


def test_a_venue_takes_only_its_own_order_types(real: Bench) -> None:
    with pytest.raises(InvalidParameters, match="NXT takes limit"):
        real.outcome("kis.buy-order", ticker="005930", quantity=1, order_type="market", exchange="NXT")
    order = {"ticker": "00700", "exchange": "SEHK", "quantity": 1, "price": "1"}
    with pytest.raises(InvalidParameters, match="a buy order at SEHK is limit"):
        real.outcome("kis.buy-overseas-order", **order, order_type="limit_on_close")
    assert real.kis.calls("order-cash") == []


def test_paper_asks_each_american_exchange_and_real_asks_once(real: Bench, paper: Bench) -> None:
    for bench, expected in ((real, ["NASD"]), (paper, ["NASD", "NYSE", "AMEX"])):
        bench.kis.on("inquire-balance", ok(output1=[], output2={"tot_pftrt": "0"}))
        bench.outcome("kis.get-overseas-balance")
        asked = [call.query["OVRS_EXCG_CD"] for call in bench.kis.calls("inquire-balance")]
        assert asked == expected


def test_minute_candles_of_a_past_day_are_refused_early_on_paper(paper: Bench) -> None:
    with pytest.raises(Unsupported, match="ask for today"):
        paper.outcome("kis.get-minute-candles", ticker="005930", date="2026-11-19")
    assert paper.kis.requests == []


def test_minute_candles_of_the_future_are_refused(real: Bench) -> None:
    with pytest.raises(InvalidParameters, match="in the future"):
        real.outcome("kis.get-minute-candles", ticker="005930", date="2026-11-21")


@pytest.mark.parametrize("arguments", [{"start": "10:01"}, {"start": "15:00", "end": "15:30"}])
def test_minutes_that_have_not_begun_are_refused(real: Bench, arguments: dict[str, str]) -> None:
    assert f"{real.clock.now().astimezone(KST):%H:%M}" == "10:00"
    with pytest.raises(InvalidParameters, match="in the future"):
        real.outcome("kis.get-minute-candles", ticker="005930", **arguments)
    assert real.kis.requests == []


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("kis.get-daily-candles", {"ticker": "005930"}),
        ("kis.get-order-history", {}),
        ("kis.get-overseas-daily-candles", {"ticker": "AAPL", "exchange": "NASD"}),
        ("kis.get-overseas-order-history", {}),
        ("kis.get-overseas-order-history", {"exchange": "TKSE"}),
    ],
)
def test_a_start_in_the_future_without_an_end_is_refused(
    real: Bench, method: str, arguments: dict[str, str]
) -> None:
    with pytest.raises(InvalidParameters, match="start must not be after end"):
        real.outcome(method, start="2026-11-21", **arguments)
    assert real.kis.requests == []


@pytest.mark.parametrize(
    ("method", "tail", "arguments"),
    [
        ("kis.get-stock-info", "search-stock-info", {"ticker": "999999"}),
        ("get-stock-name", "search-stock-info", {"stock_code": "999999"}),
        ("kis.get-buyable-amount", "inquire-psbl-order", {"ticker": "999999"}),
        (
            "kis.get-overseas-buyable-amount",
            "inquire-psamount",
            {"ticker": "NOPE", "exchange": "NASD", "price": "1"},
        ),
    ],
)
def test_a_read_that_kis_refuses_for_its_ticker_has_a_wrong_parameter(
    real: Bench, method: str, tail: str, arguments: dict[str, str]
) -> None:
    real.kis.on(tail, refusal("APBK0656", "해당종목정보가 없습니다."))
    with pytest.raises(InvalidParameters, match=r"^INVALID_PARAMETERS: ticker: KIS does not know") as caught:
        real.outcome(method, **arguments)
    assert (caught.value.vendor, caught.value.vendor_code) == ("kis", "APBK0656")
    assert caught.value.vendor_message == "해당종목정보가 없습니다."
    real.kis.on(tail, refusal("APBK0400", "없는 권한"))
    with pytest.raises(VendorRejected):
        real.outcome(method, **arguments)


def test_the_bare_name_is_plain_text_in_both_environments(real: Bench, paper: Bench) -> None:
    real.kis.on("search-stock-info", ok({"prdt_abrv_name": "한국전력", "prdt_name": "한국전력공사보통주"}))
    paper.kis.on("inquire-daily-itemchartprice", ok(output1={"hts_kor_isnm": "한국전력"}, output2=[{}]))
    for bench in (real, paper):
        assert bench.rows("get-stock-name", stock_code="015760") == ["한국전력"]


def test_the_check_reports_a_bad_key_and_a_clock_that_is_off(real: Bench) -> None:
    real.kis.on("inquire-price", ok(PRICE_ROW, headers={"Date": "Fri, 20 Nov 2026 01:00:30 GMT"}))
    real.kis.on("inquire-balance", refusal("APBK0012", "계좌번호 오류"))
    cache, token, quote, account = real.vendor.check()
    assert cache.passed
    assert token.passed
    assert quote.passed
    assert "30 s behind the vendor's" in quote.detail
    assert not account.passed
    assert "APBK0012" in account.detail


def test_the_check_reports_a_token_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    bench = make_bench(tmp_path, cache_folder=tmp_path / "taken")
    bench.kis.on("inquire-price", ok(PRICE_ROW))
    bench.kis.on("inquire-balance", ok(output1=[], output2=[{"dnca_tot_amt": "1"}]))
    cache, *others = bench.vendor.check()
    assert not cache.passed
    assert str(tmp_path / "taken") in cache.detail
    assert "cannot be written" in cache.detail
    assert [result.passed for result in others] == [True, True, True]


def test_closing_refuses_what_comes_later(real: Bench) -> None:
    real.vendor.close()
    with pytest.raises(TaskFailed, match="stopping"):
        real.outcome("kis.get-current-price", ticker="005930")


def test_every_method_can_be_listed_with_its_schemas(real: Bench) -> None:
    for method in real.vendor.methods():
        schema = method.parameters.model_json_schema()
        assert schema["additionalProperties"] is False
        if method.result is not None:
            assert method.result.model_json_schema(mode="serialization")["type"] == "object"


@pytest.mark.parametrize(
    ("arguments", "start", "end"),
    [
        ({}, "20261119", "20261120"),
        ({"exchange": "NASD"}, "20261119", "20261119"),
        ({"exchange": "TKSE"}, "20261120", "20261120"),
        ({"end": "2026-11-18"}, "20261118", "20261118"),
        ({"start": "2026-11-01"}, "20261101", "20261120"),
    ],
)
def test_todays_overseas_orders_are_those_of_the_exchanges_day(
    real: Bench, arguments: dict[str, Any], start: str, end: str
) -> None:
    assert f"{real.clock.now().astimezone(KST):%Y%m%d}" == "20261120"
    real.kis.on("inquire-ccnl", ok([]))
    real.outcome("kis.get-overseas-order-history", **arguments)
    query = real.kis.calls("inquire-ccnl")[0].query
    assert (query["ORD_STRT_DT"], query["ORD_END_DT"]) == (start, end)


BUYABLE = {
    "ord_psbl_cash": "1000000",
    "nrcvb_buy_amt": "1000000",
    "nrcvb_buy_qty": "11",
    "psbl_qty_calc_unpr": "90900",
}


def test_the_buyable_quantity_is_that_of_the_price_of_the_task(real: Bench) -> None:
    real.kis.on("inquire-psbl-order", ok(BUYABLE))
    (given,) = real.rows("kis.get-buyable-amount", ticker="005930", price=60000)
    (left_out,) = real.rows("kis.get-buyable-amount", ticker="005930")
    assert (given["price"], given["quantity"]) == ("60000", 16)
    assert (left_out["price"], left_out["quantity"]) == ("90900", 11)
    for buyable in (given, left_out):
        assert (buyable["counted_price"], buyable["counted_quantity"]) == ("90900", 11)


@pytest.mark.parametrize("missing", ["nrcvb_buy_amt", "nrcvb_buy_qty"])
def test_a_buyable_amount_without_its_figures_is_no_answer(real: Bench, missing: str) -> None:
    real.kis.on("inquire-psbl-order", ok({**BUYABLE, missing: ""}))
    with pytest.raises(VendorUnavailable, match=f"{missing} is missing"):
        real.outcome("kis.get-buyable-amount", ticker="005930")


@pytest.mark.parametrize(
    ("word", "orderable"),
    [
        ("매수가능", True),
        ("매매 가능", True),
        ("매도불가", False),
        ("", None),
        ("거래정지", None),
        ("0", None),
    ],
)
def test_orderable_is_yes_no_or_not_known(real: Bench, word: str, orderable: bool | None) -> None:
    real.kis.on("price", ok({"last": "1.5", "ordy": word}))
    (price,) = real.rows("kis.get-overseas-price", ticker="AAPL", exchange="NASD", raw=True)
    assert price["orderable"] is orderable
    assert price["raw"]["ordy"] == word


def test_the_market_capitalisation_is_in_won_as_every_value(real: Bench) -> None:
    real.kis.on("inquire-price", ok({**PRICE_ROW, "hts_avls": "4172732"}))
    (price,) = real.rows("kis.get-current-price", ticker="005930")
    assert price["market_cap"] == 417_273_200_000_000


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("매수정정*", "modify"),
        ("매도취소", "cancel"),
        ("", "modify_or_cancel"),
        ("정정/취소", "modify_or_cancel"),
    ],
)
def test_a_domestic_order_says_what_it_did_as_far_as_kis_does(real: Bench, name: str, action: str) -> None:
    row = order_row(orgn_odno="0000000003", rvse_cncl_dvsn_name=name)
    real.kis.on("inquire-psbl-rvsecncl", ok([row, order_row(rvse_cncl_dvsn_name=name)]))
    assert [order["action"] for order in real.rows("kis.get-open-orders")] == [action, "new"]


@pytest.mark.parametrize(
    ("word", "status"),
    [("접수", "received"), ("전송", "sent"), ("완료", "completed"), ("거부", "rejected"), ("보류", None)],
)
@pytest.mark.parametrize(
    ("code", "original", "action"),
    [("00", "", "new"), ("01", "7", "modify"), ("02", "7", "cancel"), ("", "7", "modify_or_cancel")],
)
def test_an_overseas_order_speaks_english(
    real: Bench, word: str, status: str | None, code: str, original: str, action: str
) -> None:
    row = {
        "odno": "9",
        "orgn_odno": original,
        "sll_buy_dvsn_cd": "02",
        "rvse_cncl_dvsn": code,
        "pdno": "AAPL",
        "ft_ord_qty": "1",
        "nccs_qty": "1",
        "prcs_stat_name": word,
        "ovrs_excg_cd": "NASD",
    }
    real.kis.on("inquire-ccnl", ok([row]))
    (order,) = real.rows("kis.get-overseas-order-history", raw=True)
    assert (order["status"], order["action"]) == (status, action)
    assert order["raw"]["prcs_stat_name"] == word


def test_a_chart_that_stops_moving_back_says_so(real: Bench) -> None:
    days = [f"{date(2027, 1, 1) + timedelta(days=number):%Y%m%d}" for number in range(100)]
    prices = dict.fromkeys(["stck_oprc", "stck_hgpr", "stck_lwpr", "stck_clpr", "acml_vol"], "1")
    rows = [{"stck_bsop_date": day, **prices} for day in days]
    real.kis.on("inquire-daily-itemchartprice", ok(output1={"stck_prpr": "1"}, output2=rows))
    outcome = real.outcome("kis.get-daily-candles", ticker="005930")
    assert outcome.truncated is not None
    assert "after the date" in outcome.truncated
