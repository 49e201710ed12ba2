"""Registering with the simulated WebSocket: acknowledgements, refusals, limits, sessions."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
import websockets

from broker_server.simulator.kis.keys import Credentials
from broker_server.simulator.server import Options, Simulators
from tests.integration.simulator.conftest import FRIDAY_MORNING, Streaming
from tests.support.waiting import wait_until_async

UNKNOWN = Credentials("real", "P" * 36, "s" * 180, "87654321-01")


async def test_it_is_announced_and_says_what_it_is(streaming):
    announcement = streaming.simulators.announcement()
    assert announcement["kis"]["ws"] == streaming.simulators.kis_ws_url
    assert {pair["hts_id"] for pair in announcement["credentials"]["kis"].values()} == {
        "SimReal01",
        "SimPaper01",
        "SimReal02",
        "SimPaper02",
    }
    async with await streaming.client() as client:
        assert client.socket.response.headers["Server"] == "sapi-broker-simulator"
    url = streaming.simulators.kis_ws_url.replace("ws://", "http://")
    async with streaming.session.get(url) as response:
        assert (response.status, response.headers["Server"]) == (426, "sapi-broker-simulator")


async def test_an_acknowledgement_has_a_key_for_every_tr(streaming):
    async with await streaming.client() as client:
        await client.send(client.request("H0STCNT0", "005930"))
        reply = await client.reply()
        output = reply["body"].pop("output")
        assert reply == {
            "header": {"tr_id": "H0STCNT0", "tr_key": "005930", "encrypt": "N"},
            "body": {"rt_cd": "0", "msg_cd": "OPSP0000", "msg1": "SUBSCRIBE SUCCESS"},
        }
        assert (len(output["iv"]), len(output["key"])) == (16, 32)
        assert await client.register("H0STASP0", "005930") == "OPSP0000"
        assert client.pairs["H0STASP0"] != output
    async with await streaming.client() as client:
        assert await client.register("H0STCNT0", "005930") == "OPSP0000"
        assert client.pairs["H0STCNT0"] != output, "a new session has new keys"


async def test_registering_twice_and_unregistering(streaming):
    async with await streaming.client() as client:
        codes = [await client.register("H0STCNT0", "005930", tr_type) for tr_type in "1122"]
        assert codes == ["OPSP0000", "OPSP0002", "OPSP0001", "OPSP0003"]
        assert (await streaming.control("GET", "/subscriptions")).body == []


async def test_the_control_server_shows_registrations_and_counts(streaming):
    async with await streaming.client() as client, await streaming.client("paper") as paper:
        await client.register("HDFSCNT0", "DNASAAPL")
        await client.register("H0STCNT0", "999999")
        await paper.register("H0STASP0", "000660")
        shown = (await streaming.control("GET", "/subscriptions")).body
        assert [(row["vendor"], row["key"], row["tr_id"], row["symbol"]) for row in shown] == [
            ("kis", "real", "HDFSCNT0", "DNASAAPL"),
            ("kis", "paper", "H0STASP0", "000660"),
        ]
        assert shown[0]["since"].startswith("2026-11-20T10:")
        counts = await streaming.counts()
        assert counts == {
            "open": True,
            "opened": 1,
            "rejected": 0,
            "registrations": 2,
            "registrations_most_in_a_minute": 2,
            "unregistrations": 0,
            "pongs": 0,
            "answers": {"OPSP0000": 1, "OPSP8992": 1},
        }
        assert (await streaming.control("DELETE", "/sessions")).body["connections"] == 0


MALFORMED = {
    "OPSP9999": "not json",
    "OPSP9998": {"body": {}},
    "OPSP9996": {"header": {"custtype": "P", "tr_type": "1"}},
    "OPSP9997": {"header": {"approval_key": "KEY", "tr_type": "1"}},
    "OPSP8998": {"header": {"approval_key": "KEY", "custtype": "X", "tr_type": "1"}},
    "OPSP8997": {"header": {"approval_key": "KEY", "custtype": "P", "tr_type": "0"}},
    "OPSP9992": {"header": {"approval_key": "KEY", "custtype": "P", "tr_type": "1"}},
    "OPSP9991": {"header": {"approval_key": "KEY", "custtype": "P", "tr_type": "1"}, "body": {}},
    "OPSP9990": {
        "header": {"approval_key": "KEY", "custtype": "P", "tr_type": "1"},
        "body": {"input": {"tr_id": "H0STCNT0"}},
    },
    "OPSP8993": {
        "header": {"approval_key": "KEY", "custtype": "P", "tr_type": "1"},
        "body": {"input": {"tr_id": "H0STCNT0", "tr_key": 5930}},
    },
}


async def test_malformed_requests_are_refused_one_by_one(streaming):
    async with await streaming.client() as client:
        for code, message in MALFORMED.items():
            await client.send(message)
            assert (await client.reply())["body"]["msg_cd"] == code
        assert await client.register("H0STCNT0", "005930") == "OPSP0000", "the session lives on"


@pytest.mark.parametrize(
    ("environment", "tr_id", "key", "code"),
    [
        ("real", "H0NOSUCH", "005930", "OPSP8991"),
        ("real", "H0STCNI9", "SimReal01", "OPSP8991"),
        ("real", "HDFSCNT0", "RHKS00003", "OPSP0009"),
        ("real", "H0STCNT0", "123456", "OPSP8992"),
        ("paper", "H0STMBC0", "005930", "OPSP8991"),
        ("paper", "H0STCNI0", "SimPaper01", "OPSP8991"),
        ("paper", "HDFSCNT0", "DNASAAPL", "OPSP8991"),
        ("paper", "H0IFCNI9", "SimPaper01", "OPSP0000"),
        ("paper", "H0GSCNI9", "SimPaper01", "OPSP0000"),
    ],
)
async def test_what_a_key_may_register(streaming, environment, tr_id, key, code):
    async with await streaming.client(environment) as client:
        assert await client.register(tr_id, key) == code


async def test_an_entitlement_opens_paid_quotes(streaming):
    async with await streaming.client() as client:
        assert await client.register("HDFSASP0", "RHKS00003") == "OPSP0009"
        await streaming.control("POST", "/stream", {"entitled": True})
        assert await client.register("HDFSASP0", "RHKS00003") == "OPSP0000"


async def test_an_unknown_approval_key_is_repeated_in_the_answer(streaming):
    async with await streaming.client() as client:
        client.approval_key = "00000000-0000-4000-8000-000000000000"
        await client.send(client.request("H0STCNT0", "005930"))
        reply = await client.reply()
        assert set(reply) == {"body"}
        assert reply["body"]["msg_cd"] == "OPSP0011"
        assert client.approval_key in reply["body"]["msg1"]


async def test_an_approval_key_of_another_run_is_unknown(streaming):
    async with Simulators(Options(start=FRIDAY_MORNING)) as others, await streaming.client() as client:
        elsewhere = Streaming(others, streaming.session)
        assert elsewhere.key() == streaming.key(), "equal seeds"
        client.approval_key = await elsewhere.approval()
        assert await client.register("H0STCNT0", "005930") == "OPSP0011"


async def test_an_approval_key_opens_no_session_after_a_day_but_an_open_one_lives_on(streaming):
    async with await streaming.client() as client:
        await client.register("H0STCNT0", "005930")
        old = client.approval_key
        streaming.simulators.clock.advance(24 * 3600)
        assert await client.register("H0STASP0", "005930") == "OPSP0000"
    async with await streaming.client() as client:
        client.approval_key = old
        assert await client.register("H0STCNT0", "005930") == "OPSP0011"


async def test_a_session_is_of_one_app_key(streaming):
    async with await streaming.client() as client:
        await client.register("H0STCNT0", "005930")
        client.approval_key = await streaming.approval("paper")
        assert await client.register("H0STASP0", "005930") == "OPSP0010"


async def test_the_42nd_registration_is_one_too_many(streaming):
    instruments = [item.symbol for item in streaming.simulators.market.instruments][:41]
    async with await streaming.client() as client:
        assert await client.register("H0STCNI0", "SimReal01") == "OPSP0000"
        codes = [await client.register("H0STCNT0", symbol) for symbol in instruments]
        assert codes == ["OPSP0000"] * 40 + ["OPSP0008"]
        assert await client.register("H0STCNT0", instruments[0], "2") == "OPSP0001"
        assert await client.register("H0STCNT0", instruments[40]) == "OPSP0000"


async def test_a_second_session_of_an_app_key_is_told_so_and_closed(streaming):
    async with await streaming.client() as first, await streaming.client() as second:
        await first.register("H0STCNT0", "005930")
        await second.send(second.request("H0STCNT0", "005930"))
        assert await second.reply() == {
            "header": {"tr_id": "(null)", "tr_key": "", "encrypt": "N"},
            "body": {"rt_cd": "9", "msg_cd": "OPSP8996", "msg1": "ALREADY IN USE appkey"},
        }
        assert await second.ended() is not None
        assert await first.register("H0STASP0", "005930") == "OPSP0000"
        counts = await streaming.counts()
        assert (counts["opened"], counts["rejected"]) == (1, 1)
    async with await streaming.client() as third:
        assert await third.register("H0STCNT0", "005930") == "OPSP0000", "closed cleanly, free at once"


async def test_an_abnormal_end_holds_the_app_key_for_a_while(streaming):
    await streaming.control("POST", "/stream", {"hold_seconds": 3600})
    async with await streaming.client() as client:
        await client.register("H0STCNT0", "005930")
        client.socket.transport.abort()
        await client.ended()
    await wait_until_async(lambda: _is_free(streaming), what="the server to notice")
    async with await streaming.client() as client:
        assert await client.register("H0STCNT0", "005930") == "OPSP8996"
        await client.ended()
    await streaming.control("DELETE", "/faults")
    async with await streaming.client() as client:
        assert await client.register("H0STCNT0", "005930") == "OPSP0000"


async def _is_free(streaming) -> bool:
    return not (await streaming.counts())["open"]


async def test_a_wrong_hts_id_is_refused_without_saying_of_what(streaming):
    async with await streaming.client() as client:
        await client.send(client.request("H0STCNI0", "simreal01"))
        assert await client.reply() == {
            "header": {"tr_id": "(null)"},
            "body": {"rt_cd": "9", "msg_cd": "OPSP0017", "msg1": "ERROR : htsid가잘못되었습니다"},
        }
        await streaming.control("POST", "/stream", {"wrong_hts_id": "drop"})
        await client.send(client.request("H0STCNI0", "simreal01"))
        assert await client.ended() is None


async def test_a_key_of_its_own_may_register_with_an_id_of_its_own(streaming):
    approval = (await streaming.login(UNKNOWN, "/oauth2/Approval")).body["approval_key"]
    async with await streaming.client() as client:
        client.approval_key = approval
        assert await client.register("H0STCNI0", "Somebody") == "OPSP0000"
        assert await client.register("H0GSCNI0", "SimReal01") == "OPSP0017"


async def test_pingpong_is_counted_when_it_comes_back(streaming):
    await streaming.control("POST", "/stream", {"ping_interval": 0.02})
    async with await streaming.client() as client:
        await client.register("H0STCNT0", "005930")

        async def counted() -> bool:
            return bool((await streaming.counts())["pongs"] >= 3)

        await wait_until_async(counted, what="pongs")
        assert client.pings[0].startswith('{"header":{"tr_id":"PINGPONG","datetime":"20261120')


async def test_unanswered_pingpong_ends_the_session(streaming):
    await streaming.control("POST", "/stream", {"ping_interval": 0.02, "answer_timeout": 0.2})
    async with await streaming.client(answers_pings=False) as client:
        await client.register("H0STCNT0", "005930")
        assert await client.ended() is not None
        assert client.pings


async def test_a_websocket_ping_is_not_answered(streaming):
    async with await streaming.client() as client:
        waiter = await client.socket.ping()
        assert await client.register("H0STCNT0", "005930") == "OPSP0000"
        await client.frames("H0STCNT0", 3)
        assert not waiter.done()


async def test_approval_keys_are_issued_once_a_second(published_limits):
    kis = published_limits
    key = kis.key()
    assert (await kis.login(key, "/oauth2/Approval")).status == 200
    again = await kis.login(key, "/oauth2/Approval")
    assert (again.status, again.body["error_code"]) == (403, "EGW00201")
    kis.real_time[0] += 1
    assert (await kis.login(key, "/oauth2/Approval")).status == 200


async def test_bad_settings_are_refused_whole(streaming):
    answer = await streaming.control("POST", "/stream", {"entitled": True, "tick_interval": 0})
    assert (answer.status, "tick_interval" in answer.body["error"]) == (400, True)
    assert (await streaming.control("GET", "/stream")).body["entitled"] is False
    assert (await streaming.control("DELETE", "/stream")).body["tick_interval"] == 0.02


async def test_it_stops_with_sessions_open(streaming):
    client = await streaming.client()
    async with client:
        await client.register("H0STCNT0", "005930")
        await asyncio.wait_for(streaming.simulators.kis_stream.stop(), 30)
        assert await client.ended() is not None


async def test_any_path_is_served(streaming):
    url = streaming.simulators.kis_ws_url
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        await socket.send_str("{}")
        assert (await socket.receive()).json()["body"]["msg_cd"] == "OPSP9998"
    async with websockets.connect(url + "/tryitout/H0STCNT0") as socket:
        await socket.send("{}")
        assert "OPSP9998" in str(await socket.recv())
