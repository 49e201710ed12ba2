"""The live connection against a scripted server: registrations, answers, ends and new beginnings."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from broker_client.errors import AuthenticationFailed, SubscriptionLimit, TaskFailed
from broker_server.core.feeds import FeedObserver
from broker_server.core.stream_requests import Registration
from broker_server.vendors.kis.realtime_codes import Treatment, known_codes
from tests.support.kis_live import (
    ALL_CODES,
    HTS_ID,
    QUICK,
    Asked,
    Peer,
    ack,
    approval,
    notices,
    refusal,
    stand,
    trade,
    until,
)
from tests.support.kis_server import reply
from tests.support.kis_stream import changed, frame_of, payload_of, recorded, sealed_frame_of, sealed_frames
from tests.support.tcp_proxy import TcpProxy

A, B, C = trade("005930"), trade("000660"), trade("035420")
PING = '{"header":{"tr_id":"PINGPONG","datetime":"20260915103000"}}'


async def test_it_connects_when_something_is_wanted_and_registers_in_order(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        await asyncio.sleep(0)
        assert not it.server.peers
        it.want(B, A, C)
        await it.holds(A, B, C)
        assert it.server.registered() == [B, A, C]
        assert it.server.peer.path == "/tryitout"
        first = orjson.loads(it.server.peer.heard[0])
        assert first["header"] == {
            "approval_key": "approval-1",
            "custtype": "P",
            "tr_type": "1",
            "content-type": "utf-8",
        }


async def test_it_asks_for_the_approval_key_with_the_right_field_once(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A, B)
        await it.holds(A, B)
        (request,) = it.kis.calls("Approval")
        assert set(orjson.loads(request.body or b"")) == {"grant_type", "appkey", "secretkey"}


async def test_a_configured_approval_key_is_used_and_replaced_when_refused(tmp_path: Path) -> None:
    async with stand(tmp_path, ws_approval_key=SecretStr("configured-key")) as it:
        it.server.script = lambda peer, asked: (
            refusal(asked, "OPSP0011", f"invalid approval : NOT FOUND {asked.approval_key}")
            if asked.approval_key == "configured-key"
            else None
        )
        it.want(A)
        await it.holds(A)
        assert [asked.approval_key for asked in it.server.asked] == ["configured-key", "approval-1"]
        assert it.pauses == []


async def test_a_refused_approval_key_is_replaced_once_and_then_backs_off(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.kis.on("Approval", *[approval(f"secret-key-{number}") for number in range(9)])
        it.server.script = lambda peer, asked: (
            refusal(asked, "OPSP0011", f"invalid approval : NOT FOUND {asked.approval_key}")
            if peer.number < 3
            else None
        )
        with capture_logs() as logs:
            it.want(A)
            await it.holds(A)
        assert [asked.approval_key for asked in it.server.asked] == [f"secret-key-{n}" for n in range(4)]
        assert len(it.pauses) == 2
        assert "secret-key" not in str(logs) + str(it.heard.log) + str(it.feed.status())


async def test_a_key_that_is_refused_again_and_again_after_a_success_backs_off_too(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.kis.on("Approval", *[approval(f"secret-key-{number}") for number in range(9)])
        it.server.script = lambda peer, asked: (
            refusal(asked, "OPSP0011") if peer.number < 4 and asked.registration == B else None
        )
        it.want(A, B)
        await it.holds(A, B)
        assert len(it.pauses) == 3


async def test_an_app_key_that_gets_no_approval_key_is_refused(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.kis.on("Approval", reply({"error_code": "EGW00103", "error_description": "no"}, 403))
        it.want(A)
        await until(lambda: it.heard.said("refused") == [A])
        assert isinstance(it.heard.errors[A], AuthenticationFailed)
        assert not it.server.peers
        assert len(it.kis.calls("Approval")) == QUICK.key_attempts
        assert it.pauses == [QUICK.key_again] * 2


async def test_a_key_whose_refusal_passes_is_not_taken_for_a_wrong_one(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        refused = reply({"error_code": "EGW00103", "error_description": "no"}, 403)
        it.kis.on("Approval", refused, refused, approval())
        it.want(A)
        await it.holds(A)
        assert it.heard.errors == {}
        assert it.heard.said("failing") == []


async def test_what_was_refused_for_good_is_not_asked_for_again_within_a_minute(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, remember=60.0)) as it:
        it.server.script = lambda peer, asked: refusal(asked, "OPSP8992") if asked.registration == A else None
        it.want(A, B)
        await it.holds(B)
        await until(lambda: it.heard.said("refused for good") == [A])
        for times in range(2, 5):
            it.want(B)
            it.want(A, B)
            await until(lambda times=times: it.heard.said("refused for good") == [A] * times)
        assert it.server.registered() == [A, B]
        it.clock.advance(61)
        it.want(B)
        it.want(A, B)
        await until(lambda: it.server.registered() == [A, B, A])


async def test_subscribing_and_unsubscribing_in_a_loop_asks_for_nothing(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, keep=10.0, linger=10.0)) as it:
        it.want(A, B)
        await it.holds(A, B)
        for _ in range(5):
            it.want(B)
            it.want(A, B)
            await until(lambda: it.heard.up == {A, B})
        assert len(it.server.asked) == 2


async def test_requests_beyond_the_pace_wait(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, burst=2, refill=0.1)) as it:
        it.want(A, B, C)
        await it.holds(A, B, C)
        first, _, third = [asked.at for asked in it.server.asked]
        assert third - first >= 0.09


async def test_what_is_not_wanted_any_more_goes_first(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, between_requests=0.01)) as it:
        it.want(A, B)
        await it.holds(A, B)
        it.want(C, B)
        await it.holds(C, B)
        assert [(asked.register, asked.registration) for asked in it.server.asked[2:]] == [
            (False, A),
            (True, C),
        ]
        it.want()
        await until(lambda: not it.server.open_peers())
        assert it.server.peer.close_code == 1000
        assert it.pauses == []


class WhenSent(FeedObserver):
    """Notes when each request leaves: when it arrives is for the machine to say, not for the pace."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def asked(self, registration: Registration, *, register: bool) -> None:
        self.times.append(time.monotonic())


async def test_requests_are_paced_and_one_at_a_time(tmp_path: Path) -> None:
    tickers = [trade(f"00000{number}") for number in range(6)]
    sent = WhenSent()
    async with stand(tmp_path, timing=replace(QUICK, between_requests=0.05), observer=sent) as it:
        it.want(*tickers)
        await it.holds(*tickers)
        assert len(sent.times) == len(it.server.asked) == len(tickers)
        assert min(later - earlier for earlier, later in itertools.pairwise(sent.times)) > 0.03


async def test_a_ping_is_echoed_as_it_is(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A)
        await it.holds(A)
        await it.server.peer.send(PING)
        await until(lambda: it.server.peer.heard[-1] == PING)


async def test_records_reach_the_listener_with_their_registration(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A, B)
        await it.holds(A, B)
        one = payload_of(recorded("H0STCNT0"))
        other = changed(one, "H0STCNT0", MKSC_SHRN_ISCD="000660")
        await it.server.peer.send(frame_of("H0STCNT0", one, other, one))
        await until(lambda: len(it.heard.incoming) == 3)
        assert [registration for registration, _ in it.heard.incoming] == [A, B, A]
        assert [incoming.subject for _, incoming in it.heard.incoming] == ["005930", "000660", "005930"]


async def test_records_of_what_is_not_wanted_any_more_are_dropped(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A, B)
        await it.holds(A, B)
        it.want(B)
        await it.holds(B)
        one = payload_of(recorded("H0STCNT0"))
        other = changed(one, "H0STCNT0", MKSC_SHRN_ISCD="000660")
        await it.server.peer.send(frame_of("H0STCNT0", one), frame_of("H0STCNT0", other))
        await until(lambda: it.heard.incoming)
        assert [registration for registration, _ in it.heard.incoming] == [B]
        assert it.feed.status()["sessions"][0]["unwanted"] == 1


async def test_odd_frames_are_counted_logged_once_and_harmless(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A)
        await it.holds(A)
        one = payload_of(recorded("H0STCNT0"))
        stranger = changed(one, "H0STCNT0", MKSC_SHRN_ISCD="999999")
        with capture_logs() as logs:
            await it.server.peer.send(
                "garbage",
                "0|H0STCNT0|001|too^short",
                *[frame_of("H0STCNT0", stranger)] * 3,
                recorded("H0STASP0"),
                refusal(None, "OPSP7777", "what is this"),
                frame_of("H0STCNT0", one),
            )
            await it.server.peer.socket.send(b"0|H0STCNT0|001|\xff\xfe", text=True)
            await until(lambda: it.heard.incoming)
            await it.server.peer.send(frame_of("H0STCNT0", one))
            await until(lambda: len(it.heard.incoming) == 2)
        oddities = it.feed.status()["sessions"][0]["oddities"]
        assert oddities == {
            "malformed": 1,
            "too_short": 2,
            "other_key": 3,
            "never_asked": 1,
            "unknown_code": 1,
            "late_answer": 1,
        }
        kinds = [entry["kind"] for entry in logs if entry["event"] == "kis_live_oddity"]
        assert sorted(kinds) == sorted(oddities)
        assert len(it.server.peers) == 1


async def test_notices_are_opened_and_those_of_other_accounts_dropped(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(notices())
        await it.holds(notices())
        sealed = [text for text in sealed_frames() if text.startswith("1|H0STCNI0")]
        assert sealed
        await it.server.peer.send(*sealed_notice("1234567801"), *sealed_notice("8765432101"))
        await it.server.peer.send(*sealed_notice("1234567801"))
        await until(lambda: len(it.heard.incoming) == 2)
        status = it.feed.status()
        assert status["sessions"][0]["of_other_accounts"] == 1
        assert status["sessions"][0]["environment"] == "simulated"
        assert HTS_ID not in str(status)
        for registration, incoming in it.heard.incoming:
            assert registration == notices()
            assert (incoming.channel, incoming.subject) == ("execution", "default")
            shown = str(incoming.raw_event()) + str(incoming.event())
            assert not any(personal in shown for personal in (HTS_ID, "1234567801", "홍길동"))


def sealed_notice(account: str) -> list[str]:
    texts = [HTS_ID, account, "0000012345", "", "02", "0", "00", "0", "005930", "10", "71900", "103000", "0"]
    texts += ["2", "2", "00950", "10", "홍길동", "0", "1", "Y", "", "10", "", "삼성전자", "71900"]
    return [sealed_frame_of("H0STCNI0", texts)]


async def test_notices_that_are_registered_already_are_registered_anew_for_their_key(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:

        def script(peer: Peer, asked: Asked) -> str | None:
            if len(it.server.asked) == 1:
                peer.held.add(asked.registration)
                return refusal(asked, "OPSP0002", "ALREADY IN SUBSCRIBE")
            return None

        it.server.script = script
        it.want(notices())
        await until(lambda: len(it.server.asked) == 3)
        await it.holds(notices())
        assert [asked.register for asked in it.server.asked] == [True, False, True]
        await it.server.peer.send(*sealed_notice("1234567801"))
        await until(lambda: it.heard.incoming)


@pytest.mark.parametrize("code", ALL_CODES)
@pytest.mark.parametrize("correlated", [True, False], ids=["with tr_id", "without tr_id"])
async def test_every_code_is_treated_as_the_table_says(tmp_path: Path, code: str, correlated: bool) -> None:
    treatment = known_codes()[code]
    async with stand(tmp_path) as it:
        it.want(B)
        await it.holds(B)

        def script(peer: Peer, asked: Asked) -> str | None:
            is_passing = peer.number > 0 and treatment is not Treatment.KEY_REFUSED
            if is_passing or (asked.registration, asked.register) != (A, True):
                return None
            if treatment is Treatment.REGISTERED:
                peer.held.add(A)
            success = code in ("OPSP0000", "OPSP0001")
            said = "UNSUBSCRIBE SUCCESS" if code == "OPSP0001" else f"said approval-1 {HTS_ID}"
            if success:
                return ack(asked, code, message=said)
            return refusal(asked if correlated else None, code, said, "9" if code == "OPSP8996" else "1")

        it.server.script = script
        it.want(B, A)
        if treatment is Treatment.REGISTERED:
            await it.holds(A, B)
            assert len(it.server.asked) == 2
            return
        if treatment is Treatment.REMOVED:  # not an answer to this question: it goes on waiting
            await until(lambda: len(it.server.asked) == 2)
            assert A not in it.heard.up
            return
        if treatment in (Treatment.IN_USE, Treatment.NEW_APPROVAL_KEY):
            await it.holds(A, B)
            assert len(it.server.peers) == 2
            assert it.server.peers[0].close_code == 1000
            assert bool(it.pauses) == (treatment is Treatment.IN_USE)
            assert all(pause >= 30 for pause in it.pauses)
            return
        await until(lambda: A in it.heard.errors)
        error = it.heard.errors[A]
        assert isinstance(error, TaskFailed)
        assert (error.vendor, error.vendor_code) == ("kis", code)
        assert "approval-1" not in str(error) + str(error.vendor_message)
        assert HTS_ID not in str(error) + str(error.vendor_message)
        for_good = A in it.heard.said("refused for good")
        assert for_good == (treatment not in (Treatment.RETRY, Treatment.LIMIT, Treatment.KEY_REFUSED))
        if treatment is Treatment.RETRY:
            await until(lambda: it.heard.said("refused for good") == [A])
            tries = it.server.registered().count(A)
            assert tries == QUICK.retries + 1
        if treatment is Treatment.KEY_REFUSED:
            assert isinstance(error, AuthenticationFailed)
            assert set(it.heard.said("refused")) == {A, B}
            return
        await it.holds(B)


async def test_a_registration_that_was_given_up_is_tried_when_wanted_anew(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.server.script = lambda peer, asked: (
            refusal(asked, "OPSP8992") if len(it.server.asked) == 1 else None
        )
        it.want(A)
        await until(lambda: it.heard.said("refused for good") == [A])
        it.want(A, B)
        await it.holds(B)
        it.want(B)
        it.want(A, B)
        await it.holds(A, B)


async def test_past_the_limit_the_important_ones_are_held(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.server.limit = 2
        it.want(A, B)
        await it.holds(A, B)
        it.want(C, A, B)
        await it.holds(C, A)
        assert isinstance(it.heard.errors[B], SubscriptionLimit)
        asked = len(it.server.asked)
        it.want(C, B)
        await it.holds(C, B)
        assert len(it.server.asked) == asked + 2
        assert it.heard.said("refused for good") == []


async def test_an_unanswered_request_is_sent_again(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, answer=0.05)) as it:
        it.server.script = lambda peer, asked: "" if len(it.server.asked) == 1 else None
        it.want(A, B)
        await it.holds(A, B)
        assert len(it.server.peers) == 1
        assert it.server.registered()[:2] == [A, B]


async def test_a_registration_whose_answer_was_lost_counts_when_it_is_there_already(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, answer=0.05)) as it:

        def script(peer: Peer, asked: Asked) -> str | None:
            if len(it.server.asked) == 1:
                peer.held.add(asked.registration)
                return ""
            return None

        it.server.script = script
        it.want(A)
        await it.holds(A)
        assert it.server.registered() == [A, A]


async def test_a_deaf_server_is_left_after_several_requests(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, answer=0.03)) as it:
        it.server.script = lambda peer, asked: "" if peer.number == 0 else None
        it.want(A, B)
        await it.holds(A, B)
        assert len([asked for asked in it.server.asked if asked.peer == 0]) == 3
        assert it.server.most_at_once == 1
        (failure,) = it.heard.said("failing")
        assert failure[0] == 1
        assert "unanswered" in failure[1]


async def test_a_silent_connection_is_replaced(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, silence=0.15)) as it:
        it.want(A)
        await it.holds(A)
        await until(lambda: len(it.server.peers) >= 2)
        await it.holds(A)
        assert it.heard.said("interrupted")[0] == [A]
        assert it.server.most_at_once == 1
        assert "nothing came" in it.heard.said("failing")[0][1]


async def test_a_half_open_connection_is_cut_and_replaced(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        with TcpProxy("127.0.0.1", it.server.port) as proxy:
            quick = replace(QUICK, silence=0.2, close=0.1)
            async with stand(tmp_path, timing=quick, ws_url=f"ws://127.0.0.1:{proxy.port}") as through_proxy:
                heard = through_proxy.heard
                through_proxy.want(A)
                await until(lambda: heard.up == {A})
                proxy.pause()
                await until(lambda: heard.said("interrupted") == [[A]])
                proxy.cut()
                proxy.resume()
                await until(lambda: heard.up == {A})


async def test_pings_alone_keep_a_connection(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, silence=0.2)) as it:
        it.want(A)
        await it.holds(A)
        for _ in range(8):
            await it.server.peer.send(PING)
            await asyncio.sleep(0.05)
        assert len(it.server.peers) == 1


async def test_after_a_break_exactly_what_is_wanted_is_registered_again(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A, B)
        await it.holds(A, B)
        it.server.peer.socket.transport.abort()
        it.want(C, A)
        await it.holds(C, A)
        assert [one.registration for one in it.server.asked if one.peer == 1] == [C, A]
        assert it.heard.said("interrupted") == [[A]]
        assert [number for number, _ in it.heard.said("failing")] == [1]
        assert len(it.pauses) == 1


async def test_a_server_that_accepts_and_drops_is_asked_ever_more_seldom(tmp_path: Path) -> None:
    async with stand(tmp_path, seed=3) as it:

        def script(peer: Peer, asked: Asked) -> str | None:
            if peer.number < 12:
                peer.socket.transport.abort()
                return ""
            return None

        it.server.script = script
        it.want(A)
        await it.holds(A)
        assert [number for number, _ in it.heard.said("failing")] == list(range(1, 13))
        assert all(pause <= min(60, 2**at) for at, pause in enumerate(it.pauses))
        assert max(it.pauses) > 20
        assert it.server.most_at_once == 1


async def test_the_back_off_starts_anew_only_after_a_lasting_connection(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, stable=0.3)) as it:
        it.want(A)
        for number in range(2):
            await it.holds(A)
            it.server.peer.socket.transport.abort()
            await until(lambda number=number: len(it.server.peers) == number + 2)
        await it.holds(A)
        assert it.feed.status()["sessions"][0]["failures"] == 2
        await until(lambda: it.feed.status()["sessions"][0]["failures"] == 0)
        it.server.peer.socket.transport.abort()
        await until(lambda: len(it.heard.said("failing")) == 3)
        assert [number for number, _ in it.heard.said("failing")] == [1, 2, 1]


async def test_a_redirect_to_another_host_is_not_followed(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:

        def redirect(connection: ServerConnection, request: Request) -> Response:
            return Response(302, "Found", Headers({"Location": f"{it.server.url}/tryitout"}))

        async with serve(it.server.serve, "127.0.0.1", 0, process_request=redirect) as door:
            url = f"ws://127.0.0.1:{next(iter(door.sockets)).getsockname()[1]}"
            async with stand(tmp_path, ws_url=url) as redirected:
                redirected.want(A)
                await until(lambda: redirected.heard.said("failing"))
                assert "handshake" in redirected.heard.said("failing")[0][1]
        assert not it.server.peers


async def test_a_refused_connection_backs_off(tmp_path: Path) -> None:
    async with stand(tmp_path, ws_url="ws://127.0.0.1:1") as it:
        it.want(A)
        await until(lambda: len(it.heard.said("failing")) >= 5)
        assert all(0 <= pause <= 2**at for at, pause in enumerate(it.pauses))
        assert it.heard.said("connected") == []


async def test_a_refused_app_key_is_not_asked_again_for_long(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.server.script = lambda peer, asked: refusal(asked, "OPSP9994", "INVALID appkey")
        it.want(A)
        await until(lambda: it.heard.said("refused") == [A])
        it.want()
        it.want(A)
        await until(lambda: it.heard.said("refused") == [A, A])
        assert len(it.server.peers) == QUICK.key_attempts
        assert it.feed.status()["sessions"][0]["state"] == "refused"
        it.clock.advance(QUICK.key_refused + 1)
        it.server.script = lambda peer, asked: None
        it.want()
        it.want(A)
        await it.holds(A)


async def test_what_a_refused_app_key_left_is_tried_again_after_that_by_itself(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, key_refused=0.2)) as it:
        it.server.script = lambda peer, asked: refusal(asked, "OPSP9994", "INVALID appkey")
        it.want(notices())
        await until(lambda: it.heard.said("refused") == [notices()])
        it.clock.advance(1)
        await until(lambda: it.heard.said("refused") == [notices()] * 2)
        it.server.script = lambda peer, asked: None
        it.clock.advance(1)
        await it.holds(notices())


async def test_notices_that_break_the_connection_are_given_up_and_the_others_live(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, suspect=0.05)) as it:

        def script(peer: Peer, asked: Asked) -> str | None:
            if asked.registration == notices():
                peer.socket.transport.abort()
                return ""
            return None

        it.server.script = script
        it.want(notices(), A, B)
        await until(lambda: it.heard.said("refused for good") == [notices()])
        await it.holds(A, B)
        # At first nothing had worked; on a busy machine that may be so for longer.
        assert 1 + QUICK.breaks <= it.server.registered().count(notices()) <= 4 * QUICK.breaks
        assert "KIS_HTS_ID" in str(it.heard.errors[notices()])
        assert HTS_ID not in str(it.heard.errors[notices()])


async def test_a_key_in_use_costs_no_registration(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.server.script = lambda peer, asked: (
            refusal(asked, "OPSP8996", "ALREADY IN USE appkey", "9") if peer.number < 20 else None
        )
        it.want(notices(), A)
        await it.holds(notices(), A)
        assert it.heard.errors == {}
        assert len(it.pauses) == 20
        assert min(it.pauses) >= 30
        assert it.server.most_at_once == 1


async def test_renewing_unregisters_and_registers(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A, B)
        await it.holds(A, B)
        it.feed.renew(A)
        await until(lambda: len(it.server.asked) == 4)
        await it.holds(A, B)
        assert [(asked.register, asked.registration) for asked in it.server.asked[2:]] == [
            (False, A),
            (True, A),
        ]
        assert it.heard.said("interrupted") == [[A]]


async def test_reconnecting_replaces_the_connection_and_says_good_bye(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A, B)
        await it.holds(A, B)
        it.feed.reconnect(A, "everything is mute")
        await until(lambda: len(it.server.peers) == 2)
        await it.holds(A, B)
        assert it.server.peers[0].close_code == 1000
        assert it.server.most_at_once == 1
        assert it.heard.said("failing") == []
        assert len(it.pauses) == 1


async def test_going_on_and_off_is_paced(tmp_path: Path) -> None:
    async with stand(tmp_path, timing=replace(QUICK, linger=0.0)) as it:
        for number in range(3):
            it.want(A)
            await it.holds(A)
            it.want()
            await until(lambda number=number: not it.server.open_peers())
        assert len(it.pauses) == 2


async def test_what_is_wanted_again_before_it_was_given_back_is_confirmed_anew(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A)
        await it.holds(A)
        it.want()
        it.want(A)
        await it.holds(A)
        assert it.server.registered() == [A]


async def test_stopping_says_good_bye(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A)
        await it.holds(A)
        await it.stop()
        assert it.running.cancelled()
        await until(lambda: it.server.peer.close_code == 1000)


async def test_a_defect_of_the_listener_does_not_end_the_feed(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.want(A)
        await it.holds(A)
        it.heard.is_broken = True
        with capture_logs() as logs:
            await it.server.peer.send(recorded("H0STCNT0"))
            await until(lambda: logs)
        assert logs[0]["event"] == "kis_live_record_failed"
        it.heard.is_broken = False
        await it.server.peer.send(recorded("H0STCNT0"))
        await until(lambda: it.heard.incoming)
        assert len(it.server.peers) == 1


async def test_neither_logs_nor_status_tell_the_hts_id(tmp_path: Path) -> None:
    async with stand(tmp_path) as it:
        it.server.script = lambda peer, asked: refusal(asked, "OPSP0007", f"{HTS_ID} {asked.approval_key}")
        with capture_logs() as logs:
            it.want(notices())
            await until(lambda: it.heard.said("refused for good"))
        assert not any(secret in str(logs) + str(it.feed.status()) for secret in (HTS_ID, "approval-1"))
