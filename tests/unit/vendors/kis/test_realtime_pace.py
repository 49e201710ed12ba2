"""The pace of requests: a burst for a new connection, and never more in a minute than KIS bears."""

from __future__ import annotations

import random

import pytest

from broker_server.vendors.kis.realtime_pace import Pace
from broker_server.vendors.live_timing import Timing

MOST_A_MINUTE = 120


def test_a_connection_registers_everything_it_can_hold_without_waiting() -> None:
    pace = Pace(Timing())
    for _ in range(41):
        assert pace.wait(1000.0) == 0
        pace.take(1000.0)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_asked_no_minute_has_more_requests_than_that(seed: int) -> None:
    chance, pace, now, made = random.Random(seed), Pace(Timing()), 5.0, list[float]()
    while now < 600:
        wait = pace.wait(now)
        if wait == 0:
            pace.take(now)
            made.append(now)
            now += chance.choice([0.0, 0.1, 0.1, chance.uniform(0, 20)])
        else:
            now += wait + 1e-9
    assert len(made) > 100
    assert max(sum(at <= each < at + 60 for each in made) for at in made) <= MOST_A_MINUTE


def test_what_was_used_up_comes_back() -> None:
    pace = Pace(Timing(burst=2, refill=1.0))
    pace.take(0.0)
    pace.take(0.0)
    assert pace.wait(0.0) == 1.0
    assert pace.wait(0.75) == 0.25
    assert pace.wait(1.0) == 0.0
