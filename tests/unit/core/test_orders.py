"""The order state machine: any interleaving of events ends where it must."""

from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_server.core.orders import (
    LEFT,
    Accepted,
    Event,
    IllegalTransition,
    Lost,
    Missed,
    NotSent,
    Order,
    Progress,
    Refused,
    Rejected,
    Sending,
    State,
    Status,
    Stuck,
    apply,
)
from tests.support.sample_orders import BUY, NOW, sample_order


def walk(*events: Event, start: Order | None = None) -> Order:
    current = start or sample_order()
    for event in events:
        current = apply(current, event, NOW)
    return current


ALLOWED = {
    State.RECEIVED: {State.REFUSED, State.SENDING},
    State.SENDING: {State.ACCEPTED, State.REJECTED, State.UNKNOWN, State.NOT_SENT},
    State.UNKNOWN: {State.ACCEPTED, State.REJECTED, State.NOT_SENT},
    State.NOT_SENT: {State.ACCEPTED},
    State.REFUSED: set(),
    State.ACCEPTED: set(),
    State.REJECTED: set(),
}

progress = st.builds(
    Progress,
    filled=st.integers(0, 10),
    status=st.sampled_from(list(Status)),
    average_price=st.none() | st.sampled_from([Decimal(74_900), Decimal(75_000)]),
    cancelled=st.integers(0, 10),
)
events = st.one_of(
    st.just(Refused("no")),
    st.just(Sending(BUY, 7)),
    st.sampled_from([Accepted("0001"), Accepted("0002"), Accepted(None)]),
    st.just(Rejected("no", "APBK0918", "…")),
    st.just(NotSent("no byte left")),
    st.just(Lost("time-out")),
    st.just(Missed()),
    st.just(Stuck("two candidates")),
    progress,
)


@given(st.lists(events, max_size=12))
def test_no_sequence_of_events_takes_a_forbidden_step(sequence: list[Event]) -> None:
    current = sample_order()
    for event in sequence:
        try:
            following = apply(current, event, NOW)
        except IllegalTransition:
            continue
        if following.state is not current.state:
            taken_back_unsent = isinstance(event, Accepted) and event.order_no is None
            assert following.state in ALLOWED[current.state] or taken_back_unsent
        if current.order_no is not None:
            assert following.order_no == current.order_no
        assert following.filled >= current.filled
        current = following


@given(st.lists(events, max_size=12))
def test_an_order_that_was_refused_never_leaves(sequence: list[Event]) -> None:
    current = walk(Refused("halted"))
    for event in sequence:
        try:
            current = apply(current, event, NOW)
        except IllegalTransition:
            continue
    assert current.state is State.REFUSED
    assert current.state not in LEFT


@given(st.lists(progress, min_size=1, max_size=5))
def test_reports_of_fills_end_in_the_same_state_in_any_order(reports: list[Progress]) -> None:
    # A vendor's totals never contradict each other: more filled comes with its own average.
    averages: dict[int, Decimal | None] = {}
    reports = [
        replace(each, average_price=averages.setdefault(each.filled, each.average_price)) for each in reports
    ]
    start = walk(Sending(BUY), Accepted("0001"))
    results = {
        (done.filled, done.cancelled, done.status, done.remaining, done.average_price)
        for done in (walk(*each, start=start) for each in itertools.permutations(reports))
    }
    assert len(results) == 1


@given(st.lists(progress, max_size=6))
def test_a_report_that_comes_twice_changes_nothing(reports: list[Progress]) -> None:
    done = walk(Sending(BUY), Accepted("0001"), *reports)
    assert walk(*reports, start=done) is done or walk(*reports, start=done) == done


def test_fills_lead_to_filled() -> None:
    done = walk(Sending(BUY), Accepted("0001"))
    assert (done.status, done.remaining) == (Status.WORKING, 10)
    done = walk(Progress(4, Status.PARTIALLY_FILLED, Decimal(75_000)), start=done)
    assert (done.status, done.remaining, done.average_price) == (Status.PARTIALLY_FILLED, 6, Decimal(75_000))
    done = walk(Progress(10, Status.FILLED, Decimal(74_950)), start=done)
    assert (done.status, done.remaining) == (Status.FILLED, 0)
    assert walk(Progress(4, Status.PARTIALLY_FILLED), start=done) == done


def test_a_part_taken_back_leaves_the_rest_open() -> None:
    done = walk(Sending(BUY), Accepted("0001"), Progress(2, Status.PARTIALLY_FILLED, cancelled=3))
    assert (done.status, done.remaining) == (Status.PARTIALLY_FILLED, 5)
    assert walk(Progress(7, Status.CANCELLED, cancelled=3), start=done).status is Status.CANCELLED


def test_late_evidence_makes_an_order_accepted_that_was_not_sent() -> None:
    done = walk(
        Sending(BUY), Lost("time-out"), Missed(), Missed(), NotSent("not listed", by="reconciliation")
    )
    assert done.state is State.NOT_SENT
    late = walk(Accepted("0009", by="reconciliation"), start=done)
    assert (late.state, late.order_no, late.status) == (State.ACCEPTED, "0009", Status.WORKING)


def test_a_second_number_is_refused() -> None:
    done = walk(Sending(BUY), Accepted("0001"))
    assert apply(done, Accepted("0001"), NOW) is done
    with pytest.raises(IllegalTransition):
        apply(done, Accepted("0002"), NOW)


def test_an_order_is_not_accepted_before_it_was_sent() -> None:
    with pytest.raises(IllegalTransition):
        apply(sample_order(), Accepted("0001"), NOW)
    assert apply(sample_order(), Accepted(None), NOW).state is State.ACCEPTED


@pytest.mark.parametrize("event", [Rejected("no"), NotSent("no"), Lost("?"), Missed(), Stuck("?")])
def test_an_accepted_order_stays_accepted(event: Event) -> None:
    with pytest.raises(IllegalTransition):
        apply(walk(Sending(BUY), Accepted("0001")), event, NOW)


def test_fingerprint_ignores_how_a_price_is_written() -> None:
    assert replace(BUY, price=Decimal("75000.00")).fingerprint == BUY.fingerprint
    assert replace(BUY, quantity=11).fingerprint != BUY.fingerprint
    assert replace(BUY, venue="NXT").fingerprint != BUY.fingerprint
