"""Settings of the gateway; ``.env.example`` explains each one."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from broker_server.prices_settings import PricesSettings
from broker_server.settings import SERVED_VENDORS

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SHORTEST_KEY = 16


class GatewaySettings(PricesSettings):
    """The settings of the gateway. Field names in capitals are the variables."""

    gateway_host: str = "127.0.0.1"
    gateway_port: int = Field(default=5111, ge=0, le=65535)
    gateway_tls_cert: Path | None = None
    gateway_tls_key: Path | None = None
    gateway_api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    gateway_origins: Annotated[tuple[str, ...], NoDecode] = ()
    gateway_trusted_networks: Annotated[tuple[Network, ...], NoDecode] = (
        ipaddress.ip_network("127.0.0.0/8"),
        ipaddress.ip_network("::1/128"),
    )
    gateway_proxies: Annotated[tuple[Network, ...], NoDecode] = (
        ipaddress.ip_network("127.0.0.1/32"),
        ipaddress.ip_network("::1/128"),
    )
    gateway_vendors: Annotated[tuple[str, ...], NoDecode] = ("kis", "kiwoom", "koscom")
    gateway_rate_limit: float = Field(default=50, gt=0, le=100_000)
    gateway_max_topics: int = Field(default=200, ge=1, le=10_000)
    gateway_token_minutes: float = Field(default=60, gt=0, le=1440)
    price_fresh_seconds: float = Field(default=5, ge=0, le=3600)
    price_stale_seconds: float = Field(default=60, ge=1, le=86_400)

    @field_validator(
        "gateway_api_keys",
        "gateway_origins",
        "gateway_trusted_networks",
        "gateway_proxies",
        "gateway_vendors",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(dict.fromkeys(each.strip() for each in value.split(",") if each.strip()))

    @field_validator("gateway_api_keys")
    @classmethod
    def _check_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(key.get_secret_value()) < SHORTEST_KEY for key in keys):
            raise ValueError(f"each key needs at least {SHORTEST_KEY} characters")
        return keys

    @field_validator("gateway_vendors")
    @classmethod
    def _check_vendors(cls, vendors: tuple[str, ...]) -> tuple[str, ...]:
        for vendor in vendors:
            if vendor not in SERVED_VENDORS:
                raise ValueError(f"{vendor!r} is not known; known: {', '.join(SERVED_VENDORS)}")
        if not vendors:
            raise ValueError(f"name at least one; known: {', '.join(SERVED_VENDORS)}")
        return vendors

    @field_validator("gateway_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
                raise ValueError(f"{origin!r} is no origin; write one such as https://prices.example.com")
        return origins

    @model_validator(mode="after")
    def _check_tls(self) -> GatewaySettings:
        cert, key = self.gateway_tls_cert, self.gateway_tls_key
        if (cert is None) != (key is None):
            raise ValueError(
                "the files of GATEWAY_TLS_CERT and GATEWAY_TLS_KEY go together: name both, or none"
            )
        if cert is None:
            return self
        try:
            # Without a password OpenSSL would ask for one at the terminal.
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key, password="")
        except ssl.SSLError:
            raise ValueError(
                "the files of GATEWAY_TLS_CERT and GATEWAY_TLS_KEY must be a certificate and its key in PEM, "
                "which belong together, and the key without a password"
            ) from None
        except OSError as error:
            raise ValueError(
                f"the files of GATEWAY_TLS_CERT and GATEWAY_TLS_KEY cannot be read: {error.strerror}"
            ) from None
        return self

    @model_validator(mode="after")
    def _closed_to_others(self) -> GatewaySettings:
        if not self.is_local and not self.gateway_api_keys:
            raise ValueError(
                f"with GATEWAY_HOST {self.gateway_host} it can be reached by other machines, so "
                f"GATEWAY_API_KEYS must be set; or leave GATEWAY_HOST at 127.0.0.1"
            )
        return self

    def secrets(self) -> list[str]:
        """Every value that must never reach a log."""
        return [*super().secrets(), *(key.get_secret_value() for key in self.gateway_api_keys)]

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.gateway_host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.gateway_host).is_loopback
        except ValueError:
            return False
