"""What is asked for metrics and health: by the endpoint's threads, which may block for a moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from broker_server.core.measuring import Meter
from broker_server.journal.order_counts import OrderCounts
from broker_server.observing.health import Health
from broker_server.orders.ownership import Grant
from broker_server.status import StatusSource


class VendorStatus(Protocol):
    """What an adapter says of itself."""

    def __call__(self, vendor: str, /) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """One worker.

    Attributes:
        name: The worker's.
        environment: The worker's.
        vendors: The names of what it serves.
        account: The alias of each vendor's account.
        meter: What was measured.
        counts: What was counted.
        health: How it is.
        halted: Whether orders are halted.
        grant: The lease of a vendor's account.
        vendor: What an adapter says of itself; empty when it cannot.
        orders: The journal's counts.
    """

    name: str
    environment: str
    vendors: Sequence[str]
    account: str
    meter: Meter
    counts: StatusSource
    health: Callable[[], Health]
    halted: Callable[[], bool]
    grant: Callable[[str], Grant | None]
    vendor: VendorStatus
    orders: OrderCounts
