"""The state of each ``change``: a push has only what changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ChangeStates:
    """Merges pushes into the last state of their issue, for one connection."""

    def __init__(self) -> None:
        self._states: dict[str, dict[str, Any]] = {}

    def merge(self, symbol: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Take what changed.

        Returns:
            Everything that has come of the issue, this included; a copy.
        """
        state = self._states.setdefault(symbol, {})
        state.update(fields)
        return dict(state)

    def forget(self, symbol: str) -> None:
        """It is subscribed to anew: what has changed meanwhile did not come."""
        self._states.pop(symbol, None)

    def forget_all(self) -> None:
        """A connection begins or has ended."""
        self._states.clear()
