"""Several app keys as one feed: who holds what, and who takes over."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from broker_client.errors import SubscriptionLimit, Unsupported
from broker_server.core.stream_requests import Registration
from broker_server.vendors.kis.realtime_places import Seat, place
from tests.support.kis_live import notices, refusal, stand, trade, until

TRADES = [trade(f"{number:06}") for number in range(12)]
INDEX = Registration("H0UPCNT0", "0001")
REAL = Seat("real", 3, "mine")
PAPER = Seat("paper", 3, "paper-mine")


def other_key(number: int, **settings: object) -> dict[str, object]:
    """The settings of another app key."""
    return {"app_key": SecretStr(f"key-{number}" * 5), "hts_id": SecretStr(f"customer-{number}"), **settings}


def test_registrations_spread_and_stay() -> None:
    seats = [REAL, REAL]
    first = place(TRADES[:4], seats, {}).seats
    assert sorted(first.values()) == [0, 0, 1, 1]
    later = place([TRADES[8], *TRADES[1:4]], seats, first).seats
    assert all(later[one] == first[one] for one in TRADES[1:4])


def test_what_paper_does_not_offer_goes_to_a_real_key() -> None:
    places = place([INDEX, *TRADES[:5]], [PAPER, REAL], {})
    assert places.seats[INDEX] == 1
    assert len(places.seats) == 6
    assert place([INDEX, TRADES[0]], [PAPER], {}).unsupported == [INDEX]


def test_one_that_only_one_key_may_hold_displaces_another() -> None:
    before = {TRADES[0]: 1, TRADES[1]: 1, TRADES[2]: 1}
    places = place([*TRADES[:3], INDEX], [PAPER, REAL], before)
    assert places.seats == {TRADES[0]: 1, TRADES[1]: 1, TRADES[2]: 0, INDEX: 1}


def test_notices_go_to_the_key_of_their_customer() -> None:
    seats = [REAL, Seat("real", 3, "other"), PAPER]
    paper_notices = Registration("H0STCNI9", "paper-mine")
    wanted = [notices("other"), notices("mine"), paper_notices]
    assert place(wanted, seats, {}).seats == {notices("other"): 1, notices("mine"): 0, paper_notices: 2}


def test_a_refused_key_gives_what_it_has_to_the_others_and_what_only_it_may_hold_is_refused() -> None:
    seats = [Seat("real", 3, "mine", is_usable=False, is_healthy=False), Seat("paper", 2, None)]
    places = place([*TRADES[:3], INDEX], seats, dict.fromkeys([*TRADES[:3], INDEX], 0))
    assert places.seats == {TRADES[0]: 1, TRADES[1]: 1}
    assert (places.homeless, places.refused) == ([TRADES[2]], [INDEX])


def test_a_key_that_does_not_connect_keeps_what_the_others_have_no_room_for() -> None:
    seats = [Seat("real", 3, "mine", is_healthy=False), Seat("real", 1, None)]
    places = place(TRADES[:3], seats, dict.fromkeys(TRADES[:3], 0))
    assert sorted(places.seats.values()) == [0, 0, 1]
    assert places.seats[TRADES[0]] == 1


@settings(max_examples=200, deadline=None)
@given(
    seats=st.lists(
        st.builds(
            Seat,
            environment=st.sampled_from(["real", "paper"]),
            capacity=st.integers(1, 4),
            hts_id=st.sampled_from([None, "mine", "other"]),
            is_usable=st.booleans(),
            is_healthy=st.just(True),
        ),
        min_size=1,
        max_size=4,
    ),
    seed=st.integers(0, 2**30),
)
def test_no_seat_is_overfull_and_nothing_is_lost(seats: list[Seat], seed: int) -> None:
    chance = random.Random(seed)
    pool = [*TRADES, INDEX, notices("mine"), notices("other")]
    before: dict[Registration, int] = {}
    for _ in range(3):
        wanted = chance.sample(pool, chance.randint(0, len(pool)))
        places = place(wanted, seats, before)
        parts = [*places.seats, *places.homeless, *places.refused, *places.unsupported]
        assert sorted(parts) == sorted(wanted)
        for at, seat in enumerate(seats):
            held = list(places.seats.values()).count(at)
            assert held <= seat.capacity
            assert not held or seat.is_usable
        before = dict(places.seats)


async def test_capacities_add_up_and_each_key_has_one_connection(tmp_path: Path) -> None:
    small = {"ws_max_registrations": 4}
    async with stand(tmp_path, small, other_key(2, **small)) as it:
        assert it.feed.capacity == 8
        it.want(*TRADES[:8])
        await it.holds(*TRADES[:8])
        assert [len(server.held()) for server in it.servers] == [4, 4]
        assert len(it.kis.calls("Approval")) == 2
        it.want(*TRADES[2:10])
        await it.holds(*TRADES[2:10])
        assert [server.most_at_once for server in it.servers] == [1, 1]
        assert [len(server.peers) for server in it.servers] == [1, 1]


async def test_more_than_the_capacity_is_ignored(tmp_path: Path) -> None:
    async with stand(tmp_path, ws_max_registrations=2) as it:
        it.feed.want(TRADES[:5])
        await it.holds(*TRADES[:2])
        assert it.heard.errors == {}


async def test_the_registrations_of_a_refused_key_go_to_the_others(tmp_path: Path) -> None:
    async with stand(tmp_path, {}, other_key(2)) as it:
        it.want(*TRADES[:4])
        await it.holds(*TRADES[:4])
        it.server.script = lambda peer, asked: refusal(asked, "OPSP0010", "WARNING: invalid appkey", "9")
        await it.server.peer.send(refusal(None, "OPSP0010", "WARNING: invalid appkey", "9"))
        await until(lambda: len(it.servers[1].held()) == 4)
        await it.holds(*TRADES[:4])
        assert it.heard.said("refused for good") == []
        assert len(it.heard.said("interrupted")) == 1
        assert it.feed.status()["sessions"][0]["state"] == "refused"


async def test_what_has_no_room_after_that_is_told(tmp_path: Path) -> None:
    small = {"ws_max_registrations": 2}
    async with stand(tmp_path, small, other_key(2, **small)) as it:
        it.want(*TRADES[:4])
        await it.holds(*TRADES[:4])
        it.server.script = lambda peer, asked: refusal(asked, "OPSP9994", "INVALID appkey", "9")
        await it.server.peer.send(refusal(None, "OPSP9994", "INVALID appkey", "9"))
        await until(lambda: len(it.heard.said("refused")) == 2)
        assert all(isinstance(error, SubscriptionLimit) for error in it.heard.errors.values())
        it.want(*TRADES[:2])
        await it.holds(*TRADES[:2])


async def test_a_key_that_does_not_connect_loses_what_others_have_room_for(tmp_path: Path) -> None:
    async with stand(tmp_path, {"ws_url": "ws://127.0.0.1:1"}, other_key(2)) as it:
        it.want(*TRADES[:4])
        await until(lambda: it.servers[1].held() == set(TRADES[:4]))
        assert it.heard.said("refused for good") == []


async def test_what_no_key_is_offered_is_refused_once_and_for_good(tmp_path: Path) -> None:
    async with stand(tmp_path, environment="paper") as it:
        it.feed.want([INDEX, TRADES[0]])
        assert it.heard.log == [], "nobody is called back from within his own call"
        await it.holds(TRADES[0])
        it.feed.want([INDEX, TRADES[0], TRADES[1]])
        await it.holds(*TRADES[:2])
        assert it.heard.said("refused for good") == [INDEX]
        assert isinstance(it.heard.errors[INDEX], Unsupported)
        assert it.server.registered() == TRADES[:2]


async def test_renewing_and_reconnecting_reach_the_right_connection(tmp_path: Path) -> None:
    async with stand(tmp_path, {}, other_key(2)) as it:
        it.want(*TRADES[:4])
        await it.holds(*TRADES[:4])
        at = next(at for at, server in enumerate(it.servers) if TRADES[3] in server.held())
        it.feed.reconnect(TRADES[3], "mute")
        await until(lambda: len(it.servers[at].peers) == 2)
        await it.holds(*TRADES[:4])
        assert len(it.servers[1 - at].peers) == 1
        it.feed.renew(TRADES[3])
        await until(lambda: it.servers[at].registered().count(TRADES[3]) == 3)
        await it.holds(*TRADES[:4])
        it.feed.renew(TRADES[9])
        it.feed.reconnect(TRADES[9], "it is not even wanted")


async def test_stopping_closes_every_connection(tmp_path: Path) -> None:
    async with stand(tmp_path, {}, other_key(2)) as it:
        it.want(*TRADES[:4])
        await it.holds(*TRADES[:4])
        await it.stop()
        await until(lambda: [server.peer.close_code for server in it.servers] == [1000, 1000])


async def test_a_feed_needs_an_address(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="KIS_WS_URL"):
        async with stand(tmp_path, ws_url=None):
            pass


async def test_random_wishes_breaks_and_refusals_end_at_exactly_what_is_wanted(tmp_path: Path) -> None:
    chance = random.Random(20260915)
    async with stand(tmp_path, {"ws_max_registrations": 6}, other_key(2, ws_max_registrations=6)) as it:
        trouble = {"rate": 0.3}

        def script(peer: object, asked: object) -> str | None:
            if chance.random() >= trouble["rate"]:
                return None
            return refusal(asked, chance.choice(["OPSP0007", "OPSP8999", "OPSP9993"]))  # type: ignore[arg-type]

        for server in it.servers:
            server.script = script  # type: ignore[assignment]
        for _ in range(25):
            wanted = chance.sample(TRADES, chance.randint(0, len(TRADES)))
            it.want(*wanted)
            await until(
                lambda: it.feed.status()["registered"] > chance.randint(0, 2) or chance.random() < 0.5
            )
            for server in it.servers:
                if server.open_peers() and chance.random() < 0.2:
                    server.peer.socket.transport.abort()
        trouble["rate"] = 0.0
        it.want()
        await until(lambda: not any(server.open_peers() for server in it.servers))
        wanted = chance.sample(TRADES, 9)
        it.want(*wanted)
        await it.holds(*wanted)
        assert [server.most_at_once for server in it.servers] == [1, 1]
