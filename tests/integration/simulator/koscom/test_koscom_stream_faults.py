"""Faults of the simulated KOSCOM's live data, as the control server orders them."""

from __future__ import annotations

import pytest

from tests.support.koscom_client import code_of


async def test_sessions_are_dropped_and_closed(streaming):
    for fault, code in (("drop", None), ("close", 1000), ("duplicate_session", 1000)):
        async with streaming.client() as client, streaming.client("/ws_kdq") as market:
            assert (await streaming.fault(fault))["sessions"] == 2
            assert (await client.ended(), await market.ended()) == (code, code)


async def test_a_key_can_be_somebody_elses_for_a_while(streaming):
    await streaming.fault("duplicate_session", seconds=60)
    async with streaming.client(init=False) as client:
        assert code_of(await client.init(streaming.key())) == 13004
        assert await client.ended() == 1000
    await streaming.control("DELETE", "/faults")
    async with streaming.client():
        pass


async def test_a_half_open_session_says_nothing_at_all(streaming):
    async with streaming.client() as client, streaming.client(environment="sandbox") as other:
        await streaming.fault("half_open", key="real")
        before = len(client.texts)
        await client.send({"jsonrpc": "2.0", "id": 1, "method": "heartbeat"})
        await other.subscribe("tick", "005930")
        await other.of("tick", 3)
        assert len(client.texts) == before
        await streaming.control("DELETE", "/faults")
        assert (await client.call("heartbeat", id=2))["id"] == 2


async def test_presets_issues_and_markets_are_muted(streaming):
    async with streaming.client() as client, streaming.client("/ws_ksp") as market:
        await client.subscribe("tick", "005930")
        await client.subscribe("tick", "000660")
        await client.of("tick", 4)
        await market.until(lambda: market.arrays)
        await streaming.fault("mute", tr="tick", symbol="005930")
        await streaming.fault("mute", tr="market", symbol="kospi")
        await client.call("heartbeat")
        before, arrays = len(client.pushes), len(market.arrays)
        await client.until(lambda: len(client.pushes) > before + 5)
        assert {push["isuSrtCd"] for push in client.pushes[before:]} == {"000660"}
        assert len(market.arrays) == arrays
        assert (await market.call("heartbeat"))["result"] == {"message": "ok"}


async def test_a_subscribe_goes_unanswered_or_is_refused(streaming):
    async with streaming.client() as client:
        await streaming.fault("unanswered", tr="tick")
        await client.send(
            {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "subscribe",
                "params": {"preset": "tick", "isuSrtCd": "005930"},
            }
        )
        await client.of("tick", 2)
        assert client.order.count("reply") == 1  # that of init
        await streaming.fault("refuse", code="20040", symbol="000660")
        assert code_of(await client.subscribe("tick", "000660")) == 20040
        assert (await client.subscribe("tick", "000660"))["result"] == {"message": "ok"}
        await streaming.fault("refuse", code="47")
        assert "id" not in await client.subscribe("quote", "000660")


async def test_any_text_and_any_signal(streaming):
    text = (
        '{"jsonrpc":"2.0","method":"push","params":{"preset":"tick","isuSrtCd":"005930","trdTm":"09450155"}}'
    )
    streaming.simulators.clock.freeze()
    async with streaming.client() as client, streaming.client("/ws_ksp") as market:
        await client.subscribe("tick", "005930")
        await client.of("tick")
        assert (await streaming.fault("message", text=text, tr="tick"))["sessions"] == 1
        await client.of("tick", 2)
        assert client.texts[-1] == text
        await streaming.fault("signal", code="61000000", symbol="005930")
        assert (await client.of("tick", 3))[-1]["trdTm"] == 61_000_000
        await market.until(lambda: market.elements)
        assert [(each["isuSrtCd"], each["trdTm"]) for each in market.elements] == [("005930", "61000000")]


async def test_load_carries_the_whole_market(streaming):
    volume = streaming.simulators.market.quote(streaming.simulators.market.instruments.find("005930")).volume
    async with streaming.client("/ws_ksp") as kospi, streaming.client("/ws_kdq") as kosdaq:
        order = await streaming.fault("load", rate=20_000)
        assert order["sessions"] == 2
        await kospi.until(lambda: len(kospi.codes) == 950)
        await kosdaq.until(lambda: len(kosdaq.codes) == 1750)
        assert all(set(each) == {"isuSrtCd", "trdPrc", "trdVol", "trdTm"} for each in kospi.elements)
        assert max(len(array) for array in kospi.arrays + kosdaq.arrays) == 50
        traded = await streaming.control("GET", "/faults")
        assert traded["faults"][0]["hits"] >= 2700
        await kospi.until(lambda: kospi.told > 12_000)
        now = streaming.simulators.market.quote(streaming.simulators.market.instruments.find("005930"))
        assert now.volume > volume
        await streaming.control("DELETE", "/faults")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"fault": "load", "vendor": "kiwoom", "rate": 100_001}, "but of vendor koscom"),
        ({"fault": "message", "vendor": "kis", "text": "x"}, "KOSCOM's alone"),
        ({"fault": "message", "vendor": "koscom"}, "takes text"),
        ({"fault": "signal", "vendor": "koscom", "code": "10040"}, "eight digits"),
        ({"fault": "load", "rate": 5, "issues": 3}, "koscom"),
        ({"fault": "notice", "vendor": "koscom"}, "KIS's alone"),
        ({"fault": "expired_token", "vendor": "koscom"}, "no tokens"),
    ],
)
async def test_senseless_faults_are_explained(streaming, body, why):
    url = streaming.simulators.control_url + "/faults"
    async with streaming.session.post(url, json=body) as response:
        assert response.status == 400
        assert why in (await response.json())["error"]


async def test_settings_are_checked_and_restored(streaming):
    url = streaming.simulators.control_url + "/stream"
    for wrong in ({"snapshot": "maybe"}, {"nothing": 1}, []):
        async with streaming.session.post(url, json={"koscom": wrong}) as response:
            assert response.status == 400, wrong
    await streaming.settings(suffix=True)
    shown = await streaming.control("DELETE", "/stream")
    assert (shown["koscom"]["suffix"], shown["koscom"]["tick_interval"]) == (False, 0.02)
