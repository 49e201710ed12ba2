"""Lanes: what waits in one holds up no other."""

from __future__ import annotations

import threading

import pytest

from broker_server.core.methods import Lane
from broker_server.execution import STREAM_THREADS, LaneExecutor, LanePool
from tests.support.waiting import wait_until


def test_subscriptions_that_wait_hold_up_nothing_else() -> None:
    executor, gate = LaneExecutor(4), threading.Event()
    for _ in range(STREAM_THREADS + 3):
        executor.submit(Lane.STREAM, lambda: gate.wait(10) and None)
    wait_until(lambda: executor.status()["streams"] == {"waiting": 3, "running": STREAM_THREADS})
    for lane in Lane:
        if lane is not Lane.STREAM:
            done = threading.Event()
            executor.submit(lane, done.set)
            assert done.wait(10), lane
    gate.set()
    wait_until(lambda: executor.running == 0)
    executor.stop()


@pytest.mark.parametrize(("lane", "pool"), [(Lane.STREAM, "suspects"), (Lane.ORDER, "orders")])
def test_a_suspect_runs_alone_unless_it_is_an_order(lane: Lane, pool: str) -> None:
    executor, gate = LaneExecutor(4), threading.Event()
    executor.submit(lane, lambda: gate.wait(10) and None, suspect=True)
    wait_until(lambda: executor.status()[pool]["running"] == 1)
    gate.set()
    executor.stop()


def test_what_waits_can_be_forgotten_and_what_runs_ends() -> None:
    pool, gate, ran = LanePool("test", 1), threading.Event(), []
    pool.submit(lambda: gate.wait(10) and None)
    wait_until(lambda: pool.running == 1)
    for number in range(3):
        pool.submit(lambda number=number: ran.append(number))  # type: ignore[misc]
    assert pool.waiting == 3
    pool.drop_waiting()
    pool.submit(lambda: ran.append(9))
    gate.set()
    wait_until(lambda: ran == [9])
    pool.stop()
    assert pool.waiting == 0
