"""The feed of KOSCOM on a server that keeps to its documents, and on one that does not."""

from dataclasses import replace
from typing import Any

import pytest

from broker_client.errors import AuthenticationFailed, InvalidParameters, SubscriptionLimit, VendorUnavailable
from broker_server.core.stream_requests import Registration
from tests.support.kis_live import until
from tests.support.koscom_live import (
    KEY,
    MEMBER,
    QUICK,
    Asked,
    Peer,
    change,
    error,
    market,
    ok,
    stand,
    tick,
)

SAMSUNG, HYNIX = tick("005930"), tick("000660")


async def test_what_is_sent_is_exactly_as_documented() -> None:
    async with stand() as one:
        await one.up(SAMSUNG, change("005930", "trdTm", "trdPrc"))
        one.want(SAMSUNG)
        await until(lambda: len(one.server.asked) == 3)
        peer = one.server.peer
        assert peer.path == "/ws/"
        assert peer.heard == [
            {"jsonrpc": "2.0", "id": 1, "method": "init", "params": {"key": KEY, "membername": MEMBER}},
            {
                "jsonrpc": "2.0",
                "id": 2,
                "method": "subscribe",
                "params": {"preset": "tick", "isuSrtCd": "005930"},
            },
            {
                "jsonrpc": "2.0",
                "id": 3,
                "method": "subscribe",
                "params": {"preset": "change", "isuSrtCd": "005930", "items": ["trdPrc", "trdTm"]},
            },
            {
                "jsonrpc": "2.0",
                "id": 4,
                "method": "unsubscribe",
                "params": {"preset": "change", "isuSrtCd": "005930"},
            },
        ]


async def test_ids_are_never_used_again() -> None:
    async with stand() as one:
        await one.up(SAMSUNG, market("kospi"))
        await one.server.peers[0].socket.close()
        await one.server.peers[1].socket.close()
        await until(lambda: len(one.server.peers) == 4 and one.heard.up == {SAMSUNG, market("kospi")})
        numbers = [message["id"] for peer in one.server.peers for message in peer.heard]
        assert len(numbers) == len(set(numbers)) == 6


async def test_several_requests_are_on_their_way_at_once() -> None:
    async with stand() as one:
        waiting: list[Asked] = []

        def hold_back(peer: Peer, asked: Asked) -> Any:
            waiting.append(asked)
            # Answered only when all have come, the last one first.
            return [ok(each.number) for each in reversed(waiting)] if len(waiting) == 3 else ""

        one.server.script = hold_back
        await one.up(SAMSUNG, HYNIX, Registration("quote10", "005930"))


async def test_a_lost_connection_is_made_again_with_everything_on_it() -> None:
    async with stand() as one:
        await one.up(SAMSUNG, HYNIX)
        await one.server.peer.socket.close()
        await until(lambda: len(one.server.peers) == 2 and one.heard.up == {SAMSUNG, HYNIX})
        assert one.heard.said("interrupted") == [[SAMSUNG, HYNIX]]
        assert set(one.server.held()) == {("tick", "005930"), ("tick", "000660")}


async def test_a_session_holds_so_many_and_a_pool_more() -> None:
    async with stand(sessions=2, ws_max_subscriptions=3) as one:
        assert one.feed.capacity == 7
        wanted = [tick(f"00000{number}") for number in range(7)]
        one.want(*wanted)
        await until(lambda: one.heard.up == set(wanted[:6]) and wanted[6] in one.heard.errors)
        assert sorted(len(peer.held) for peer in one.server.open_peers()) == [3, 3]
        assert isinstance(one.heard.errors[wanted[6]], SubscriptionLimit)
        assert "KOSCOM_SESSIONS" in str(one.heard.errors[wanted[6]])
        one.want(*wanted[1:])
        await until(lambda: one.heard.up == set(wanted[1:]))


async def test_what_a_session_held_moves_when_it_cannot_connect() -> None:
    async with stand(sessions=2, ws_max_subscriptions=3) as one:
        await one.up(SAMSUNG, HYNIX)
        sick = next(peer for peer in one.server.peers if ("tick", "005930") in peer.held)
        one.server.on_init = lambda peer, message: error(10080, message["id"])
        await sick.socket.close()
        held = {("tick", "005930"), ("tick", "000660")}
        await until(lambda: one.heard.up == {SAMSUNG, HYNIX} and set(one.server.held()) == held)
        assert one.heard.said("interrupted") == [[SAMSUNG]]
        assert {peer.number for peer in one.server.peers if peer.held.keys() == held} != {sick.number}


async def test_a_limit_that_the_server_has_first_is_told() -> None:
    async with stand() as one:
        one.server.limit = 1
        one.want(SAMSUNG, HYNIX)
        await until(lambda: one.heard.up == {SAMSUNG} and HYNIX in one.heard.errors)
        failure = one.heard.errors[HYNIX]
        assert isinstance(failure, SubscriptionLimit)
        assert failure.vendor_code == "20056"
        one.want(HYNIX)
        await until(lambda: one.heard.up == {HYNIX})


async def test_an_unknown_issue_is_refused_for_good() -> None:
    async with stand() as one:
        one.server.script = lambda peer, asked: (
            error(10040, asked.number, "종목코드가 존재 하지 않습니다") if asked.wire[1] == "999999" else None
        )
        one.want(SAMSUNG, tick("999999"))
        await until(lambda: one.heard.up == {SAMSUNG} and tick("999999") in one.heard.errors)
        assert one.heard.said("refused for good") == [tick("999999")]
        failure = one.heard.errors[tick("999999")]
        assert isinstance(failure, InvalidParameters)
        assert failure.vendor_message == "종목코드가 존재 하지 않습니다"


@pytest.mark.parametrize("key", ["message", "mesage"])
async def test_the_text_of_an_error_is_found_under_both_of_its_names(key: str) -> None:
    async with stand() as one:
        one.server.script = lambda peer, asked: {
            "jsonrpc": "2.0",
            "id": asked.number,
            "error": {key: "bad", "code": 47},
        }
        one.want(SAMSUNG)
        await until(lambda: one.heard.said("refused for good") == [SAMSUNG])
        assert "47 bad" in str(one.heard.errors[SAMSUNG])


async def test_an_error_without_an_id_blames_nobody_and_nobody_waits_for_ever() -> None:
    async with stand() as one:
        # The one that KOSCOM cannot read is answered by an error without an id, the others properly.
        bad = tick("BADONE")

        def script(peer: Peer, asked: Asked) -> Any:
            return (
                error(47, text="정상적인 JSON-RPC 형식이 아닙니다") if asked.wire[1] == bad.symbol else None
            )

        one.server.script = script
        one.want(SAMSUNG, bad, HYNIX)
        await until(lambda: one.heard.up == {SAMSUNG, HYNIX} and bad in one.heard.errors)
        assert set(one.heard.errors) == {bad}
        # At first it is not clear; alone it is, and that is final.
        await until(lambda: one.heard.said("refused for good") == [bad])
        assert one.heard.log.index(("refused", bad)) < one.heard.log.index(("refused for good", bad))
        assert one.heard.up == {SAMSUNG, HYNIX}
        assert len(one.server.peers) == 1
        assert one.oddities()["error_without_id"] >= 2


async def test_an_error_without_an_id_that_is_about_nothing_harms_nothing() -> None:
    async with stand() as one:
        await one.up(SAMSUNG)
        await one.server.peer.send(error(47))
        await one.up(SAMSUNG, HYNIX)
        assert one.heard.errors == {}
        assert one.oddities() == {"error_without_id": 1}


async def test_a_heartbeat_on_its_way_takes_the_blame_off_a_request() -> None:
    async with stand(replace(QUICK, heartbeat=0.01)) as one:
        answered: list[int] = []

        def script(peer: Peer, asked: Asked) -> Any:
            answered.append(asked.number)
            return error(47) if len(answered) < 4 else None

        one.server.script = script
        await one.up(SAMSUNG)
        assert one.heard.said("refused for good") == []


async def test_a_request_without_an_answer_is_made_again() -> None:
    async with stand(replace(QUICK, answer=0.05)) as one:
        one.server.script = lambda peer, asked: "" if len(one.server.asked) == 1 else None
        await one.up(SAMSUNG)
        assert [asked.wire for asked in one.server.asked] == [("tick", "005930")] * 2


async def test_an_init_that_is_refused_is_told_and_the_key_is_not() -> None:
    async with stand() as one:
        one.server.on_init = lambda peer, message: error(10070, message["id"], f"no {KEY} here")
        one.want(SAMSUNG)
        await until(lambda: SAMSUNG in one.heard.errors)
        failure = one.heard.errors[SAMSUNG]
        assert isinstance(failure, AuthenticationFailed)
        assert KEY not in str(failure)
        assert KEY not in str(one.feed.status())
        assert len(one.server.peers) == 3  # one refusal alone is not believed
        assert one.feed.status()["sessions"][0]["state"] == "refused"


@pytest.mark.parametrize(
    "answer",
    [
        {"jsonrpc": "2.0", "result": {"message": "ok"}},
        {"result": "ok"},
        {"jsonrpc": "2.0", "id": "1", "result": None},
        {"jsonrpc": "2.0", "id": 1, "result": {}},
    ],
)
async def test_an_init_may_be_answered_in_any_form(answer: Any) -> None:
    async with stand() as one:
        one.server.on_init = lambda peer, message: answer
        await one.up(SAMSUNG)


async def test_heartbeats_go_out_and_any_answer_will_do() -> None:
    async with stand(replace(QUICK, heartbeat=0.01)) as one:
        answers = iter(
            [
                lambda number: ok(number),
                lambda number: error(-32601, number),
                lambda number: {"id": str(number), "result": None},
                lambda number: {"jsonrpc": "2.0", "result": {"message": "ok"}},
            ]
        )

        def answer(peer: Peer, message: dict[str, Any]) -> Any:
            assert message == {"jsonrpc": "2.0", "id": message["id"], "method": "heartbeat"}
            return next(answers, lambda number: "")(message["id"])

        one.server.on_heartbeat = answer
        await one.up(SAMSUNG)
        await until(lambda: len(one.server.peer.sent("heartbeat")) > 6)
        assert one.oddities() == {}
        assert len(one.server.peers) == 1


async def test_a_heartbeat_of_the_server_is_echoed_if_it_has_an_id() -> None:
    async with stand() as one:
        await one.up(SAMSUNG)
        peer = one.server.peer
        count = len(peer.heard)
        await peer.send(
            {"jsonrpc": "2.0", "method": "heartbeat"}, {"jsonrpc": "2.0", "id": 99, "method": "heartbeat"}
        )
        await until(lambda: len(peer.heard) > count)
        assert peer.heard[count:] == [{"jsonrpc": "2.0", "id": 99, "result": {"message": "ok"}}]


async def test_a_server_that_answered_and_falls_silent_is_left() -> None:
    async with stand(replace(QUICK, heartbeat=0.02, silence=0.2)) as one:
        answers = [True]
        one.server.on_heartbeat = lambda peer, message: ok(message["id"]) if answers[0] else ""
        await one.up(SAMSUNG)
        await until(lambda: len(one.server.peer.sent("heartbeat")) > 2)
        first = one.server.peer
        first.socket.transport.pause_reading()
        answers[0] = False
        await until(lambda: len(one.server.peers) == 2, "a new connection")
        first.socket.transport.resume_reading()
        assert any("nothing came" in reason for _, reason in one.heard.said("failing"))


async def test_a_broken_message_costs_nothing_but_itself() -> None:
    async with stand() as one:
        await one.up(SAMSUNG)
        peer = one.server.peer
        await peer.send(
            "not json",
            '{"jsonrpc":"2.0","method":"push","params":{"preset":"tick","isuSrtCd":005930}}',
            "[1]",
            '"text"',
            {"jsonrpc": "2.0", "method": "push", "params": None},
            {"jsonrpc": "2.0", "method": "push", "params": {"preset": "tick", "isuSrtCd": [1, 2]}},
            {"jsonrpc": "2.0", "method": "query", "id": 5},
            {"jsonrpc": "2.0", "id": 12345, "result": {"message": "ok"}},
        )
        await peer.push("tick", isuSrtCd="005930", trdPrc=1, trdvol=1, trdTm=9000000)
        ((registration, event),) = await one.got(1)
        assert (registration, event["price"]) == (SAMSUNG, 1)
        assert one.oddities() == {"malformed": 6, "unknown_message": 1, "unasked_answer": 1}


async def test_several_documents_in_one_frame_and_a_batch_are_taken() -> None:
    async with stand() as one:
        await one.up(SAMSUNG)
        push = '{"jsonrpc":"2.0","method":"push","params":{"preset":"tick","isuSrtCd":"005930","trdPrc":%d}}'
        await one.server.peer.send(
            push % 1 + "\n" + push % 2, f"[{push % 3},{push % 4}]", (push % 5).encode()
        )
        events = await one.got(5)
        assert [event["price"] for _, event in events] == [1, 2, 3, 4, 5]


async def test_renewal_ends_and_begins_it() -> None:
    async with stand() as one:
        await one.up(SAMSUNG)
        one.feed.renew(SAMSUNG)
        await until(lambda: len(one.server.asked) == 3 and one.heard.up == {SAMSUNG})
        assert [asked.register for asked in one.server.asked] == [True, False, True]
        assert one.feed.connection_of(SAMSUNG) == "issues 0"


async def test_a_replaced_connection() -> None:
    async with stand() as one:
        await one.up(SAMSUNG)
        one.feed.reconnect(SAMSUNG, "mute")
        await until(lambda: len(one.server.peers) == 2 and one.heard.up == {SAMSUNG})


async def test_nothing_wanted_ends_the_connection() -> None:
    async with stand() as one:
        await one.up(SAMSUNG)
        one.want()
        await until(lambda: not one.server.open_peers())
        assert one.server.held() == {}


async def test_the_end_of_what_is_not_there_is_no_failure() -> None:
    async with stand() as one:
        await one.up(SAMSUNG, HYNIX)
        one.server.peer.held.clear()
        await one.up(SAMSUNG)
        await until(lambda: len(one.server.asked) == 3)
        await one.up(SAMSUNG, HYNIX)
        assert one.heard.errors == {}


async def test_come_back_later_is_taken_for_what_it_says() -> None:
    async with stand() as one:
        refusals = [True]

        def script(peer: Peer, asked: Asked) -> Any:
            if refusals:
                refusals.pop()
                return error(13004, asked.number)
            return None

        one.server.script = script
        await one.up(SAMSUNG)
        assert len(one.server.peers) == 2


async def test_unknown_codes_are_tried_a_few_times() -> None:
    async with stand() as one:
        one.server.script = lambda peer, asked: error("E-7", asked.number)
        one.want(SAMSUNG)
        await until(lambda: one.heard.said("refused for good") == [SAMSUNG])
        assert isinstance(one.heard.errors[SAMSUNG], VendorUnavailable)
        assert len(one.server.asked) == QUICK.retries + 1
