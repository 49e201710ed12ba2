"""Kiwoom by its REST API and its WebSocket, from any machine."""

from __future__ import annotations

from broker_server.core.instruments import Instruments
from broker_server.vendors.clock import Clock
from broker_server.vendors.kiwoom.config import KiwoomConfig
from broker_server.vendors.kiwoom.rest.backend import RestBackend, create
from broker_server.vendors.kiwoom.rest.config import RestConfig

__all__ = ["RestBackend", "RestConfig", "create", "make_backend"]


def make_backend(
    config: KiwoomConfig, *, clock: Clock, order_timeout: float, instruments: Instruments | None = None
) -> RestBackend:
    """Make the backend that the configuration asks for.

    Args:
        config: The key and the addresses.
        clock: The machine's.
        order_timeout: Seconds for the whole exchange of an order or a cancel.
        instruments: Measure and trace the calls.

    Raises:
        ValueError: A setting is missing or wrong; the message names it.
    """
    if config.app_key is None or config.app_secret is None:
        raise ValueError("KIWOOM_APP_KEY and KIWOOM_APP_SECRET must both be set for KIWOOM_BACKEND=rest")
    rest = RestConfig(
        environment=config.environment,
        simulated=config.simulated,
        app_key=config.app_key,
        app_secret=config.app_secret,
        account=config.account_digits,
        cache_folder=config.cache_folder,
        rest_url=config.rest_url,
        ws_url=config.ws_url,
        rate_limit=config.rate_limit,
        api_rate_limit=config.api_rate_limit,
        ws_max_registrations=config.ws_max_registrations,
        alias=config.alias,
    )
    return create(rest, clock=clock, order_timeout=order_timeout, instruments=instruments)
