"""What follows a task across processes, as the rest of the worker sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

Ended = Callable[[str | None], None]
"""Told how it ended: an error's code, or ``None`` when it went well."""


class Tracer(Protocol):
    """Begins spans. Safe to use from many threads; what is begun inside another one is its child."""

    def task(
        self, method: str, task_id: str, headers: Mapping[str, Any] | None, *, waited: float
    ) -> AbstractContextManager[Ended]:
        """A task in work. One that is put off is told no end, and leaves no span.

        Args:
            headers: Of its message: they may name the client's span.
            waited: Seconds since its message arrived.
        """

    def call(self, vendor: str, operation: str) -> AbstractContextManager[Ended]:
        """A call of a vendor.

        Args:
            operation: The vendor's own name of it: a TR id.
        """

    def close(self) -> None:
        """Send what is left."""


def _untold(_: str | None) -> None:
    return None


class NoTraces:
    """Follows nothing, and costs nothing worth mentioning."""

    _nothing: AbstractContextManager[Ended] = nullcontext(_untold)

    def task(
        self, method: str, task_id: str, headers: Mapping[str, Any] | None, *, waited: float
    ) -> AbstractContextManager[Ended]:
        """Nothing."""
        return self._nothing

    def call(self, vendor: str, operation: str) -> AbstractContextManager[Ended]:
        """Nothing."""
        return self._nothing

    def close(self) -> None:
        """There is nothing to send."""
