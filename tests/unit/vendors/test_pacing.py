from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from broker_client.errors import TaskExpired, VendorUnavailable
from broker_server.core.limiter import SlidingWindowLimiter
from broker_server.core.methods import Lane
from broker_server.vendors.clock import SystemClock
from broker_server.vendors.pacing import Pacer
from tests.support.fake_time import FakeClock
from tests.support.waiting import wait_until


def in_time() -> None:
    return None


class StoppedClock(SystemClock):
    """Time that stands still until the test moves it; waiting is real."""

    def __init__(self) -> None:
        self.moment = 0.0

    def monotonic(self) -> float:
        return self.moment

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        condition.wait(0.005)


@contextmanager
def queue_of(pacer: Pacer, lanes: list[Lane], started: list[Lane]) -> Iterator[None]:
    """Threads that wait in these lanes, lined up in this order."""
    threads = []
    for position, lane in enumerate(lanes, start=1):

        def work(lane: Lane = lane) -> None:
            pacer.wait_for_slot(lane, in_time)
            started.append(lane)

        threads.append(threading.Thread(target=work))
        threads[-1].start()
        wait_until(lambda n=position: sum(pacer.status()["waiting"].values()) == n)
    yield
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_higher_lanes_overtake_lower_ones() -> None:
    clock = StoppedClock()
    pacer = Pacer(SlidingWindowLimiter(1), clock)
    pacer.wait_for_slot(Lane.QUOTE, in_time)
    started: list[Lane] = []
    lanes = [Lane.BULK, Lane.QUOTE, Lane.ACCOUNT, Lane.ORDER, Lane.CANCEL]
    with queue_of(pacer, lanes, started):
        for count in range(1, len(lanes) + 1):
            clock.moment += 2.0
            wait_until(lambda n=count: len(started) == n)
    assert started == sorted(lanes)


def test_a_lane_is_first_come_first_served() -> None:
    clock = StoppedClock()
    pacer = Pacer(SlidingWindowLimiter(1), clock)
    pacer.wait_for_slot(Lane.QUOTE, in_time)
    order: list[int] = []
    threads = []
    for number in range(5):

        def work(number: int = number) -> None:
            pacer.wait_for_slot(Lane.QUOTE, in_time)
            order.append(number)

        threads.append(threading.Thread(target=work))
        threads[-1].start()
        wait_until(lambda n=number: pacer.status()["waiting"]["quote"] == n + 1)
    for count in range(1, 6):
        clock.moment += 2.0
        wait_until(lambda n=count: len(order) == n)
    for thread in threads:
        thread.join(60)
    assert order == list(range(5))


def test_many_threads_never_exceed_the_limit() -> None:
    clock = FakeClock()
    limiter = SlidingWindowLimiter(5)
    starts: list[float] = []
    counted = limiter.start

    def count(lane: Lane, now: float) -> None:
        counted(lane, now)
        starts.append(now)

    limiter.start = count  # type: ignore[method-assign]
    pacer = Pacer(limiter, clock)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: pacer.wait_for_slot(Lane(n % 5), in_time), range(60)))
    assert len(starts) == 60
    assert all(later > earlier + 1.0 for earlier, later in zip(starts, starts[5:], strict=False))


def test_a_task_whose_deadline_passes_in_the_queue_leaves_it() -> None:
    pacer = Pacer(SlidingWindowLimiter(1), FakeClock())
    pacer.wait_for_slot(Lane.ORDER, in_time)

    def too_late() -> None:
        raise TaskExpired("too late")

    with pytest.raises(TaskExpired):
        pacer.wait_for_slot(Lane.ORDER, too_late)
    pacer.wait_for_slot(Lane.ORDER, in_time)
    assert pacer.status()["waiting"]["order"] == 0


def test_an_expired_task_uses_no_slot() -> None:
    pacer = Pacer(SlidingWindowLimiter(1), FakeClock())

    def too_late() -> None:
        raise TaskExpired("too late")

    with pytest.raises(TaskExpired):
        pacer.wait_for_slot(Lane.ORDER, too_late)
    assert pacer.status()["remaining"] == 1


def test_closing_wakes_and_refuses_everybody() -> None:
    clock = StoppedClock()
    pacer = Pacer(SlidingWindowLimiter(1), clock)
    pacer.wait_for_slot(Lane.QUOTE, in_time)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(pacer.wait_for_slot, Lane.QUOTE, in_time)
        wait_until(lambda: pacer.status()["waiting"]["quote"] == 1)
        pacer.close()
        with pytest.raises(VendorUnavailable, match="stopping"):
            waiting.result(60)
    with pytest.raises(VendorUnavailable, match="stopping"):
        pacer.wait_for_slot(Lane.CANCEL, in_time)


def test_a_hold_delays_the_next_start() -> None:
    clock = FakeClock()
    pacer = Pacer(SlidingWindowLimiter(10), clock)
    pacer.hold(0.5)
    pacer.wait_for_slot(Lane.CANCEL, in_time)
    assert clock.monotonic() >= 0.5
