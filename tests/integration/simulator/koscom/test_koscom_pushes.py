"""What the simulated KOSCOM pushes: presets, snapshots, switches, the market-wide feeds, signals."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import pairwise

from broker_server.simulator.clock import KST
from broker_server.simulator.koscom.realtime.settings import KoscomStreamSettings
from broker_server.simulator.koscom.tables import fields
from broker_server.simulator.server import Options, Simulators
from broker_server.simulator.ticks import step
from tests.support.koscom_client import KoscomStreamClient
from tests.support.waiting import wait_until_async


def names(kind: str, preset: str) -> set[str]:
    return {row["name"] for row in fields()["push"][kind][preset]}


async def test_a_subscribe_is_answered_by_ok_and_then_the_values_in_memory(streaming):
    streaming.simulators.clock.freeze()
    market = streaming.simulators.market
    samsung = market.instruments.find("005930")
    market.set_price(samsung, step(samsung.tick_table, market.quote(samsung).base, 1), hold=True)
    async with streaming.client() as client:
        await client.subscribe("tick10", "005930")
        first = (await client.of("tick10"))[0]
        assert client.order[1:] == ["reply", "push"]
        assert set(first) == names("stock", "tick10") | {"preset"}
        assert 9_300_000 <= first["trdTm"] < 9_310_000  # without its leading zero
        assert first["trdPrc"] > 0
        assert first["cmpprevddPrc"] > 0
        assert first["cmpprevddTpCd"] == "2"


async def test_the_snapshot_may_be_in_the_result_or_nowhere(streaming):
    streaming.simulators.clock.freeze()
    await streaming.settings(snapshot="result")
    async with streaming.client() as client:
        answer = await client.subscribe("quote", "005930")
        assert set(answer["result"]) == names("stock", "quote")
        await streaming.settings(snapshot="none")
        assert (await client.subscribe("tick", "005930"))["result"] == {"message": "ok"}
        await client.call("heartbeat")
        assert client.pushes == []


async def test_trades_add_up_to_the_volume(streaming):
    async with streaming.client() as client:
        await client.subscribe("tick", "005930")
        pushes = await client.of("tick", 12)
        assert set(pushes[0]) == {
            "preset",
            *("isuSrtCd", "trdPrc", "trdvol", "accTrdvol", "accTrdval", "trdTm"),
        }
        for before, after in pairwise(pushes[1:]):
            assert after["accTrdvol"] - before["accTrdvol"] == after["trdvol"] > 0
            assert after["trdTm"] >= before["trdTm"]


async def test_order_books_come_when_they_change(streaming):
    async with streaming.client() as client:
        await client.subscribe("quote10", "005930")
        await client.subscribe("quote", "005930")
        await client.of("quote10", 2)
        for _ in range(3):
            before = len(client.pushes)
            await streaming.control("POST", "/clock", {"advance": 1})
            await client.until(lambda before=before: len(client.pushes) > before + 1)
        books = await client.of("quote10", 4)
        assert set(books[0]) == names("stock", "quote10") | {"preset"}
        assert books[0]["askStep1BstordPrc"] > books[0]["bidStep1BstordPrc"] > books[0]["bidStep10BstordPrc"]
        best = await client.of("quote", 2)
        assert set(best[0]) == names("stock", "quote") | {"preset"}
        without = [{k: v for k, v in book.items() if k != "accTrdvol"} for book in books]
        assert all(before != after for before, after in pairwise(without))
        await streaming.settings(quote_volume=False)
        await client.subscribe("quote", "000660")
        await client.until(lambda: client.pushes[-1]["isuSrtCd"] == "000660")
        assert "accTrdvol" not in client.pushes[-1]


async def test_change_tells_only_the_chosen_items_that_changed(streaming):
    streaming.simulators.clock.freeze()
    items = ["trdPrc", "trdTm", "hgprc"]
    async with streaming.client() as client:
        await client.subscribe("change", "005930", items=items)
        await client.until(lambda: client.pushes)
        first = client.pushes[0]
        assert set(first) == {"isuCd", "isuSrtCd", *items}  # and no preset
        assert first["isuCd"] == "KR7005930003"
        held = first["trdPrc"]
        await streaming.control("POST", "/market", {"ticker": "005930", "price": held})
        await streaming.control("POST", "/clock", {"advance": 5})
        await client.until(lambda: len(client.pushes) > 1)
        assert set(client.pushes[1]) == {"isuCd", "isuSrtCd", "trdTm"}
        await streaming.settings(change_preset=True)
        await streaming.control("POST", "/clock", {"advance": 5})
        await client.until(lambda: len(client.pushes) > 2)
        assert client.pushes[2]["preset"] == "change"


async def test_two_sessions_have_their_own_items(streaming):
    async with streaming.client() as one, streaming.client() as other:
        await one.subscribe("change", "005930", items=["trdTm"])
        await other.subscribe("change", "005930", items=["accTrdvol"])
        await one.until(lambda: len(one.pushes) > 2)
        await other.until(lambda: len(other.pushes) > 2)
        assert {name for push in one.pushes for name in push} == {"isuCd", "isuSrtCd", "trdTm"}
        assert {name for push in other.pushes for name in push} == {"isuCd", "isuSrtCd", "accTrdvol"}


async def test_indices(streaming):
    async with streaming.client() as client:
        for code in ("K1", "K51", "Q1"):
            await client.subscribe("index", code)
        pushes = await client.of("index", 8)
        assert set(pushes[0]) == names("index", "index") | {"preset"}
        assert {push["isuSrtCd"] for push in pushes} == {"K1", "K51", "Q1"}
        points = {push["isuSrtCd"]: push["trdPrc"] for push in pushes}
        assert points["K1"] > points["Q1"] > points["K51"] > 100


async def test_futures_and_options_have_five_levels_and_counts_of_orders(streaming):
    streaming.simulators.clock.freeze()
    async with streaming.client() as client:
        for preset in ("tick10", "quote10"):
            await client.subscribe(preset, "K2FA001")
            told = (await client.of(preset))[0]
            assert set(told) == names("futures", preset) | {"preset"}
            assert told["isuSrtCd"] == "101S6000"  # the contract behind the continuous code
        await client.subscribe("quote10", "201S6350")
        await client.until(lambda: client.pushes[-1]["isuSrtCd"] == "201S6350")
        assert set(client.pushes[-1]) == names("options", "quote10") | {"preset"}


async def test_suffixes_and_strings(streaming):
    await streaming.settings(suffix=True, values="strings")
    async with streaming.client() as client:
        await client.subscribe("tick10", "005930*001")
        await client.subscribe("tick", "035900")
        await client.of("tick")
        samsung, other = client.pushes[0], (await client.of("tick"))[0]
        assert (samsung["isuSrtCd"], other["isuSrtCd"]) == ("005930*001", "035900*003")
        assert all(isinstance(value, str) for value in samsung.values())
        assert len(samsung["trdTm"]) == 7  # strings have no leading zero either


async def test_a_whole_market_comes_in_bare_arrays_of_text(streaming):
    async with streaming.client("/ws_ksp") as kospi, streaming.client("/ws_kdq/") as kosdaq:
        await kospi.until(lambda: kospi.told > 60)
        await kosdaq.until(lambda: kosdaq.told > 20)
        element = kospi.elements[0]
        assert list(element) == ["isuSrtCd", "trdPrc", "trdVol", "trdTm"]
        assert all(isinstance(value, str) for value in element.values())
        assert element["trdTm"].startswith("093")
        assert "005930" in {each["isuSrtCd"] for each in kospi.elements}
        assert "247540" in {each["isuSrtCd"] for each in kosdaq.elements}
        assert not {each["isuSrtCd"] for each in kospi.elements} & {
            each["isuSrtCd"] for each in kosdaq.elements
        }
        assert max(len(array) for array in kospi.arrays) <= 50
        assert (await kospi.call("heartbeat"))["result"] == {"message": "ok"}
        assert (await kospi.subscribe("tick", "005930"))["error"]["code"] == 47


async def test_a_whole_market_says_nothing_before_init(streaming):
    async with streaming.client("/ws_ksp", init=False) as silent, streaming.client("/ws_ksp") as told:
        await told.until(lambda: len(told.arrays) > 2)
        assert silent.texts == []
        await silent.init(streaming.key())
        await silent.until(lambda: silent.arrays)


async def test_the_switches_of_the_market_wide_feeds(streaming):
    await streaming.settings(
        market_elements=3, market_volume="day", market_padded=False, market_sends="changes", suffix=True
    )
    async with streaming.client("/ws_ksp") as client:
        for _ in range(3):
            before = len(client.arrays)
            await streaming.control("POST", "/clock", {"advance": 300})
            await client.until(lambda before=before: len(client.arrays) > before)
        await client.until(lambda: any(len(array) == 3 for array in client.arrays))
        assert max(len(array) for array in client.arrays) == 3
        assert all(len(each["trdTm"]) == 7 for each in client.elements)
        assert all(each["isuSrtCd"].endswith("*001") for each in client.elements)
        by_issue: dict[str, list[str]] = {}
        for each in client.elements:
            by_issue.setdefault(each["isuSrtCd"], []).append(each["trdPrc"])
        assert all(one != other for prices in by_issue.values() for one, other in pairwise(prices))


async def test_the_close_is_a_signal_and_no_time():
    start = datetime(2026, 11, 20, 15, 29, 50, tzinfo=KST)
    settings = KoscomStreamSettings(tick_interval=0.02, market_interval=0.02)
    async with Simulators(Options(start=start, hours=True, koscom_stream=settings)) as simulators:
        simulators.clock.freeze()
        key = simulators.koscom_credentials["real"].api_key
        async with (
            KoscomStreamClient(simulators.koscom_ws_url, "/ws", key) as client,
            KoscomStreamClient(simulators.koscom_ws_url, "/ws_kdq", key) as market,
        ):
            await client.subscribe("tick", "005930")
            await client.subscribe("change", "005930", items=["trdTm"])
            simulators.clock.advance(60)
            await client.until(lambda: any(push["trdTm"] == 31_000_000 for push in client.pushes))
            await market.until(lambda: any(each["trdTm"] == "31000000" for each in market.elements))
            simulators.clock.advance(3600)
            await client.until(lambda: {"isuCd", "isuSrtCd", "trdTm"} == set(client.pushes[-1]))
            await client.until(lambda: client.pushes[-1]["trdTm"] == 41_000_000)
            await client.subscribe("tick", "000660")
            await client.until(lambda: client.pushes[-1]["isuSrtCd"] == "000660")
            assert client.pushes[-1]["trdTm"] == 41_000_000


async def test_before_the_session_there_is_no_time():
    start = datetime(2026, 11, 20, 8, 50, tzinfo=KST)
    async with Simulators(Options(start=start, hours=True)) as simulators:
        key = simulators.koscom_credentials["real"].api_key
        async with KoscomStreamClient(simulators.koscom_ws_url, "/ws", key) as client:
            await client.subscribe("tick10", "005930")
            await client.subscribe("quote10", "005930")
            await client.of("quote10")
            values = (await client.of("tick10"))[0]
            assert (values["trdTm"], values["trdvol"], values["accTrdvol"]) == (0, 0, 0)
            assert (await client.of("quote10"))[0]["deemTrdPrc"] > 0  # the opening auction runs


async def test_a_suspended_issue_can_be_subscribed_and_says_nothing(streaming):
    async with streaming.client() as client:
        await client.subscribe("tick", "091990")
        await client.subscribe("tick", "005930")
        await client.until(lambda: sum(push["isuSrtCd"] == "005930" for push in client.pushes) > 3)
        suspended = [push for push in client.pushes if push["isuSrtCd"] == "091990"]
        assert [push["trdTm"] for push in suspended] == [0]


async def test_everything_is_valid_json_of_one_document(streaming):
    async with streaming.client() as client:
        await client.subscribe("tick", "005930")
        await client.of("tick", 3)
        assert all(isinstance(json.loads(text), dict) for text in client.texts)


async def test_nothing_comes_while_the_clock_stands_still(streaming):
    streaming.simulators.clock.freeze()
    async with streaming.client() as client, streaming.client("/ws_ksp") as market:
        await client.subscribe("tick", "005930")
        await client.of("tick")
        looks = 0

        async def looked() -> bool:
            nonlocal looks
            looks += 1
            await client.call("heartbeat")
            return looks > 5

        await wait_until_async(looked)
        assert len(client.pushes) == 1
        assert market.arrays == []
