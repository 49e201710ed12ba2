from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_server.core.limiter import SlidingWindowLimiter
from broker_server.core.methods import Lane

LIMITS = st.integers(1, 40)
CALLS = st.lists(st.tuples(st.sampled_from(Lane), st.floats(0, 0.4)), max_size=120)


def run(limit: int, calls: list[tuple[Lane, float]], *, margin: float) -> list[tuple[Lane, float]]:
    """Start every call as early as the limiter allows, after the given pauses."""
    limiter = SlidingWindowLimiter(limit, margin=margin)
    now, starts = 1000.0, []
    for lane, pause in calls:
        now += pause
        while (earliest := limiter.earliest(lane, now)) > now:
            now = earliest
        limiter.start(lane, now)
        starts.append((lane, now))
    return starts


@given(limit=LIMITS, calls=CALLS, margin=st.sampled_from([0.0, 0.05]))
def test_no_window_ever_holds_more_starts_than_the_limit(
    limit: int, calls: list[tuple[Lane, float]], margin: float
) -> None:
    times = [moment for _, moment in run(limit, calls, margin=margin)]
    for first, moment in enumerate(times):
        within = sum(1 for other in times[first:] if other < moment + 1.0 + margin)
        assert within <= limit


@given(limit=LIMITS, calls=CALLS)
def test_reads_never_use_the_slots_of_orders(limit: int, calls: list[tuple[Lane, float]]) -> None:
    reads = [(lane, pause) for lane, pause in calls if lane > Lane.ORDER]
    times = [moment for _, moment in run(limit, reads, margin=0.05)]
    for first, moment in enumerate(times):
        within = sum(1 for other in times[first:] if other < moment + 1.05)
        assert within <= limit - min(2, limit // 3)


@given(limit=LIMITS, calls=CALLS)
def test_reads_are_spaced(limit: int, calls: list[tuple[Lane, float]]) -> None:
    times = [moment for lane, moment in run(limit, calls, margin=0.05) if lane > Lane.ORDER]
    for earlier, later in pairwise(times):
        assert later >= earlier + 1.0 / limit


@pytest.mark.parametrize(("limit", "reserved"), [(1, 0), (2, 0), (3, 1), (5, 1), (6, 2), (18, 2)])
def test_slots_are_reserved_where_the_limit_allows(limit: int, reserved: int) -> None:
    assert SlidingWindowLimiter(limit).reserved == reserved


def test_an_order_starts_at_once_behind_a_full_load_of_reads() -> None:
    limiter = SlidingWindowLimiter(18)
    now = 0.0
    for _ in range(16):
        now = limiter.earliest(Lane.BULK, now)
        limiter.start(Lane.BULK, now)
    assert limiter.earliest(Lane.QUOTE, now) > now
    limiter.start(Lane.ORDER, now)
    limiter.start(Lane.CANCEL, now)
    assert limiter.earliest(Lane.CANCEL, now) > now


def test_a_call_that_may_not_start_is_refused() -> None:
    limiter = SlidingWindowLimiter(1)
    limiter.start(Lane.ORDER, 5.0)
    with pytest.raises(ValueError, match="does not allow"):
        limiter.start(Lane.ORDER, 5.5)


def test_a_hold_stops_every_lane() -> None:
    limiter = SlidingWindowLimiter(10)
    limiter.hold(3.0)
    assert limiter.earliest(Lane.CANCEL, 1.0) == 3.0
    assert limiter.remaining(1.0) == 0
    assert limiter.remaining(3.0) == 10


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        SlidingWindowLimiter(limit)
