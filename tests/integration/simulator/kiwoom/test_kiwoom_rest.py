"""What is known of Kiwoom's REST answers, one by one."""

from __future__ import annotations

import re

import pytest

from broker_server.simulator.kiwoom.tables import apis

CODE = {"stk_cd": "005930"}
CHART = {"base_dt": "20261120", "upd_stkpc_tp": "1"}
ORDER = {"dmst_stex_tp": "KRX", "stk_cd": "005930", "ord_qty": "1", "ord_uv": "", "trde_tp": "3"}
RANK = {
    "mrkt_tp": "101",
    "sort_tp": "1",
    "stk_cnd": "0",
    "trde_qty_tp": "00000",
    "crd_cnd": "0",
    "trde_gold_tp": "0",
    "stex_tp": "1",
    "updown_tp": "2",
    "mang_stk_incls": "0",
    "crd_tp": "0",
    "pric_tp": "0",
    "trde_prica_tp": "0",
    "mrkt_open_tp": "0",
}
ORDERS = {
    "ord_dt": "",
    "qry_tp": "1",
    "stk_bond_tp": "0",
    "sell_tp": "0",
    "stk_cd": "",
    "fr_ord_no": "",
    "dmst_stex_tp": "%",
    "mrkt_tp": "0",
}
BODIES = {
    "ka00001": {},
    "ka10075": {"all_stk_tp": "0", "trde_tp": "0", "stk_cd": "", "stex_tp": "0"},
    "ka10076": {"stk_cd": "", "qry_tp": "0", "sell_tp": "0", "ord_no": "", "stex_tp": "0"},
    "ka10085": {"stex_tp": "0"},
    "kt00001": {"qry_tp": "3"},
    "kt00004": {"qry_tp": "0", "dmst_stex_tp": "KRX"},
    "kt00005": {"dmst_stex_tp": "KRX"},
    "kt00007": ORDERS,
    "kt00009": {**ORDERS, "qry_tp": "0"},
    "kt00010": {**CODE, "trde_tp": "2", "uv": "70000"},
    "kt00018": {"qry_tp": "1", "dmst_stex_tp": "KRX"},
    "ka10014": {**CODE, "tm_tp": "1", "strt_dt": "20261101", "end_dt": "20261120"},
    "ka10017": RANK,
    "ka10030": RANK,
    "ka10086": {**CODE, "qry_dt": "20261120", "indc_tp": "0"},
    "ka10084": {**CODE, "tdy_pred": "1", "tic_min": "0"},
    "ka10095": {"stk_cd": "005930|000660_AL"},
    "ka10099": {"mrkt_tp": "8"},
    "ka10101": {"mrkt_tp": "0"},
    "ka10079": {**CODE, "tic_scope": "30", "upd_stkpc_tp": "1"},
    "ka10080": {**CODE, "tic_scope": "1", "upd_stkpc_tp": "1"},
    **{api_id: {**CODE, **CHART} for api_id in ("ka10081", "ka10082", "ka10083", "ka10094")},
    **dict.fromkeys(("ka10001", "ka10003", "ka10004", "ka10005", "ka10007", "ka10087", "ka10100"), CODE),
    "kt10000": ORDER,
}
CREDIT = {
    "kt10006": ORDER,
    "kt10007": {**ORDER, "crd_deal_tp": "33"},
    "kt10008": {**ORDER, "orig_ord_no": "1", "mdfy_qty": "1", "mdfy_uv": "1"},
    "kt10009": {**ORDER, "orig_ord_no": "1", "cncl_qty": "1"},
}
BY_WEBSOCKET = {"ka10171", "ka10172", "ka10173", "ka10174"}
ON_THE_WAY = {"au10001", "au10002", "kt10001", "kt10002", "kt10003"}


def texts(value):
    if isinstance(value, dict):
        return all(texts(each) for each in value.values())
    return all(texts(each) for each in value) if isinstance(value, list) else isinstance(value, str)


@pytest.mark.parametrize("api_id", sorted(BODIES))
async def test_every_tr_answers_with_its_keys_as_text(kiwoom, api_id):
    answer = await kiwoom.call(api_id, **BODIES[api_id])
    body = dict(answer.body)
    assert (answer.status, body.pop("return_code")) == (200, 0), body
    assert body.pop("return_msg")
    assert answer.headers["api-id"] == api_id
    assert answer.headers["cont-yn"] in ("Y", "N")
    assert (answer.headers["cont-yn"] == "Y") == bool(answer.headers["next-key"])
    fields = apis()[api_id].response
    assert set(body) == {field.key for field in fields}
    for field in fields:
        for row in body[field.key] if field.is_list else ():
            assert list(row) == [child.key for child in field.children]
    assert texts(body)


def test_every_tr_of_the_table_is_tried():
    assert set(BODIES) | set(CREDIT) | BY_WEBSOCKET | ON_THE_WAY == set(apis())


@pytest.mark.parametrize("api_id", sorted(CREDIT))
async def test_credit_orders_are_refused(kiwoom, api_id):
    answer = await kiwoom.call(api_id, **CREDIT[api_id])
    assert (answer.status, answer.body["return_code"]) == (200, 20)
    mock = await kiwoom.call(api_id, environment="mock", **CREDIT[api_id])
    assert mock.message == "[2000](RC9000:모의투자에서는 해당업무가 제공되지 않습니다.)"


@pytest.mark.parametrize("api_id", sorted(BY_WEBSOCKET))
async def test_condition_search_is_the_websockets(kiwoom, api_id):
    answer = await kiwoom.call(api_id, trnm="CNSRLST")
    assert answer.body["return_code"] == 1
    assert "[1504:" in answer.message


async def test_errors_hide_the_documented_code_in_the_text(kiwoom):
    wrong = {"authorization": "Bearer wrong"}
    calls = {
        "1501": kiwoom.call("ka10001", changed_headers={"api-id": ""}, **CODE),
        "1504": kiwoom.call("ka10001", path="/api/dostk/chart", **CODE),
        "1505": kiwoom.call("ka99999", path="/api/dostk/chart", **CODE),
        "1511": kiwoom.call("ka10001"),
        "1513": kiwoom.call("ka10001", changed_headers={"authorization": ""}, **CODE),
        "1515": kiwoom.call("ka10001", changed_headers={"authorization": "Basic x"}, **CODE),
        "1517": kiwoom.call("ka10001", stk_cd=5930),
        "1634": kiwoom.call("ka10095", stk_cd="|".join(["005930"] * 101)),
        "1901": kiwoom.call("ka10099", mrkt_tp="77"),
        "1902": kiwoom.call("ka10100", stk_cd="999999"),
        "8005": kiwoom.call("ka10001", changed_headers=wrong, **CODE),
    }
    classes = {"1501": 1, "1504": 1, "1505": 1, "1511": 2, "1513": 3, "1515": 3, "1517": 2, "1634": 5}
    classes |= {"1901": 2, "1902": 2, "8005": 3}
    for code, call in calls.items():
        answer = await call
        assert (answer.status, answer.body["return_code"]) == (200, classes[code]), code
        assert re.search(rf"\[{code}:.+\]", answer.message)
    assert (await kiwoom.call("ka10080", **CODE)).message.endswith("필수입력 파라미터=tic_scope]")
    counts = (await kiwoom.control("GET", "/calls"))["errors"]
    assert {code: counts[code] for code in calls} == {code: 2 if code == "1511" else 1 for code in calls}


async def test_only_posts_in_json_are_served(kiwoom):
    url = kiwoom.simulators.kiwoom_rest_url + "/api/dostk/stkinfo"
    async with kiwoom.session.get(url) as response:
        assert response.status == 405
    headers = {"api-id": "ka10001", "authorization": f"Bearer {await kiwoom.token()}"}
    async with kiwoom.session.post(url, data=b"stk_cd=005930", headers=headers) as response:
        assert "[1512:" in (await response.json())["return_msg"]


async def test_a_living_token_is_given_again_until_it_is_revoked(kiwoom):
    first, again = await kiwoom.login(), await kiwoom.login()
    assert first.body == again.body
    assert first.body["expires_dt"] == "20261121100000"
    key = kiwoom.key()
    body = {"appkey": key.app_key, "secretkey": key.app_secret, "token": first.body["token"]}
    assert (await kiwoom.post("/oauth2/revoke", body)).body["return_code"] == 0
    kiwoom.tokens["real"] = first.body["token"]
    assert "[8005:" in (await kiwoom.call("ka10001", **CODE)).message
    assert (await kiwoom.login()).body["token"] != first.body["token"]
    await kiwoom.control("POST", "/clock", {"advance": 86_400})
    kiwoom.tokens["real"] = (await kiwoom.login("mock")).body["token"]
    assert (await kiwoom.call("ka00001")).body["acctNo"] == kiwoom.key("mock").account


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"grant_type": ""}, "8011"),
        ({"grant_type": "password"}, "8012"),
        ({"appkey": "x"}, "8001"),
        ({"secretkey": "x"}, "8002"),
        ({"secretkey": ""}, "8020"),
    ],
)
async def test_wrong_logins(kiwoom, changes, code):
    answer = await kiwoom.login(**changes)
    assert answer.status == 200
    assert answer.body["return_code"] == 2
    assert f"[{code}:" in answer.message


@pytest.mark.parametrize(("environment", "limit"), [("real", 5), ("mock", 1)])
async def test_each_tr_has_its_limit(with_limits, environment, limit):
    kiwoom = with_limits
    for _ in range(limit):
        assert (await kiwoom.call("ka10001", environment=environment, **CODE)).status == 200
    refused = await kiwoom.call("ka10001", environment=environment, **CODE)
    assert (refused.status, refused.body["return_code"]) == (429, 5)
    assert f"[1700:허용된 API 요청 개수를 초과하였습니다. 유량={limit}, API ID=ka10001]" in refused.message
    assert (await kiwoom.call("ka10004", environment=environment, **CODE)).status == 200
    kiwoom.real_time[0] += 1.01
    assert (await kiwoom.call("ka10001", environment=environment, **CODE)).status == 200


async def test_all_queries_together_can_be_limited(with_limits):
    kiwoom = with_limits
    await kiwoom.control("POST", "/faults", {"limits": {"kiwoom_queries_per_second": 2}})
    assert [(await kiwoom.call(api_id, **CODE)).status for api_id in ("ka10001", "ka10004", "ka10007")] == [
        *(200, 200),
        429,
    ]
    assert (await kiwoom.order()).status == 200
    await kiwoom.control("POST", "/faults", {"limits": "published"})
    assert (await kiwoom.call("ka10007", **CODE)).status == 200


async def test_prices_carry_the_direction_and_differences_are_signed(kiwoom):
    market = kiwoom.simulators.market
    instrument = market.instruments.find("005930")
    base = market.quote(instrument).base
    for price, mark in ((base + 500, "+"), (base - 500, "-"), (base, "")):
        await kiwoom.control("POST", "/market", {"ticker": "005930", "price": price})
        body = (await kiwoom.call("ka10001", **CODE)).body
        assert body["cur_prc"] == f"{mark}{price}"
        assert body["pred_pre"] == f"{mark}{abs(price - base)}"
        assert body["upl_pric"].startswith("+")
        assert body["lst_pric"].startswith("-")
        assert body["pre_sig"] == {"+": "2", "-": "5", "": "3"}[mark]


async def test_the_order_book_has_69_keys_in_the_order_of_the_control(kiwoom):
    body = (await kiwoom.call("ka10004", stk_cd="005930_AL")).body
    keys = [key for key in body if not key.startswith("return_")]
    assert len(keys) == 69
    assert keys[:4] == ["bid_req_base_tm", "sel_10th_pre_req_pre", "sel_10th_pre_req", "sel_10th_pre_bid"]
    assert body == (await kiwoom.call("ka10004", **CODE)).body
    asks = [abs(int(body[f"sel_{n}th_pre_bid"])) for n in range(10, 1, -1)] + [abs(int(body["sel_fpr_bid"]))]
    bids = [abs(int(body["buy_fpr_bid"]))] + [abs(int(body[f"buy_{n}th_pre_bid"])) for n in range(2, 11)]
    assert asks + bids == sorted(asks + bids, reverse=True)


async def test_suffixes_are_irregular(kiwoom):
    assert (await kiwoom.call("ka10001", stk_cd="005930_NX")).body["stk_cd"] == "005930_NX"
    assert set((await kiwoom.call("ka10087", **CODE)).body.values()) != {""}
    empty = (await kiwoom.call("ka10087", stk_cd="005930_AL")).body
    assert {value for key, value in empty.items() if not key.startswith("return_")} == {""}
    assert empty["return_code"] == 0


async def test_minutes_page_by_headers_newest_first_without_a_gap(kiwoom):
    first = await kiwoom.call("ka10080", **BODIES["ka10080"])
    rows = first.body["stk_min_pole_chart_qry"]
    assert len(rows) == 900
    assert first.headers["cont-yn"] == "Y"
    second = await kiwoom.call("ka10080", next_key=first.headers["next-key"], **BODIES["ka10080"])
    times = [row["cntr_tm"] for row in rows + second.body["stk_min_pole_chart_qry"]]
    assert times == sorted(set(times), reverse=True)
    days = {time[:8] for time in times}
    assert sum(time.startswith("20261119") for time in times) == 390
    assert "20261120" in days
    assert any(row["cur_prc"][0] in "+-" for row in rows)


async def test_days_page_to_the_first_one(kiwoom):
    dates, next_key, pages = [], "", 0
    while pages == 0 or next_key:
        answer = await kiwoom.call("ka10081", next_key=next_key, **BODIES["ka10081"])
        dates += [row["dt"] for row in answer.body["stk_dt_pole_chart_qry"]]
        next_key, pages = answer.headers["next-key"], pages + 1
    assert pages == 3
    assert (dates[0], dates[-1]) == ("20261120", "20200102")
    assert dates == sorted(set(dates), reverse=True)


async def test_a_split_shows_in_unadjusted_days_alone(kiwoom):
    wanted = {"stk_cd": "058470", "base_dt": "20261001"}
    adjusted = (await kiwoom.call("ka10081", **wanted, upd_stkpc_tp="1")).body["stk_dt_pole_chart_qry"]
    raw = (await kiwoom.call("ka10081", **wanted, upd_stkpc_tp="0")).body["stk_dt_pole_chart_qry"]
    assert int(raw[0]["cur_prc"]) > int(adjusted[0]["cur_prc"])


async def test_weeks_are_dated_by_their_first_day(kiwoom):
    rows = (await kiwoom.call("ka10082", **BODIES["ka10082"])).body["stk_stk_pole_chart_qry"]
    assert rows[0]["dt"] == "20261116"


async def test_ticks_page_back_through_the_day(kiwoom):
    first = await kiwoom.call("ka10079", **BODIES["ka10079"])
    rows = first.body["stk_tic_chart_qry"]
    assert len(rows) == 900
    second = await kiwoom.call("ka10079", next_key=first.headers["next-key"], **BODIES["ka10079"])
    times = [row["cntr_tm"] for row in rows + second.body["stk_tic_chart_qry"]]
    assert times == sorted(set(times), reverse=True)
    assert second.headers["cont-yn"] == "N"


async def test_markets_list_codes_without_prefix(kiwoom):
    codes = {
        market: {row["code"]: row for row in (await kiwoom.call("ka10099", mrkt_tp=market)).body["list"]}
        for market in ("0", "10", "8", "60", "3")
    }
    assert {"005930", "069500", "500001"} <= set(codes["0"])
    assert "069500" in codes["8"]
    assert set(codes["60"]) == {"500001", "530031"}
    assert codes["3"] == {}
    assert not set(codes["0"]) & set(codes["10"])
    assert (await kiwoom.call("ka10100", stk_cd="500001")).body["marketName"] == "ETN"
    assert codes["0"]["005930"]["state"] == "증거금20%|담보대출|신용가능"


async def test_the_upper_limit_is_found(kiwoom):
    limits = await kiwoom.control("GET", "/market?ticker=058470")
    await kiwoom.control("POST", "/market", {"ticker": "058470", "price": limits["upper_limit"]})
    rows = (await kiwoom.call("ka10017", **{**RANK, "updown_tp": "1"})).body["updown_pric"]
    assert [(row["stk_cd"], row["pred_pre_sig"], row["sel_bid"]) for row in rows] == [("058470", "1", "0")]
