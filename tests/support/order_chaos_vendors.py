"""What the chaos of orders needs to know of a vendor: how to start it, and how its answers are spoilt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.support.brokerage import Brokerage
from tests.support.kiwoom_brokerage import KiwoomBrokerage
from tests.support.simulated_brokerage import SimulatedBrokerage


@dataclass(frozen=True, slots=True)
class ChaosVendor:
    """A vendor.

    Attributes:
        open: Starts it with a seed.
        settings: More environment variables of its workers.
        faults: Of the calls that place orders, one at a time.
    """

    open: Callable[[int], SimulatedBrokerage]
    name: str
    settings: Mapping[str, str]
    faults: tuple[dict[str, str], ...]


_ANYWHERE = (
    {"fault": "reset", "when": "before"},
    {"fault": "reset", "when": "after"},
    {"fault": "blackhole", "when": "after"},
    {"fault": "blackhole", "when": "before"},
    {"fault": "bad_gateway", "when": "after"},
    {"fault": "malformed_body"},
    {"fault": "rate_limit"},
)
KIS = ChaosVendor(
    Brokerage,
    "kis",
    {"KIS_RATE_LIMIT": "100"},
    (
        *_ANYWHERE,
        {"fault": "error", "code": "EGW00302", "when": "after"},
        {"fault": "error", "code": "EGW00302", "when": "before"},
    ),
)
KIWOOM = ChaosVendor(
    KiwoomBrokerage,
    "kiwoom",
    {},
    (
        *_ANYWHERE,
        {"fault": "error", "code": "1999", "when": "after"},
        {"fault": "error", "code": "1999", "when": "before", "dialect": "number"},
        {"fault": "error", "code": "1700", "dialect": "number"},
        {"fault": "html", "when": "after"},
        {"fault": "empty_body"},
        {"fault": "expired_token"},
        {"fault": "unauthorized"},
    ),
)
