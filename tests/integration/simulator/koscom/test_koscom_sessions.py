"""The sessions of the simulated KOSCOM: init, subscribe, unsubscribe, heartbeat, query, limits, errors."""

from __future__ import annotations

import json

import pytest
from websockets.exceptions import InvalidStatus

from tests.support.koscom_client import KoscomStreamClient, code_of

OK = {"message": "ok"}


async def test_init_goes_first(streaming):
    async with streaming.client(init=False) as client:
        assert code_of(await client.subscribe("tick", "005930")) == 10070
        assert code_of(await client.init("l7xx" + "0" * 32)) == 10070
        assert code_of(await client.init(streaming.key(), "")) == 10070
        assert (await client.init(streaming.key()))["result"] == OK
        assert (await client.subscribe("tick", "005930"))["result"] == OK


async def test_init_may_be_left_out_where_it_is_not_enforced(streaming):
    await streaming.settings(init_required=False)
    async with streaming.client("/ws/", init=False) as client:
        bare = {"method": "subscribe", "params": {"preset": "quote", "isuSrtCd": "005930"}}
        assert await client.ask(bare) == {"jsonrpc": "2.0", "result": OK}
        await client.of("quote")


async def test_other_paths_are_not_served(streaming):
    for path in ("/", "/ws_kq", "/wss"):
        with pytest.raises(InvalidStatus) as refused:
            async with KoscomStreamClient(streaming.simulators.koscom_ws_url, path):
                pass
        assert refused.value.response.status_code == 404


async def test_what_is_no_json_rpc_is_error_47_without_an_id(streaming):
    malformed = (
        "{",
        "[]",
        '"subscribe"',
        {"jsonrpc": "2.0", "id": 9, "method": "order"},
        {"jsonrpc": "1.0", "id": 9, "method": "heartbeat"},
        {"jsonrpc": "2.0", "id": 9, "method": "subscribe", "params": []},
        {"jsonrpc": "2.0", "id": 9, "method": "subscribe", "params": {"preset": "tick", "isuSrtCd": 5930}},
    )
    async with streaming.client() as client:
        for message in malformed:
            answer = await client.ask(message)
            assert answer == {
                "jsonrpc": "2.0",
                "error": {"message": "정상적인 JSON-RPC 형식이 아닙니다", "code": 47},
            }, message
        assert (await client.call("heartbeat"))["result"] == OK


async def test_whether_errors_have_an_id_is_a_setting(streaming):
    async with streaming.client() as client:
        assert (await client.subscribe("tick", "999999", id=7))["id"] == 7
        await streaming.settings(errors_with_id="all")
        answer = await client.ask({"jsonrpc": "2.0", "id": 8, "method": "what"})
        assert (answer["id"], answer["error"]["code"]) == (8, 47)
        await streaming.settings(errors_with_id="none")
        assert "id" not in await client.subscribe("tick", "999999")


async def test_what_cannot_be_subscribed(streaming):
    async with streaming.client() as client:
        for code, preset, issue, more in (
            (10000, "trades", "005930", {}),
            (10000, "tick", "K1", {}),
            (10000, "change", "K1", {"items": ["trdPrc"]}),
            (10040, "index", "005930", {}),
            (10040, "tick", "999999", {}),
            (20060, "tick", "", {}),
            (10050, "change", "005930", {}),
            (10050, "change", "005930", {"items": []}),
            (10050, "change", "005930", {"items": ["trdPrc", "eps"]}),
        ):
            assert code_of(await client.subscribe(preset, issue, **more)) == code, (preset, issue)
        assert await streaming.control("GET", "/subscriptions") == []


async def test_unsubscribing(streaming):
    async with streaming.client() as client:
        assert code_of(await client.unsubscribe("tick", "005930")) == 20057
        for preset in ("tick", "quote"):
            assert (await client.subscribe(preset, "005930", id=50))["result"] == OK
        assert (await client.subscribe("tick", "000660", id=51))["result"] == OK
        assert (await client.unsubscribe("quote", "005930"))["result"] == OK
        assert code_of(await client.unsubscribe("quote", "005930")) == 20057
        assert code_of(await client.call("unsubscribe", {"isuSrtCd": "000660"}, id=50)) == 20057
        assert (await client.call("unsubscribe", {}, id=50))["result"] == OK
        left = await streaming.control("GET", "/subscriptions")
        assert [(row["tr_id"], row["symbol"], row["request"]) for row in left] == [("tick", "000660", "51")]
        assert code_of(await client.call("unsubscribe", {}, id=50)) == 20057


async def test_leaving_the_item_out_cancels_everything_of_the_request_id(streaming):
    async with streaming.client() as client:
        for preset, issue in (("tick", "005930"), ("tick10", "000660"), ("index", "K1")):
            await client.subscribe(preset, issue, id=3)
        await client.subscribe("tick", "005930", id=4)
        assert (await client.call("unsubscribe", id=3))["result"] == OK
        left = await streaming.control("GET", "/subscriptions")
        assert [(row["tr_id"], row["request"]) for row in left] == [("tick", "4")]


async def test_a_session_may_hold_twenty_in_the_sandbox_and_two_hundred_in_production(streaming):
    listed = streaming.simulators.market.instruments
    codes = [item.symbol for item in listed if item.exchange == "KRX" and item.kind != "etn"]
    wanted = [(preset, code) for preset in ("tick", "quote", "tick10", "quote10") for code in codes]
    for environment, most in (("sandbox", 20), ("real", 200)):
        async with streaming.client(environment=environment) as client:
            for preset, code in wanted[:most]:
                assert (await client.subscribe(preset, code))["result"] == OK
            assert code_of(await client.subscribe(*wanted[most])) == 20056
            assert (await client.subscribe(*wanted[0]))["result"] == OK
            assert (await client.unsubscribe(*wanted[0]))["result"] == OK
            assert (await client.subscribe(*wanted[most]))["result"] == OK


async def test_over_the_limit_may_also_end_the_session_or_say_nothing(streaming):
    await streaming.settings(max_subscriptions=1, over_limit="silent")
    async with streaming.client() as client:
        await client.subscribe("tick", "005930")
        assert (await client.subscribe("tick", "000660"))["result"] == OK
        assert len(await streaming.control("GET", "/subscriptions")) == 1
        await streaming.settings(over_limit="close")
        assert code_of(await client.subscribe("tick", "000660")) == 20056
        assert await client.ended() == 1000


async def test_closing_drops_all_subscriptions(streaming):
    async with streaming.client() as client:
        await client.subscribe("tick", "005930")
        assert len(await streaming.control("GET", "/subscriptions")) == 1
    assert await streaming.control("GET", "/subscriptions") == []


async def test_sessions_of_a_key_can_be_limited(streaming):
    async with streaming.client(), streaming.client():
        await streaming.settings(sessions_per_key=2)
        async with streaming.client(init=False) as third:
            assert code_of(await third.init(streaming.key())) == 13004
            assert await third.ended() == 1000
        async with streaming.client(environment="sandbox"):
            counts = (await streaming.control("GET", "/sessions"))["koscom"]["keys"]
        assert (counts["real"]["open"], counts["real"]["opened"], counts["real"]["rejected"]) == (2, 2, 1)


async def test_heartbeats_of_both_sides(streaming):
    async with streaming.client() as client:
        assert await client.ask({"jsonrpc": "2.0", "method": "heartbeat"}) == {
            "jsonrpc": "2.0",
            "result": OK,
        }
        await streaming.settings(heartbeat_reply=False, heartbeat_interval=0.02)
        await client.send({"jsonrpc": "2.0", "id": 77, "method": "heartbeat"})
        await client.until(lambda: len(client.requests) >= 2)
        assert client.requests[0] == {"jsonrpc": "2.0", "id": 1, "method": "heartbeat"}
        await client.send({"jsonrpc": "2.0", "id": 1, "result": OK})
        answer = await client.call("query", {"preset": "tick", "isuSrtCd": "005930"}, id=78)
        assert answer["id"] == 78  # neither the heartbeat nor the answer to ours was answered


async def test_who_says_nothing_may_be_ended(streaming):
    async with streaming.client() as client:
        await streaming.settings(idle_seconds=0.05)
        assert await client.ended() == 1000


async def test_websocket_pings_are_answered(streaming):
    async with streaming.client() as client:
        await (await client.socket.ping())


async def test_a_query_tells_the_values_once(streaming):
    async with streaming.client() as client:
        values = (await client.call("query", {"isuSrtCd": "005930"}))["result"]
        assert len(values) == 14
        assert values["isuSrtCd"] == "005930"
        assert await streaming.control("GET", "/subscriptions") == []


async def test_the_documented_messages_are_accepted(streaming):
    messages = (
        '{"jsonrpc":"2.0","id":1,"method":"init","params":{"key":"%s","membername":"company"}}',
        '{"jsonrpc":"2.0","id":2,"method":"subscribe","params":{"preset":"tick","isuSrtCd":"005930"}}',
        '{"jsonrpc":"2.0","id":3,"method":"subscribe","params":{"preset":"change","isuSrtCd":"005930","items":["trdPrc","trdTm"]}}',
        '{"jsonrpc":"2.0","id":4,"method":"unsubscribe","params":{"preset":"tick","isuSrtCd":"005930"}}',
        '{"jsonrpc":"2.0","id":5,"method":"heartbeat"}',
    )
    async with streaming.client(init=False) as client:
        for message in messages:
            answer = await client.ask(message.replace("%s", streaming.key()))
            assert answer == {"jsonrpc": "2.0", "id": json.loads(message)["id"], "result": OK}
