"""Ordered faults, and the rest of the control server."""

from __future__ import annotations

import asyncio

import aiohttp
import orjson
import pytest

from tests.support.waiting import wait_until_async

ORDER = {"PDNO": "005930", "ORD_DVSN": "01", "ORD_QTY": "1", "ORD_UNPR": "0", "EXCG_ID_DVSN_CD": "KRX"}
ORDER_PATH = "/uapi/domestic-stock/v1/trading/order-cash"


async def spoil(kis, **fault):
    answer = await kis.control("POST", "/faults", fault)
    assert answer.status == 201, answer.body


async def booked(kis):
    return len((await kis.control("GET", "/orders")).body)


async def raw_order(kis):
    """An order whose answer need not be JSON: status, headers, bytes."""
    headers = await kis.headers(kis.key(), "TTTC0012U")
    number, product = kis.key().account.split("-")
    body = {"CANO": number, "ACNT_PRDT_CD": product, **ORDER}
    url = kis.simulators.kis_rest_url + ORDER_PATH
    async with kis.session.post(url, json=body, headers=headers) as response:
        return response.status, response.content_type, await response.read()


@pytest.mark.parametrize(("when", "orders"), [("before", 0), ("after", 1)])
async def test_reset_before_or_after_booking(kis, when, orders):
    await spoil(kis, fault="reset", when=when, path="order-cash")
    with pytest.raises(aiohttp.ClientConnectionError):
        await raw_order(kis)
    assert await booked(kis) == orders
    assert (await raw_order(kis))[0] == 200, "one fault, one call"


@pytest.mark.parametrize(("when", "orders"), [("before", 0), ("after", 1)])
async def test_blackhole_before_or_after_booking(kis, when, orders):
    await kis.headers(kis.key(), "TTTC0012U")
    await spoil(kis, fault="blackhole", when=when, path="order-cash")
    call = asyncio.create_task(raw_order(kis))

    async def arrived() -> bool:
        return (await kis.control("GET", "/faults")).body["faults"] == []

    await wait_until_async(arrived, what="the call at the server")
    assert await booked(kis) == orders
    await asyncio.wait({call}, timeout=0.3)
    assert not call.done()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)


@pytest.mark.parametrize(("when", "orders"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize(
    ("fault", "status"), [("malformed_body", 200), ("empty_body", 200), ("bad_gateway", 502)]
)
async def test_unreadable_answers(kis, fault, status, when, orders):
    await spoil(kis, fault=fault, when=when, path="order-cash")
    answered, kind, content = await raw_order(kis)
    assert answered == status
    assert (kind == "text/html") is (fault == "bad_gateway")
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(content)
    assert await booked(kis) == orders


@pytest.mark.parametrize(("when", "orders"), [("before", 0), ("after", 1)])
async def test_transaction_timeout_code_before_or_after_booking(kis, when, orders):
    await spoil(kis, fault="error", code="EGW00302", when=when, path="order-cash")
    answer = await kis.order()
    assert (answer.status, answer.code) == (500, "EGW00302")
    assert await booked(kis) == orders


async def test_error_on_a_login_has_the_oauth_shape(kis):
    await spoil(kis, fault="error", code="EGW00133", path="/oauth2/tokenP")
    answer = await kis.login(kis.key())
    assert (answer.status, answer.body["error_code"]) == (403, "EGW00133")


async def test_business_error_is_http_200(kis):
    await spoil(kis, fault="business_error", code="APBK0656", message="없는 종목", path="order-cash")
    answer = await kis.order()
    assert (answer.status, answer.body) == (200, {"rt_cd": "7", "msg_cd": "APBK0656", "msg1": "없는 종목"})
    assert await booked(kis) == 0


async def test_rate_limit_inside_the_limit(kis):
    await spoil(kis, fault="rate_limit", count=2)
    assert [(await kis.price()).code for _ in range(3)] == ["EGW00201", "EGW00201", "MCA00000"]


async def test_expired_token_needs_a_new_one(kis):
    await kis.price()
    old = kis.tokens[kis.key().app_key]
    await spoil(kis, fault="expired_token")
    assert (await kis.price()).code == "EGW00123"
    assert (await kis.price()).code == "EGW00123", "it stays expired"
    assert (await kis.login(kis.key())).body["access_token"] != old


async def test_latency_delays_and_still_answers(kis):
    await spoil(kis, fault="latency", seconds=0.05)
    assert (await kis.price()).body["rt_cd"] == "0"
    assert (await kis.control("GET", "/faults")).body["faults"] == []


async def test_fault_is_for_the_named_tr_after_the_skipped_calls(kis):
    await spoil(kis, fault="error", code="EGW00215", tr="FHKST*", skip=1)
    assert (await kis.order()).body["rt_cd"] == "0"
    assert [(await kis.price()).code for _ in range(3)] == ["MCA00000", "EGW00215", "MCA00000"]


async def test_endless_fault_until_deleted(kis):
    await spoil(kis, fault="error", code="EGW00002", count=None)
    assert {(await kis.price()).code for _ in range(5)} == {"EGW00002"}
    assert (await kis.control("DELETE", "/faults")).body == {"removed": 1}
    assert (await kis.price()).code == "MCA00000"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"fault": "meteor"}, "latency"),
        ({"fault": "error"}, "code"),
        ({"fault": "reset", "when": "during"}, "before"),
        ({"fault": "reset", "count": 0}, "count"),
        ({"fault": "reset", "colour": "red"}, "colour"),
        ({"fault": "rate_limit", "when": "after"}, "before"),
        ({"limits": {"speed": 1}}, "rest_per_second"),
        ({"limits": {"rest_per_second": -1}}, "rest_per_second"),
        ({"limits": 5}, "published"),
        ([], "object"),
    ],
)
async def test_bad_fault_is_400_and_says_what_is_allowed(kis, body, named):
    answer = await kis.control("POST", "/faults", body)
    assert answer.status == 400
    assert named in answer.body["error"]
    assert "limits" in answer.body["allowed"]


async def test_limits_can_be_lifted_and_restored(published_limits):
    kis = published_limits
    lifted = {"limits": {"rest_per_second": 1000, "token_interval": 0}}
    assert (await kis.control("POST", "/faults", lifted)).body["limits"]["real_per_second"] == 1000
    assert [(await kis.login(kis.key())).status for _ in range(3)] == [200] * 3
    assert {(await kis.price()).code for _ in range(30)} == {"MCA00000"}
    restored = await kis.control("POST", "/faults", {"limits": "published"})
    assert restored.body["limits"] == {
        "real_per_second": 18,
        "paper_per_second": 1,
        "token_interval": 60.0,
        "approvals_per_second": 1,
        "kiwoom_real_per_second": 5,
        "kiwoom_mock_per_second": 1,
        "kiwoom_queries_per_second": 0,
        "kiwoom_orders_per_second": 0,
        "koscom_per_day": 50_000,
    }


async def test_calls_are_counted_per_path_and_tr(kis):
    await kis.price()
    await kis.price(changed_headers={"appsecret": "wrong"})
    counts = (await kis.control("GET", "/calls")).body
    assert counts["trs"] == {"FHKST01010100": 2}
    assert counts["paths"]["/oauth2/tokenP"] == 1
    assert counts["errors"] == {"EGW00105": 1}
    assert (await kis.control("DELETE", "/calls")).body["total"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"set": "2026-11-20T12:00:00"},
        {"set": "2026-11-19T10:00:00+09:00"},
        {"set": "1999-01-01T00:00:00+09:00"},
        {"advance": -1},
        {"sideways": 1},
    ],
)
async def test_bad_clock_is_400(kis, body):
    await kis.order()
    assert (await kis.control("POST", "/clock", body)).status == 400


async def test_clock_sets_advances_and_freezes(kis):
    moved = await kis.control("POST", "/clock", {"set": "2026-11-20T15:00:00+09:00", "advance": 60})
    assert moved.body == {"now": "2026-11-20T15:01:00+09:00", "frozen": True}
    assert (await kis.control("POST", "/clock", {"freeze": False})).body["frozen"] is False


@pytest.mark.parametrize(
    "body",
    [
        {"ticker": "999999"},
        {"ticker": "005930", "price": 70001},
        {"ticker": "005930", "price": 1_000_000},
        {"ticker": "005930", "price": "dear"},
        {"ticker": "005930", "liquidity": 0},
        {"ticker": "AAPL", "exchange": "NASD", "price": "1.005"},
    ],
)
async def test_bad_market_is_400(kis, body):
    assert (await kis.control("POST", "/market", body)).status == 400


async def test_suspended_instrument_takes_no_orders_until_resumed(kis):
    await kis.control("POST", "/market", {"ticker": "005930", "suspended": True})
    assert (await kis.price()).body["output"]["temp_stop_yn"] == "Y"
    assert (await kis.order()).body["rt_cd"] == "7"
    await kis.control("POST", "/market", {"ticker": "005930", "suspended": False})
    assert (await kis.order()).body["rt_cd"] == "0"


async def test_index_describes_itself_and_subscriptions_are_none(kis):
    assert "POST /faults" in (await kis.control("GET", "/")).body["endpoints"]
    assert (await kis.control("GET", "/subscriptions")).body == []
