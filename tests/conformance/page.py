"""``docs/conformance.md`` from the results of a run."""

from __future__ import annotations

from collections.abc import Mapping

from tests.conformance.backend import Backend
from tests.conformance.backends import BACKENDS
from tests.conformance.cards import CARDS, KINDS
from tests.conformance.recording import FAILED, NOT_OFFERED, NOT_RUN, PASSED

Results = Mapping[str, Mapping[str, str]]
"""By backend and card."""

_HEAD = """# Adapter conformance

What every backend owes, whichever brokerage is behind it: {cards} cards, run on {backends} backends. Each
backend is the product's own adapter, mostly in a real worker with a real RabbitMQ. The brokerage is a
simulator, so this page says nothing of the brokerages' own servers. {passed} of {offered} offered
results are `✓`.

A card is one or more tests of `tests/conformance`, the same for all backends. This page is written from
the results of a run (`python -m scripts.write_conformance`). A test compares it with the cards, the
backends and the tests that there are; in CI every one of those tests has to pass. `–` is not offered,
with the reason below. `✓¹` has its proof in a test elsewhere, named below, because the simulator cannot
make that fault.
"""
_SIGNS = {PASSED: "✓", FAILED: "failed", NOT_OFFERED: "–", NOT_RUN: "not run"}


def render(results: Results) -> str:
    """The page."""
    outcomes = [result for of_backend in results.values() for result in of_backend.values()]
    parts = [
        _HEAD.format(
            cards=len(CARDS),
            backends=len(BACKENDS),
            passed=outcomes.count(PASSED),
            offered=len(outcomes) - outcomes.count(NOT_OFFERED),
        )
    ]
    for letter, kind in KINDS.items():
        parts.append(f"\n## {kind}\n\n")
        parts.append("| | card |" + "".join(f" {backend.title} |" for backend in BACKENDS) + "\n")
        parts.append("|---|---|" + ":-:|" * len(BACKENDS) + "\n")
        for card in CARDS:
            if card.id.startswith(letter):
                signs = "".join(f" {_sign(results, backend, card.id)} |" for backend in BACKENDS)
                parts.append(f"| {card.id} | {card.demand} |{signs}\n")
    parts.append("\n## Not offered\n\n")
    for backend in BACKENDS:
        by_reason: dict[str, list[str]] = {}
        for id, reason in backend.not_offered.items():
            by_reason.setdefault(reason, []).append(id)
        parts += [f"* {backend.title}, {', '.join(ids)}: {reason}.\n" for reason, ids in by_reason.items()]
    parts.append("\n## Proved elsewhere\n\n")
    for backend in BACKENDS:
        parts += [f"* {backend.title}, {id}: `{node}`\n" for id, node in backend.proofs.items()]
    return "".join(parts)


def _sign(results: Results, backend: Backend, card: str) -> str:
    result = results[backend.id][card]
    proved_elsewhere = result == PASSED and card in backend.proofs
    return _SIGNS[result] + ("¹" if proved_elsewhere else "")
