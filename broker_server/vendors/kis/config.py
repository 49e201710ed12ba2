"""What the KIS adapter needs to know before it starts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from broker_server.core.accounts import DEFAULT
from broker_server.vendors.endpoints import check_live_url, check_rest_url

KisEnvironment = Literal["paper", "real"]

OFFICIAL_HOSTS: dict[KisEnvironment, str] = {
    "paper": "https://openapivts.koreainvestment.com:29443",
    "real": "https://openapi.koreainvestment.com:9443",
}
"""KIS developer portal, REST hosts of paper and real trading."""

OFFICIAL_LIVE_HOSTS: dict[KisEnvironment, str] = {
    "paper": "ws://ops.koreainvestment.com:31000",
    "real": "ws://ops.koreainvestment.com:21000",
}
"""The same for live data: one name, told apart by the port. KIS offers no TLS there."""

MOST_REGISTRATIONS = 41
"""On one connection, notices included; KIS notice of 2026-04-20. Its samples stop at 40."""

RATE_LIMITS: dict[KisEnvironment, int] = {"paper": 1, "real": 18}
"""Calls per second and app key; KIS notice of 2026-04-20."""

_LIVE_PATH = "/tryitout"


@dataclass(frozen=True, slots=True, kw_only=True)
class KisConfig:
    """One KIS key, and the account that it may use.

    Attributes:
        environment: Which TR ids and limits apply.
        simulated: Whether the server behind ``rest_url`` is our simulator. Orders are sent only then.
        app_key: 36 characters; paper and real have keys of their own.
        app_secret: 180 characters.
        account: ``12345678-01``; without it the account methods say what to set.
        cache_folder: Where the access token is kept between runs.
        rest_url: ``None`` for the environment's official host.
        rate_limit: Calls per second; ``None`` for the environment's limit.
        cust_type: ``P`` for a person, ``B`` for a corporation.
        ws_url: ``None`` for the environment's official host of live data; a simulator has no default.
        hts_id: The login of KIS's trading program, which notices of executions are registered by.
        ws_approval_key: Used before one is asked for by REST.
        ws_max_registrations: How many the connection of this key holds.
        unreconciled: Order APIs that may be called on a live account although no list shows their orders.
        alias: How the account is called.
    """

    environment: KisEnvironment
    simulated: bool
    app_key: SecretStr
    app_secret: SecretStr
    account: str | None
    cache_folder: Path
    rest_url: str | None = None
    rate_limit: int | None = None
    cust_type: Literal["P", "B"] = "P"
    ws_url: str | None = None
    hts_id: SecretStr | None = None
    ws_approval_key: SecretStr | None = None
    ws_max_registrations: int = 40
    unreconciled: frozenset[str] = frozenset()
    alias: str = DEFAULT

    def __post_init__(self) -> None:
        """Refuse what could send an order or a key to the wrong place.

        Raises:
            ValueError: A setting is missing, malformed or contradicts another; the message names it.
        """
        if not self.app_key.get_secret_value() or not self.app_secret.get_secret_value():
            raise ValueError("KIS_APP_KEY and KIS_APP_SECRET must both be set")
        if self.account is not None and not _is_account(self.account):
            raise ValueError("KIS_ACCOUNT must look like 12345678-01: 8 digits, a hyphen and 2 digits")
        if self.rate_limit is not None and self.rate_limit < 1:
            raise ValueError("KIS_RATE_LIMIT must be at least 1 call a second")
        if not 1 <= self.ws_max_registrations <= MOST_REGISTRATIONS:
            raise ValueError(f"KIS_WS_MAX_REGISTRATIONS must be 1 to {MOST_REGISTRATIONS}")
        check_rest_url(self.base_url, "KIS", self.environment, OFFICIAL_HOSTS, simulated=self.simulated)
        if self.live_url is not None:
            check_live_url(
                self.live_url, "KIS", self.environment, OFFICIAL_LIVE_HOSTS, simulated=self.simulated
            )

    @property
    def is_live(self) -> bool:
        """Whether an order moves real money."""
        return self.environment == "real" and not self.simulated

    @property
    def base_url(self) -> str:
        """The server, without a slash at the end."""
        return (self.rest_url or OFFICIAL_HOSTS[self.environment]).rstrip("/")

    @property
    def live_url(self) -> str | None:
        """Where live data come from; ``None`` where a simulator is used and its address was not given.

        The path is ``/tryitout`` unless ``ws_url`` has one of its own: any mix of TRs goes over it.
        """
        if self.ws_url is None and self.simulated:
            return None
        url = (self.ws_url or OFFICIAL_LIVE_HOSTS[self.environment]).rstrip("/")
        return url if urlsplit(url).path else f"{url}{_LIVE_PATH}"

    @property
    def calls_per_second(self) -> int:
        """The limit that the pacing keeps."""
        return self.rate_limit or RATE_LIMITS[self.environment]


def _is_account(text: str) -> bool:
    return re.fullmatch("[0-9]{8}-[0-9]{2}", text) is not None
