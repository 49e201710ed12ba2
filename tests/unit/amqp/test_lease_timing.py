"""Two owners never send at the same time, whatever their heartbeats are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_server.amqp.lease_tenure import Standing, Tenure
from broker_server.amqp.lease_timing import (
    DEFAULT_HEARTBEAT,
    LONGEST_HEARTBEAT,
    SHORTEST_HEARTBEAT,
    awake_and_asleep,
    longest_send,
    probe_interval,
    takeover_wait,
)
from broker_server.settings import Settings

HEARTBEATS = st.integers(SHORTEST_HEARTBEAT, LONGEST_HEARTBEAT)


def test_the_setting_has_the_bounds_of_the_lease() -> None:
    field = Settings.model_fields["lease_heartbeat"]
    bounds = {type(each).__name__: each for each in field.metadata}
    assert field.default == DEFAULT_HEARTBEAT
    assert (bounds["Ge"].ge, bounds["Le"].le) == (SHORTEST_HEARTBEAT, LONGEST_HEARTBEAT)


@given(heartbeat=HEARTBEATS, answered=st.floats(0, 1e6), waited=st.floats(0, 30))
def test_order_begun_under_a_fresh_grant_is_over_before_the_next_owner_sends(
    heartbeat: int, answered: float, waited: float
) -> None:
    tenure = Tenure(answered, answered)
    tenure.standing = Standing(1, answered, None, final=True)
    begun = answered + waited
    grant = tenure.grant(begun, heartbeat)
    assert grant is not None
    assert grant.fresh == (begun - answered < heartbeat)
    if grant.fresh:
        # The broker gives the lease away after it answered the probe, so never before the probe was sent.
        next_owner_sends_from = answered + takeover_wait(heartbeat)
        assert begun + longest_send(heartbeat) < next_owner_sends_from


@given(heartbeat=HEARTBEATS)
def test_a_lost_probe_or_two_leave_the_grant_fresh(heartbeat: int) -> None:
    assert 3 * probe_interval(heartbeat) < heartbeat
    assert 0 < longest_send(heartbeat) < heartbeat


def test_nothing_is_granted_before_the_account_is_known() -> None:
    tenure = Tenure(0, 0)
    assert tenure.grant(0, 5) is None
    assert not tenure.settled


@pytest.mark.parametrize("final", [True, False])
def test_what_is_not_final_is_tried_again(final: bool) -> None:
    tenure = Tenure(0, 0)
    tenure.standing = Standing(1, 0, "why", final=final)
    assert tenure.settled is final
    grant = tenure.grant(0, 5)
    assert grant is not None
    assert grant.refused == "why"


@pytest.mark.parametrize(
    ("standing", "waits"),
    [
        (None, False),
        (Standing(1, 0, None, final=True), False),
        (Standing(1, 0, "the pin does not come", final=False), True),
        (Standing(1, 0, "the pin is another journal's", final=True), False),
        (Standing(0, 0, "the journal gives no epoch", final=False), False),
    ],
)
def test_only_a_pin_that_may_still_come_is_waited_for(standing: Standing | None, waits: bool) -> None:
    tenure = Tenure(0, 0)
    tenure.standing = standing
    assert tenure.lacks_pin is waits


def test_the_clock_of_freshness_goes_forward() -> None:
    clock = awake_and_asleep()
    assert clock() <= clock()
