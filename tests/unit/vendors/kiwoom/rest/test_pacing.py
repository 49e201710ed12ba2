"""Both limits together, and who goes first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from broker_client.errors import VendorUnavailable
from broker_server.core.methods import Lane
from broker_server.vendors.clock import SystemClock
from broker_server.vendors.kiwoom.rest.pacing import ApiPacer
from tests.support.fake_time import FakeClock
from tests.support.waiting import wait_until


def nothing() -> None:
    pass


def starts(pacer: ApiPacer, clock: FakeClock, *apis: str, lane: Lane = Lane.QUOTE) -> list[float]:
    times = []
    for api in apis:
        pacer.wait_for_slot(api, lane, nothing)
        times.append(round(clock.monotonic(), 3))
    return times


def test_no_window_holds_more_than_both_limits() -> None:
    clock = FakeClock()
    pacer = ApiPacer(5, 2, clock)
    times = starts(pacer, clock, *["a", "b", "c", "d"] * 10)
    assert all(sum(start <= at < start + 1 for at in times) <= 5 for start in times)
    only_a = times[::4]
    assert all(sum(start <= at < start + 1 for at in only_a) <= 2 for start in only_a)


def test_one_api_at_one_call_a_second() -> None:
    clock = FakeClock()
    times = starts(ApiPacer(5, 1, clock), clock, "a", "a", "a", "b")
    assert times[2] - times[0] >= 2
    assert times[3] - times[2] < 0.5


def test_a_hold_of_all_holds_all() -> None:
    clock = FakeClock()
    pacer = ApiPacer(5, 5, clock)
    pacer.hold(None, 3)
    assert starts(pacer, clock, "a") == [3]


def test_allow_only_lowers() -> None:
    clock = FakeClock()
    pacer = ApiPacer(5, 2, clock)
    pacer.allow("a", 5)
    assert pacer.status()["lowered"] == {}
    pacer.allow("a", 1)
    assert pacer.status()["lowered"] == {"a": 1}


def test_a_call_that_waits_for_its_own_api_holds_up_no_other() -> None:
    pacer = ApiPacer(20, 20, SystemClock())
    pacer.hold("slow", 600)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(pacer.wait_for_slot, "slow", Lane.CANCEL, nothing)
        wait_until(lambda: pacer.status()["waiting"] == {"cancel": 1})
        pool.submit(pacer.wait_for_slot, "quick", Lane.BULK, nothing).result(10)
        pacer.close()
        with pytest.raises(VendorUnavailable):
            slow.result(10)


def test_the_higher_lane_goes_first() -> None:
    pacer = ApiPacer(50, 50, SystemClock())
    pacer.hold(None, 0.3)
    order: list[Lane] = []
    lock = threading.Lock()

    def go(lane: Lane) -> None:
        pacer.wait_for_slot("a", lane, nothing)
        with lock:
            order.append(lane)

    with ThreadPoolExecutor(3) as pool:
        for count, lane in enumerate((Lane.BULK, Lane.QUOTE, Lane.ACCOUNT), start=1):
            pool.submit(go, lane)
            wait_until(lambda count=count: sum(pacer.status()["waiting"].values()) == count)  # type: ignore[misc]
    assert order == [Lane.ACCOUNT, Lane.QUOTE, Lane.BULK]
