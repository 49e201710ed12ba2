"""Gathers what a run showed of each card on each backend, and writes it down."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.backend import Backend
from tests.conformance.backends import BACKENDS
from tests.conformance.cards import CARDS

PASSED, FAILED, NOT_OFFERED, NOT_RUN = "passed", "failed", "not offered", "not run"


class Recorder:
    """A pytest plugin.

    A card has passed where every test of it that was run has passed, and at least one was run.

    Args:
        target: The file to write when the run is over.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._outcomes: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._proofs = {(backend.id, id): node for backend in BACKENDS for id, node in backend.proofs.items()}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note an outcome for every card that the test proves."""
        outcome = report.outcome
        if outcome == "passed" and report.when != "call":
            return
        named: dict[str, list[Any]] = defaultdict(list)
        for name, value in report.user_properties:
            named[name].append(value)
        proved = [(backend, card) for backend in named["backend"] for card in named["card"]]
        node = report.nodeid.partition("[")[0].partition("@")[0]
        proved += [place for place, proof in self._proofs.items() if proof == node]
        for place in proved:
            self._outcomes[place].add(outcome)

    def pytest_sessionfinish(self) -> None:
        """Write the results."""
        results = {
            backend.id: {card.id: self._result(backend, card.id) for card in CARDS} for backend in BACKENDS
        }
        self._target.write_text(json.dumps(results, indent=1) + "\n", "utf-8")

    def _result(self, backend: Backend, card: str) -> str:
        outcomes = self._outcomes.get((backend.id, card), set())
        if "failed" in outcomes:
            return FAILED
        if card in backend.not_offered:
            return NOT_OFFERED
        if outcomes == {"passed"}:
            return PASSED
        return NOT_RUN
