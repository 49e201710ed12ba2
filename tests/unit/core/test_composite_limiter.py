from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_server.core.composite_limiter import CompositeLimiter
from broker_server.core.limiter import SlidingWindowLimiter
from broker_server.core.methods import Lane

WINDOWS = ((3, 1.0), (5, 4.0), (8, 20.0))
CALLS = st.lists(st.tuples(st.sampled_from(Lane), st.floats(0, 3)), max_size=60)


def make(*, spaced: bool = False) -> CompositeLimiter:
    return CompositeLimiter(
        [SlidingWindowLimiter(limit, window=seconds, spaced=spaced) for limit, seconds in WINDOWS]
    )


@given(calls=CALLS, spaced=st.booleans())
def test_no_window_is_ever_exceeded_and_what_is_promised_is_kept(
    calls: list[tuple[Lane, float]], spaced: bool
) -> None:
    limiter, now, starts = make(spaced=spaced), 100.0, []
    for lane, pause in calls:
        now += pause
        promised = limiter.earliest(lane, now)
        if promised > now:
            with pytest.raises(ValueError, match="does not allow"):
                limiter.start(lane, now)
            now = promised
        limiter.start(lane, now)
        starts.append(now)
    for limit, seconds in WINDOWS:
        for at, first in enumerate(starts):
            assert sum(1 for each in starts[at:] if each < first + seconds) <= limit


def test_a_refused_start_is_counted_nowhere() -> None:
    limiter = make()
    for _ in range(3):
        limiter.start(Lane.CANCEL, 0.0)
    for _ in range(5):
        with pytest.raises(ValueError, match="does not allow"):
            limiter.start(Lane.CANCEL, 0.5)
    assert limiter.remaining(2.0) == 2


def test_without_spacing_a_burst_goes_at_once() -> None:
    limiter = make()
    limiter.start(Lane.QUOTE, 0.0)
    assert limiter.earliest(Lane.QUOTE, 0.0) == 0.0
    assert make(spaced=True).earliest(Lane.QUOTE, 0.0) == 0.0


def test_slots_are_left_to_what_orders_need() -> None:
    limiter = make()
    now = 0.0
    for _ in range(6):
        now = limiter.earliest(Lane.BULK, now)
        limiter.start(Lane.BULK, now)
    assert limiter.earliest(Lane.QUOTE, now) > limiter.earliest(Lane.ORDER, now)


def test_a_hold_stops_every_lane() -> None:
    limiter = make()
    limiter.hold(50.0)
    assert limiter.earliest(Lane.CANCEL, 0.0) == 50.0
    assert limiter.remaining(10.0) == 0


def test_without_a_window_there_is_no_limit_to_speak_of() -> None:
    with pytest.raises(ValueError, match="at least one window"):
        CompositeLimiter([])
