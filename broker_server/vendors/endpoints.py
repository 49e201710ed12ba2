"""Whether an address is where a key may be sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import urlsplit

EnvironmentT = TypeVar("EnvironmentT", bound=str)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def check_rest_url(
    url: str, vendor: str, environment: EnvironmentT, hosts: Mapping[EnvironmentT, str], *, simulated: bool
) -> None:
    """Refuse an address that could send a key or an order to the wrong place.

    Args:
        url: Where calls go.
        vendor: Begins the names of the settings: ``KIS``.
        environment: Of the key.
        hosts: The vendor's own, by environment.
        simulated: Whether a simulator is meant to be there.

    Raises:
        ValueError: The message names the setting.
    """
    setting = f"{vendor}_REST_URL"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{setting} must be a URL such as https://host:port")
    if parts.scheme == "http" and not simulated and parts.hostname not in _LOOPBACK:
        raise ValueError(f"{setting} must be https: app key, secret and token travel in every call")
    for other, official in hosts.items():
        if parts.hostname != urlsplit(official).hostname:
            continue
        if simulated:
            raise ValueError(f"{setting} names the {other} host, which is not a simulator")
        if other != environment:
            raise ValueError(f"{vendor}_ENVIRONMENT is {environment}, but {setting} names the {other} host")


def check_live_url(
    url: str, vendor: str, environment: EnvironmentT, hosts: Mapping[EnvironmentT, str], *, simulated: bool
) -> None:
    """The same for the address of live data.

    Raises:
        ValueError: The message names the setting.
    """
    setting = f"{vendor}_WS_URL"
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError(f"{setting} must be a URL such as wss://host:port")
    for other, official in hosts.items():
        host = urlsplit(official)
        if parts.hostname != host.hostname:
            continue
        if simulated:
            raise ValueError(f"{setting} names {vendor}'s own host, which is not a simulator")
        if parts.port == host.port and other != environment:
            raise ValueError(f"{vendor}_ENVIRONMENT is {environment}, but {setting} names the {other} server")
