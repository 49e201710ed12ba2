"""Trading floors: one per module for the tests that leave it as it was, fresh ones for the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker_cleaning import clean
from tests.support.brokerage import Brokerage
from tests.support.order_floor import Floor, open_floor
from tests.support.postgres import fresh_database


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to ``make chaos`` what a short run has on SQLite, and whose subject is not the journal."""
    for item in items:
        if item.get_closest_marker("same_on_every_journal") and "[postgresql" in item.name:
            item.add_marker(pytest.mark.thorough)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def module_journal_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """As ``journal_url``, for the tests of a module together."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('journal') / 'journal.sqlite3'}"
        return
    with fresh_database(request.getfixturevalue("postgres_url")) as url:
        yield url


@pytest.fixture(scope="module")
def shared_floor(
    request: pytest.FixtureRequest,
    _test_broker: Any,
    module_journal_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Floor]:
    """A floor with one worker, which gets the settings that the module calls ``SETTINGS``.

    The module may name another ``BROKERAGE`` than KIS.
    """
    clean(_test_broker.url, _test_broker.management)
    with open_floor(
        _test_broker.url,
        tmp_path_factory.mktemp("floor"),
        module_journal_url,
        settings=getattr(request.module, "SETTINGS", {}),
        open_brokerage=getattr(request.module, "BROKERAGE", Brokerage),
    ) as floor:
        floor.start()
        yield floor
        assert floor.worker.terminate() == 0, floor.logs()
        assert "Traceback" not in floor.worker.output
    clean(_test_broker.url, _test_broker.management)


@pytest.fixture
def floor(shared_floor: Floor) -> Iterator[Floor]:
    """The module's floor. Whatever the test did, the brokerage is calm afterwards and the worker answers."""
    yield shared_floor
    shared_floor.brokerage.calm()
    shared_floor.call("broker.ping")
    assert shared_floor.worker.process.poll() is None


@pytest.fixture
def new_floor(clean_broker: str, journal_url: str, tmp_path: Path) -> Iterator[Floor]:
    """A floor of the test's own, without a worker yet."""
    with open_floor(clean_broker, tmp_path, journal_url) as floor:
        yield floor
