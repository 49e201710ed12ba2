"""Which card each test proves, on which backend; and the results of a run, for ``docs/conformance.md``."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

for _cards in ("quote", "order", "stream", "life"):
    pytest.register_assert_rewrite(f"tests.conformance.{_cards}_cards")

from tests.conformance.recording import NOT_OFFERED, Recorder  # noqa: E402 - after that

WRITE = "--write-conformance"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Registered only where this folder is named on the command line: a page is of a whole run."""
    parser.addoption(WRITE, type=Path, help="write the result of every card on every backend as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Record what is asked for; with xdist in the process that hears of all tests."""
    target = config.getoption(WRITE, default=None)
    if target is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(target), "conformance-recorder")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A card that is skipped for any other reason than that it is not offered has failed."""
    report = yield
    if report.skipped and item.get_closest_marker("card") and NOT_OFFERED not in str(report.longrepr):
        report.outcome = "failed"
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What a backend declares as not offered is skipped with its reason; every report names its cards.

    A test of a card that is proved elsewhere for the backend is left out.
    """
    proved_elsewhere: list[pytest.Item] = []
    for item in items:
        backend = getattr(getattr(item, "cls", None), "backend", None)
        cards = [id for mark in item.iter_markers("card") for id in mark.args]
        if backend is None or not cards:
            continue
        item.user_properties += [("backend", backend.id), *(("card", id) for id in cards)]
        reasons = {backend.not_offered[id] for id in cards if id in backend.not_offered}
        if reasons:
            assert set(cards) <= backend.not_offered.keys(), f"{item.nodeid} proves cards that are offered"
            item.add_marker(pytest.mark.skip(reason=f"{NOT_OFFERED}: {'; '.join(sorted(reasons))}"))
        if set(cards) <= backend.proofs.keys():
            proved_elsewhere.append(item)
    if proved_elsewhere:
        config.hook.pytest_deselected(items=proved_elsewhere)
        items[:] = [item for item in items if item not in proved_elsewhere]
