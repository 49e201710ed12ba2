"""The accounts that a worker may serve, by its settings and ``ACCOUNTS_FILE``, narrowed by ``ACCOUNTS``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from broker_server.accounts_file import KisTable, KiwoomTable, KoscomTable, Table, load_tables, wrong_table
from broker_server.core.accounts import DEFAULT, AccountKey
from broker_server.core.guards import Limits
from broker_server.settings import Settings, SettingsError

_LIMITS = ("order_max_quantity", "order_max_notional", "order_max_per_day", "order_tickers")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """An account.

    Attributes:
        table: Of the file; ``None`` for the account of the plain settings.
        environment: ``None`` where the vendor has none.
        identity: What makes it another one than all others; secret. ``None`` without an account.
    """

    key: AccountKey
    table: Table | None
    environment: Literal["paper", "real"] | None
    identity: str | None

    @property
    def named(self) -> str:
        """The setting that says its environment."""
        if self.table is None:
            return f"{self.key.vendor.upper()}_ENVIRONMENT"
        return f"[{self.key.account}] environment"


def served_accounts(settings: Settings) -> tuple[AccountSettings, ...]:
    """The accounts, those of the plain settings first.

    Raises:
        SettingsError: The file is wrong, names an account twice, or lacks what ``ACCOUNTS`` names.
    """
    tables = [table for table in load_tables(settings.accounts_file) if table.is_account]
    found = [
        *(
            _of_the_settings(vendor, settings)
            for vendor in settings.vendors
            if _has_default(vendor, settings, tables)
        ),
        *(_of_a_table(table) for table in tables if table.vendor in settings.vendors),
    ]
    _ensure_different(found)
    return _narrowed(found, settings, tables)


def quote_keys_of(settings: Settings) -> tuple[KisTable, ...]:
    """More keys of KIS, for live quotes alone."""
    tables = load_tables(settings.accounts_file)
    return tuple(each for each in tables if isinstance(each, KisTable) and not each.is_account)


def limits_of(settings: Settings, table: Table | None = None) -> Limits:
    """What one order may be, and how many a day.

    Args:
        table: Of the account; what it leaves out is as in the settings.
    """
    of_table = {} if table is None else {name: getattr(table, name) for name in table.model_fields_set}
    quantity, notional, per_day, tickers = (of_table.get(name, getattr(settings, name)) for name in _LIMITS)
    return Limits(quantity=quantity, notional=notional, per_day=per_day, tickers=tickers)


def _has_default(vendor: str, settings: Settings, tables: Sequence[Table]) -> bool:
    """Whether the plain settings mean an account: they do unless only the file names one."""
    if vendor == "kis":
        given = settings.kis_app_key is not None or settings.kis_account is not None
    elif vendor == "kiwoom":
        given = settings.kiwoom_app_key is not None or settings.kiwoom_backend == "openapi-plus"
    else:
        given = settings.koscom_api_key is not None
    return given or not any(table.vendor == vendor for table in tables)


def _of_the_settings(vendor: str, settings: Settings) -> AccountSettings:
    environment: Literal["paper", "real"] | None = None
    identity = None
    if vendor == "kis":
        environment = settings.kis_environment or "paper"
        identity = None if settings.kis_account is None else _kis(environment, settings.kis_account)
    elif vendor == "kiwoom":
        environment = settings.kiwoom_environment or "paper"
        identity = None if settings.kiwoom_account is None else _kiwoom(environment, settings.kiwoom_account)
    elif settings.koscom_api_key is not None:
        identity = _koscom(settings.koscom_api_key.get_secret_value())
    return AccountSettings(key=AccountKey(vendor), table=None, environment=environment, identity=identity)


def _of_a_table(table: Table) -> AccountSettings:
    environment: Literal["paper", "real"] | None = None
    identity = None
    if isinstance(table, KisTable):
        environment, identity = table.environment, _kis(table.environment, table.account or "")
    elif isinstance(table, KiwoomTable):
        environment, identity = table.environment, _kiwoom(table.environment, table.account)
    elif isinstance(table, KoscomTable):
        identity = _koscom(table.api_key.get_secret_value())
    key = AccountKey(table.vendor, table.alias)
    return AccountSettings(key=key, table=table, environment=environment, identity=identity)


def _kis(environment: str, account: str) -> str:
    return f"{environment}/{account}"


def _kiwoom(environment: str, account: str) -> str:
    return f"kiwoom/{environment}/{account.replace('-', '')}"


def _koscom(key: str) -> str:
    return f"koscom/{key}"


def _ensure_different(accounts: Sequence[AccountSettings]) -> None:
    """One account under two aliases would have two owners, who know nothing of each other's orders."""
    aliases: dict[AccountKey, AccountSettings] = {}
    identities: Mapping[str, AccountSettings] = {}
    for each in accounts:
        if each.key in aliases:
            raise SettingsError(
                f"ACCOUNTS_FILE: [{DEFAULT}]: the settings name the account {DEFAULT} of {each.key.vendor} "
                f"already; give the table another name"
            )
        aliases[each.key] = each
        if each.identity is None:
            continue
        other = identities.get(each.identity)
        if other is not None:
            what = "api_key" if each.key.vendor == "koscom" else "account"
            raise wrong_table(
                each.key.account, what, f"is that of {other.key.account} too; an account has one alias"
            )
        identities = {**identities, each.identity: each}


def _narrowed(
    found: Sequence[AccountSettings], settings: Settings, tables: Sequence[Table]
) -> tuple[AccountSettings, ...]:
    if settings.accounts is None:
        return tuple(found)
    known = sorted({each.key.account for each in found})
    for alias in settings.accounts:
        if alias in known:
            continue
        vendor = next((table.vendor for table in tables if table.alias == alias), None)
        if vendor is not None:
            raise SettingsError(f"ACCOUNTS: {alias} is of {vendor}, which VENDORS does not name")
        raise SettingsError(f"ACCOUNTS: there is no account {alias}; known: {', '.join(known) or 'none'}")
    kept = tuple(each for each in found if each.key.account in settings.accounts)
    for vendor in settings.vendors:
        if not any(each.key.vendor == vendor for each in kept):
            raise SettingsError(
                f"ACCOUNTS: names no account of {vendor}; name one, or take {vendor} off VENDORS"
            )
    return kept
