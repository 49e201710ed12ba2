"""Prices from the simulated exchange to a browser's WebSocket, with everything on the way failing in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from tests.support.broker_cleaning import clean
from tests.support.gateway_process import Gateway, Listener, Notebook, compare_faces, flat, open_gateway
from tests.support.live_data import BRISK, LiveFloor, open_live_floor

TICKERS = ("005930", "000660", "015760", "035720")
SAMSUNG = TICKERS[0]
TOPIC = f"price:{SAMSUNG}"
SETTINGS = {"STALE_AFTER": "2", "POLLING_INTERVAL": "1"}


@pytest.fixture(scope="module")
def floor(_test_broker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveFloor]:
    """A worker whose live connection waits for nothing long."""
    clean(_test_broker.url, _test_broker.management)
    folder = tmp_path_factory.mktemp("worker")
    with open_live_floor(_test_broker.url, folder, settings=SETTINGS) as opened:
        opened.exchange.change(ping_interval=0.5, tick_interval=0.1)
        opened.start(program=BRISK)
        opened.wait_own()
        yield opened
    clean(_test_broker.url, _test_broker.management)


@pytest.fixture(scope="module")
def shared_gateway(floor: LiveFloor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway beside it."""
    with open_gateway(floor.url, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway
        assert gateway.process.terminate() == 0, gateway.process.output
        assert "Traceback" not in gateway.process.output, gateway.process.output[-5000:]


@pytest.fixture
def gateway(floor: LiveFloor, shared_gateway: Gateway) -> Iterator[Gateway]:
    """The module's gateway; nothing is wrong afterwards."""
    yield shared_gateway
    floor.brokerage.calm()
    shared_gateway.proxy.resume()


async def test_a_live_price_comes_by_both_faces(gateway: Gateway) -> None:
    async with Listener(gateway, TOPIC) as client:
        update = flat(await client.wait(type="price_update", source="realtime", stale=False))
        later = flat(await client.wait(after=len(client.messages), type="price_update"))
        assert later["seq"] > update["seq"]
        assert later["as_of"] >= update["as_of"]
        await client.wait(type="status", state="live")
        document = await asyncio.to_thread(gateway.price, SAMSUNG)
        assert document["seq"] >= later["seq"]
        assert (document["vendor"], document["venue"], document["stale"]) == ("kis", "KRX", False)
        assert type(document["price"]) is int
        assert document["change"] == document["price"] - document["base_price"]
        assert document["change_rate"] == document["change"] / document["base_price"] * 100


async def test_books_and_trades_come_too(gateway: Gateway) -> None:
    async with Listener(gateway, f"orderbook:{SAMSUNG}", f"trade:{SAMSUNG}") as client:
        book = await client.wait(type="orderbook_update")
        assert book["data"]["bids"][0]["price"] < book["data"]["asks"][0]["price"]
        await client.wait(type="trade", after=len(client.messages))
        trades = [each["seq"] for each in client.messages if each["type"] == "trade"]
        assert trades == list(range(trades[0], trades[0] + len(trades)))


async def test_unknown_tickers_say_so(gateway: Gateway) -> None:
    async with Listener(gateway, "price:999999") as client:
        await client.wait(type="status", state="unknown")
    body = await asyncio.to_thread(gateway.get, f"/api/kr/realtime-prices?tickers=999999,{SAMSUNG}")
    assert body["errors"]["999999"]["code"] == "UNKNOWN_TICKER"
    assert list(body["prices"]) == [SAMSUNG]


@pytest.mark.parametrize(("fault", "state"), [("mute", "stale"), ("drop", "reconnecting")])
async def test_a_stream_of_the_vendor_that_fails_is_told_and_comes_back(
    gateway: Gateway, floor: LiveFloor, fault: str, state: str
) -> None:
    async with Listener(gateway, TOPIC) as client:
        await client.wait(type="price_update", source="realtime", stale=False)
        seen = len(client.messages)
        await asyncio.to_thread(floor.brokerage.fault, fault)
        await client.wait(after=seen, type="status", topic=TOPIC, state=state)
        await client.wait(after=seen, type="price_update", stale=True)
        await asyncio.to_thread(floor.brokerage.calm)
        back = len(client.messages)
        await client.wait(after=back, type="price_update", source="realtime", stale=False)
        await client.wait(after=seen, type="status", topic=TOPIC, state="live")
        document = await asyncio.to_thread(gateway.price, SAMSUNG)
        assert (document["source"], document["stale"]) == ("realtime", False)


async def test_a_cut_from_rabbitmq_is_told_and_mended(gateway: Gateway) -> None:
    async with Listener(gateway, TOPIC) as client:
        await client.wait(type="price_update", source="realtime", stale=False)
        seen = len(client.messages)
        gateway.proxy.refuse()
        gateway.proxy.cut()
        await client.wait(after=seen, type="status", state="reconnecting")
        await client.wait(after=seen, type="price_update", stale=True)
        fresh = f"/api/kr/stocks/{SAMSUNG}/realtime-price?fresh=true"
        assert await asyncio.to_thread(gateway.status, fresh) == 503
        document = await asyncio.to_thread(gateway.price, SAMSUNG)
        assert document["stale"]
        assert document["price"] > 0
        assert await asyncio.to_thread(gateway.status, "/healthz") == 200
        gateway.proxy.resume()
        back = len(client.messages)
        await client.wait(after=back, type="price_update", source="realtime", stale=False)
        await client.wait(after=seen, type="status", state="live")


async def test_a_worker_that_is_killed_is_noticed_and_its_follower_used(
    gateway: Gateway, floor: LiveFloor
) -> None:
    async with Listener(gateway, TOPIC) as client:
        await client.wait(type="price_update", source="realtime", stale=False)
        seen = len(client.messages)
        await asyncio.to_thread(floor.worker.kill)
        await client.wait(after=seen, type="status", state="reconnecting")
        await client.wait(after=seen, type="price_update", stale=True)
        assert await asyncio.to_thread(gateway.status, "/readyz") == 503
        await asyncio.to_thread(floor.start, program=BRISK)
        back = len(client.messages)
        await client.wait(after=back, type="price_update", source="realtime", stale=False)
        await client.wait(after=seen, type="status", state="live")


@pytest.mark.timeout(300)
async def test_two_truths_cannot_happen(gateway: Gateway, floor: LiveFloor) -> None:
    await compare_under_faults(gateway, floor, ["drop", "mute", "cut"], Random(3), seconds=3)


@pytest.mark.chaos
@pytest.mark.timeout(900)
async def test_two_truths_cannot_happen_within_a_minute_of_faults(gateway: Gateway, floor: LiveFloor) -> None:
    chance = Random(60)
    faults = [chance.choice(["drop", "mute", "half_open", "close", "cut", "pause"]) for _ in range(12)]
    await compare_under_faults(gateway, floor, faults, chance, seconds=5)


async def compare_under_faults(
    gateway: Gateway, floor: LiveFloor, faults: list[str], chance: Random, *, seconds: float
) -> None:
    """Both faces are read all the time; every few seconds something else fails."""
    await asyncio.to_thread(floor.exchange.change, tick_interval=0.02)
    ended = asyncio.Event()
    comparing = asyncio.ensure_future(compare_faces(gateway, TICKERS, ended))
    try:
        async with Listener(gateway, TOPIC) as client:
            for fault in faults:
                await client.wait(
                    after=len(client.messages), type="price_update", source="realtime", stale=False
                )
                if fault == "cut":
                    gateway.proxy.cut()
                elif fault == "pause":
                    gateway.proxy.pause()
                else:
                    await asyncio.to_thread(floor.brokerage.fault, fault)
                await asyncio.wait({comparing}, timeout=seconds * chance.uniform(0.5, 1.5))
                assert not comparing.done(), comparing.result()
                gateway.proxy.resume()
                await asyncio.to_thread(floor.brokerage.calm)
            await client.wait(after=len(client.messages), type="price_update", source="realtime", stale=False)
    finally:
        ended.set()
        await asyncio.to_thread(floor.exchange.change, tick_interval=0.1)
        notebook: Notebook = await comparing
    figures = (notebook.by_http, notebook.by_socket, notebook.compared, notebook.stale)
    print("HTTP, WebSocket, compared, stale:", figures)  # noqa: T201 - for whoever runs the long form
    assert notebook.contradictions == []
    assert notebook.compared > 10 * len(faults)
    assert notebook.stale > 0
