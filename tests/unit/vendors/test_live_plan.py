"""The plan of a connection: it converges to exactly what is wanted, and never asks in a loop."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_server.core.stream_requests import Registration
from broker_server.vendors.kis.realtime_keys import is_notice
from broker_server.vendors.live_plan import Plan, Refusal, Request
from broker_server.vendors.live_timing import Timing

TIMING = Timing(keep=0.0)
POOL = [Registration("H0STCNT0", f"{number:06}") for number in range(8)] + [Registration("H0STCNI0", "me")]
A, B, C = POOL[:3]
NOTICES = POOL[-1]


def register(plan: Plan, *registrations: Registration, now: float = 0.0) -> None:
    """Carry out requests that are granted at once, and check that they are these."""
    for one in registrations:
        step = plan.next_step(now)
        assert step == Request(one, register=True)
        plan.asking(step)
        plan.registered(one)


def ask(plan: Plan, now: float = 0.0) -> Request:
    step = plan.next_step(now)
    assert isinstance(step, Request)
    plan.asking(step)
    return step


def test_a_retryable_refusal_is_repeated_with_growing_waits_and_then_given_up() -> None:
    plan, now, waits = Plan(TIMING, is_notice), 0.0, []
    plan.want([A])
    for _ in range(TIMING.retries):
        assert not plan.refused(ask(plan, now), Refusal.PASSING, now)
        wait = plan.next_step(now)
        assert isinstance(wait, float)
        waits.append(wait)
        now += wait
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    assert plan.refused(ask(plan, now), Refusal.PASSING, now)
    assert plan.next_step(now) is None
    assert not plan.has_aims()


def test_what_was_given_up_is_open_again_when_wanted_anew() -> None:
    plan = Plan(TIMING, is_notice)
    plan.want([A])
    assert plan.refused(ask(plan), Refusal.FOR_GOOD, 0.0)
    plan.want([A])
    assert plan.next_step(0.0) is None
    plan.want([])
    plan.want([A])
    register(plan, A)


def test_others_go_on_while_one_waits() -> None:
    plan = Plan(TIMING, is_notice)
    plan.want([A, B])
    plan.refused(ask(plan), Refusal.PASSING, 0.0)
    register(plan, B)
    assert plan.next_step(0.5) == 1.5


def test_an_unanswered_end_is_asked_for_again() -> None:
    plan = Plan(TIMING, is_notice)
    plan.want([A])
    register(plan, A)
    plan.want([])
    request = ask(plan)
    plan.unanswered(request, 0.0)
    assert plan.next_step(0.0) == 2.0
    assert ask(plan, 2.0) == request == Request(A, register=False)


def test_an_end_that_is_refused_for_ever_is_left_to_the_next_connection() -> None:
    plan, now = Plan(TIMING, is_notice), 0.0
    plan.want([A])
    register(plan, A)
    plan.want([])
    for _ in range(TIMING.retries):
        plan.refused(ask(plan, now), Refusal.PASSING, now)
        now += 60
    assert plan.next_step(now) is None
    plan.want([A])
    assert plan.next_step(now) is None
    assert plan.announcements() == [A]
    plan.disconnected()
    register(plan, A, now=now)


def test_the_limit_of_the_server_is_learned_and_forgotten_after_a_while() -> None:
    plan = Plan(TIMING, is_notice)
    plan.want([A, B, C])
    register(plan, A, B)
    plan.refused(ask(plan), Refusal.LIMIT, 0.0)
    assert plan.over_limit() == [C]
    assert plan.next_step(0.0) == TIMING.limit
    assert ask(plan, TIMING.limit) == Request(C, register=True)


def test_what_is_freed_lifts_the_limit() -> None:
    plan = Plan(TIMING, is_notice)
    plan.want([A, B, C])
    register(plan, A, B)
    plan.refused(ask(plan), Refusal.LIMIT, 0.0)
    plan.want([B, C])
    plan.asking(Request(A, register=False))
    plan.removed(A, 0.0)
    register(plan, C)


def test_notices_on_which_the_connection_breaks_wait_behind_the_others_and_are_given_up() -> None:
    plan, now = Plan(TIMING, is_notice), 0.0
    plan.want([NOTICES, A])
    for breaks in range(1, TIMING.breaks + 1):
        assert ask(plan, now).registration == (NOTICES if breaks == 1 else A)
        plan.disconnected()
        is_last = breaks == TIMING.breaks
        assert plan.broke_on(Request(NOTICES, register=True), now, had_worked=True) == is_last
        register(plan, A, now=now)
        assert plan.next_step(now) == (None if is_last else TIMING.suspect * breaks)
        plan.disconnected()


def test_an_outage_costs_notices_more_tries_and_others_nothing() -> None:
    plan = Plan(TIMING, is_notice)
    plan.want([NOTICES, A])
    tries = 0
    while not plan.broke_on(Request(NOTICES, register=True), 0.0, had_worked=False):
        tries += 1
    assert tries == 4 * TIMING.breaks - 1
    for _ in range(100):
        assert not plan.broke_on(Request(A, register=True), 0.0, had_worked=True)


def test_an_end_that_nobody_asked_for_is_repaired_after_a_wait() -> None:
    plan = Plan(TIMING, is_notice)
    plan.want([A])
    register(plan, A)
    assert plan.announcements() == [A]
    assert plan.removed(A, 0.0, unasked=True)
    assert plan.next_step(0.0) == TIMING.first_retry


@dataclass
class Server:
    """What the other side really holds, and how it misbehaves."""

    chance: random.Random
    held: set[Registration] = field(default_factory=set)
    asked: list[tuple[float, Request]] = field(default_factory=list)

    def answer(self, plan: Plan, request: Request, now: float, trouble: float) -> str:
        one, starts = request
        self.asked.append((now, request))
        if self.chance.random() < trouble:
            kind = self.chance.choice(["lost before", "lost after", "retry", "broken"])
            if kind == "lost after":
                (self.held.add if starts else self.held.discard)(one)
            if kind == "retry":
                return "gone" if plan.refused(request, Refusal.PASSING, now) else kind
            if kind != "broken":
                plan.unanswered(request, now)
            return kind
        (self.held.add if starts else self.held.discard)(one)
        if starts:
            plan.registered(one)
        else:
            plan.removed(one, now)
        return "done"


steps = st.lists(
    st.tuples(st.sampled_from(["want", "renew", "go", "break"]), st.integers(0, 2**30)), max_size=40
)


@settings(max_examples=300, deadline=None)
@given(steps=steps, seed=st.integers(0, 2**30))
def test_after_any_trouble_it_ends_at_exactly_what_is_wanted(steps: list[tuple[str, int]], seed: int) -> None:
    chance = random.Random(seed)
    plan, server, now = Plan(TIMING, is_notice), Server(chance), 0.0
    wanted: list[Registration] = []
    given_up: set[Registration] = set()

    def go(now: float, trouble: float) -> float:
        step = plan.next_step(now)
        if not isinstance(step, Request):
            return now + (step or 1.0)
        plan.asking(step)
        said = server.answer(plan, step, now, trouble)
        gone = said == "gone"
        if said == "broken":
            server.held.clear()
            plan.disconnected()
            gone = plan.broke_on(step, now, had_worked=bool(server.asked))
        if gone:
            given_up.add(step.registration)
        return now + 0.1

    for what, number in steps:
        if what == "want":
            wanted = random.Random(number).sample(POOL, number % (len(POOL) + 1))
            plan.want(wanted)
            given_up.intersection_update(wanted)
        elif what == "renew":
            plan.renew(POOL[number % len(POOL)])
        elif what == "break":
            server.held.clear()
            plan.disconnected()
        else:
            now = go(now, trouble=0.4)
        plan.announcements()
    # The trouble is over: from now on every request is granted.
    asked_before = len(server.asked)
    for _ in range(200):
        now = go(now, trouble=0.0)
    assert server.held == set(wanted) - given_up
    assert plan.next_step(now) is None
    assert plan.counts()["registered"] == len(server.held)
    plan.announcements()
    assert plan.announcements() == []
    # Once everything is where it belongs, nothing is asked any more.
    assert len(server.asked) - asked_before <= 3 * len(POOL)


@settings(max_examples=100, deadline=None)
@given(
    wanted=st.lists(st.sampled_from(POOL), unique=True, min_size=1),
    refusal=st.sampled_from([Refusal.PASSING, Refusal.LIMIT, Refusal.FOR_GOOD, None]),
)
def test_whatever_is_refused_or_unanswered_is_not_asked_in_a_loop(
    wanted: list[Registration], refusal: Refusal | None
) -> None:
    plan, now, asked = Plan(TIMING, is_notice), 0.0, 0
    plan.want(wanted)
    while now < 600:
        step = plan.next_step(now)
        if not isinstance(step, Request):
            if step is None:
                break
            now += step
            continue
        asked += 1
        plan.asking(step)
        if refusal is None:
            plan.unanswered(step, now)
        else:
            plan.refused(step, refusal, now)
    # 2, 4, 8, 16, 32 and then every 60 seconds.
    assert asked <= len(wanted) * 16


@pytest.mark.parametrize("failures", [1, 2, 5, 100])
def test_the_pause_doubles_with_full_jitter_up_to_a_minute(failures: int) -> None:
    chance = random.Random(7)
    pauses = [TIMING.pause(failures, chance) for _ in range(300)]
    longest = min(60.0, 2.0 ** (failures - 1))
    assert 0 <= min(pauses) < longest * 0.1
    assert longest * 0.9 < max(pauses) <= longest
    assert min(TIMING.pause(failures, chance, in_use=True) for _ in range(300)) >= 30


def test_several_at_once_are_of_one_kind_and_no_more_than_asked_for() -> None:
    plan = Plan(TIMING)
    plan.want(POOL[:5])
    first = plan.next_steps(0.0, 3)
    assert first == [Request(one, register=True) for one in POOL[:3]]
    for request in first:
        plan.asking(request)
        plan.registered(request.registration)
    plan.want(POOL[2:6])
    assert plan.next_steps(0.0, 9) == [Request(one, register=False) for one in POOL[:2]]


def test_what_was_refused_together_may_be_asked_for_again_at_once() -> None:
    plan = Plan(TIMING)
    plan.want([A, B])
    register(plan, A, B)
    plan.want([B, C])
    end = ask(plan)
    plan.set_back(end)
    assert plan.next_step(0.0) == end == Request(A, register=False)
    plan.removed(ask(plan).registration, 0.0)
    start = ask(plan)
    plan.set_back(start)
    assert plan.next_step(0.0) == start == Request(C, register=True)


def test_everything_may_be_given_up_until_it_is_wanted_anew() -> None:
    plan = Plan(TIMING)
    plan.want([A, B])
    assert plan.give_up() == [A, B]
    assert not plan.has_aims()
    plan.want([B])
    assert not plan.has_aims()
    plan.want([])
    plan.want([B])
    register(plan, B)


KEEPING = Timing(keep=10.0)


def test_what_nobody_wants_any_more_is_kept_for_a_while_and_given_back() -> None:
    plan = Plan(KEEPING, capacity=3)
    plan.want([A, B])
    register(plan, A, B)
    plan.want([B])
    assert plan.next_step(0.0) == 10.0
    assert plan.next_step(4.0) == 6.0
    assert plan.next_step(10.0) == Request(A, register=False)


def test_a_loop_of_wanting_and_not_wanting_costs_nothing() -> None:
    plan, now = Plan(KEEPING, capacity=3), 0.0
    plan.want([A])
    register(plan, A)
    assert plan.announcements() == [A]
    for _ in range(100):
        plan.want([])
        assert isinstance(plan.next_step(now), float)
        now += 9.0
        plan.want([A])
        assert plan.next_step(now) is None
        assert plan.announcements() == [A]


def test_a_place_that_is_needed_is_not_kept() -> None:
    plan = Plan(KEEPING, capacity=2)
    plan.want([A, B])
    register(plan, A, B)
    plan.want([A])
    assert isinstance(plan.next_step(0.0), float)
    plan.want([A, C])
    step = ask(plan, 1.0)
    assert step == Request(B, register=False)
    plan.removed(B, 1.0)
    register(plan, C, now=1.0)


def test_what_was_given_up_first_makes_room_first() -> None:
    plan = Plan(KEEPING, capacity=3)
    plan.want([A, B])
    register(plan, A, B)
    plan.want([A])
    plan.next_step(0.0)
    plan.want([])
    plan.next_step(1.0)
    plan.want(POOL[2:4])
    assert plan.next_step(2.0) == Request(B, register=False)


def test_nothing_is_kept_where_the_server_says_that_it_is_full() -> None:
    plan = Plan(KEEPING, capacity=40)
    plan.want([A])
    register(plan, A)
    plan.want([B])
    assert plan.refused(ask(plan), Refusal.LIMIT, 0.0) is False
    assert plan.next_step(0.0) == Request(A, register=False)


def test_a_lost_connection_ends_what_was_kept() -> None:
    plan = Plan(KEEPING, capacity=40)
    plan.want([A])
    register(plan, A)
    plan.want([])
    plan.next_step(0.0)
    plan.disconnected()
    assert plan.next_step(1.0) is None


def test_a_refusal_after_an_unanswered_request_does_not_say_that_nothing_is_held() -> None:
    plan = Plan(TIMING)
    plan.want([A])
    plan.unanswered(ask(plan), 0.0)
    assert not plan.refused(ask(plan, 2.0), Refusal.PASSING, 2.0)
    plan.want([])
    assert ask(plan, 10.0) == Request(A, register=False)
