"""What Kiwoom's REST way needs to know before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from broker_server.core.accounts import DEFAULT
from broker_server.vendors.endpoints import check_live_url, check_rest_url

KiwoomEnvironment = Literal["paper", "real"]

OFFICIAL_HOSTS: dict[KiwoomEnvironment, str] = {
    "paper": "https://mockapi.kiwoom.com",
    "real": "https://api.kiwoom.com",
}
"""Kiwoom's REST document."""

OFFICIAL_LIVE_HOSTS: dict[KiwoomEnvironment, str] = {
    "paper": "wss://mockapi.kiwoom.com:10000",
    "real": "wss://api.kiwoom.com:10000",
}
"""The same for live data."""

QUERIES_A_SECOND = 5
"""Of all queries together: Kiwoom's terms of service, article 11."""
ORDERS_A_SECOND = 5
"""Counted apart from the queries; likewise."""
QUERIES_OF_ONE_KIND: dict[KiwoomEnvironment, int] = {"paper": 1, "real": 5}
"""A second, of one api-id. Not documented: what its refusals say, which the worker follows too."""
MOST_REGISTRATIONS = 200
"""On one connection; Kiwoom's guide. Whether it counts items or items times types is not said: the latter
is counted here, which is never too many."""

_LIVE_PATH = "/api/dostk/websocket"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestConfig:
    """One key of Kiwoom's REST API, which belongs to one account.

    Attributes:
        environment: Paper and real trading have keys and hosts of their own.
        simulated: Whether our simulator is behind the addresses.
        app_key: From Kiwoom's portal.
        app_secret: Likewise.
        account: Ten digits, as Kiwoom writes it; notices of another one are dropped. Without it all are of
            the account that the key belongs to.
        cache_folder: Where the access token is kept between runs.
        rest_url: ``None`` for the environment's own host.
        ws_url: Likewise, of live data; a simulator has no default.
        rate_limit: Queries per second; ``None`` for Kiwoom's.
        api_rate_limit: Queries per second of one api-id; ``None`` for the environment's.
        ws_max_registrations: How many the connection holds, items times types.
        alias: How the account is called.
    """

    environment: KiwoomEnvironment
    simulated: bool
    app_key: SecretStr
    app_secret: SecretStr
    cache_folder: Path
    account: str | None = None
    rest_url: str | None = None
    ws_url: str | None = None
    rate_limit: int | None = None
    api_rate_limit: int | None = None
    ws_max_registrations: int = MOST_REGISTRATIONS
    alias: str = DEFAULT

    def __post_init__(self) -> None:
        """Refuse what could send an order or a key to the wrong place.

        Raises:
            ValueError: A setting is missing, malformed or contradicts another; the message names it.
        """
        if not self.app_key.get_secret_value() or not self.app_secret.get_secret_value():
            raise ValueError("KIWOOM_APP_KEY and KIWOOM_APP_SECRET must both be set")
        if self.account is not None and not _digits(self.account):
            raise ValueError("KIWOOM_ACCOUNT must be digits, such as 1234567811, with or without hyphens")
        if min(self.queries_a_second, self.queries_of_one_kind) < 1:
            raise ValueError("KIWOOM_RATE_LIMIT must be at least 1 call a second")
        if not 1 <= self.ws_max_registrations <= MOST_REGISTRATIONS:
            raise ValueError(f"KIWOOM_WS_MAX_REGISTRATIONS must be 1 to {MOST_REGISTRATIONS}")
        check_rest_url(self.base_url, "KIWOOM", self.environment, OFFICIAL_HOSTS, simulated=self.simulated)
        if self.live_url is not None:
            check_live_url(
                self.live_url, "KIWOOM", self.environment, OFFICIAL_LIVE_HOSTS, simulated=self.simulated
            )

    @property
    def base_url(self) -> str:
        """The server, without a slash at the end."""
        return (self.rest_url or OFFICIAL_HOSTS[self.environment]).rstrip("/")

    @property
    def live_url(self) -> str | None:
        """Where live data come from; ``None`` where a simulator is used and its address was not given."""
        if self.ws_url is None and self.simulated:
            return None
        url = (self.ws_url or OFFICIAL_LIVE_HOSTS[self.environment]).rstrip("/")
        return url if urlsplit(url).path else f"{url}{_LIVE_PATH}"

    @property
    def queries_a_second(self) -> int:
        """The limit that the pacing keeps, of all queries together."""
        return QUERIES_A_SECOND if self.rate_limit is None else self.rate_limit

    @property
    def queries_of_one_kind(self) -> int:
        """Likewise, of one api-id."""
        if self.api_rate_limit is None:
            return min(QUERIES_OF_ONE_KIND[self.environment], self.queries_a_second)
        return self.api_rate_limit

    @property
    def account_digits(self) -> str | None:
        """The account without hyphens."""
        return None if self.account is None else _digits(self.account)

    @property
    def live(self) -> bool:
        """Whether an order moves real money."""
        return self.environment == "real" and not self.simulated


def _digits(text: str) -> str:
    digits = text.replace("-", "")
    return digits if digits.isdecimal() and digits.isascii() else ""
