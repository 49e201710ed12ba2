"""What the KIS adapter needs to know before it starts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

KisEnvironment = Literal["paper", "real"]

OFFICIAL_HOSTS: dict[KisEnvironment, str] = {
    "paper": "https://openapivts.koreainvestment.com:29443",
    "real": "https://openapi.koreainvestment.com:9443",
}
"""KIS developer portal, REST hosts of paper and real trading."""

RATE_LIMITS: dict[KisEnvironment, int] = {"paper": 1, "real": 18}
"""Calls per second and app key; KIS notice of 2026-04-20."""


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
        self._check_url()

    @property
    def base_url(self) -> str:
        """The server, without a slash at the end."""
        return (self.rest_url or OFFICIAL_HOSTS[self.environment]).rstrip("/")

    @property
    def calls_per_second(self) -> int:
        """The limit that the pacing keeps."""
        return self.rate_limit or RATE_LIMITS[self.environment]

    def _check_url(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("KIS_REST_URL must be a URL such as https://host:port")
        host = parts.hostname
        if parts.scheme == "http" and not self.simulated and host not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError("KIS_REST_URL must be https: app key, secret and token travel in every call")
        for environment, url in OFFICIAL_HOSTS.items():
            if host != urlsplit(url).hostname:
                continue
            if self.simulated:
                raise ValueError(f"KIS_REST_URL names the {environment} host, which is not a simulator")
            if environment != self.environment:
                raise ValueError(
                    f"KIS_ENVIRONMENT is {self.environment}, but KIS_REST_URL names the {environment} host"
                )


def _is_account(text: str) -> bool:
    return re.fullmatch("[0-9]{8}-[0-9]{2}", text) is not None
