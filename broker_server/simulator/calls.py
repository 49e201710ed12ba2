"""Counts of the calls that the simulated vendors received."""

from __future__ import annotations

from collections import Counter


class CallCounts:
    """Calls per path and per TR id, refused ones included, and errors per code."""

    def __init__(self) -> None:
        self.paths: Counter[str] = Counter()
        self.trs: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    def clear(self) -> None:
        """Start from zero."""
        for counter in (self.paths, self.trs, self.errors):
            counter.clear()

    def to_json(self) -> dict[str, object]:
        """As ``GET /calls`` shows them."""
        return {
            "total": self.paths.total(),
            "paths": dict(self.paths),
            "trs": dict(self.trs),
            "errors": dict(self.errors),
        }
