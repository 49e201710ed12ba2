"""What goes wrong with REST calls on order."""

from __future__ import annotations

import aiohttp
import pytest

CODE = {"stk_cd": "005930"}


async def test_a_storm_of_429(kiwoom):
    await kiwoom.fault("rate_limit", vendor="kiwoom", tr="ka10001", count=3)
    assert [(await kiwoom.call("ka10001", **CODE)).status for _ in range(4)] == [429, 429, 429, 200]


async def test_html_instead_of_json(kiwoom):
    await kiwoom.fault("html")
    blocked = await kiwoom.call("ka10001", **CODE)
    assert blocked.status == 400
    assert "Request Blocked" in blocked.body
    await kiwoom.fault("bad_gateway", vendor="kiwoom")
    assert (await kiwoom.call("ka10001", **CODE)).status == 502


async def test_a_token_ends_in_both_dialects(kiwoom):
    await kiwoom.fault("expired_token", vendor="kiwoom")
    first = await kiwoom.call("ka10001", **CODE)
    assert (first.status, first.body["return_code"]) == (200, 3)
    kiwoom.tokens.clear()
    assert (await kiwoom.call("ka10001", **CODE)).body["return_code"] == 0
    await kiwoom.fault("unauthorized")
    second = await kiwoom.call("ka10001", **CODE)
    assert (second.status, second.body["return_code"]) == (401, 8005)
    assert "[8005:" in (await kiwoom.call("ka10001", **CODE)).message


@pytest.mark.parametrize(("dialect", "code"), [("class", 3), ("number", 8103), ("text", "3")])
async def test_an_error_in_each_dialect(kiwoom, dialect, code):
    await kiwoom.fault("error", code="8103", dialect=dialect)
    assert (await kiwoom.call("ka10001", **CODE)).body["return_code"] == code


async def test_a_refusal_of_choice(kiwoom):
    await kiwoom.fault("business_error", vendor="kiwoom", code="RC9000", message="모의")
    answer = await kiwoom.order()
    assert (answer.body["return_code"], answer.message) == (20, "[2000](RC9000:모의)")


@pytest.mark.parametrize(("when", "orders"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("fault", ["reset", "blackhole"])
async def test_an_order_whose_answer_does_not_come(kiwoom, fault, when, orders):
    await kiwoom.fault(fault, vendor="kiwoom", when=when, tr="kt10000")
    await kiwoom.token()
    session, kiwoom.session = kiwoom.session, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(0.3))
    try:
        with pytest.raises((aiohttp.ClientError, TimeoutError)):
            await kiwoom.order()
    finally:
        await kiwoom.session.close()
        kiwoom.session = session
    assert len(await kiwoom.control("GET", "/orders")) == orders


async def test_a_fault_is_for_its_vendor(kiwoom):
    await kiwoom.fault("rate_limit", vendor="kis")
    assert (await kiwoom.call("ka10001", **CODE)).status == 200
    url = kiwoom.simulators.control_url + "/faults"
    async with kiwoom.session.post(url, json={"fault": "html", "vendor": "kis"}) as response:
        assert response.status == 400
    async with kiwoom.session.post(url, json={"limits": {"kiwoom_orders": 1}}) as response:
        assert "kiwoom_orders_per_second" in (await response.json())["error"]


async def test_logins_have_faults_of_their_own(kiwoom):
    await kiwoom.fault("error", vendor="kiwoom", code="8010", path="/oauth2/token")
    assert "[8010:" in (await kiwoom.login()).message
    assert (await kiwoom.login()).body["return_code"] == 0
