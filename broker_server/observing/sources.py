"""What is asked for metrics and health: by the endpoint's threads, which may block for a moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from broker_server.core.accounts import AccountKey
from broker_server.core.measuring import Meter
from broker_server.observing.health import Health
from broker_server.observing.journal_readings import JournalReading
from broker_server.orders.ownership import Grant
from broker_server.status import StatusSource


class AdapterStatus(Protocol):
    """What an adapter says of itself."""

    def __call__(self, key: AccountKey, /) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """One worker.

    Attributes:
        name: The worker's.
        environment: The worker's.
        accounts: Those that it may serve.
        meter: What was measured.
        counts: What was counted.
        health: How it is.
        grant: The lease of an account.
        status: What an adapter says of itself; empty when it cannot.
        journal: What the journal says; does not block for long.
    """

    name: str
    environment: str
    accounts: Sequence[AccountKey]
    meter: Meter
    counts: StatusSource
    health: Callable[[], Health]
    grant: Callable[[AccountKey], Grant | None]
    status: AdapterStatus
    journal: Callable[[], JournalReading]
