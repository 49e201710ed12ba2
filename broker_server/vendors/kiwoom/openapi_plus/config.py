"""What the OpenAPI+ way needs to know before it starts."""

from __future__ import annotations

from dataclasses import dataclass, field

from broker_server.vendors.kiwoom.openapi_plus.timing import Timing


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenApiPlusConfig:
    """One login.

    Attributes:
        account: Ten digits; ``None`` takes the login's account if it has only one.
        simulated: The control is a simulated one; its orders are never live.
        mock_expected: The settings name mock trading: a login of a live server then takes no orders.
        timing: The waits.
    """

    account: str | None = None
    simulated: bool = False
    mock_expected: bool = False
    timing: Timing = field(default_factory=Timing)
