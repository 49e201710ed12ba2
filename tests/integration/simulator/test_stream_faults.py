"""Ordered faults of the simulated WebSocket."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from tests.support.waiting import wait_until_async


@pytest.mark.parametrize(("fault", "with_code"), [("drop", False), ("close", True)])
async def test_sessions_end_with_or_without_a_closing_frame(streaming, fault, with_code):
    async with await streaming.client() as client, await streaming.client("paper") as other:
        await client.register("H0STCNT0", "005930")
        await other.register("H0STCNT0", "005930")
        assert (await streaming.fault(fault, key="real"))["sessions"] == 1
        assert (await client.ended() is not None) is with_code
        await other.frames("H0STCNT0", len(other.data) + 1)
    assert (await streaming.control("GET", "/faults")).body["faults"] == []


async def test_somebody_elses_session_takes_the_app_key_for_a_while(streaming):
    async with await streaming.client() as client:
        await client.register("H0STCNT0", "005930")
        await streaming.fault("duplicate_session", seconds=3600)
        assert (await client.reply())["body"]["msg_cd"] == "OPSP8996"
        await client.ended()
    async with await streaming.client() as client:
        assert await client.register("H0STCNT0", "005930") == "OPSP8996"
        await client.ended()
    await streaming.control("DELETE", "/faults")
    async with await streaming.client() as client:
        assert await client.register("H0STCNT0", "005930") == "OPSP0000"


async def test_a_muted_symbol_is_silent_and_then_there_is_a_gap(streaming):
    await streaming.control("POST", "/stream", {"ping_interval": 0.05})
    async with await streaming.client() as client:
        await client.register("H0STCNT0", "005930")
        await client.register("H0STCNT0", "000660")
        await client.frames("H0STCNT0", 4)
        await streaming.fault("mute", tr="H0STCNT0", symbol="005930")
        await client.register("H0STASP0", "005930")
        client.data.clear()
        client.pings.clear()
        frames = await client.frames("H0STCNT0", 10)
        assert {frame.split("|")[3].split("^")[0] for frame in frames} == {"000660"}
        await client.frames("H0STASP0")
        await wait_until_async(lambda: client.pings, what="PINGPONG")
        await streaming.control("DELETE", "/faults")
        client.data.clear()

        def back() -> bool:
            return any("|005930^" in frame for frame in client.data)

        await wait_until_async(back, what="the muted symbol")


async def test_a_mute_ends_by_itself(streaming):
    async with await streaming.client() as client:
        await client.register("H0STCNT0", "005930")
        await streaming.fault("mute", seconds=0.1)
        client.data.clear()
        await client.frames("H0STCNT0")
        assert (await streaming.control("GET", "/faults")).body["faults"] == []


async def test_a_half_open_connection_says_nothing_at_all(streaming):
    await streaming.control("POST", "/stream", {"ping_interval": 0.02})
    async with await streaming.client() as client:
        await client.register("H0STCNT0", "005930")
        await client.frames("H0STCNT0")
        await streaming.fault("half_open")
        await client.send(client.request("H0STASP0", "005930"))
        await streaming.control("GET", "/sessions")  # what was on its way has come by then
        client.data.clear()
        client.pings.clear()
        await asyncio.wait({client.reading}, timeout=0.3)
        assert not client.reading.done(), "the connection is still there"
        assert (client.data, client.pings) == ([], [])
        await streaming.control("DELETE", "/faults")
        client.data.clear()
        await client.frames("H0STCNT0")


async def test_a_half_open_connection_does_not_close_in_good_order(streaming):
    async with await streaming.client() as client:
        await client.register("H0STCNT0", "005930")
        await streaming.fault("half_open")
        await client.socket.close()
        assert await client.ended() is None
    await wait_until_async(lambda: _gone(streaming), what="the server to notice")


async def _gone(streaming) -> bool:
    return not (await streaming.counts())["open"]


@pytest.mark.parametrize(
    ("fault", "more", "width"),
    [("append_columns", 5, 5), ("short_records", 3, -3), ("append_columns", 1, 1)],
)
async def test_records_are_wider_or_shorter(streaming, fault, more, width):
    async with await streaming.client() as client:
        await client.register("H0STCNT0", "005930")
        await streaming.fault(fault, columns=more, count=2)
        normal = 47
        frames = await client.frames("H0STCNT0", 12)
        widths = [frame.count("^") + 1 for frame in frames if "|001|" in frame]
        assert widths.count(normal + width) <= 2
        assert set(widths) <= {normal, normal + width}
        spoiled = [f for f in frames if (f.count("^") + 1) // int(f.split("|")[2]) == normal + width]
        assert len(spoiled) == 2


async def test_another_key_is_written_into_the_records(streaming):
    async with await streaming.client() as client:
        await client.register("H0STASP0", "005930")
        await streaming.fault("wrong_key", tr="H0STASP0", count=1)
        client.data.clear()
        await wait_until_async(lambda: any("|999999^" in f for f in client.data), what="the wrong key")


async def test_an_acknowledgement_is_withheld_of_a_registration_that_took_effect(streaming):
    await streaming.fault("unanswered", tr="H0STCNT0", symbol="005930")
    async with await streaming.client() as client:
        await client.send(client.request("H0STCNT0", "005930"))
        assert await client.register("H0STASP0", "000660") == "OPSP0000"
        await client.frames("H0STCNT0")
        assert await client.register("H0STCNT0", "005930") == "OPSP0002"


async def test_registrations_are_refused_as_often_as_ordered(streaming):
    await streaming.fault("refuse", code="OPSP0007", count=2, skip=1)
    async with await streaming.client() as client:
        codes = [
            await client.register("H0STCNT0", symbol) for symbol in ("005930", "000660", "000660", "000660")
        ]
        assert codes == ["OPSP0000", "OPSP0007", "OPSP0007", "OPSP0000"]
        assert (await streaming.counts())["registrations"] == 4


async def test_invented_notices_of_futures(streaming):
    async with await streaming.client() as client:
        await client.register("H0IFCNI0", "SimReal01")
        await client.register("HDFFF2C0", "SimReal01")
        await streaming.fault("notice", tr="H0IF*")
        [record] = await client.notices("H0IFCNI0", 1)
        assert (len(record), record[0]) == (22, "SimReal01")
        assert len(client.data) == 1


async def test_load_sends_many_trades_with_a_rising_volume_that_rest_knows(streaming):
    async with await streaming.client() as client:
        await client.register("H0STCNT0", "005930")
        await client.register("H0STASP0", "005930")
        await client.register("HDFSCNT0", "DNASAAPL")
        await streaming.fault("load", rate=3000, records=2, tr="*CNT0")
        frames = await client.frames("H0STCNT0", 600)
        await client.frames("HDFSCNT0", 600)
        listed = (await streaming.control("GET", "/faults")).body["faults"]
        assert listed[0]["hits"] >= 1100
        await streaming.control("DELETE", "/faults")
        values = [frame.split("|", 3)[3].split("^") for frame in frames if "|002|" in frame]
        trades = [record for row in values for record in (row[:47], row[47:])]
        volumes = [(int(trade[12]), int(trade[13])) for trade in trades]
        assert len(trades) > 1000
        for (_, before), (quantity, after) in pairwise(volumes):
            assert after == before + quantity
        assert int((await streaming.price()).body["output"]["acml_vol"]) >= volumes[-1][1]
        last = volumes[-1][1]

        def goes_on() -> bool:
            row = [f for f in client.data if f.startswith("0|H0STCNT0|001|")][-1].split("^")
            return int(row[13]) > last

        await wait_until_async(goes_on, what="the ordinary ticks")


@pytest.mark.parametrize(
    "wrong",
    [
        {"fault": "load"},
        {"fault": "refuse"},
        {"fault": "mute", "code": "OPSP0007"},
        {"fault": "drop", "path": "order-cash"},
        {"fault": "load", "rate": 200_000},
    ],
)
async def test_bad_faults_are_refused(streaming, wrong):
    answer = await streaming.control("POST", "/faults", wrong)
    assert answer.status == 400
    assert "live data" in answer.body["allowed"]
