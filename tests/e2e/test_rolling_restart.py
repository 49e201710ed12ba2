"""An owner and its standby are restarted in turn, under load: no task fails, and no order is sent twice."""

from __future__ import annotations

import os
from itertools import pairwise

import pytest

from tests.support.order_floor import Floor
from tests.support.processes import CommandProcess
from tests.support.steady_traffic import SteadyTraffic

TICKER = "005930"
SETTINGS = {"LEASE_HEARTBEAT": "2", "ORDER_MAX_PER_DAY": "none", "ORDER_MAX_NOTIONAL": "none"}
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


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_many_rolling_restarts_fail_no_task(new_floor: Floor) -> None:
    roll(new_floor, ROUNDS)
