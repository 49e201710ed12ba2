"""Hours in minutes: under an even load, and with clients that come and go, nothing grows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.soak import TICKS_PER_SECOND, Soak
from tests.support.soak_load import TASKS_PER_SECOND

MINUTES = float(os.environ.get("SOAK_MINUTES", "20"))
MOST_GROWTH = 0.05
KEPT = 0.95
"""Of the load. Below this share the run says little: what a slow machine cannot send on waits in memory."""


@pytest.mark.chaos
@pytest.mark.timeout(MINUTES * 60 + 900)
def test_an_even_load_leaves_memory_and_everything_else_as_it_was(tmp_path: Path) -> None:
    with Soak(tmp_path) as soak:
        report = soak.run(MINUTES * 60)
    report.show()
    for what, wanted in (("answered", TASKS_PER_SECOND), ("ticks", TICKS_PER_SECOND)):
        assert report.per_second(what) >= KEPT * wanted, f"this machine is too busy for {wanted} {what}/s"
    assert report.errors == {}
    assert report.left == {}, "at the broker, after the clients had gone"
    for process in ("worker", "gateway", "clients"):
        assert report.growth(process) <= MOST_GROWTH, process
        for what in ("threads", "descriptors"):
            _, first, *_, last = report.windows(process, what)
            assert last <= first * 1.1, (process, what)
