"""Orders through workers that are killed at random, at a vendor that loses answers: none twice, none lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.order_chaos import OrderChaos
from tests.support.order_chaos_vendors import KIS, KIWOOM, ChaosVendor

EACH_VENDOR = pytest.mark.parametrize("vendor", [KIS, KIWOOM], ids=lambda vendor: vendor.name)
ONE_VENDOR = pytest.mark.parametrize(  # all but the faults is shared; those are in test_kiwoom_faults.py too
    "vendor", [KIS, pytest.param(KIWOOM, marks=pytest.mark.chaos)], ids=lambda vendor: vendor.name
)


@pytest.mark.timeout(400)
@pytest.mark.same_on_every_journal
@ONE_VENDOR
def test_orders_survive_dying_workers_and_lost_answers(
    clean_broker: str, journal_url: str, tmp_path: Path, vendor: ChaosVendor
) -> None:
    chaos = OrderChaos(vendor, clean_broker, tmp_path, journal_url, seed=1, orders=40, kills=5, odds=0.02)
    report = chaos.run()
    report.show()
    assert report.kills >= 5
    assert report.problems == []


@pytest.mark.chaos
@pytest.mark.timeout(3600)
@EACH_VENDOR
def test_many_orders_survive_many_dying_workers_and_lost_answers(
    clean_broker: str, tmp_path: Path, vendor: ChaosVendor
) -> None:
    seed = int(os.environ.get("CHAOS_SEED", "20261125"))
    journal_url = f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    chaos = OrderChaos(
        vendor, clean_broker, tmp_path, journal_url, seed=seed, orders=500, kills=50, odds=0.02
    )
    report = chaos.run()
    report.show()
    assert report.kills >= 50
    assert report.problems == []
