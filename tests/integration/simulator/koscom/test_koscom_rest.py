"""The REST tables of the simulated KOSCOM: keys, quota, hours, envelopes, rows."""

from __future__ import annotations

from datetime import datetime
from itertools import product
from typing import Any

import aiohttp
import pytest

from broker_server.simulator.clock import KST
from broker_server.simulator.koscom.endpoints import tables
from broker_server.simulator.koscom.tables import names_of, read_data
from broker_server.simulator.server import Options, Simulators

PRICE = "/v3/market/realtime/kospi/stocks/005930/price"
HISTORY = "/v3/market/closed/kospi/005930/history"
DAYS = {"trnsmCycleTpCd": "D", "inqStrtDd": "20260101", "inqEndDd": "20261120"}
CODES = {
    "etf-closing-nav": "069500",
    "etf-basket": "069500",
    "etf-nav": "069500",
    "etf-nav-history": "069500",
}
DATES = {"inqStrtDd": "20261102", "inqEndDd": "20261120"}


class Rest:
    def __init__(self, simulators: Simulators, session: aiohttp.ClientSession) -> None:
        self.simulators = simulators
        self.session = session
        self.key = simulators.announcement()["credentials"]["koscom"]["real"]["api_key"]

    async def get(
        self, path: str, query: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, Any]:
        url = self.simulators.koscom_rest_url + path
        headers = {"apikey": self.key} if headers is None else headers
        async with self.session.get(url, params=query, headers=headers) as response:
            is_json = response.content_type == "application/json"
            return response.status, await (response.json() if is_json else response.text()), response.headers

    async def result(self, path: str, query: Any = None) -> Any:
        status, body, _ = await self.get(path, query)
        assert status == 200, body
        assert set(body) == {"jsonrpc", "result"}
        return body["result"]

    async def control(self, path: str, body: Any) -> Any:
        async with self.session.post(self.simulators.control_url + path, json=body) as response:
            assert response.status < 300, await response.text()
            return await response.json()


@pytest.fixture
async def rest():
    """Frozen on a Friday morning."""
    start = datetime(2026, 11, 20, 9, 30, tzinfo=KST)
    async with Simulators(Options(start=start)) as simulators, aiohttp.ClientSession() as session:
        simulators.clock.freeze()
        simulators.clock.set(start)
        yield Rest(simulators, session)


async def test_the_key_goes_in_the_header_or_the_query(rest):
    status, body, _ = await rest.get(PRICE, headers={})
    assert (status, body) == (401, {"message": "No API key found in request"})
    status, body, _ = await rest.get(PRICE, headers={"apikey": "wrong"})
    assert (status, body) == (401, {"message": "Invalid authentication credentials"})
    assert (await rest.get(PRICE, {"apikey": rest.key}, {}))[0] == 200
    status, _, headers = await rest.get(PRICE)
    assert status == 200
    assert (headers["X-RateLimit-Limit-Day"], headers["X-RateLimit-Remaining-Day"]) == ("50000", "49998")


async def test_wrong_paths_have_no_route(rest):
    for path in (
        "/",
        "/v3/market/realtime/nasdaq/stocks/005930/price",
        "/v2" + PRICE[3:],
        PRICE + "/",
        "/v1/market",
    ):
        status, body, _ = await rest.get(path)
        assert (status, body) == (404, {"message": "no Route matched with those values"}), path


async def test_the_daily_quota_begins_anew_at_nine(rest):
    await rest.control("/faults", {"limits": {"koscom_per_day": 1}})
    rest.simulators.clock.set(datetime(2026, 11, 21, 8, 59, tzinfo=KST))
    assert (await rest.get(PRICE))[0] == 200
    status, body, headers = await rest.get(PRICE)
    assert (status, body) == (429, {"message": "API rate limit exceeded"})
    assert headers["X-RateLimit-Remaining-Day"] == "0"
    rest.simulators.clock.advance(60)
    assert (await rest.get(PRICE))[0] == 200


async def test_prices_and_books_have_the_documented_fields(rest):
    price = await rest.result(PRICE)
    assert set(price) == set(names_of("stock_price_14"))
    assert (price["isuSrtCd"], price["trdTm"]) == ("005930", 9_300_000)
    book = await rest.result("/v2/market/stocks/kospi/005930/orderbook")
    assert set(book) == set(names_of("stock_orderbook_49"))
    assert (
        book["askStep1BstordPrc"] == price["askordPrc_1"] > price["bidordPrc_1"] == book["bidStep1BstordPrc"]
    )
    await rest.control("/stream", {"koscom": {"suffix": True, "values": "strings"}})
    texts = await rest.result(PRICE)
    assert texts["isuSrtCd"] == "005930*001"
    assert texts["trdTm"] == "9300000"


async def test_an_unknown_issue_is_a_dash_and_nulls(rest):
    for path in ("/v3/market/realtime/kospi/stocks/999999/price", PRICE.replace("kospi", "kosdaq")):
        body = await rest.result(path)
        assert body.pop("isuSrtCd") == [" -"]
        assert set(body.values()) == {None}


async def test_several_issues_at_once(rest):
    path = "/v3/market/realtime/kospi/multiquote/stocks/price"
    rows = (await rest.result(path, {"isuCd": "005930,000660,999999"}))["isulist"]
    assert [row["isuSrtCd"] for row in rows] == ["005930", "000660", [" -"]]
    assert (await rest.get(path, {"isuCd": ",".join(["005930"] * 20)}))[0] == 200
    assert (await rest.get(path, {"isuCd": ",".join(["005930"] * 21)}))[0] == 400


async def test_history_is_newest_first_and_never_over_a_hundred_rows(rest):
    rows = (await rest.result(HISTORY, DAYS))["hisLists"]
    assert len(rows) == 100
    assert set(rows[0]) == {row["name"] for row in _nested("stock_history")}
    days = [row["trdDd"] for row in rows]
    assert days == sorted(days, reverse=True)
    assert days[0] == 20261120
    rest_of = (await rest.result(HISTORY, {**DAYS, "inqEndDd": str(days[-1])}))["hisLists"]
    assert rest_of[0]["trdDd"] == days[-1]
    assert len((await rest.result(HISTORY, {**DAYS, "reqCnt": "7"}))["hisLists"]) == 7
    old = await rest.result("/v2/market/stocks/kospi/005930/history", {**DAYS, "reqCnt": "1"})
    assert old["hisLists"][0]["BzDd"] == 20261120
    weeks = (await rest.result(HISTORY, {**DAYS, "trnsmCycleTpCd": "W"}))["hisLists"]
    assert 44 <= len(weeks) <= 48


async def test_bars_are_named_by_their_end(rest):
    query = {"inddCycleTpCd": "600", "strtTm": "0900", "endTm": "1530", "inqStrtDd": "20261119"}
    path = "/v3/market/realtime/kospi/stocks/005930/intraday"
    rows = (await rest.result(path, query))["hisLists"]
    assert [rows[0]["inddTm"], rows[-1]["inddTm"], len(rows)] == ["15300000", "9100000", 39]
    assert all(row["inddLwprc"] <= row["inddOpnprc"] <= row["inddHgprc"] for row in rows)
    assert sum(row["inddTrdvol"] for row in rows) == rows[0]["inddAccTrdvol"]
    rest.simulators.clock.advance(125)
    today = (await rest.result(path, {**query, "inqStrtDd": "20261120"}))["hisLists"]
    assert [today[0]["inddTm"], today[1]["inddTm"], today[-1]["inddTm"]] == ["9320500", "9300000", "9100000"]
    minutes = {**query, "inddCycleTpCd": "10"}
    assert len((await rest.result(path, minutes))["hisLists"]) == 100


async def test_bare_tables(rest):
    _, prices, _ = await rest.get("/v3/market/realtime/kosdaq/multiquote/stocks/lists")
    assert set(prices) == {"trdDd", "trdTm", "isuLists"}
    assert (prices["trdDd"], prices["trdTm"], len(prices["isuLists"])) == ("20261120", "093000", 9)
    _, basket, _ = await rest.get("/v3/market/extra/stocks/kospi/069500/pdf")
    assert basket["Cnt"] == len(basket["Lists"]) > 0
    _, holidays, _ = await rest.get("/v3/market/extra/stocks/KR/holiday")
    assert holidays["marketCd"] == "KR"
    assert "20261225" in [row["holidayDd"] for row in holidays["lists"]]


async def test_chosen_items_are_bare_keys(rest):
    path = "/v3/market/closed/kospi/005930/selectivemaster"
    for query in ("?prevddClsprc&wk52HgstPrc", "?prevddClsprc=&wk52HgstPrc="):
        assert set(await rest.result(path + query)) == {"prevddClsprc", "wk52HgstPrc"}
    assert (await rest.get(path))[0] == 400
    assert (await rest.get(path + "?nothing"))[0] == 400
    eleven = "&".join(list(names_of("stock_selectivemaster_87"))[:11])
    assert (await rest.get(f"{path}?{eleven}"))[0] == 400


async def test_a_continuous_code_comes_back_as_its_contract(rest):
    base = "/v3/market/realtime/derivative/futures/kospi200/K2FA001"
    price = await rest.result(base + "/price")
    assert set(price) == set(names_of("futures_price_15"))
    assert price["isuSrtCd"] == "101S6000"
    window = {"inddCycleTpCd": "60", "strtTm": "0900", "endTm": "0930"}
    bars = await rest.result(base + "/intraday", window)
    assert bars["isuSrtCd"] == "K2FA001"
    assert len(bars["hisLists"]) == 30
    book = await rest.result("/v3/market/realtime/derivative/options/kospi200/201S6350/orderbook")
    assert set(book) == set(names_of("options_orderbook"))


async def test_missing_and_malformed_parameters(rest):
    for query in (
        {},
        {**DAYS, "trnsmCycleTpCd": "Y"},
        {**DAYS, "inqEndDd": "2026-11-20"},
        {**DAYS, "reqCnt": "0"},
    ):
        status, body, _ = await rest.get(HISTORY, query)
        assert (status, set(body)) == (400, {"error"}), query


async def test_the_close_is_not_told_before_it():
    start = datetime(2026, 11, 20, 15, 39, tzinfo=KST)
    options = Options(start=start, hours=True)
    async with Simulators(options) as simulators, aiohttp.ClientSession() as session:
        simulators.clock.freeze()
        rest = Rest(simulators, session)
        path = "/v3/market/closed/kospi/005930/closeprice"
        status, body, _ = await rest.get(path)
        assert (status, body) == (400, {"error": "당일 종가 제공 시간이 아닙니다."})
        simulators.clock.advance(60)
        assert set(await rest.result(path)) == set(names_of("stock_closeprice_9"))


async def test_every_table_answers(rest):
    rows = read_data("endpoints")["tables"]
    assert {row["name"] for row in rows} == set(tables())
    # Both with one market: to make its days is most of the work.
    for version, row in product(("v3", "v2"), rows):
        status, body, _ = await rest.get(_path(row, version), _query(row))
        assert status == 200, (version, row["name"], body)
        told = body if row["envelope"] == "bare" else body["result"]
        if row["rows"]:
            lists = [value for name, value in told.items() if name.lower() == row["rows"].lower()]
            assert lists, row["name"]
            # Only options on KOSPI 200 are listed, and futures on every product.
            assert lists[0], row["name"]
        if row["response"] and row["name"] not in ("prices", "order-books", "selective-master"):
            assert set(told) == set(names_of(row["response"])) | {"isuSrtCd"}, row["name"]
        assert told.get("isuSrtCd") != [" -"], row["name"]


async def test_faults(rest):
    async def fault(kind: str, **more: Any) -> tuple[int, Any]:
        await rest.control("/faults", {"fault": kind, "vendor": "koscom", **more})
        status, body, _ = await rest.get(PRICE)
        return status, body

    assert await fault("rate_limit") == (429, {"message": "API rate limit exceeded"})
    assert await fault("unauthorized") == (401, {"message": "Invalid authentication credentials"})
    assert await fault("error", code="x", message="점검") == (400, {"error": "점검"})
    assert (await fault("business_error", code="10040"))[1]["error"]["code"] == 10040
    assert (await fault("bad_gateway"))[0] == 502
    assert await fault("empty_body", path="price", code=None) in ((200, None), (200, ""))
    await rest.control("/faults", {"fault": "reset", "vendor": "koscom", "tr": "price", "count": None})
    with pytest.raises(aiohttp.ClientError):
        await rest.get(PRICE)
    async with rest.session.delete(rest.simulators.control_url + "/faults") as response:
        assert response.status == 200
    assert (await rest.get(PRICE))[0] == 200


def _nested(table: str) -> list[dict[str, Any]]:
    return [row for row in read_data("fields")["query"][table] if row.get("nested")]


def _path(row: dict[str, Any], version: str) -> str:
    name = row["name"]
    code = CODES.get(name, "005930")
    if name.startswith("index"):
        code = "K51"
    elif name.startswith("futures"):
        code = "101S6000"
    elif name.startswith("options"):
        code = "201S6350"
    values = {part: (allowed or ["KR"])[0] for part, allowed in row["path"].items()} | {"code": code}
    return str(row[version].format(**values))


def _query(row: dict[str, Any]) -> dict[str, str]:
    samples = {"inddCycleTpCd": "60", "strtTm": "0900", "endTm": "0930", "trnsmCycleTpCd": "D"}
    samples |= {"isuCd": "005930,000660", **DATES}
    if row["name"] == "selective-master":
        return {"prevddClsprc": ""}
    if row["name"].endswith("intraday"):
        samples.pop("inqStrtDd")
    names = {each["name"] for each in row["query"]}
    return {name: value for name, value in samples.items() if name in names}
