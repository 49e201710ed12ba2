"""What the worker needs of a vendor adapter, and nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from broker_server.core.methods import Method


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of ``broker-server check``.

    Attributes:
        item: What was tried, for example ``kis token``.
        passed: Whether it works.
        detail: What was seen, or what to do about it. Never a secret.
    """

    item: str
    passed: bool
    detail: str


class Vendor(Protocol):
    """A vendor adapter. Every method may block; the worker calls none of them on its event loop."""

    name: str

    def methods(self) -> Sequence[Method[Any]]:
        """The methods that this adapter serves."""

    def status(self) -> dict[str, Any]:
        """The adapter's part of ``broker.get-status``; JSON values, no secrets, returns at once."""

    def check(self) -> Sequence[CheckResult]:
        """Try the connection and the credentials."""

    def close(self) -> None:
        """Release sockets and threads."""
