"""An owner and its standby are restarted in turn, under load: no task fails, and no order is sent twice."""

from __future__ import annotations

import os
from itertools import pairwise

import pytest

from tests.support.brokerage import BUY, PRICE
from tests.support.direct_caller import direct_caller
from tests.support.order_floor import Floor
from tests.support.processes import CommandProcess
from tests.support.steady_traffic import SteadyTraffic
from tests.support.waiting import wait_until

TICKER = "005930"
SETTINGS = {"LEASE_HEARTBEAT": "2", "ORDER_MAX_PER_DAY": "none", "ORDER_MAX_NOTIONAL": "none"}
ORDERS = 12
READS = 40
SENT = READS + 1, ORDERS
ROUNDS = int(os.environ.get("ROLLING_ROUNDS", "10"))


def roll(floor: Floor, rounds: int) -> None:
    """Restart both workers so often, one after the other, and compare what became of everything."""
    settings = SETTINGS | floor.brokerage.live_settings()
    owner = floor.start(settings=settings)
    floor.brokerage.control("POST", "/stream", {"tick_interval": 0.2})
    with SteadyTraffic(floor.url, TICKER, floor.low_price(TICKER), timeout=120) as traffic:
        standby = start_standby(floor, settings)
        for _ in range(2 * rounds):
            assert owner.terminate() == 0, owner.output
            standby.wait_ready()
            owner, standby = standby, start_standby(floor, settings)
            traffic.goes_on()
    assert traffic.failures == []
    booked = [each["quantity"] for each in floor.brokerage.orders(TICKER)]
    assert sorted(booked) == traffic.quantities
    epochs = [event.epoch for event in traffic.events]
    assert len(set(epochs)) == 2 * rounds + 1, "each owner has an epoch of its own"
    for before, event in pairwise(traffic.events):
        if event.epoch == before.epoch:
            assert event.missed == 0
        else:
            assert event.missed is None, "that there may be a gap is told"
    assert "Traceback" not in owner.output


def start_standby(floor: Floor, settings: dict[str, str]) -> CommandProcess:
    worker = floor.start(ready=False, settings=settings)
    worker.wait_for_line("standby")
    return worker


@pytest.mark.timeout(400)
@pytest.mark.same_on_every_journal
def test_rolling_restart_of_owner_and_standby_fails_no_task(new_floor: Floor) -> None:
    roll(new_floor, 1)


@pytest.mark.timeout(400)
@pytest.mark.same_on_every_journal
def test_what_a_stopped_owner_has_begun_it_answers_and_the_next_runs_the_rest_once(new_floor: Floor) -> None:
    brokerage, wire = new_floor.brokerage, new_floor.wire
    settings = SETTINGS | {"READ_THREADS": "4"}  # two of them for prices
    old, new = new_floor.start(settings=settings), start_standby(new_floor, settings)
    price = new_floor.low_price(TICKER)
    reads_before, orders_before = brokerage.calls(PRICE), brokerage.calls(BUY)
    brokerage.fault("latency", seconds=1, tr=PRICE, count=1000)
    brokerage.fault("latency", seconds=1, tr=BUY, count=1000)
    orders = [
        new_floor.send("kis.buy-order", {"ticker": TICKER, "quantity": number, "price": price})
        for number in range(1, ORDERS + 1)
    ]
    reads = [new_floor.send("kis.get-current-price", {"ticker": TICKER}, to="tasks") for _ in range(READS)]
    with direct_caller(new_floor.url) as direct:
        wait_until(lambda: brokerage.calls(BUY) >= orders_before + 2, what="an order in flight")
        wait_until(lambda: brokerage.calls(PRICE) > reads_before, what="a read in flight")
        direct.send("kis.get-current-price", {"ticker": TICKER})
        assert old.terminate() == 0
        of_the_old = brokerage.calls(PRICE) - reads_before, brokerage.calls(BUY) - orders_before
        brokerage.calm()
        new.wait_ready()
        wire.wait_all(orders + reads)
        assert direct.reply()["status"] == "TASK_SUCCEED"
    replies = [[message.json for message in wire.replies[task_id]] for task_id in orders + reads]
    assert {each["status"] for answers in replies for each in answers} == {"TASK_SUCCEED"}
    assert {len(answers) for answers in replies} == {1}
    assert (brokerage.calls(PRICE) - reads_before, brokerage.calls(BUY) - orders_before) == SENT
    booked = [each["quantity"] for each in brokerage.orders(TICKER)]
    assert booked == list(range(1, ORDERS + 1)), "in order of arrival"
    ended = [sum('"task done"' in line for line in worker.stderr_lines) for worker in (old, new)]
    assert ended == [sum(of_the_old), sum(SENT) - sum(of_the_old)]
    assert of_the_old[0] < READS
    assert of_the_old[1] < ORDERS
    assert new.terminate() == 0


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_many_rolling_restarts_fail_no_task(new_floor: Floor) -> None:
    roll(new_floor, ROUNDS)
