"""The adapters of the configured vendors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from broker_client.protocol import Environment
from broker_server.account_settings import AccountSettings, quote_keys_of, served_accounts
from broker_server.accounts_file import KisTable, KiwoomTable, KoscomTable, Table, wrong_table
from broker_server.amqp.lease_timing import longest_send
from broker_server.core.accounts import DEFAULT
from broker_server.core.instruments import Instruments
from broker_server.core.methods import Method
from broker_server.core.served_accounts import Holds
from broker_server.core.vendor import Vendor, key_of
from broker_server.settings import Settings, SettingsError
from broker_server.vendors import kis, kiwoom, koscom
from broker_server.wiring.accounts import by_name, merge


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
    return [
        kis_table_config(settings, table, simulated=simulated, cache_folder=cache_folder)
        for table in quote_keys_of(settings)
    ]


def kis_table_config(
    settings: Settings, table: KisTable, *, simulated: bool, cache_folder: Path
) -> kis.KisConfig:
    """The configuration of a KIS key of ``ACCOUNTS_FILE``.

    Raises:
        SettingsError: It contradicts another setting.
    """
    with _naming(table):
        return kis.KisConfig(
            environment=table.environment,
            simulated=simulated,
            app_key=table.app_key,
            app_secret=table.app_secret,
            account=table.account,
            rest_url=table.rest_url or (settings.kis_rest_url if simulated else None),
            rate_limit=table.rate_limit,
            cust_type=table.custtype,
            cache_folder=cache_folder,
            ws_url=table.ws_url or (settings.kis_ws_url if simulated else None),
            hts_id=table.hts_id,
            ws_max_registrations=table.max_registrations,
            unreconciled=settings.allow_unreconciled_orders,
            alias=table.alias if table.is_account else DEFAULT,
        )


@contextmanager
def _naming(table: Table) -> Iterator[None]:
    """Name the table and its key where an adapter names the setting of its default account."""
    try:
        yield
    except ValueError as error:
        named = re.sub(
            f"{table.vendor.upper()}_([A-Z_]+)",
            lambda name: name[1].lower().replace("ws_max_registrations", "max_registrations"),
            str(error),
        )
        raise SettingsError(f"ACCOUNTS_FILE: [{table.alias}] {named}") from None


def make_vendors(
    settings: Settings, *, simulated: bool, cache_folder: Path, instruments: Instruments | None = None
) -> list[Vendor]:
    """The adapters of the accounts that this worker may serve: one each.

    Args:
        instruments: Measure and trace their calls.

    Raises:
        SettingsError: One of them lacks a setting.
    """
    accounts = served_accounts(settings)
    _ensure_one_connection_a_key(settings, accounts)
    return [
        make_vendor(settings, each, simulated=simulated, cache_folder=cache_folder, instruments=instruments)
        for each in accounts
    ]


def make_vendor(
    settings: Settings,
    account: AccountSettings,
    *,
    simulated: bool,
    cache_folder: Path,
    instruments: Instruments | None = None,
) -> Vendor:
    """The adapter of one account.

    Raises:
        SettingsError: It lacks a setting, or one contradicts another.
    """
    table, order_timeout = account.table, longest_send(settings.lease_heartbeat)
    if isinstance(table, KisTable):
        config = kis_table_config(settings, table, simulated=simulated, cache_folder=cache_folder)
    elif isinstance(table, KiwoomTable):
        with _naming(table):
            kiwoom_config = kiwoom.KiwoomConfig(
                backend="rest",
                environment=table.environment,
                simulated=simulated,
                cache_folder=cache_folder,
                account=table.account,
                app_key=table.app_key,
                app_secret=table.app_secret,
                rest_url=table.rest_url or (settings.kiwoom_rest_url if simulated else None),
                ws_url=table.ws_url or (settings.kiwoom_ws_url if simulated else None),
                rate_limit=table.rate_limit,
                api_rate_limit=table.api_rate_limit,
                ws_max_registrations=table.max_registrations,
                compat=settings.sapi_compat,
                alias=table.alias,
            )
            return kiwoom.create(kiwoom_config, order_timeout=order_timeout, instruments=instruments)
    elif isinstance(table, KoscomTable):
        with _naming(table):
            koscom_config = koscom.KoscomConfig(
                simulated=simulated,
                api_key=table.api_key,
                member_name=table.member_name or "",
                rest_url=table.rest_url or (settings.koscom_rest_url if simulated else None),
                ws_url=table.ws_url or (settings.koscom_ws_url if simulated else None),
                rate_limit=table.rate_limit,
                alias=table.alias,
            )
            return koscom.create(koscom_config, instruments=instruments)
    elif account.key.vendor == "kiwoom":
        return make_kiwoom(settings, simulated=simulated, cache_folder=cache_folder, instruments=instruments)
    elif account.key.vendor == "koscom":
        return make_koscom(settings, simulated=simulated, instruments=instruments)
    else:
        config = kis_config(settings, simulated=simulated, cache_folder=cache_folder)
    more: Sequence[kis.KisConfig] = ()
    if account.key.account == DEFAULT:
        more = quote_keys(settings, simulated=simulated, cache_folder=cache_folder)
    return kis.create(config, order_timeout=order_timeout, quote_keys=more, instruments=instruments)


def _ensure_one_connection_a_key(settings: Settings, accounts: Sequence[AccountSettings]) -> None:
    """KIS allows a key one connection, and counts its calls together."""
    known: set[str] = set()
    if settings.kis_app_key is not None and "kis" in settings.vendors:
        known.add(settings.kis_app_key.get_secret_value())
    for table in (*(each.table for each in accounts), *quote_keys_of(settings)):
        if isinstance(table, KisTable):
            key = table.app_key.get_secret_value()
            if key in known:
                raise wrong_table(table.alias, "app_key", "named twice, and KIS allows a key one connection")
            known.add(key)


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

    It is that of the accounts, where orders go: a key of ``ACCOUNTS_FILE`` that serves quotes alone may be of
    another one. KOSCOM has no environments: it takes that of the other vendors, and alone it is ``real``.

    Raises:
        SettingsError: The accounts are not all of one environment, or the file is wrong.
    """
    served: dict[str, Environment] = {
        each.named: each.environment for each in served_accounts(settings) if each.environment is not None
    }
    if len(set(served.values())) > 1:
        differing = " and ".join(f"{name} is {value}" for name, value in served.items())
        raise SettingsError(f"{differing}: one worker serves one environment; run one worker for each")
    alone: Environment = "real" if "koscom" in settings.vendors else settings.kis_environment or "paper"
    return next(iter(served.values()), alone)


def vendor_methods(vendors: Sequence[Vendor], holds: Holds = lambda _: True) -> list[Method[Any]]:
    """The methods of all adapters; of the bare names only Kiwoom's where Kiwoom is served.

    Args:
        holds: Whether this worker owns an account: what is of no account is asked of one that it owns.
    """
    served = list(dict.fromkeys(vendor.name for vendor in vendors))
    methods: list[Method[Any]] = []
    for name in served:
        adapters = sorted(
            (each for each in vendors if each.name == name), key=lambda each: each.account != DEFAULT
        )
        declared = by_name({key_of(each): each.methods() for each in adapters})
        methods += [merge(of_accounts, holds) for of_accounts in declared.values()]
    return [
        method
        for method in methods
        if "." in method.name or method.vendor == "kiwoom" or "kiwoom" not in served
    ]
