"""``run --simulate``: the settings point at simulators, and at nothing else: orders will be sent there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import requests
from pydantic import SecretStr

from broker_server.account_settings import AccountSettings
from broker_server.core.accounts import AccountKey
from broker_server.settings import Settings, SettingsError, is_loopback
from broker_server.wiring.leases import hidden

SIMULATOR_ACCOUNT = "50000001-01"
SIMULATOR_SIGNATURE = "sapi-broker-simulator"
SIMULATOR_INSTANCE = "X-Simulator-Instance"


def with_simulator(
    settings: Settings, stack: ExitStack, *, seed: int, hours: bool
) -> tuple[Settings, str | None]:
    """Point the settings at a simulator: the one that they name, or one of our own.

    Args:
        settings: As loaded; a simulator that they name for one of their vendors they name for all of them.
        stack: Ends the simulator.
        seed: Of its prices and keys.
        hours: Whether it trades only in the exchanges' hours.

    Returns:
        The settings, and the control server of a simulator that was started.

    Raises:
        SettingsError: They name something else, or no simulator comes up.
    """
    urls = named_urls(settings)
    if any(urls.values()):
        return settings.model_copy(update=_of_named_simulator(settings, urls)), None
    from broker_server.simulator.process import (  # only a trial needs it
        SimulatorDidNotStart,
        SimulatorProcess,
    )

    try:
        simulator = stack.enter_context(SimulatorProcess.start(seed=seed, hours=hours))
    except SimulatorDidNotStart as error:
        raise SettingsError(str(error)) from None
    environment = settings.kis_environment or "real"
    keys = simulator.credentials["kis"][environment]
    update: dict[str, Any] = {
        "kis_environment": environment,
        "kis_app_key": SecretStr(keys["app_key"]),
        "kis_app_secret": SecretStr(keys["app_secret"]),
        "kis_account": keys["account"],
        "kis_rest_url": simulator.kis_rest_url,
        "kis_ws_url": simulator.kis_ws_url,
        "kis_hts_id": SecretStr(keys["hts_id"]),
    }
    if "kiwoom" in settings.vendors:
        environment = settings.kiwoom_environment or "real"
        keys = simulator.credentials["kiwoom"]["mock" if environment == "paper" else environment]
        update |= {
            "kiwoom_environment": environment,
            "kiwoom_app_key": SecretStr(keys["app_key"]),
            "kiwoom_app_secret": SecretStr(keys["app_secret"]),
            "kiwoom_account": keys["account"],
            "kiwoom_rest_url": simulator.kiwoom_rest_url,
            "kiwoom_ws_url": simulator.kiwoom_ws_url,
        }
        if settings.kiwoom_backend == "openapi-plus" and settings.kiwoom_rate_limit is not None:
            _let_be_asked(simulator.control_url, settings.kiwoom_rate_limit)
    if "koscom" in settings.vendors:
        keys = simulator.credentials["koscom"]["real"]
        update |= {
            "koscom_api_key": SecretStr(keys["api_key"]),
            "koscom_member_name": keys["member_name"],
            "koscom_rest_url": simulator.koscom_rest_url,
            "koscom_ws_url": simulator.koscom_ws_url,
        }
    return settings.model_copy(update=update), simulator.control_url


def _let_be_asked(control_url: str, a_second: int) -> None:
    """Let the simulated control bear what the worker may ask of it; twice that, for calls that bunch up."""
    windows = {"query_windows": [[2 * a_second, 1]]}
    try:
        requests.post(f"{control_url}/openapi-plus", json=windows, timeout=5).raise_for_status()
    except requests.RequestException as error:
        raise SettingsError(f"the simulator did not take KIWOOM_RATE_LIMIT: {error}") from None


def named_urls(settings: Settings) -> dict[str, str | None]:
    """Where REST of the served vendors is, by the setting that says so."""
    urls = {}
    if "kis" in settings.vendors:
        urls["KIS_REST_URL"] = settings.kis_rest_url
    if "kiwoom" in settings.vendors:
        urls["KIWOOM_REST_URL"] = settings.kiwoom_rest_url
    if "koscom" in settings.vendors:
        urls["KOSCOM_REST_URL"] = settings.koscom_rest_url
    return urls


def _of_named_simulator(settings: Settings, urls: Mapping[str, str | None]) -> dict[str, Any]:
    for name, url in urls.items():
        if url is None:
            raise SettingsError(f"{name}: not set, though a simulator is named for another vendor")
        if not is_loopback(url):
            raise SettingsError(
                f"{name}: --simulate sends orders, so it takes a simulator on this machine only"
            )
    update: dict[str, Any] = {}
    if "kis" in settings.vendors:
        update |= {
            "kis_environment": settings.kis_environment or "real",
            "kis_app_key": settings.kis_app_key or SecretStr("S" * 36),
            "kis_app_secret": settings.kis_app_secret or SecretStr("S" * 180),
            "kis_account": settings.kis_account or SIMULATOR_ACCOUNT,
        }
    if "kiwoom" in settings.vendors:
        has_keys = settings.kiwoom_app_key and settings.kiwoom_app_secret
        if settings.kiwoom_backend == "rest" and not has_keys:
            raise SettingsError(
                "KIWOOM_APP_KEY and KIWOOM_APP_SECRET: not set; the simulator's first line has them"
            )
        update["kiwoom_environment"] = settings.kiwoom_environment or "real"
    if "koscom" in settings.vendors and settings.koscom_api_key is None:
        raise SettingsError("KOSCOM_API_KEY: not set; the simulator's first line has it")
    return update


def simulator_instances(
    settings: Settings, accounts: Sequence[AccountSettings]
) -> dict[AccountKey, str | None]:
    """Make sure that simulators are behind all accounts.

    Returns:
        By account what names it and no other: the name of the simulator's instance is in it.

    Raises:
        SettingsError: One of them is behind something else.
    """
    urls = {_vendor_of(name): (name, url or "") for name, url in named_urls(settings).items()}
    instances: dict[str, str] = {}
    found: dict[AccountKey, str | None] = {}
    for each in accounts:
        name, url = urls[each.key.vendor]
        if each.table is not None and each.table.rest_url is not None:
            name, url = f"ACCOUNTS_FILE: [{each.key.account}] rest_url", each.table.rest_url
            if not is_loopback(url):
                raise SettingsError(
                    f"{name}: --simulate sends orders, so it takes a simulator on this machine only"
                )
        if url not in instances:
            instances[url] = ensure_simulator(url, name)
        instance = instances[url]
        found[each.key] = instance if each.table is None else hidden(f"{instance}/{each.identity}")
    return found


def _vendor_of(setting: str) -> str:
    return setting.partition("_")[0].lower()


def ensure_simulator(rest_url: str, name: str = "KIS_REST_URL") -> str:
    """Make sure that a simulator answers there, and no tunnel to a brokerage: orders will be sent to it.

    Args:
        name: Of the setting that names it.

    Returns:
        The name of that instance, which no other one has.

    Raises:
        SettingsError: Nobody answers, or somebody else.
    """
    try:
        answer = requests.get(rest_url, timeout=5, allow_redirects=False)
    except requests.RequestException:
        raise SettingsError(f"{name}: nobody answers at {rest_url}") from None
    instance = answer.headers.get(SIMULATOR_INSTANCE)
    if answer.headers.get("Server") != SIMULATOR_SIGNATURE or instance is None:
        raise SettingsError(
            f"{name}: {rest_url} is no simulator of this project (broker-server simulate); "
            f"--simulate sends orders, so it talks to nothing else"
        )
    return instance
