"""The adapters of the configured vendors."""

from __future__ import annotations

from pathlib import Path

from broker_server.amqp.lease_timing import longest_send
from broker_server.core.vendor import Vendor
from broker_server.settings import Settings, SettingsError
from broker_server.vendors import kis


def kis_config(settings: Settings, *, simulated: bool, cache_folder: Path) -> kis.KisConfig:
    """The KIS adapter's configuration.

    Args:
        simulated: The server behind ``KIS_REST_URL`` is a simulator.
        cache_folder: Where access tokens are kept.

    Raises:
        SettingsError: A key is missing, or a setting contradicts another.
    """
    if settings.kis_app_key is None or settings.kis_app_secret is None:
        keys = {"KIS_APP_KEY": settings.kis_app_key, "KIS_APP_SECRET": settings.kis_app_secret}
        missing = " and ".join(name for name, value in keys.items() if value is None)
        raise SettingsError(
            f"{missing}: not set; put your KIS key pair into .env (see .env.example), or use run --simulate"
        )
    try:
        return kis.KisConfig(
            environment=settings.kis_environment or "paper",
            simulated=simulated,
            app_key=settings.kis_app_key,
            app_secret=settings.kis_app_secret,
            account=settings.kis_account,
            rest_url=settings.kis_rest_url,
            rate_limit=settings.kis_rate_limit,
            cust_type=settings.kis_custtype,
            cache_folder=cache_folder,
        )
    except ValueError as error:
        raise SettingsError(str(error)) from None


def make_vendors(settings: Settings, *, simulated: bool, cache_folder: Path) -> list[Vendor]:
    """The adapters of the configured vendors.

    Raises:
        SettingsError: One of them lacks a setting.
    """
    vendors: list[Vendor] = []
    if "kis" in settings.vendors:
        config = kis_config(settings, simulated=simulated, cache_folder=cache_folder)
        vendors.append(kis.create(config, order_timeout=longest_send(settings.lease_heartbeat)))
    return vendors
