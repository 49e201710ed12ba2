"""The live connection against a scripted server: login, registrations, ends and new beginnings."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from broker_client.errors import (
    AuthenticationFailed,
    SubscriptionLimit,
    TaskFailed,
    VendorRejected,
    VendorUnavailable,
)
from broker_server.check_worker import live_data
from broker_server.core.stream_requests import Registration
from tests.support.kis_live import until
from tests.support.kiwoom_live import PING, QUICK, Peer, answer, pairs, real, stand, trade
from tests.support.kiwoom_rest import TOKEN, refusal, token

A, B, C = trade("005930"), trade("000660_NX"), trade("035420_AL")
BOOK = Registration("0D", "005930")
NOTICES = Registration("00", "")
MANY = [trade(f"{number:06}") for number in range(150)]


async def test_it_connects_when_something_is_wanted_and_logs_in_first(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        await until(lambda: it.feed.status()["sessions"][0]["state"] == "idle")
        assert not it.server.peers
        it.want(A, BOOK, B)
        await it.holds(A, BOOK, B)
        assert it.server.peer.path == "/api/dostk/websocket"
        assert it.server.peer.heard == [
            {"trnm": "LOGIN", "token": "token-1"},
            {
                "trnm": "REG",
                "grp_no": "1",
                "refresh": "1",
                "data": [
                    {"item": ["005930", "000660_NX"], "type": ["0B"]},
                    {"item": ["005930"], "type": ["0D"]},
                ],
            },
        ]
        assert [said for said, _ in it.heard.log] == ["connected", "registered", "registered", "registered"]


async def test_the_account_and_the_market_are_registered_without_an_item(tmp_path: Path) -> None:
    holdings, phases = Registration("04", ""), Registration("0s", "")
    async with stand(tmp_path) as it:
        it.want(NOTICES, holdings, phases)
        await it.holds(NOTICES, holdings, phases)
        (message,) = [one for one in it.server.peer.heard if one["trnm"] == "REG"]
        assert message["data"] == [{"item": [""], "type": [code]} for code in ("00", "04", "0s")]


async def test_the_token_is_the_one_of_rest(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A)
        await it.holds(A)
        it.feed.reconnect(A, "a test")
        await until(lambda: len(it.server.peers) == 2)
        await it.holds(A)
        assert len(it.kiwoom.calls(TOKEN)) == 1


async def test_registrations_go_in_batches_of_a_hundred_and_ends_too(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(*MANY)
        await it.holds(*MANY)
        assert [len(asked) for asked in it.server.peer.asked()] == [100, 50]
        it.want(A)
        await it.holds(A)
        assert [len(asked) for asked in it.server.peer.asked("REMOVE")] == [100, 50]
        # What is not wanted any more goes first.
        assert it.server.peer.heard[-1]["trnm"] == "REG"


async def test_requests_are_paced_and_one_at_a_time(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, between_requests=0.05)) as it:
        it.want(*MANY)
        await it.holds(*MANY)
        it.want(*MANY[:3])
        await it.holds(*MANY[:3])
        times = it.server.peer.times[1:]
        assert len(times) == 4
        assert min(later - earlier for earlier, later in itertools.pairwise(times)) > 0.03


async def test_more_than_the_connection_holds_is_told(tmp_path: Path) -> None:
    async with stand(tmp_path, ws_max_registrations=3) as it:
        assert it.feed.capacity == 3
        it.want(A, B, C, BOOK)
        await it.holds(A, B, C)
        assert it.feed.connection_of(BOOK) is None
        assert it.feed.connection_of(A) == 0
        assert isinstance(it.heard.errors[BOOK], SubscriptionLimit)
        assert it.heard.said("refused") == [BOOK]
        it.want(A, B, BOOK, C)
        await it.holds(A, B, BOOK)


EVERYTHING = Registration("10", "005930")


async def test_the_originals_registration_is_three_and_shares_them(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A, EVERYTHING)
        await until(lambda: it.heard.up == {A, EVERYTHING})
        assert it.server.held() == {("0B", "005930"), ("0A", "005930"), ("0H", "005930")}
        await it.server.peer.send(real("0B", "005930", f10="+1"), real("0H", "005930", f10="-2"))
        await until(lambda: len(it.heard.incoming) == 3)
        assert [(registration, incoming.channel) for registration, incoming in it.heard.incoming] == [
            (A, "trade"),
            (EVERYTHING, "10"),
            (EVERYTHING, "10"),
        ]
        assert [incoming.raw_event()["type"] for _, incoming in it.heard.incoming] == ["0B", "0B", "0H"]
        it.want(A)
        await it.holds(A)
        assert it.server.peer.asked("REMOVE") == [{("0A", "005930"), ("0H", "005930")}]
        it.want(EVERYTHING)
        await until(lambda: it.heard.up == {EVERYTHING})
        assert len(it.server.peer.asked()[-1]) == 2


async def test_the_originals_registration_is_up_only_when_all_of_it_is(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.server.script = lambda peer, message: (
            answer("REG", 100002, "no") if ("0H", "005930") in pairs_of(message) else None
        )
        it.want(A, EVERYTHING)
        await until(lambda: it.heard.said("refused for good") == [EVERYTHING])
        assert it.heard.up == {A}
        it.want(A)
        await it.holds(A)


async def test_a_registration_that_shares_what_is_up_is_told_at_once(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(EVERYTHING)
        await until(lambda: it.heard.up == {EVERYTHING})
        it.want(EVERYTHING, A)
        await until(lambda: it.heard.up == {EVERYTHING, A})
        assert len(it.server.peer.asked()) == 1
        it.feed.renew(EVERYTHING)
        await until(lambda: it.heard.said("registered")[2:] != [] and it.heard.up == {EVERYTHING, A})


async def test_a_ping_is_echoed_as_it_is(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A)
        await it.holds(A)
        await it.server.peer.send(PING, '{"trnm":"PING","x":"한"}')
        await until(lambda: it.server.peer.heard[-2:] == [{"trnm": "PING"}, {"trnm": "PING", "x": "한"}])


async def test_a_ping_during_the_login_is_echoed(tmp_path: Path) -> None:
    def script(peer: Peer, message: dict[str, Any]) -> Any:
        if message["trnm"] == "LOGIN":
            return PING
        return answer("LOGIN") if message["trnm"] == "PING" else None

    async with stand(tmp_path) as it:
        it.server.script = script
        it.want(A)
        await it.holds(A)


async def test_records_reach_the_listener_with_their_registration(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A, B)
        await it.holds(A, B)
        frame = real("0B", "005930", f10="-70000", f20="100000")
        frame["data"] += real("0B", "000660_NX", f10="+1", f20="100001")["data"]
        await it.server.peer.send(frame)
        await until(lambda: len(it.heard.incoming) == 2)
        assert [registration for registration, _ in it.heard.incoming] == [A, B]
        assert [incoming.subject for _, incoming in it.heard.incoming] == ["005930", "000660.NXT"]
        assert it.feed.status()["sessions"][0]["records"] == 2
        assert it.feed.status()["sessions"][0]["environment"] == "simulated"


async def test_odd_frames_are_counted_and_harmless(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A)
        await it.holds(A)
        with capture_logs() as logs:
            await it.server.peer.send(
                "garbage",
                "[]",
                '{"trnm":5}',
                {"trnm": "REAL"},
                {"trnm": "REAL", "data": [5, {"type": "0B"}]},
                real("0B", "999999", f10="1"),
                real("zz", "005930", f10="1"),
                {"trnm": "NEWS"},
                {"trnm": "SYSTEM", "code": "R77777", "message": "?"},
                answer("REG", 0),
                answer("REMOVE", 1, "late"),
                real("0B", "005930", f10="soon"),
                real("0B", "005930", f10="+1"),
            )
            await it.server.peer.socket.send(
                b'{"trnm":"REAL","data":[{"type":"0B","item":"005930","values":{"10":"2","302":"\xff"}}]}',
                text=True,
            )
            await until(lambda: len(it.heard.incoming) == 3)
        assert it.feed.status()["sessions"][0]["oddities"] == {
            "malformed": 6,
            "never_asked": 2,
            "unknown_message": 1,
            "unknown_system_code": 1,
            "unasked_answer": 2,
        }
        assert [incoming.channel for _, incoming in it.heard.incoming] == ["0B", "trade", "trade"]
        assert {entry["event"] for entry in logs} == {
            "kiwoom_live_oddity",
            "a live record of Kiwoom cannot be read",
        }
        assert len(it.server.peers) == 1


async def test_a_listener_that_breaks_does_not_end_the_connection(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A)
        await it.holds(A)
        it.heard.is_broken = True
        await it.server.peer.send(real("0B", "005930", f10="1"))
        await until(lambda: it.feed.status()["sessions"][0]["oddities"].get("defect") == 1)
        assert len(it.server.open_peers()) == 1


async def test_records_of_what_is_not_wanted_any_more_are_dropped(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A, B)
        await it.holds(A, B)
        it.want(B)
        await it.holds(B)
        await it.server.peer.send(real("0B", "005930", f10="1"), real("0B", "000660_NX", f10="1"))
        await until(lambda: it.heard.incoming)
        assert [registration for registration, _ in it.heard.incoming] == [B]
        assert it.feed.status()["sessions"][0]["unwanted"] == 1


async def test_it_says_good_bye_when_nothing_is_wanted(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A)
        await it.holds(A)
        it.want()
        await until(lambda: not it.server.open_peers())
        assert it.server.peer.close_code == 1000
        assert it.pauses == []


async def test_cancelling_closes_the_connection_cleanly(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A)
        await it.holds(A)
        it.running.cancel()
        await until(lambda: not it.server.open_peers())
        assert it.server.peer.close_code == 1000


async def test_a_lost_connection_is_made_again_with_everything(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A, BOOK)
        await it.holds(A, BOOK)
        await it.server.peer.socket.close(1001)
        await until(lambda: len(it.server.peers) == 2)
        await it.holds(A, BOOK)
        assert it.heard.said("interrupted") == [[A, BOOK]]
        assert len(it.pauses) == 1
        assert 1.0 <= it.pauses[0] <= 2.0
        ((failures, reason),) = it.heard.said("failing")
        assert (failures, reason) == (1, "Kiwoom closed the connection with code 1001")


async def test_a_close_during_the_login_backs_off_longer_and_longer(tmp_path: Path) -> None:
    closings: list[asyncio.Task[None]] = []

    def script(peer: Peer, message: dict[str, Any]) -> Any:
        if peer.number >= 4:
            return None
        closings.append(asyncio.get_running_loop().create_task(peer.socket.close(1000)))
        return ""

    async with stand(tmp_path) as it:
        it.server.script = script
        it.want(A)
        await it.holds(A)
        assert [failures for failures, _ in it.heard.said("failing")] == [1, 2, 3, 4]
        assert min(it.pauses) >= 1.0
        assert it.heard.said("failing")[0][1].endswith("with code 1000 during the login")


@pytest.mark.parametrize(
    ("code", "reason"), [("R10002", "missed the answers to its pings"), ("R10004", "missed the login")]
)
async def test_other_system_codes_end_the_connection_and_it_comes_back(
    tmp_path: Path, code: str, reason: str
) -> None:
    async with stand(tmp_path) as it:
        it.want(A)
        await it.holds(A)
        await it.server.peer.send({"trnm": "SYSTEM", "code": code, "message": "x"})
        await until(lambda: len(it.server.peers) == 2)
        await it.holds(A)
        assert reason in it.heard.said("failing")[0][1]
        assert {"trnm": "SYSTEM"} not in [{"trnm": one["trnm"]} for one in it.server.peers[0].heard]
        assert it.pauses[0] < 3


async def test_a_second_login_elsewhere_is_told_and_waited_out_for_long(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A, BOOK)
        await it.holds(A, BOOK)
        await it.server.peer.send({"trnm": "SYSTEM", "code": "R10001", "message": "중복 로그인"})
        await until(lambda: len(it.server.peers) == 2)
        await it.holds(A, BOOK)
        assert it.pauses[0] >= 300
        assert [said for said, _ in it.heard.log[-7:]] == [
            "interrupted",
            "refused",
            "refused",
            "failing",
            "connected",
            "registered",
            "registered",
        ]
        error = it.heard.errors[A]
        assert isinstance(error, VendorUnavailable)
        assert error.vendor_code == "R10001"
        assert "another program" in str(error)


@pytest.mark.parametrize(
    "refused",
    [
        answer("LOGIN", 3, "토큰 인증에 실패했습니다. 접속을 종료합니다 [CODE=8005, MESSAGE=Token]"),
        answer("LOGIN", 805004, "token"),
        answer("LOGIN", "8031", "token"),
    ],
    ids=lambda one: str(one["return_code"]),
)
async def test_a_refused_token_is_renewed_once_at_once(tmp_path: Path, refused: dict[str, Any]) -> None:
    async with stand(tmp_path) as it:
        it.kiwoom.on(TOKEN, token("old-token"), token("new-token"))
        it.server.script = lambda peer, message: refused if peer.number == 0 else None
        it.want(A)
        await it.holds(A)
        assert [peer.heard[0]["token"] for peer in it.server.peers] == ["old-token", "new-token"]
        assert it.heard.said("failing") == []
        assert it.pauses == [1.0]


async def test_a_token_that_is_refused_again_and_again_backs_off(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.server.script = lambda peer, message: (
            answer("LOGIN", 3, f"[8005:Token {message['token']}]") if peer.number < 4 else None
        )
        it.want(A)
        await it.holds(A)
        assert len(it.heard.said("failing")) == 3
        assert "token-1" not in str(it.heard.log) + str(it.feed.status())
        assert it.heard.said("connected") == [None]


async def test_a_refused_key_ends_nothing_and_is_not_tried_again_for_long(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.kiwoom.on(TOKEN, refusal(3, "[8001:App Key]"))
        it.want(A, B)
        await until(lambda: it.heard.said("refused") == [A, B])
        assert isinstance(it.heard.errors[A], AuthenticationFailed)
        assert it.pauses == [QUICK.key_again] * (QUICK.key_attempts - 1)
        assert it.feed.status()["sessions"][0]["state"] == "refused"
        it.kiwoom.on(TOKEN, token())
        it.want(B)
        it.want(A, B)
        await until(lambda: it.heard.said("refused") == [A, B, A])
        assert it.heard.said("refused for good") == []
        assert not it.server.peers


async def test_a_check_can_read_how_the_connection_is(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A)
        await it.holds(A)
        row = {"worker": "w1", "streams": {"kiwoom": {"feed": it.feed.status()}}}
        (result,) = live_data("kiwoom", row)
        assert result.passed
        assert f"connected, 1 of {it.feed.capacity} registered" in result.detail


async def test_a_refused_key_is_tried_again_by_itself(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, key_refused=0.1)) as it:
        it.kiwoom.on(TOKEN, refusal(3, "[8001:App Key]"))
        it.want(A, B)
        await until(lambda: it.heard.said("refused") == [A, B])
        it.kiwoom.on(TOKEN, token())
        it.clock.advance(60)
        await it.holds(A, B)


async def test_a_key_whose_refusal_passes_is_not_taken_for_a_wrong_one(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.server.script = lambda peer, message: (
            answer("LOGIN", 3, "[8001:App Key]") if message["trnm"] == "LOGIN" and peer.number < 2 else None
        )
        it.want(A)
        await it.holds(A)
        assert it.heard.errors == {}
        assert it.heard.said("failing") == []


async def test_an_unanswered_login_ends_the_connection(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, answer=0.05)) as it:
        it.server.script = lambda peer, message: "" if peer.number == 0 else None
        it.want(A)
        await it.holds(A)
        assert it.heard.said("failing")[0][1] == "Kiwoom left the login unanswered"


async def test_an_unanswered_request_ends_the_connection(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, answer=0.1)) as it:
        it.server.script = lambda peer, message: "" if peer.number == 0 and message["trnm"] == "REG" else None
        it.want(A)
        await it.holds(A)
        assert len(it.server.peers) == 2
        assert "unanswered" in it.heard.said("failing")[0][1]


async def test_a_silent_connection_is_replaced(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, silence=0.3)) as it:
        it.want(A)
        await it.holds(A)
        await until(lambda: len(it.server.peers) == 2)
        assert "nothing came" in it.heard.said("failing")[0][1]


async def test_asking_too_fast_is_asked_again_and_not_given_up(tmp_path: Path) -> None:
    refused = [0]

    def script(peer: Peer, message: dict[str, Any]) -> Any:
        if message["trnm"] != "REG" or refused[0] == 12:
            return None
        refused[0] += 1
        return answer("REG", 105110, "too many")

    async with stand(tmp_path) as it:
        it.server.script = script
        it.want(A, B)
        await it.holds(A, B)
        assert it.heard.errors == {}
        assert [len(asked) for asked in it.server.peer.asked()] == [2] * 13


async def test_one_bad_registration_does_not_cost_the_others(tmp_path: Path) -> None:
    bad = MANY[70]

    def script(peer: Peer, message: dict[str, Any]) -> Any:
        if message["trnm"] == "REG" and (bad.code, bad.symbol) in pairs(message):
            return answer("REG", 100002, "missing")
        return None

    async with stand(tmp_path) as it:
        it.server.script = script
        it.want(*MANY)
        await it.holds(*(one for one in MANY if one != bad))
        await until(lambda: it.heard.said("refused for good") == [bad])
        assert isinstance(it.heard.errors[bad], VendorRejected)
        assert len(it.server.peer.asked()) < 25


async def test_an_unknown_refusal_is_retried_a_few_times(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, retries=3)) as it:
        it.server.script = lambda peer, message: (
            answer("REG", 999999, "who knows") if ("0B", "005930") in pairs_of(message) else None
        )
        it.want(A, B)
        await it.holds(B)
        await until(lambda: it.heard.said("refused for good") == [A])
        error = it.heard.errors[A]
        assert isinstance(error, TaskFailed)
        assert (error.vendor_code, error.vendor_message) == ("999999", "who knows")


async def test_a_full_connection_is_told_and_filled_again_when_there_is_room(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.server.limit = 40
        it.want(*MANY[:50])
        await it.holds(*MANY[:40])
        await until(lambda: set(it.heard.errors) == set(MANY[40:50]))
        assert {type(error) for error in it.heard.errors.values()} == {SubscriptionLimit}
        assert it.heard.said("refused for good") == []
        it.want(*MANY[10:50])
        await it.holds(*MANY[10:50])


async def test_a_forgotten_login_is_made_anew(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.server.script = lambda peer, message: (
            answer("REG", 100013, "login") if peer.number == 0 and message["trnm"] == "REG" else None
        )
        it.want(A)
        await it.holds(A)
        assert len(it.server.peers) == 2


async def test_renewing_takes_one_off_and_puts_it_on_again(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A, B)
        await it.holds(A, B)
        it.feed.renew(A)
        await until(lambda: it.heard.said("registered") == [A, B, A])
        assert it.heard.said("interrupted") == [[A]]
        assert [message["trnm"] for message in it.server.peer.heard] == ["LOGIN", "REG", "REMOVE", "REG"]


async def test_reconnecting_replaces_the_connection(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A)
        await it.holds(A)
        it.feed.reconnect(B, "not held here")
        it.feed.reconnect(A, "it is mute")
        await until(lambda: len(it.server.peers) == 2)
        await it.holds(A)
        assert it.heard.said("failing") == []
        assert it.pauses[0] >= 1.0


def pairs_of(message: dict[str, Any]) -> set[tuple[str, str]]:
    return pairs(message) if message["trnm"] == "REG" else set()
