"""The WebSocket of the simulated Kiwoom: LOGIN, PING, REG and REMOVE, data, notices, faults."""

from __future__ import annotations

from itertools import pairwise

import pytest

from broker_server.simulator.kiwoom.tables import real_types
from tests.support.kiwoom_stream import KiwoomStreamClient
from tests.support.waiting import wait_until_async


async def settings(kiwoom, **changes) -> None:
    await kiwoom.control("POST", "/stream", {"kiwoom": changes})


async def test_nothing_goes_before_login(streaming):
    async with KiwoomStreamClient(streaming.simulators.kiwoom_ws_url) as client:
        assert await client.register(["0B"], ["005930"]) == 100013
        assert (await client.ask({"trnm": "LOGIN"}))["return_code"] == 805002
        answer = await client.ask({"trnm": "LOGIN", "token": await streaming.token()})
        assert (answer["trnm"], answer["return_code"], answer["sor_yn"]) == ("LOGIN", 0, "Y")
        assert await client.register(["0B"], ["005930"]) == 0
        assert (await client.ask({"trnm": "WHAT"}))["return_code"] == 105108


async def test_a_wrong_token_ends_the_connection(streaming):
    async with KiwoomStreamClient(streaming.simulators.kiwoom_ws_url) as client:
        answer = await client.ask({"trnm": "LOGIN", "token": "wrong"})
        assert answer["return_code"] == 805004
        assert "CODE=8005" in answer["return_msg"]
        assert await client.ended() == 1000


async def test_who_does_not_log_in_is_sent_away(streaming):
    await settings(streaming, login_seconds=0.05)
    async with KiwoomStreamClient(streaming.simulators.kiwoom_ws_url) as client:
        assert await client.ended() == 1000
        assert client.system[0]["code"] == "R10004"


async def test_pings_want_an_echo(streaming):
    await settings(streaming, ping_interval=0.02)
    async with await streaming.client(answers_pings=False) as client:
        assert await client.ended() == 1000
        assert (client.pings, client.system[0]["code"]) == (5, "R10002")
    async with await streaming.client() as client:
        await wait_until_async(lambda: client.pings > 12)
        assert not client.system


async def test_a_second_login_ends_the_first(streaming):
    async with await streaming.client() as first, await streaming.client() as second:
        assert await first.ended() == 1000
        assert first.system[0]["code"] == "R10001"
        async with await streaming.client("mock"):
            assert await second.register(["0B"], ["005930"]) == 0


async def test_a_hasty_reconnect_is_closed_during_login(streaming):
    await settings(streaming, reconnect_seconds=60)
    async with await streaming.client():
        pass
    async with KiwoomStreamClient(streaming.simulators.kiwoom_ws_url) as client:
        await client.send({"trnm": "LOGIN", "token": await streaming.token()})
        assert await client.ended() == 1000


async def test_limits_of_registrations(streaming):
    codes = [f"{number:06d}" for number in range(300)]
    async with await streaming.client() as client:
        assert await client.register(["0B"], codes[:101]) == 105115
        assert await client.register(["0B", "0D"], codes[:100]) == 0
        assert await client.register(["0B"], codes[100:101]) == 105118
        assert await client.register(["0B"], codes[100:101], group="2") == 105115
        assert await client.register(["0B"], codes[100:101], group="1", refresh="0") == 0
        assert await client.register(["0B"], codes[100:101], group="1", trnm="REMOVE") == 0
        assert await streaming.control("GET", "/subscriptions") == []
        await settings(streaming, counted="items")
        assert await client.register(["0B", "0D"], codes[:100]) == 0
        assert await client.register(["0B", "0D"], codes[100:200]) == 0
        await settings(streaming, registration_seconds=60)
        assert await client.register(["0A"], codes[:1]) == 105110
        assert await client.register(["0B"], codes[:1], trnm="REMOVE") == 0


@pytest.mark.parametrize(
    "message",
    [
        "no json",
        {"trnm": "REG", "data": [{"item": ["005930"], "type": ["0B"]}]},
        {"trnm": "REG", "grp_no": "12345", "data": [{"item": ["005930"], "type": ["0B"]}]},
        {"trnm": "REG", "grp_no": "1", "data": [{"item": ["005930"], "type": ["0b"]}]},
        {"trnm": "REG", "grp_no": "1", "data": [{"item": "005930", "type": ["0B"]}]},
        {"trnm": "REG", "grp_no": "1", "refresh": "2", "data": [{"item": ["1"], "type": ["0B"]}]},
    ],
)
async def test_malformed_messages(streaming, message):
    async with await streaming.client() as client:
        assert (await client.ask(message))["return_code"] == 100002


async def test_data_of_every_served_type(streaming):
    async with await streaming.client() as client:
        assert await client.register(["0A", "0B", "0C", "0D", "0H"], ["005930", "000660_AL"]) == 0
        assert await client.register(["0J"], ["001"], group="2") == 0
        assert await client.register(["0s"], [""], group="3") == 0
        for type_ in ("0A", "0B", "0C", "0D", "0H", "0J", "0s"):
            for found in await client.of(type_):
                assert set(found) == {"type", "name", "item", "values"}
                assert found["name"] == real_types()[type_].name
                assert tuple(found["values"]) == real_types()[type_].fids
                assert all(isinstance(value, str) for value in found["values"].values())
        items = {found["item"] for found in client.entries}
        assert {"005930", "000660_AL", "001", ""} == items
        rows = await streaming.control("GET", "/subscriptions")
        assert {(row["vendor"], row["tr_id"], row["symbol"], row["group"]) for row in rows} >= {
            ("kiwoom", "0B", "000660_AL", "1"),
            ("kiwoom", "0s", "", "3"),
        }


async def test_volumes_of_trades_add_up_and_bursts_share_a_frame(streaming):
    async with await streaming.client() as client:
        await client.register(["0B"], ["005930"])
        values = [found["values"] for found in await client.of("0B", 40)]
        for before, after in pairwise(values):
            assert int(after["13"]) - int(before["13"]) == abs(int(after["15"]))
            assert after["15"][0] in "+-"
        assert max(len(frame["data"]) for frame in client.frames) > 1


async def test_notices_of_an_order(streaming):
    async with await streaming.client() as client, await streaming.client("mock") as other:
        for each in (client, other):
            await each.register(["00", "04"], [""])
        taken = (await streaming.order()).body["ord_no"]
        received, filled = [found["values"] for found in (await client.of("00", 2))[:2]]
        assert (received["913"], received["905"], received["902"]) == ("접수", "+매수", "10")
        assert (filled["913"], filled["911"], filled["9203"]) == ("체결", "10", taken)
        (held, *_) = await client.of("04")
        assert held["name"] == "현물잔고"
        assert (held["values"]["930"], held["item"]) == ("10", "005930")
        assert held["values"]["931"].startswith(" ")
        assert other.entries == []


async def test_a_cancellation_is_received_and_confirmed(streaming):
    low = (await streaming.control("GET", "/market?ticker=005930"))["lower_limit"]
    async with await streaming.client() as client:
        await client.register(["00"], [""])
        number = (await streaming.order(trde_tp="0", ord_uv=str(low))).body["ord_no"]
        body = {"dmst_stex_tp": "KRX", "orig_ord_no": number, "stk_cd": "005930", "cncl_qty": "0"}
        await streaming.call("kt10003", **body)
        told = [found["values"] for found in await client.of("00", 3)]
        assert [each["913"] for each in told] == ["접수", "접수", "확인"]
        assert {(each["905"], each["904"]) for each in told[1:]} == {("+매수취소", number)}


async def test_a_rejected_order_is_told_of(streaming):
    await streaming.fault("reject", vendor="kiwoom")
    async with await streaming.client() as client:
        await client.register(["00"], [""])
        assert (await streaming.order()).body["return_code"] == 0
        assert [found["values"]["913"] for found in await client.of("00", 2)] == ["접수", "거부"]


async def test_condition_search(streaming):
    async with await streaming.client() as client:
        request = {"trnm": "CNSRREQ", "seq": "0", "search_type": "0", "stex_tp": "K"}
        assert (await client.ask(request))["return_code"] == 100002
        listed = await client.ask({"trnm": "CNSRLST"})
        assert listed["data"][0] == ["0", "코스닥 상승"]
        found = await client.ask(request)
        assert all(row["9001"].startswith(("A", "Q")) for row in found["data"])
        codes = await client.ask({**request, "search_type": "1"})
        assert [row["jmcode"] for row in codes["data"]]
        assert (await client.ask({"trnm": "CNSRCLR", "seq": "0"}))["return_code"] == 0


async def test_dropped_and_kicked_sessions(streaming):
    async with await streaming.client() as client:
        assert (await streaming.fault("drop", vendor="kiwoom"))["sessions"] == 1
        assert await client.ended() is None
    async with await streaming.client() as client:
        await streaming.fault("duplicate_session", vendor="kiwoom", seconds=60)
        assert await client.ended() == 1000
        assert client.system[0]["code"] == "R10001"
    async with KiwoomStreamClient(streaming.simulators.kiwoom_ws_url) as client:
        await client.send({"trnm": "LOGIN", "token": await streaming.token()})
        assert await client.ended() == 1000
        assert client.system[0]["code"] == "R10001"


async def test_mute_and_half_open_sessions(streaming):
    await settings(streaming, ping_interval=0.02)
    async with await streaming.client() as client:
        await streaming.fault("mute", vendor="kiwoom", tr="0B", symbol="005930")
        await client.register(["0B", "0D"], ["005930"])
        await client.of("0D", 3)
        assert not [found for found in client.entries if found["type"] == "0B"]
        await streaming.control("DELETE", "/faults")
        await client.of("0B")
        await streaming.fault("half_open", key="real", vendor="kiwoom")
        await streaming.control("GET", "/sessions")
        before = client.pings, len(client.entries)
        async with await streaming.client("mock") as other:
            await wait_until_async(lambda: other.pings > 2)
        assert (client.pings, len(client.entries)) == before
        await streaming.control("DELETE", "/faults")


async def test_registrations_that_are_unanswered_or_refused(streaming):
    async with await streaming.client() as client:
        await streaming.fault("unanswered", vendor="kiwoom", symbol="005930")
        await client.send({"trnm": "REG", "grp_no": "1", "data": [{"item": ["005930"], "type": ["0B"]}]})
        await client.of("0B")
        await streaming.fault("refuse", code="105110")
        assert await client.register(["0D"], ["005930"]) == 105110
        assert await client.register(["0D"], ["005930"]) == 0
        counts = (await streaming.control("GET", "/sessions"))["kiwoom"]["keys"]["real"]
        assert (counts["registrations"], counts["answers"]["105110"]) == (3, 1)


async def test_faults_without_a_vendor_are_for_all_and_spoiled_frames_for_kis(streaming):
    async with await streaming.client() as client:
        await streaming.fault("wrong_key")
        await client.register(["0B"], ["005930"])
        assert {found["item"] for found in await client.of("0B", 3)} == {"005930"}
        assert (await streaming.fault("close"))["sessions"] == 1
        assert await client.ended() == 1000


async def test_load_sends_many_trades_with_a_rising_volume_that_rest_knows(streaming):
    async with await streaming.client() as client:
        await client.register(["0B", "0D"], ["005930"])
        await client.register(["0B"], ["000660"])
        await client.register(["00"], [""])
        await streaming.fault("load", vendor="kiwoom", rate=2000, records=2, symbol="005930")
        await client.of("0D", 200)
        trades = [found["values"] for found in await client.of("0B", 600) if found["item"] == "005930"]
        frames = [frame for frame in client.frames if len(frame["data"]) == 2]
        assert len(frames) > 300
        await streaming.control("DELETE", "/faults")
        for before, after in pairwise(trades):
            assert int(after["13"]) == int(before["13"]) + abs(int(after["15"]))
        answer = await streaming.call("ka10001", stk_cd="005930")
        assert int(answer.body["trde_qty"]) >= int(trades[-1]["13"])
        last = int(trades[-1]["13"])

        def goes_on() -> bool:
            single = [frame["data"][0] for frame in client.frames if len(frame["data"]) == 1]
            told = [each["values"] for each in single if (each["type"], each["item"]) == ("0B", "005930")]
            return bool(told) and int(told[-1]["13"]) > last

        await wait_until_async(goes_on, what="the ordinary ticks")
