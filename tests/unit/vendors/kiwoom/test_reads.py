"""Typed reads: what is asked, and what becomes of Kiwoom's texts."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from broker_client.errors import InvalidParameters, TaskFailed, Unsupported, VendorUnavailable
from broker_server.amqp.intake import validate_parameters
from broker_server.core.methods import TaskContext
from broker_server.vendors.kiwoom.backend import Listing
from broker_server.vendors.values import KST
from tests.support.kiwoom_backend import FakeBackend, context
from tests.support.sapi_server import make_vendor

STOCK = {
    "name": "삼성전자",
    "price": "-70000",
    "sign": "5",
    "change": "-1400",
    "change_rate": "-1.96",
    "open": "+71000",
    "high": "+71500",
    "low": "-69900",
    "volume": "12345678",
    "upper_limit": "+92800",
    "lower_limit": "-50000",
    "base_price": "71400",
    "listed_shares": "5969783",
    "market_cap": "4178848",
    "per": "15.20",
    "eps": "4605",
    "pbr": "1.30",
    "bps": "",
    "face_value": "100",
}


def call(
    backend: FakeBackend, name: str, task: TaskContext | None = None, *, paper: bool = False, **given: Any
) -> Any:
    vendor = make_vendor(backend, paper=paper)
    method = next(each for each in vendor.methods() if each.name == f"kiwoom.{name}")
    return method.handler(validate_parameters(method, given), task or context()).rows


def test_a_price(fake: FakeBackend) -> None:
    fake.answers["ka10001"] = [[STOCK]]
    (price,) = call(fake, "get-current-price", ticker="005930")
    assert (price.price, price.change, price.change_rate, price.low) == (70_000, -1_400, -1.96, 69_900)
    assert (price.upper_limit, price.lower_limit, price.volume) == (92_800, 50_000, 12_345_678)
    assert (price.listed_shares, price.market_cap) == (5_969_783_000, 417_884_800_000_000)
    assert (price.per, price.bps, price.halted, price.value) == ("15.2", None, None, None)
    assert fake.asked == [("ka10001", {"stock_code": "005930"}, None)]


@pytest.mark.parametrize(("exchange", "symbol"), [("NXT", "005930_NX"), ("UNIFIED", "005930_AL")])
def test_a_price_of_another_venue(fake: FakeBackend, exchange: str, symbol: str) -> None:
    fake.answers["ka10001"] = [[STOCK]]
    call(fake, "get-current-price", ticker="005930", exchange=exchange)
    assert fake.asked[0][1] == {"stock_code": symbol}
    with pytest.raises(Unsupported, match="KRX only on its paper trading"):
        call(fake, "get-current-price", ticker="005930", exchange=exchange, paper=True)
    fake.name = "openapi-plus"
    with pytest.raises(Unsupported, match="KRX only on its OpenAPI"):
        call(fake, "get-current-price", ticker="005930", exchange=exchange)


def test_the_order_book_of_both_venues_is_not_that_of_one(fake: FakeBackend) -> None:
    with pytest.raises(Unsupported, match="of one venue"):
        call(fake, "get-order-book", ticker="005930", exchange="UNIFIED")
    assert fake.asked == []


@pytest.mark.parametrize("name", ["get-current-price", "get-order-book", "get-stock-info"])
@pytest.mark.parametrize("rows", [[], [{}]])
def test_an_unknown_ticker(fake: FakeBackend, name: str, rows: list[dict[str, str]]) -> None:
    fake.answers["ka10001"] = fake.answers["ka10004"] = [rows]
    with pytest.raises(InvalidParameters, match="Kiwoom knows no stock 9Z9Z9Z"):
        call(fake, name, ticker="9Z9Z9Z")


@pytest.mark.parametrize(
    "name",
    ["get-current-price", "get-order-book", "get-stock-info", "get-daily-candles", "get-minute-candles"],
)
def test_an_unknown_ticker_costs_the_control_no_query(fake: FakeBackend, name: str) -> None:
    fake.name = "openapi-plus"
    with pytest.raises(InvalidParameters, match="ticker: Kiwoom knows no stock 9Z9Z9Z"):
        call(fake, name, ticker="9Z9Z9Z")
    assert fake.asked == []


def test_what_cannot_be_read_is_told(fake: FakeBackend) -> None:
    fake.answers["ka10001"] = [[STOCK | {"volume": "many"}]]
    with pytest.raises(VendorUnavailable, match="cannot be read"):
        call(fake, "get-current-price", ticker="005930")


def test_a_book(fake: FakeBackend) -> None:
    fake.answers["ka10004"] = [
        [
            {
                "timestamp": "095959",
                "sell_top_priority_price": "+70100",
                "sell_top_priority_remaining_volume": "120",
                "sell_remaining_volume_1": "-5",
                "sell_price_2": "+70200",
                "sell_remaining_volume_2": "80",
                "sell_price_10": "0",
                "buy_top_priority_price": "-70000",
                "buy_top_priority_remaining_volume": "30",
                "total_sell_remaining_volume": "200",
                "total_buy_remaining_volume": "30",
            }
        ]
    ]
    (book,) = call(fake, "get-order-book", ticker="005930")
    assert [(each.price, each.quantity) for each in book.asks] == [(70_100, 120), (70_200, 80)]
    assert [(each.price, each.quantity) for each in book.bids] == [(70_000, 30)]
    assert book.time == datetime(2026, 11, 20, 9, 59, 59, tzinfo=KST)
    assert (book.total_ask_quantity, book.total_bid_quantity) == (200, 30)


def test_stock_info(fake: FakeBackend) -> None:
    fake.answers["ka10001"] = [[STOCK]]
    fake.listings["005930"] = Listing(
        state="증거금100%|거래정지|관리종목", market="10", listed_on="19750611", on_nxt="Y"
    )
    (info,) = call(fake, "get-stock-info", ticker="005930", raw=True)
    assert (info.name, info.face_value, info.halted, info.administrative) == ("삼성전자", "100", True, True)
    assert info.raw["price"] == "-70000"
    assert (info.market, info.listed_on, info.nxt_tradable) == ("KOSDAQ", date(1975, 6, 11), True)


@pytest.mark.parametrize("listing", [None, Listing(state=""), Listing(state="", listed_on="00000000")])
def test_what_the_list_does_not_tell_is_not_known(fake: FakeBackend, listing: Listing | None) -> None:
    fake.answers["ka10001"] = [[STOCK]]
    if listing is not None:
        fake.listings["005930"] = listing
    (info,) = call(fake, "get-stock-info", ticker="005930")
    told = (info.halted, info.administrative, info.market, info.listed_on, info.nxt_tradable)
    assert told == (None,) * 5


def test_a_market_without_a_name_of_ours_keeps_kiwoom_s_number(fake: FakeBackend) -> None:
    fake.answers["ka10001"] = [[STOCK]]
    fake.listings["005930"] = Listing(state="증거금40%", market="8", on_nxt="N")
    (info,) = call(fake, "get-stock-info", ticker="005930")
    assert (info.market, info.nxt_tradable, info.halted) == ("8", False, False)


def candle(day: str, close: str) -> dict[str, str]:
    return {
        "day": day,
        "opening": "+1",
        "high": "+9",
        "low": "-1",
        "closing": close,
        "volume": "7",
        "tr_amount": "3",
    }


def test_daily_candles(fake: FakeBackend) -> None:
    fake.answers["ka10081"] = [
        [candle("20261120", "-8"), candle("20261119", "+9")],
        [candle("20261118", "5"), candle("20261117", "4")],
        [candle("20261116", "3")],
    ]
    candles = call(fake, "get-daily-candles", ticker="005930", start="2026-11-18")
    assert [(each.date, each.close, each.change) for each in candles] == [
        (date(2026, 11, 18), 5, 1),
        (date(2026, 11, 19), 9, 4),
        (date(2026, 11, 20), 8, -1),
    ]
    assert (candles[0].value, candles[0].volume, candles[0].open, candles[0].adjusted) == (
        3_000_000,
        7,
        1,
        True,
    )
    assert fake.asked[0] == ("ka10081", {"stock_code": "005930", "to": "20261120", "is_adjusted": "1"}, None)
    assert len(fake.asked) == 2


@pytest.mark.parametrize(
    ("interval", "api_id"), [("week", "ka10082"), ("month", "ka10083"), ("year", "ka10094")]
)
def test_longer_candles(fake: FakeBackend, interval: str, api_id: str) -> None:
    fake.answers[api_id] = [[candle("20261116", "3")]]
    (one,) = call(fake, "get-daily-candles", ticker="005930", interval=interval, adjusted=False)
    assert (one.interval, one.adjusted) == (interval, False)
    assert fake.asked[0][1]["is_adjusted"] == "0"


def test_no_candles_are_an_answer_and_no_stock_is_not(fake: FakeBackend) -> None:
    fake.answers["ka10081"] = [[]]
    assert call(fake, "get-daily-candles", ticker="005930") == []
    with pytest.raises(InvalidParameters, match="9Z9Z9Z"):
        call(fake, "get-daily-candles", ticker="9Z9Z9Z")


def test_minute_candles(fake: FakeBackend) -> None:
    def bar(moment: str) -> dict[str, str]:
        return candle("", "-8") | {"timestamp": moment}

    fake.answers["ka10080"] = [
        [bar("20261120100000"), bar("20261120095500"), bar("20261120093000")],
        [bar("20261120090000"), bar("20261119153000")],
        [bar("20261118153000")],
    ]
    bars = call(fake, "get-minute-candles", ticker="005930", minutes=5, start="09:00", end="09:59")
    assert [f"{each.time:%H%M}" for each in bars] == ["0900", "0930", "0955"]
    assert [each.complete for each in bars] == [True, True, True]
    assert len(fake.asked) == 2
    assert fake.asked[0][1] == {"stock_code": "005930", "tick": "5", "is_adjusted": "1"}
    assert not call(fake, "get-minute-candles", ticker="005930", minutes=5)[-1].complete
    with pytest.raises(InvalidParameters, match="in the future"):
        call(fake, "get-minute-candles", ticker="005930", date="2026-11-21")


def test_the_balance(fake: FakeBackend) -> None:
    fake.answers["kt00001"] = [
        [{"deposit": "000000001000", "deposit_next_day": "900", "deposit_settled": "800"}]
    ]
    fake.answers["kt00018"] = [
        [
            {
                "stock_code": "A005930",
                "name": "삼성전자",
                "quantity": "000000000000003",
                "sellable_quantity": "2",
                "average_price": "000000000069900",
                "price": "000000070000",
                "cost": "209700",
                "value": "210000",
                "profit": "-00000000000300",
                "profit_rate": "-0.14",
            }
        ]
    ]
    (balance,) = call(fake, "get-balance")
    assert (balance.deposit, balance.deposit_next_day, balance.deposit_settled) == (1_000, 900, 800)
    assert (balance.holdings_value, balance.total_value, balance.profit) == (210_000, 210_800, -300)
    (holding,) = balance.holdings
    assert (holding.ticker, holding.quantity, holding.average_price) == ("005930", 3, "69900")
    assert (holding.price, holding.profit, holding.profit_rate) == (70_000, -300, -0.14)
    assert fake.asked[0][1]["account"] == "1234567811"

    fake.summaries["kt00018"] = {"cost": "1", "value": "2", "profit": "-3", "assets": "4"}
    (balance,) = call(fake, "get-balance")
    assert (balance.cost, balance.holdings_value, balance.profit, balance.net_assets) == (1, 2, -3, 4)


@pytest.mark.parametrize("tr", ["ka10001", "KA10001"])
def test_any_api_of_rest(fake: FakeBackend, tr: str) -> None:
    (page,) = call(fake, "request-tr", tr=tr, inputs={"stk_cd": "005930"}, fields=["cur_prc", "stk_nm"])
    assert set(page.rows[0]) == {"cur_prc", "stk_nm"}
    assert (fake.trs[0].api_id, fake.trs[0].path) == ("ka10001", "/api/dostk/stkinfo")


def test_any_api_with_rows_and_pages(fake: FakeBackend) -> None:
    fake.answers["kt00018"] = [[{"stk_cd": "A005930"}], [{"stk_cd": "A000660"}]]
    given = {"tr": "kt00018", "inputs": {"qry_tp": "2", "dmst_stex_tp": "KRX"}}
    (page,) = call(fake, "request-tr", **given)
    assert (page.rows[0]["stk_cd"], page.more) == ("A005930", "1")
    assert fake.trs[0].rows_key == "acnt_evlt_remn_indv_tot"
    assert "tot_pur_amt" in fake.trs[0].summary
    (page,) = call(fake, "request-tr", **given, after="1")
    assert (page.rows[0]["stk_cd"], page.more) == ("A000660", None)


def test_an_api_that_only_the_caller_knows(fake: FakeBackend) -> None:
    fake.answers["ka20003"] = [[{"stk_cd": "001", "cur_prc": "-2600.00"}]]
    (page,) = call(
        fake,
        "request-tr",
        tr="ka20003",
        path="/api/dostk/sect",
        inputs={"inds_cd": "001"},
        record="all_inds_idex",
        fields=["stk_cd", "cur_prc"],
    )
    assert page.rows == [{"stk_cd": "001", "cur_prc": "-2600.00"}]
    tr = fake.trs[0]
    assert (tr.path, tr.rows_key, list(tr.columns)) == (
        "/api/dostk/sect",
        "all_inds_idex",
        ["stk_cd", "cur_prc"],
    )


def test_a_hundred_codes_at_once(fake: FakeBackend) -> None:
    codes = "|".join(f"{number:06}_AL" for number in range(100))
    call(fake, "request-tr", tr="ka10095", inputs={"stk_cd": codes})
    assert fake.asked[0][1]["stk_cd"] == codes


def test_any_tr_of_the_control(fake: FakeBackend) -> None:
    fake.name = "openapi-plus"
    call(fake, "request-tr", tr="opt10001", inputs={"종목코드": "005930"})
    assert "현재가" in fake.trs[0].columns
    call(fake, "request-tr", tr="opt90001", inputs={"a": "b"}, record="표", fields=["하나", "둘"])
    tr = fake.trs[1]
    assert (tr.code, tr.record, list(tr.columns)) == ("OPT90001", "표", ["하나", "둘"])
    with pytest.raises(InvalidParameters, match="fields: name the values"):
        call(fake, "request-tr", tr="opt90001")


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"tr": "kt10000", "inputs": {}}, InvalidParameters, "has its own method"),
        ({"tr": "kt10009", "inputs": {}}, InvalidParameters, "has its own method"),
        ({"tr": "KOA_NORMAL_BUY_KP_ORD"}, InvalidParameters, "has its own method"),
        ({"tr": "au10001"}, InvalidParameters, "is no query"),
        ({"tr": "ka99999"}, InvalidParameters, "none of the api-ids"),
        ({"tr": "ka99999", "path": "/api/dostk/sect"}, InvalidParameters, "none of the api-ids"),
        (
            {"tr": "ka99999", "path": "/api/dostk/sect/", "fields": ["x"]},
            InvalidParameters,
            "none of the api",
        ),
        ({"tr": "kt50000", "path": "/api/dostk/ordr", "fields": ["x"]}, InvalidParameters, "its own method"),
        ({"tr": "kt10099", "path": "/api/dostk/acnt", "fields": ["x"]}, InvalidParameters, "its own method"),
        ({"tr": " koa_normal_buy_kp_ord", "fields": ["x"]}, InvalidParameters, "tr"),
        ({"tr": "kt10000", "path": "/api/dostk/sect", "fields": ["x"]}, InvalidParameters, "its own method"),
        ({"tr": "ka10001", "inputs": {"stk_cd": "1"}, "after": "한글"}, InvalidParameters, "after"),
        ({"tr": "ka10001", "inputs": {"stk_cd": "1"}, "after": "a\r\nx: y"}, InvalidParameters, "after"),
        ({"tr": "ka10001"}, InvalidParameters, "stk_cd is missing"),
        ({"tr": "ka10001", "inputs": {"stk_cd": "1", "x": "2"}}, InvalidParameters, "x is no input"),
        ({"tr": "ka10001", "inputs": {"stk_cd": "1"}, "fields": ["x"]}, InvalidParameters, "has no x"),
        ({"tr": "opt10001", "inputs": {}}, Unsupported, "by rest, which has no opt10001"),
    ],
)
def test_what_cannot_be_asked(
    fake: FakeBackend, given: dict[str, Any], error: type[TaskFailed], says: str
) -> None:
    with pytest.raises(error, match=says):
        call(fake, "request-tr", **given)
    assert fake.asked == []
