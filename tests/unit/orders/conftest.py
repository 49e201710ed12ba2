"""An order desk over a fake vendor, with a clock of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.order_office import Clock, Desk, FakeVendor, journal


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vendor(clock: Clock) -> FakeVendor:
    return FakeVendor(clock)


@pytest.fixture
def desk(tmp_path: Path, vendor: FakeVendor, clock: Clock) -> Desk:
    return Desk(journal(tmp_path), vendor, clock)
