"""``ACCOUNTS_FILE``: more accounts and keys than the settings name, one table of TOML each.

::

    [second]                     # the alias of an account of its own
    vendor = "kis"
    environment = "paper"
    app_key = "…"
    app_secret = "…"
    account = "12345678-01"

    [quotes]                     # without an account: a key more for live quotes
    vendor = "kis"
    environment = "real"
    app_key = "…"
    app_secret = "…"
"""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
)

from broker_client.address import unreadable_file
from broker_client.validation import describe_problem
from broker_server.core.accounts import is_alias
from broker_server.setting_files import ensure_private
from broker_server.setting_values import (
    OrNone,
    amounts,
    kis_account_number,
    kiwoom_account_number,
    mock_is_paper,
    names,
    spellings,
)
from broker_server.settings import Settings, SettingsError

_Secret = Annotated[SecretStr, Field(min_length=1)]
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Rate = Annotated[int, Field(ge=1, le=1000)]
_DIGITS = re.compile("[0-9]{8,}(-[0-9]+)*")
_UNKNOWN = "is no setting of a {vendor} table"


class Table(BaseModel):
    """What every table has.

    Attributes:
        alias: Its name, by which tasks name the account.
        rest_url: ``None`` for the environment's official host; ``ws_url`` likewise.
        order_max_quantity: Of this account, in place of the setting of that name; likewise the three below.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    alias: str
    vendor: str
    rest_url: _Text | None = None
    ws_url: _Text | None = None
    order_max_quantity: OrNone[int] = None
    order_max_notional: Annotated[dict[str, Decimal] | None, BeforeValidator(amounts)] = None
    order_max_per_day: OrNone[int] = None
    order_tickers: Annotated[frozenset[str] | None, BeforeValidator(names)] = None

    @property
    def is_account(self) -> bool:
        """Whether it is an account of its own."""
        return True

    def secrets(self) -> list[str]:
        """What must never reach a log."""
        values = [each.get_secret_value() for each in vars(self).values() if isinstance(each, SecretStr)]
        number = getattr(self, "account", None)
        return values if number is None else [*values, *spellings(number)]


class KisTable(Table):
    """A key of KIS, and the account that it may use.

    Attributes:
        account: ``None`` makes it a key more for live quotes.
        hts_id: For notices of executions.
        max_registrations: How many its live connection holds.
    """

    vendor: Literal["kis"]
    environment: Literal["paper", "real"]
    app_key: _Secret
    app_secret: _Secret
    account: Annotated[str | None, AfterValidator(kis_account_number)] = Field(default=None, repr=False)
    hts_id: _Secret | None = None
    rate_limit: _Rate | None = None
    custtype: Literal["P", "B"] = "P"
    max_registrations: int = Field(default=40, ge=1, le=41)

    @property
    def is_account(self) -> bool:
        """Whether it is an account of its own."""
        return self.account is not None


class KiwoomTable(Table):
    """A key of Kiwoom's REST API, which belongs to one account."""

    vendor: Literal["kiwoom"]
    environment: Annotated[Literal["paper", "real"], BeforeValidator(mock_is_paper)]
    app_key: _Secret
    app_secret: _Secret
    account: Annotated[str, AfterValidator(kiwoom_account_number)] = Field(repr=False)
    rate_limit: _Rate | None = None
    api_rate_limit: _Rate | None = None
    max_registrations: int = Field(default=200, ge=1, le=200)


class KoscomTable(Table):
    """A key of KOSCOM's platform; it has no account, and takes no orders."""

    vendor: Literal["koscom"]
    api_key: _Secret
    member_name: _Text | None = None
    rate_limit: _Rate | None = None


_MODELS: dict[str, type[Table]] = {"kis": KisTable, "kiwoom": KiwoomTable, "koscom": KoscomTable}


def load_tables(path: Path | None) -> tuple[Table, ...]:
    """Read the file.

    Args:
        path: ``None`` for none.

    Raises:
        SettingsError: One line that says what is wrong with it, by table and key.
    """
    if path is None:
        return ()
    try:
        ensure_private(path)
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except SettingsError as error:
        raise SettingsError(f"ACCOUNTS_FILE: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"ACCOUNTS_FILE: {unreadable_file(str(path), error)}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"ACCOUNTS_FILE: {path} is not TOML: {error}") from None
    return tuple(_table(path, alias, table) for alias, table in tables.items())


def all_secrets(settings: Settings) -> list[str]:
    """Every value that must never be shown, of the settings and of the file as far as it can be read."""
    secrets = settings.secrets()
    with suppress(SettingsError):
        secrets += [secret for table in load_tables(settings.accounts_file) for secret in table.secrets()]
    return secrets


def wrong_table(alias: str, key: str, what: str) -> SettingsError:
    """A table cannot be used.

    Args:
        key: Which of its keys is the reason.
    """
    return SettingsError(f"ACCOUNTS_FILE: [{alias}] {key}: {what}")


def _table(path: Path, alias: str, values: Any) -> Table:
    if not isinstance(values, dict):
        raise SettingsError(
            f"ACCOUNTS_FILE: {path}: {alias} stands outside a table; write [name] above the keys"
        )
    # Whoever took the number of an account for its name does not find it in a log.
    where = f"ACCOUNTS_FILE: {path}: [{_DIGITS.sub('…', alias)}]"
    vendor = values.get("vendor")
    model = _MODELS.get(vendor) if isinstance(vendor, str) else None
    if model is None:
        raise SettingsError(f"{where} vendor: must be one of {', '.join(_MODELS)}")
    unknown = _UNKNOWN.format(vendor=vendor)
    if "alias" in values:
        raise SettingsError(f"{where} alias: {unknown}; its name is the alias")
    try:
        table = model(**values, alias=alias)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        # A mistyped key is named before the one that is missing for it.
        problem = min(problems, key=lambda each: each["type"] != "extra_forbidden")
        key = ".".join(str(part) for part in problem["loc"])
        what = {"extra_forbidden": unknown, "too_short": "must not be empty"}.get(problem["type"])
        what = what or describe_problem(problem)
        raise SettingsError(f"{where} {key}: {what}") from None
    if table.is_account and not is_alias(alias):
        raise SettingsError(
            f"{where}: cannot be the alias of an account: a small letter, then small letters, digits, _ "
            f"and -, 32 at most; it becomes part of the names of queues"
        )
    return table
