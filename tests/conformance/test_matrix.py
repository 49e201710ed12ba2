"""The page of results is of the cards, backends and tests that there are."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from tests.conformance.backend import Backend
from tests.conformance.backends import BACKENDS
from tests.conformance.cards import CARDS
from tests.conformance.page import render
from tests.conformance.recording import NOT_OFFERED, NOT_RUN, PASSED
from tests.conformance.suite import AdapterConformance
from tests.conformance.test_kis import TestKis as OfKis
from tests.conformance.test_kiwoom_openapi_plus import TestKiwoomOpenApiPlus as OfOpenApiPlus
from tests.conformance.test_kiwoom_rest import TestKiwoomRest as OfKiwoomRest
from tests.conformance.test_koscom import TestKoscom as OfKoscom

ROOT = Path(__file__).resolve().parents[2]
CLASSES = {each.backend.id: each for each in (OfKis, OfKiwoomRest, OfOpenApiPlus, OfKoscom)}


def cards_with_a_test(suite: type[AdapterConformance]) -> set[str]:
    """The cards that a test of the class proves, in a run of every day."""
    found: set[str] = set()
    for name, test in inspect.getmembers(suite, callable):
        marks = getattr(test, "pytestmark", []) if name.startswith("test_") else []
        if "chaos" not in {mark.name for mark in marks}:
            found.update(id for mark in marks if mark.name == "card" for id in mark.args)
    return found


def due(backend: Backend, card: str) -> str:
    """What a run in which nothing fails shows."""
    if card in backend.not_offered:
        return NOT_OFFERED
    tested = card in cards_with_a_test(CLASSES[backend.id])
    return PASSED if tested or card in backend.proofs else NOT_RUN


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.id)
def test_every_card_is_proved_or_declared(backend: Backend) -> None:
    ids = {card.id for card in CARDS}
    assert backend.not_offered.keys() | backend.proofs.keys() <= ids
    assert not backend.not_offered.keys() & backend.proofs.keys()
    assert all(len(reason) > 10 for reason in backend.not_offered.values())
    assert [card.id for card in CARDS if due(backend, card.id) == NOT_RUN] == []


@pytest.mark.parametrize("node", sorted({node for each in BACKENDS for node in each.proofs.values()}))
def test_a_proof_elsewhere_is_there(node: str) -> None:
    file, _, name = node.partition("::")
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert name in {each.name for each in tree.body if isinstance(each, functions)}


def test_the_page_is_what_a_run_gives() -> None:
    results = {backend.id: {card.id: due(backend, card.id) for card in CARDS} for backend in BACKENDS}
    page = (ROOT / "docs/conformance.md").read_text("utf-8")
    assert page == render(results), "python -m scripts.write_conformance"
