"""The staleness watchdog: silence is looked into, and what is mute is healed, never in a loop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from broker_server.core.freshness import (
    LONGEST_PATIENCE,
    LONGEST_WAIT,
    Action,
    Freshness,
    Reconnect,
    Recovered,
    Renew,
    Stale,
    Suspected,
)
from broker_server.core.stream_requests import Registration

OPENING = datetime(2026, 11, 25, 0, tzinfo=UTC)
A, B, C = (Registration("TRADE", name) for name in "ABC")
NOTICE = Registration("NOTICE", "me")


class Watched:
    """A watchdog with a clock that goes second by second; the market is open from second 0 to 30,000."""

    def __init__(self, stale_after: float = 60.0) -> None:
        self.now = 0.0
        self.closed = False
        self.freshness = Freshness(self.may_trade, stale_after=stale_after)

    def may_trade(self, registration: Registration, at: datetime) -> bool:
        seconds = (at - OPENING).total_seconds()
        return registration != NOTICE and not self.closed and 0 <= seconds < 30_000

    def tick(self) -> list[Suspected]:
        return self.freshness.tick(self.now, OPENING + timedelta(seconds=self.now))

    def confirm(self, *registrations: Registration, group: str = "g") -> None:
        for each in registrations:
            self.freshness.confirmed(each, self.now, group)

    def receive(self, registration: Registration) -> Recovered | None:
        return self.freshness.received(registration, self.now)

    def until_suspected(self, limit: float = 20_000) -> float:
        """Let time pass until something is suspected; after how many seconds that is."""
        begun = self.now
        while self.now < begun + limit:
            self.now += 1
            if self.tick():
                return self.now - begun
        raise AssertionError("nothing was suspected")

    def never_suspected(self, seconds: float) -> None:
        begun = self.now
        while self.now < begun + seconds:
            self.now += 1
            assert self.tick() == []

    def verdict(self, moved: bool | None, registration: Registration = A) -> list[Action]:
        return self.freshness.verdict(registration, moved, self.now)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_silence_is_suspected_once(watched: Watched) -> None:
    watched.confirm(A)
    watched.tick()
    watched.never_suspected(59)
    watched.now += 1
    assert watched.tick() == [Suspected(A, 60.0)]
    watched.never_suspected(59)


def test_a_verdict_that_is_lost_is_asked_for_again(watched: Watched) -> None:
    watched.confirm(A)
    watched.until_suspected()
    assert watched.until_suspected() == 60


def test_data_puts_it_off(watched: Watched) -> None:
    watched.confirm(A)
    for _ in range(20):
        watched.never_suspected(50)
        assert watched.receive(A) is None
    assert watched.until_suspected() > 60, "its typical gap is 50 s"


def test_a_quiet_market_is_looked_at_ever_more_rarely(watched: Watched) -> None:
    watched.confirm(A)
    watched.tick()
    waits = []
    for _ in range(7):
        waits.append(watched.until_suspected())
        assert watched.verdict(False) == []
        assert not watched.freshness.is_stale(A)
    assert waits == [60, 120, 240, 480, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT]
    watched.receive(A)
    assert watched.until_suspected() == 60


def test_what_is_mute_is_renewed_then_its_connection_replaced(watched: Watched) -> None:
    watched.confirm(A)
    watched.until_suspected()
    assert watched.verdict(True) == [Stale(A, proven=True), Renew(A)]
    assert watched.freshness.is_stale(A)
    watched.confirm(A)
    assert watched.until_suspected() == 60
    assert watched.verdict(True) == [Reconnect(A)]
    watched.freshness.interrupted(A)
    watched.never_suspected(200)
    watched.confirm(A)
    watched.until_suspected()
    assert watched.verdict(True) == [Reconnect(A)]
    assert watched.receive(A) == Recovered(A, delivers=True)
    assert watched.receive(A) is None


def test_the_attempts_to_heal_are_ever_further_apart(watched: Watched) -> None:
    watched.confirm(A)
    watched.until_suspected()
    watched.verdict(True)
    waits = []
    for _ in range(7):
        waits.append(watched.until_suspected())
        assert watched.verdict(True) == [Reconnect(A)]
        watched.confirm(A)
    assert waits == [60, 120, 240, 480, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT]


def test_a_connection_that_delivers_for_others_is_not_replaced(watched: Watched) -> None:
    watched.confirm(A, B)
    watched.confirm(C, group="other")
    watched.tick()
    actions: list[Action] = []
    for _ in range(400):
        watched.now += 1
        watched.receive(B)
        for suspected in watched.tick():
            actions += watched.verdict(True, suspected.registration)
    assert [each for each in actions if each.registration == A] == [Stale(A, True), Renew(A), *[Renew(A)] * 2]
    assert Reconnect(C) in actions


def test_one_connection_is_replaced_once_for_all_that_are_mute_on_it(watched: Watched) -> None:
    watched.confirm(A, B, C)
    actions: list[Action] = []
    for _ in range(125):
        watched.now += 1
        for suspected in watched.tick():
            actions += watched.verdict(True, suspected.registration)
    assert [each for each in actions if isinstance(each, Reconnect)] == [Reconnect(A)]
    assert [each for each in actions if isinstance(each, Renew)] == [Renew(A), Renew(B), Renew(C)]


def test_when_nobody_can_tell_it_is_renewed_once(watched: Watched) -> None:
    watched.confirm(A, B)
    watched.tick()
    actions: list[Action] = []
    for _ in range(2000):
        watched.now += 1
        watched.receive(B)
        for suspected in watched.tick():
            actions += watched.verdict(None, suspected.registration)
    assert actions == [Stale(A, proven=False), Renew(A)]
    for _ in range(700):
        watched.now += 1
        if Suspected(B, 60.0) not in (found := watched.tick()) and found:
            actions += watched.verdict(None)
    assert actions[2:] == [Reconnect(A)], "everything on it is silent by now"


def test_a_doubt_ends_when_the_market_turns_out_to_be_quiet(watched: Watched) -> None:
    watched.confirm(A)
    watched.until_suspected()
    watched.verdict(None)
    watched.until_suspected()
    assert watched.verdict(False) == [Recovered(A, delivers=False)]
    assert watched.receive(A) is None


def test_what_is_proven_ends_with_data_only(watched: Watched) -> None:
    watched.confirm(A)
    watched.until_suspected()
    watched.verdict(True)
    watched.until_suspected()
    assert watched.verdict(False) == []
    assert watched.freshness.is_stale(A)
    watched.until_suspected()
    assert watched.verdict(True) == [Reconnect(A)]


def test_data_overtakes_the_verdict(watched: Watched) -> None:
    watched.confirm(A)
    watched.until_suspected()
    watched.receive(A)
    assert watched.verdict(True) == []
    assert watched.freshness.verdict(B, True, 0.0) == []


def test_time_counts_from_the_opening(watched: Watched) -> None:
    watched.now = -5000.0
    watched.confirm(A)
    watched.tick()
    watched.never_suspected(5059)
    assert watched.until_suspected() == 1


def test_nothing_fires_after_the_close_and_what_was_stale_gets_a_new_chance(watched: Watched) -> None:
    watched.confirm(A)
    watched.until_suspected()
    watched.verdict(True)
    watched.until_suspected()
    watched.closed = True
    watched.never_suspected(3600)
    assert watched.verdict(True) == []
    watched.closed = False
    assert watched.until_suspected() == 61
    assert watched.verdict(True) == [Renew(A)]
    watched.closed = True
    watched.tick()
    watched.closed = False
    watched.until_suspected()
    assert watched.verdict(False) == [Recovered(A, delivers=False)], "it missed something yesterday"


def test_notices_are_never_suspected(watched: Watched) -> None:
    watched.confirm(NOTICE)
    watched.never_suspected(5000)


def test_what_trades_rarely_is_left_in_peace(watched: Watched) -> None:
    watched.confirm(A)
    for _ in range(30):
        for suspected in (watched.tick(), watched.tick()):
            assert not suspected
        watched.receive(A)
        watched.receive(A)
        watched.now += 40
    assert 399 <= watched.until_suspected() + 40 <= 401


def test_even_what_trades_very_rarely_is_looked_at(watched: Watched) -> None:
    watched.confirm(A)
    for _ in range(10):
        watched.tick()
        watched.verdict(False)
        watched.receive(A)
        watched.now += 900
    assert watched.until_suspected() + 900 == LONGEST_PATIENCE


def test_silence_before_a_confirmation_is_not_learned(watched: Watched) -> None:
    watched.confirm(A)
    watched.tick()
    watched.receive(A)
    watched.freshness.interrupted(A)
    watched.now += 1000
    watched.confirm(A)
    watched.receive(A)
    assert watched.until_suspected() == 60


def test_what_is_forgotten_is_not_watched(watched: Watched) -> None:
    watched.confirm(A, B)
    watched.freshness.forget(A)
    watched.freshness.forget(A)
    assert watched.receive(A) is None
    watched.freshness.interrupted(A)
    watched.until_suspected()
    watched.freshness.forget(B)
    watched.confirm(B)
    assert watched.until_suspected() in (60, 61)


REGISTRATIONS = st.sampled_from([A, B, C])


class FreshnessMachine(RuleBasedStateMachine):
    """Whatever comes: nothing is suspected too early, and a connection is not replaced in a loop."""

    STALE_AFTER = 60.0

    @initialize(confirmed=st.sets(REGISTRATIONS))
    def begin(self, confirmed: set[Registration]) -> None:
        self.watched = Watched(self.STALE_AFTER)
        self.groups = {A: "g", B: "g", C: "h"}
        self.alive_at: dict[Registration, float] = {}
        self.heard_at: dict[Registration, float] = {}
        self.confirmed: set[Registration] = set()
        self.known: set[Registration] = set()
        self.stale: set[Registration] = set()
        self.opened_at = 0.0
        self.acted_at: dict[Registration, float] = {}
        self.reconnected: dict[str, list[float]] = {"g": [], "h": []}
        for registration in sorted(confirmed):
            self.confirm(registration)

    @rule(registration=REGISTRATIONS)
    def confirm(self, registration: Registration) -> None:
        self.watched.confirm(registration, group=self.groups[registration])
        self.confirmed.add(registration)
        self.known.add(registration)
        self.alive_at[registration] = self.watched.now

    @rule(registration=REGISTRATIONS)
    def interrupt(self, registration: Registration) -> None:
        self.watched.freshness.interrupted(registration)
        self.confirmed.discard(registration)

    @rule(registration=REGISTRATIONS)
    def forget(self, registration: Registration) -> None:
        self.watched.freshness.forget(registration)
        self.confirmed.discard(registration)
        self.stale.discard(registration)
        self.known.discard(registration)
        self.heard_at.pop(registration, None)

    @rule(registration=REGISTRATIONS)
    def receive(self, registration: Registration) -> None:
        recovered = self.watched.receive(registration)
        assert (recovered is not None) == (registration in self.stale)
        self.stale.discard(registration)
        self.alive_at[registration] = self.watched.now
        if registration in self.known:
            self.heard_at[registration] = self.watched.now

    @rule()
    def open_or_close(self) -> None:
        self.watched.closed = not self.watched.closed
        assert self.watched.tick() == []
        self.opened_at = self.watched.now

    @rule(
        seconds=st.sampled_from([10, 30, 70, 200, 700]),
        moved=st.sampled_from([True, True, False, None]),
        busy=st.sampled_from([None, None, A, B]),
    )
    def time_passes(self, seconds: int, moved: bool | None, busy: Registration | None) -> None:
        for _ in range(0, seconds, 10):
            self.watched.now += 10
            if busy is not None:
                self.receive(busy)
            for suspected in self.watched.tick():
                self.check(suspected)
                for action in self.watched.verdict(moved, suspected.registration):
                    self.act(action)

    def check(self, suspected: Suspected) -> None:
        registration, now = suspected.registration, self.watched.now
        assert not self.watched.closed
        assert registration in self.confirmed
        assert now - max(self.alive_at[registration], self.opened_at) >= self.STALE_AFTER

    def act(self, action: Action) -> None:
        registration, now = action.registration, self.watched.now
        if isinstance(action, Stale):
            assert registration not in self.stale
            self.stale.add(registration)
        elif isinstance(action, Recovered):
            self.stale.remove(registration)
        else:
            assert registration in self.stale
            assert now - self.acted_at.get(registration, -1e9) >= self.STALE_AFTER
            self.acted_at[registration] = now
        if isinstance(action, Reconnect):
            group = self.groups[registration]
            times = self.reconnected[group]
            times.append(now)
            assert sum(1 for each in times if each > now - LONGEST_WAIT) <= 4
            assert len(times) < 2 or now - times[-2] >= self.STALE_AFTER
            for other, name in self.groups.items():
                if name == group and other != registration:
                    assert self.heard_at.get(other, -1e9) <= now - self.STALE_AFTER

    def teardown(self) -> None:
        assert {each for each in (A, B, C) if self.watched.freshness.is_stale(each)} == self.stale


TestFreshnessMachine = FreshnessMachine.TestCase
TestFreshnessMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
