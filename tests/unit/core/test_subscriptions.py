"""The book of subscriptions: reference counts, slots, polling, and reply queues that go away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import CapacityReached, Changes, Subscription, Turned
from broker_server.core.subscriptions import SubscriptionBook

NOW = datetime(2026, 11, 25, 1, tzinfo=UTC)
NOTICE = Registration("NOTICE", "me")
OVERSEAS_NOTICE = Registration("NOTICE-O", "me")
STATUS = Registration("STATUS", "KRX")
"""REST does not have it."""
TICKERS = [Registration("TRADE", name) for name in "ABCDEF"]
A, B, C, D, *_ = TICKERS


def is_reserved(registration: Registration) -> bool:
    return registration.code.startswith("NOTICE")


def can_poll(registration: Registration) -> bool:
    return registration.code == "TRADE"


def book(capacity: int = 4, own: Iterable[Registration] = (), reserve: int = 1) -> SubscriptionBook:
    return SubscriptionBook(
        capacity, is_reserved=is_reserved, can_poll=can_poll, own=tuple(own), reserve=reserve
    )


def sub(task_id: str, registration: Registration, **changes: object) -> Subscription:
    made = Subscription(
        task_id=task_id,
        registration=registration,
        family="kis.realtime-price",
        ticker=registration.symbol,
        reply_to=f"replies-{task_id}",
        correlation_id=None,
        created_at=NOW,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_ten_tasks_on_one_registration_are_one_registration() -> None:
    kept = book()
    first = kept.subscribe([sub("t0", A)])
    assert first.wanted == (A,)
    for number in range(1, 10):
        changed = kept.subscribe([sub(f"t{number}", A)])
        assert changed.wanted is None
        assert len(changed.added) == 1
    assert len(kept.audience(A)) == 10
    for number in range(9):
        assert kept.drop(f"t{number}").wanted is None
    assert kept.drop("t9").wanted == ()
    assert kept.audience(A) == ()


def test_a_repeat_replaces_the_address_and_the_options_and_goes_on() -> None:
    kept = book()
    old = sub("t", A, correlation_id="one")
    kept.subscribe([old])
    kept.registered(A)
    new = sub(
        "t", A, correlation_id="two", reply_to="elsewhere", raw=True, created_at=NOW + timedelta(days=1)
    )
    changed = kept.subscribe([new])
    assert changed == Changes(replaced=(old,))
    assert kept.audience(A) == (replace(new, created_at=NOW),)
    assert kept.mode(new) == "realtime"


def test_a_task_holds_several_keys_and_unsubscribes_by_family() -> None:
    kept = book()
    kept.subscribe([sub("t", A), sub("t", B), sub("t", STATUS, family="kis.status")])
    assert kept.unsubscribe("t", "kis.order-book") == Changes()
    assert [each.registration for each in kept.unsubscribe("t", "kis.realtime-price", [B, C]).dropped] == [B]
    assert [each.registration for each in kept.unsubscribe("t", "kis.realtime-price").dropped] == [A]
    assert [each.registration for each in kept.of_task("t")] == [STATUS]


def test_one_slot_is_kept_for_notices() -> None:
    kept = book(3)
    kept.subscribe([sub("t", A), sub("t", B), sub("t", C)])
    assert kept.wanted == (A, B)
    assert kept.polled == (C,)
    changed = kept.subscribe([sub("n", NOTICE)])
    assert changed.wanted == (NOTICE, A, B)
    assert changed.turned == ()


def test_without_polling_a_full_connection_refuses_with_its_numbers() -> None:
    kept = book(3)
    kept.subscribe([sub("t", A), sub("t", B)])
    for refused in (sub("u", C, polling=False), sub("u", STATUS)):
        with pytest.raises(CapacityReached, match=r"^2 of 3 live .* in use, 1 kept free") as caught:
            kept.subscribe([sub("u", A), refused])
        assert (caught.value.used, caught.value.limit, caught.value.reserved) == (2, 3, 1)
        assert kept.of_task("u") == ()


def test_a_second_notice_takes_the_slot_of_the_newest_quote_that_can_be_polled() -> None:
    kept = book(4, own=[NOTICE])
    kept.subscribe([sub("t", A), sub("t", B)])
    kept.subscribe([sub("u", C, polling=False)])
    kept.registered(B)
    changed = kept.subscribe([sub("n", OVERSEAS_NOTICE)])
    assert changed.wanted == (NOTICE, OVERSEAS_NOTICE, A, C)
    assert changed.turned == (Turned(sub("t", B), "realtime", "polling"),)


def test_a_notice_is_refused_when_no_quote_can_give_way() -> None:
    kept = book(2, own=[NOTICE])
    kept.subscribe([sub("t", A, polling=False)])
    with pytest.raises(CapacityReached, match=r"^2 of 2 live registrations are in use$"):
        kept.subscribe([sub("n", OVERSEAS_NOTICE)])


def test_a_freed_slot_goes_to_the_oldest_that_is_polled() -> None:
    kept = book(2)
    kept.subscribe([sub("t", A), sub("u", B), sub("v", C)])
    assert kept.polled == (B, C)
    changed = kept.drop("t")
    assert changed.wanted == (B,)
    assert kept.mode(sub("u", B)) == "polling", "REST stands in until the vendor has confirmed"
    assert kept.registered(B).turned == (Turned(sub("u", B), "polling", "realtime"),)
    assert kept.polled == (C,)


def test_a_feed_that_keeps_failing_is_stood_in_for_and_comes_back() -> None:
    kept = book()
    polled, strict = sub("t", A), sub("u", A, polling=False)
    kept.subscribe([polled, strict])
    kept.registered(A)
    assert kept.interrupted([A]).turned == (
        Turned(polled, "realtime", "pending"),
        Turned(strict, "realtime", "pending"),
    )
    assert kept.unconfirmed == (A,)
    assert kept.failed([A]).turned == (Turned(polled, "pending", "polling"),)
    assert kept.failed([A]) == Changes()
    assert kept.registration_mode(A) == "polling"
    assert [turned.after for turned in kept.registered(A).turned] == ["realtime", "realtime"]


def test_what_the_feed_says_of_what_it_does_not_hold_is_ignored() -> None:
    kept = book(1)
    kept.subscribe([sub("t", A)])
    assert kept.registered(A) == kept.interrupted([B]) == kept.failed([A]) == Changes()
    assert kept.polled == (A,)


def test_a_registration_that_is_refused_for_good_ends_its_subscriptions() -> None:
    kept = book()
    kept.subscribe([sub("t", A), sub("u", A), sub("t", B)])
    changed = kept.refused(A)
    assert changed.dropped == (sub("t", A), sub("u", A))
    assert changed.wanted == (B,)
    assert kept.refused(A) == Changes()


def test_a_queue_that_is_gone_suspends_and_then_drops() -> None:
    kept = book()
    kept.subscribe([sub("t", A), sub("t", B), sub("u", A)])
    assert [each.key for each in kept.returned("replies-t", 10.0).suspended] == [("t", A), ("t", B)]
    assert kept.returned("replies-t", 11.0) == Changes(), "further messages change nothing"
    assert kept.returned("unknown", 11.0) == Changes()
    assert kept.audience(A) == (sub("u", A),)
    assert kept.is_suspended(sub("t", A))
    assert kept.overdue(69.9) == ()
    assert kept.expire("replies-t", 69.9) == Changes()
    assert kept.overdue(70.0) == ("replies-t",)
    changed = kept.expire("replies-t", 70.0)
    assert len(changed.dropped) == 2
    assert changed.wanted == (A,)
    assert kept.overdue(1e9) == ()


def test_a_queue_that_is_back_resumes() -> None:
    kept = book()
    kept.subscribe([sub("t", A)])
    kept.returned("replies-t", 10.0)
    assert kept.resume("replies-t") == Changes(resumed=(sub("t", A),))
    assert kept.resume("replies-t") == Changes()
    assert kept.audience(A) == (sub("t", A),)
    kept.returned("replies-t", 100.0)
    assert kept.overdue(159.0) == (), "the grace begins anew"


def test_a_repeat_resumes_what_was_suspended() -> None:
    kept = book()
    kept.subscribe([sub("t", A), sub("t", B)])
    kept.returned("replies-t", 10.0)
    changed = kept.subscribe([sub("t", A, reply_to="new")])
    assert [each.key for each in changed.resumed] == [("t", A)]
    assert kept.is_suspended(sub("t", B))
    changed = kept.subscribe([sub("t", C)])
    assert [each.key for each in changed.resumed] == [("t", B)]
    assert not kept.is_suspended(sub("t", B))
    kept.returned("new", 20.0)
    assert [each.key for each in kept.subscribe([sub("t", A)]).resumed] == [("t", A)]
    assert kept.overdue(1e9) == (), "nothing is sent to the old address any more"


def test_a_queue_that_nobody_reads_is_dropped_after_ten_minutes() -> None:
    kept = book()
    kept.subscribe([sub("t", A)])
    assert kept.consumers_seen("replies-t", 0, 0.0) == Changes()
    assert kept.consumers_seen("replies-t", 1, 300.0) == Changes()
    assert kept.consumers_seen("replies-t", 0, 400.0) == Changes()
    assert kept.consumers_seen("replies-t", 0, 999.0) == Changes()
    assert kept.consumers_seen("replies-t", 0, 1000.0).dropped == (sub("t", A),)
    assert kept.consumers_seen("replies-t", 0, 2000.0) == Changes()


def test_a_repeat_counts_as_reading() -> None:
    kept = book()
    kept.subscribe([sub("t", A)])
    kept.consumers_seen("replies-t", 0, 0.0)
    kept.subscribe([sub("t", B)])
    assert kept.consumers_seen("replies-t", 0, 700.0) == Changes()


def test_what_finds_no_place_after_a_restart_waits_for_one() -> None:
    kept = book(2)
    changed = kept.restore([sub("t", A), sub("u", B), sub("v", C, polling=False)])
    assert len(changed.added) == 3
    assert kept.wanted == (C,), "what has nothing without a slot comes first"
    assert kept.polled == (A, B)
    kept = book(2)
    kept.restore([sub("t", A, polling=False), sub("u", B), sub("v", STATUS)])
    assert (kept.wanted, kept.polled) == ((A,), (B,))
    assert kept.mode(sub("v", STATUS)) == "pending"
    assert kept.drop("t").wanted == (STATUS,)


def test_the_workers_own_registrations_stay_without_subscribers() -> None:
    kept = book(own=[NOTICE])
    assert kept.wanted == (NOTICE,)
    kept.subscribe([sub("t", NOTICE)])
    assert kept.registered(NOTICE).turned == (Turned(sub("t", NOTICE), "pending", "realtime"),)
    assert kept.drop("t").wanted is None
    assert kept.registration_mode(NOTICE) == "realtime"
    assert kept.refused(NOTICE) == Changes()


TASKS = st.sampled_from([f"t{number}" for number in range(5)])
ALL = [*TICKERS, NOTICE, OVERSEAS_NOTICE, STATUS]
REGISTRATIONS = st.sampled_from(ALL)
ADDRESSES = st.sampled_from(["r1", "r2", "r3"])


class BookMachine(RuleBasedStateMachine):
    """Whatever happens, every subscription is somewhere, once, and the books add up."""

    CAPACITY = 4

    def __init__(self) -> None:
        super().__init__()
        self.kept = book(self.CAPACITY, own=[NOTICE])
        self.model: dict[tuple[str, Registration], Subscription] = {}
        self.modes: dict[tuple[str, Registration], str] = {}
        self.wanted = self.kept.wanted
        self.gone: dict[str, float] = {}
        self.now = 0.0

    def apply(self, changes: Changes) -> None:
        """What the changes tell must be exactly what changed."""
        for each in changes.dropped:
            assert self.model.pop(each.key) == each
            del self.modes[each.key]
        for each in changes.added:
            assert each.key not in self.modes
            self.modes[each.key] = self.kept.mode(each)
        for turned in changes.turned:
            assert self.modes[turned.subscription.key] == turned.before != turned.after
            self.modes[turned.subscription.key] = turned.after
        if changes.wanted is not None:
            assert changes.wanted != self.wanted
            self.wanted = changes.wanted
        self.gone = {name: until for name, until in self.gone.items() if name in self.kept.reply_addresses}

    @rule(
        task=TASKS,
        registrations=st.lists(REGISTRATIONS, min_size=1, max_size=3, unique=True),
        reply_to=ADDRESSES,
        polling=st.booleans(),
    )
    def subscribe(self, task: str, registrations: list[Registration], reply_to: str, polling: bool) -> None:
        asked = [sub(task, each, reply_to=reply_to, polling=polling) for each in registrations]
        held = set(self.kept.wanted)
        full: CapacityReached | None = None
        try:
            changes = self.kept.subscribe(asked)
        except CapacityReached as error:
            full = error
        if full is not None:
            assert full.registration not in held
            assert not (polling and can_poll(full.registration))
            assert self.kept.wanted == self.wanted
            return
        for each in asked:
            self.model[each.key] = each
        self.gone.pop(reply_to, None)
        self.apply(changes)
        for each in self.model.values():
            if not (each.polling and can_poll(each.registration)):
                assert each.registration in self.kept.wanted, "what cannot be polled keeps its slot"

    @rule(task=TASKS)
    def drop(self, task: str) -> None:
        self.apply(self.kept.drop(task))
        assert self.kept.of_task(task) == ()

    @rule(task=TASKS, registrations=st.lists(REGISTRATIONS, max_size=2))
    def unsubscribe(self, task: str, registrations: list[Registration]) -> None:
        self.apply(self.kept.unsubscribe(task, "kis.realtime-price", registrations))

    @rule(registration=REGISTRATIONS)
    def registered(self, registration: Registration) -> None:
        self.apply(self.kept.registered(registration))

    @rule(registrations=st.lists(REGISTRATIONS, unique=True))
    def interrupted(self, registrations: list[Registration]) -> None:
        self.apply(self.kept.interrupted(registrations))

    @rule(registrations=st.lists(REGISTRATIONS, unique=True))
    def failed(self, registrations: list[Registration]) -> None:
        self.apply(self.kept.failed(registrations))

    @rule(registration=REGISTRATIONS)
    def refused(self, registration: Registration) -> None:
        self.apply(self.kept.refused(registration))

    @rule(reply_to=ADDRESSES)
    def returned(self, reply_to: str) -> None:
        changes = self.kept.returned(reply_to, self.now)
        assert bool(changes.suspended) == (
            reply_to in self.kept.reply_addresses and reply_to not in self.gone
        )
        if changes.suspended:
            self.gone[reply_to] = self.now + 60

    @rule(reply_to=ADDRESSES)
    def resume(self, reply_to: str) -> None:
        assert bool(self.kept.resume(reply_to).resumed) == (self.gone.pop(reply_to, None) is not None)

    @rule(seconds=st.sampled_from([1.0, 20.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        assert set(self.kept.overdue(self.now)) == {
            name for name, until in self.gone.items() if until <= self.now
        }
        for reply_to in self.kept.overdue(self.now):
            self.apply(self.kept.expire(reply_to, self.now))
            assert reply_to not in self.kept.reply_addresses

    @invariant()
    def the_subscriptions_are_those_of_the_model(self) -> None:
        assert {each.key: each for each in self.kept.all()} == self.model
        assert self.modes == {each.key: self.kept.mode(each) for each in self.model.values()}

    @invariant()
    def the_wanted_list_is_what_the_changes_said(self) -> None:
        assert self.kept.wanted == self.wanted
        assert len(set(self.wanted)) == len(self.wanted) <= self.CAPACITY
        assert set(self.wanted) <= {NOTICE} | {key[1] for key in self.model}
        assert self.wanted == tuple(sorted(self.wanted, key=lambda each: not is_reserved(each)))
        assert NOTICE in self.wanted

    @invariant()
    def no_slot_is_wasted(self) -> None:
        waiting = {key[1] for key in self.model} - set(self.wanted)
        if waiting:
            assert len(self.wanted) == self.CAPACITY

    @invariant()
    def everybody_who_can_be_served_is(self) -> None:
        for each in self.model.values():
            mode = self.kept.mode(each)
            if each.registration not in self.wanted:
                assert mode == "polling"
            assert mode != "polling" or (each.polling and can_poll(each.registration))
            assert (each in self.kept.audience(each.registration)) == (each.reply_to not in self.gone)


TestBookMachine = BookMachine.TestCase
TestBookMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
