"""The adapters of the configured vendors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from broker_client.protocol import Environment
from broker_server.accounts_file import load_extra_keys
from broker_server.amqp.lease_timing import longest_send
from broker_server.core.instruments import Instruments
from broker_server.core.methods import Method
from broker_server.core.vendor import Vendor
from broker_server.settings import Settings, SettingsError
from broker_server.vendors import kis, kiwoom, koscom


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
        kis.check_unreconciled(settings.allow_unreconciled_orders)
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
            ws_url=settings.kis_ws_url,
            hts_id=settings.kis_hts_id,
            ws_approval_key=settings.kis_ws_approval_key,
            ws_max_registrations=settings.kis_ws_max_registrations,
            unreconciled=settings.allow_unreconciled_orders,
        )
    except ValueError as error:
        raise SettingsError(str(error)) from None


def quote_keys(settings: Settings, *, simulated: bool, cache_folder: Path) -> list[kis.KisConfig]:
    """More KIS keys, for live quotes alone.

    Raises:
        SettingsError: ``ACCOUNTS_FILE`` is wrong, or contradicts another setting.
    """
    configs = []
    known = {settings.kis_app_key.get_secret_value()} if settings.kis_app_key is not None else set()
    for key in load_extra_keys(settings.accounts_file):
        if key.app_key.get_secret_value() in known:
            raise SettingsError(
                f"ACCOUNTS_FILE: [{key.alias}] app_key: named twice, and KIS allows a key one connection"
            )
        known.add(key.app_key.get_secret_value())
        try:
            configs.append(
                kis.KisConfig(
                    environment=key.environment,
                    simulated=simulated,
                    app_key=key.app_key,
                    app_secret=key.app_secret,
                    account=None,
                    rest_url=key.rest_url or (settings.kis_rest_url if simulated else None),
                    cache_folder=cache_folder,
                    ws_url=key.ws_url or (settings.kis_ws_url if simulated else None),
                    hts_id=key.hts_id,
                    ws_max_registrations=key.max_registrations,
                )
            )
        except ValueError as error:
            named = re.sub("KIS_([A-Z_]+)", lambda name: name[1].lower(), str(error))
            raise SettingsError(f"ACCOUNTS_FILE: [{key.alias}] {named}") from None
    return configs


def make_vendors(
    settings: Settings, *, simulated: bool, cache_folder: Path, instruments: Instruments | None = None
) -> list[Vendor]:
    """The adapters of the configured vendors.

    Args:
        instruments: Measure and trace their calls.

    Raises:
        SettingsError: One of them lacks a setting.
    """
    vendors: list[Vendor] = []
    if "kis" in settings.vendors:
        config = kis_config(settings, simulated=simulated, cache_folder=cache_folder)
        more = quote_keys(settings, simulated=simulated, cache_folder=cache_folder)
        order_timeout = longest_send(settings.lease_heartbeat)
        vendors.append(
            kis.create(config, order_timeout=order_timeout, quote_keys=more, instruments=instruments)
        )
    if "kiwoom" in settings.vendors:
        vendors.append(
            make_kiwoom(settings, simulated=simulated, cache_folder=cache_folder, instruments=instruments)
        )
    if "koscom" in settings.vendors:
        vendors.append(make_koscom(settings, simulated=simulated, instruments=instruments))
    return vendors


def make_kiwoom(
    settings: Settings, *, simulated: bool, cache_folder: Path, instruments: Instruments | None = None
) -> Vendor:
    """The Kiwoom adapter.

    Raises:
        SettingsError: A setting is missing or contradicts another, or this machine lacks what it needs.
    """
    try:
        config = kiwoom.KiwoomConfig(
            backend=settings.kiwoom_backend,
            environment=settings.kiwoom_environment or "paper",
            simulated=simulated,
            cache_folder=cache_folder,
            account=settings.kiwoom_account,
            app_key=settings.kiwoom_app_key,
            app_secret=settings.kiwoom_app_secret,
            rest_url=settings.kiwoom_rest_url,
            ws_url=settings.kiwoom_ws_url,
            rate_limit=settings.kiwoom_rate_limit,
            api_rate_limit=settings.kiwoom_api_rate_limit,
            ws_max_registrations=settings.kiwoom_ws_max_registrations,
            compat=settings.sapi_compat,
        )
        order_timeout = longest_send(settings.lease_heartbeat)
        if simulated and config.backend == "openapi-plus":
            from broker_server.wiring.simulated_control import simulated_backend  # only a trial needs it

            return kiwoom.create(config, backend=simulated_backend(config, order_timeout, instruments))
        return kiwoom.create(config, order_timeout=order_timeout, instruments=instruments)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def make_koscom(settings: Settings, *, simulated: bool, instruments: Instruments | None = None) -> Vendor:
    """The KOSCOM adapter.

    Raises:
        SettingsError: A setting is missing or contradicts another.
    """
    if settings.koscom_api_key is None:
        raise SettingsError(
            "KOSCOM_API_KEY: not set; put the key of your company into .env (see .env.example), "
            "or use run --simulate"
        )
    try:
        config = koscom.KoscomConfig(
            simulated=simulated,
            api_key=settings.koscom_api_key,
            member_name=settings.koscom_member_name or "",
            rest_url=settings.koscom_rest_url,
            ws_url=settings.koscom_ws_url,
            api_version=settings.koscom_api_version,
            key_in=settings.koscom_key_in,
            rate_limit=settings.koscom_rate_limit,
            sessions=settings.koscom_sessions,
            ws_max_subscriptions=settings.koscom_ws_max_subscriptions,
            heartbeat=settings.koscom_heartbeat,
        )
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return koscom.create(config, instruments=instruments)


def worker_environment(settings: Settings) -> Environment:
    """What every reply of a worker with these settings carries, unless it serves simulators.

    KOSCOM has no environments: it takes that of the other vendors, and alone it is ``real``.

    Raises:
        SettingsError: Its vendors are not all of one environment.
    """
    of_vendors: dict[str, Environment | None] = {
        "kis": settings.kis_environment,
        "kiwoom": settings.kiwoom_environment,
    }
    served: dict[str, Environment] = {
        f"{vendor.upper()}_ENVIRONMENT": of_vendors[vendor] or "paper"
        for vendor in settings.vendors
        if vendor in of_vendors
    }
    if len(set(served.values())) > 1:
        differing = " and ".join(f"{name} is {value}" for name, value in served.items())
        raise SettingsError(f"{differing}: one worker serves one environment; run one worker for each")
    alone: Environment = "real" if "koscom" in settings.vendors else settings.kis_environment or "paper"
    return next(iter(served.values()), alone)


def vendor_methods(vendors: Sequence[Vendor]) -> list[Method[Any]]:
    """The methods of all adapters; of the bare names only Kiwoom's where Kiwoom is served."""
    served = {vendor.name for vendor in vendors}
    return [
        method
        for vendor in vendors
        for method in vendor.methods()
        if "." in method.name or vendor.name == "kiwoom" or "kiwoom" not in served
    ]
