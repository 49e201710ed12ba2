"""What is measured is counted in its bucket, from any thread, and never grows without bound."""

from __future__ import annotations

import threading

from broker_server.core.measuring import OTHER, Meter, Timings
from broker_server.core.methods import Lane


def test_a_time_is_in_the_buckets_of_its_bound_and_of_all_above() -> None:
    timings = Timings((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 7.0):
        timings.add(("a",), seconds)
    (series,) = timings.read()
    assert series.labels == ("a",)
    assert list(series.buckets) == [2, 3, 4]
    assert series.count == 4
    assert series.total == 7.65


def test_labels_beyond_the_bound_are_counted_together() -> None:
    timings = Timings((1.0,), most=2)
    for name in ("a", "b", "c", "d", "a"):
        timings.add((name, "x"), 0.5)
    counts = {series.labels: series.count for series in timings.read()}
    assert counts == {("a", "x"): 2, ("b", "x"): 1, (OTHER, OTHER): 2}


def test_threads_lose_no_count() -> None:
    timings = Timings((1.0,))
    threads = [
        threading.Thread(target=lambda: [timings.add(("a",), 0.5) for _ in range(5_000)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [series.count for series in timings.read()] == [20_000]


def test_a_tick_is_timed_until_it_is_sent() -> None:
    meter, now = Meter(), 10.0
    timer = meter.tick_timer("kis", lambda: now)
    came = timer.now()
    now = 10.5
    timer.sent(came)
    (series,) = meter.ticks.read()
    assert (series.labels, series.count, series.total) == (("kis",), 1, 0.5)


def test_clocks_that_differ_give_no_negative_time() -> None:
    meter = Meter()
    meter.task_delivered(-3.0)
    meter.slot_taken("kis", Lane.QUOTE, 0.0)
    assert meter.deliveries.read()[0].total == 0.0
    assert meter.slots.read()[0].labels == ("kis", "quote")
