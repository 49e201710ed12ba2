"""How a live connection ends, and whom it tells what happens on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from broker_client.errors import TaskFailed
from broker_server.core.stream_requests import Registration


class End(Enum):
    """Why a connection ended."""

    LOST = auto()
    """It broke, was closed by the server, or could not be made."""
    SILENT = auto()
    """Nothing came any more."""
    DEAF = auto()
    """Requests were not answered."""
    IDLE = auto()
    """Nothing was wanted any more."""
    ASKED = auto()
    """It was to be replaced."""
    IN_USE = auto()
    """Another connection has the app key."""
    KEY_REFUSED = auto()
    """The app key is wrong."""
    STALE_PASS = auto()
    """The approval key or token that it began with is not known any more: another one may be."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a connection ended.

    Attributes:
        kind: Why.
        reason: In words, nothing personal.
        error: For clients, where there is one.
    """

    kind: End
    reason: str
    error: TaskFailed | None = None


class Events(Protocol):
    """Whom a conversation tells; as in `broker_server.core.feeds.FeedListener`."""

    def registered(self, registration: Registration) -> None: ...

    def refused(self, registration: Registration, error: TaskFailed, *, for_good: bool) -> None: ...

    def interrupted(self, registrations: Sequence[Registration], reason: str) -> None: ...
