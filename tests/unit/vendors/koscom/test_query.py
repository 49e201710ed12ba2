"""``koscom.query``: names and arguments checked, every envelope read, periods paged."""

from __future__ import annotations

from typing import Any

import pytest

from broker_client.errors import InvalidParameters, TaskFailed, VendorRejected
from broker_server.vendors.http import HttpResponse
from broker_server.vendors.koscom.endpoints import Table, tables
from tests.support.kis_server import reply
from tests.support.koscom_rest import PRICE, UNKNOWN, history, make_bench, result
from tests.unit.vendors.koscom.test_candles import BARS, answers_bars, answers_days

STOCK = {"market": "kospi", "code": "005930"}
SAMPLES = {
    "date": "20261120",
    "minute": "0900",
    "count": 10,
    "codes": "005930,000660",
    "items": ["eps", "per"],
}


def refusal(table: str, **arguments: Any) -> str:
    with pytest.raises(InvalidParameters) as failure:
        make_bench().call("query", table=table, arguments=arguments)
    return failure.value.message


def arguments_of(table: Table) -> dict[str, Any]:
    """Something good for every argument."""
    parts = {name: values[0] if values else "005930" for name, values in table.path_values.items()}
    return parts | {
        each.name: each.values[0] if each.values else SAMPLES[each.format] for each in table.query.values()
    }


@pytest.mark.parametrize("version", ["v3", "v2"])
@pytest.mark.parametrize("table", tables().values(), ids=tables().keys())
def test_every_table_has_an_address(table: Table, version: Any) -> None:
    address = table.address(version, arguments_of(table))
    assert address.path.startswith(f"/{version}/market/")
    assert not set("{} ") & set(address.path)


def test_paths_are_those_of_the_documents() -> None:
    paths = {name: table.paths["v3"].removeprefix("/v3/market") for name, table in tables().items()}
    assert paths["order-books"] == "/realtime/{market}/multiquote/stocks/orderbook"
    assert paths["etf-closing-nav"] == "/closed/etf/{market}/{code}/closenav"
    assert paths["futures-market-investors"] == "/realtime/derivative/futures/{product}/market/investors"
    assert tables()["trade-ranking"].paths["v2"] == "/v2/market/stocks/{market}/{code}/traderanking"


def test_a_record() -> None:
    bench = make_bench()
    bench.koscom.on(
        "/realtime/kospi/stocks/005930/price", result(PRICE | {"isuSrtCd": "005930*001", "x": " -"})
    )
    (page,) = bench.call("query", table="price", arguments={"code": "005930"})
    (row,) = page.rows
    assert (page.table, page.market, page.summary) == ("price", "kospi", {})
    assert (row["isuSrtCd"], row["trdPrc"], row["trdTm"], row["x"]) == ("005930", 38_600, "09544500", None)


def test_a_bare_list() -> None:
    bench = make_bench()
    rows = [{"isuSrtCd": "000660", "prc": "81000", "accTrdvol": "10"}, {"isuSrtCd": " -", "prc": None}]
    body = {"trdDd": "20261120", "trdTm": "101500", "isuLists": rows}
    bench.koscom.on("/realtime/kosdaq/multiquote/stocks/lists", reply(body))
    (page,) = bench.call("query", table="market-prices", arguments={"market": "kosdaq"})
    assert page.rows == [{"isuSrtCd": "000660", "trdPrc": 81_000, "accTrdvol": 10}]
    assert page.summary == {"trdDd": "20261120", "trdTm": "101500"}


def test_fractions_stay_exact() -> None:
    bench = make_bench()
    body = b'{"jsonrpc":"2.0","result":{"isuSrtCd":"K1","trdPrc":2657.6900000000001,"accTrdval":6034972}}'
    bench.koscom.on("/closed/kospi/index", HttpResponse(200, {}, body))
    (page,) = bench.call("query", table="market-index", arguments={"market": "kospi"})
    assert page.rows == [{"isuSrtCd": "K1", "trdPrc": "2657.6900000000001", "accTrdval": 6_034_972}]


def test_holidays_are_dates_alone() -> None:
    bench = make_bench()
    bench.koscom.on("/extra/stocks/KR/holiday", reply({"marketCd": "KR", "lists": ["20261225", "20261231"]}))
    (page,) = bench.call("query", table="holidays", arguments={"nation": "KR"})
    assert (page.rows, page.summary, page.market) == (["20261225", "20261231"], {"marketCd": "KR"}, None)


def test_several_issues_at_once() -> None:
    bench = make_bench()
    path = "/realtime/kospi/multiquote/stocks/price"
    bench.koscom.on(path, result({"isulist": [PRICE, UNKNOWN]}))
    (page,) = bench.call(
        "query", table="prices", arguments={"market": "kospi", "isuCd": ["005930", "999999"]}
    )
    assert bench.koscom.requests[0].query == {"isuCd": "005930,999999"}
    assert [row["isuSrtCd"] for row in page.rows] == ["005930"]


def test_chosen_items_are_keys_without_values() -> None:
    bench = make_bench()
    path = "/closed/kospi/005930/selectivemaster"
    bench.koscom.on(path, result({"prevddClsprc": 100, "wk52HgstPrc": 120}))
    items = "prevddClsprc,wk52HgstPrc"
    (page,) = bench.call("query", table="selective-master", arguments=STOCK | {"items": items})
    assert page.rows == [{"prevddClsprc": 100, "wk52HgstPrc": 120}]
    (request,) = bench.koscom.requests
    assert request.url.endswith(f"{path}?prevddClsprc&wk52HgstPrc")
    assert request.query == {}


def test_an_unknown_issue_and_no_data() -> None:
    bench = make_bench()
    bench.koscom.on("/closed/kospi/005930/master", result({"isuSrtCd": [" -"], "isuCd": None}))
    with pytest.raises(InvalidParameters, match="no issue 005930"):
        bench.call("query", table="master", arguments=STOCK)
    bench.koscom.on("/closed/kospi/005930/master", reply({"jsonrpc": "2.0", "result": None}))
    with pytest.raises(VendorRejected, match="nothing in master"):
        bench.call("query", table="master", arguments=STOCK)


def test_all_pages_of_days_newest_first() -> None:
    bench = make_bench()
    bench.koscom.on("/closed/kospi/005930/history", answers_days)
    period = {"trnsmCycleTpCd": "D", "inqStrtDd": "2026-01-01", "inqEndDd": "20261119"}
    (page,) = bench.call("query", table="history", arguments=STOCK | period, all_pages=True)
    days = [row["trdDd"] for row in page.rows]
    assert len(days) == len(set(days)) > 200
    assert days == sorted(days, reverse=True)
    assert page.summary == {"isuSrtCd": "005930"}


def test_all_pages_of_bars() -> None:
    bench = make_bench()
    bench.koscom.on(BARS, answers_bars)
    period = {"inddCycleTpCd": 10, "strtTm": "09:00", "endTm": "10:00"}
    (page,) = bench.call("query", table="intraday", arguments={"code": "005930"} | period, all_pages=True)
    assert (len(page.rows), page.market) == (360, "kospi")
    assert (page.rows[0]["inddTm"], page.rows[-1]["inddTm"]) == ("10000000", "09001000")


def test_a_derivative_keeps_its_continuous_code() -> None:
    bench = make_bench()
    path = "/realtime/derivative/futures/kospi200/K2FA001/price"
    bench.koscom.on(path, result({"isuSrtCd": "101S6000", "trdPrc": 352}))
    (page,) = bench.call("query", table="futures-price", arguments={"product": "kospi200", "code": "K2FA001"})
    assert (page.rows[0]["isuSrtCd"], page.market) == ("101S6000", None)


def test_what_a_task_may_get_wrong() -> None:
    assert "did you mean order-book" in refusal("orderbook", **STOCK)
    assert "market-prices" in refusal("everything")
    assert "kospi, did you mean" not in (text := refusal("price", market="kospy", code="005930"))
    assert "one of kospi, kosdaq, did you mean kospi" in text
    assert "has no cod, did you mean code" in refusal("price", market="kospi", cod="005930")
    assert "needs code" in refusal("price", market="kospi")
    assert "would lose zeros" in refusal("price", market="kospi", code=5930)
    assert "trnsmCycleTpCd: one of D, W, M" in refusal("history", **STOCK)
    assert "20261125" in refusal("history", **STOCK, trnsmCycleTpCd="D", inqStrtDd="20261131", inqEndDd="x")
    assert "100 at most" in refusal(
        "history", **STOCK, trnsmCycleTpCd="D", inqStrtDd="20261101", inqEndDd="20261120", reqCnt=101
    )
    assert "20 codes at most, not 21" in refusal("prices", market="kospi", isuCd=["005930"] * 21)
    assert "no item wk52Hgst, did you mean wk52HgstPrc" in refusal(
        "selective-master", **STOCK, items="wk52Hgst"
    )
    assert "10 items at most" in refusal("selective-master", **STOCK, items=["eps"] * 11)


@pytest.mark.parametrize(
    ("table", "arguments", "words"),
    [
        ("price", STOCK, "price has no pages"),
        ("history", STOCK | {"reqCnt": 5}, "leave out reqCnt"),
    ],
)
def test_pages_that_cannot_be_had(table: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(TaskFailed, match=words):
        make_bench().call("query", table=table, arguments=arguments, all_pages=True)


def test_an_issue_is_asked_for_first_and_its_market_is_found() -> None:
    with pytest.raises(InvalidParameters, match=r"price needs code$"):
        make_bench().call("query", table="price")


@pytest.mark.parametrize(
    ("table", "period", "words"),
    [
        ("short-selling", {"inqStrtDd": "2026-11-02", "inqEndDd": "20261101"}, "inqStrtDd is after inqEndDd"),
        ("intraday", {"inddCycleTpCd": "60", "strtTm": "10:00", "endTm": "0959"}, "strtTm is after endTm"),
    ],
)
def test_a_period_ends_after_it_begins(table: str, period: dict[str, Any], words: str) -> None:
    bench = make_bench()
    with pytest.raises(InvalidParameters, match=words):
        bench.call("query", table=table, arguments={"code": "005930"} | period)
    assert bench.paths == []


def test_a_list_that_is_none() -> None:
    bench = make_bench()
    bench.koscom.on("/closed/kospi/005930/history", history([]), result({"hisLists": "none"}))
    period = {"trnsmCycleTpCd": "D", "inqStrtDd": "20261101", "inqEndDd": "20261119"}
    (page,) = bench.call("query", table="history", arguments=STOCK | period)
    assert page.rows == []
    with pytest.raises(TaskFailed, match="hisLists is no list"):
        bench.call("query", table="history", arguments=STOCK | period)
