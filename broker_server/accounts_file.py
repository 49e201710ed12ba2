"""``ACCOUNTS_FILE``: more keys than the settings name, one table of TOML each.

::

    [quotes]
    vendor = "kis"
    environment = "real"
    app_key = "…"
    app_secret = "…"
"""

from __future__ import annotations

import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError

from broker_client.address import unreadable_file
from broker_client.validation import describe_problem
from broker_server.settings import Settings, SettingsError

_Secret = Annotated[SecretStr, Field(min_length=1)]
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_UNKNOWN = "is no setting of a key"


class ExtraKey(BaseModel):
    """One key.

    Attributes:
        alias: Its name in listings and logs: the name of its table.
        environment: Whose key it is.
        hts_id: For notices.
        ws_url: ``None`` for the environment's official host; ``rest_url`` likewise.
        max_registrations: How many its live connection holds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    alias: str
    vendor: Literal["kis"]
    environment: Literal["paper", "real"]
    app_key: _Secret
    app_secret: _Secret
    hts_id: _Secret | None = None
    rest_url: _Text | None = None
    ws_url: _Text | None = None
    max_registrations: int = Field(default=40, ge=1, le=41)

    def secrets(self) -> list[str]:
        """What must never reach a log."""
        values = (self.app_key, self.app_secret, self.hts_id)
        return [each.get_secret_value() for each in values if each is not None]


def load_extra_keys(path: Path | None) -> tuple[ExtraKey, ...]:
    """Read the file.

    Args:
        path: ``None`` for none.

    Raises:
        SettingsError: One line that says what is wrong with it.
    """
    if path is None:
        return ()
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"ACCOUNTS_FILE: {unreadable_file(str(path), error)}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"ACCOUNTS_FILE: {path} is not TOML: {error}") from None
    return tuple(_key(path, alias, table) for alias, table in tables.items())


def all_secrets(settings: Settings) -> list[str]:
    """Every value that must never be shown, of the settings and of the file as far as it can be read."""
    secrets = settings.secrets()
    with suppress(SettingsError):
        secrets += [secret for key in load_extra_keys(settings.accounts_file) for secret in key.secrets()]
    return secrets


def _key(path: Path, alias: str, table: Any) -> ExtraKey:
    if not isinstance(table, dict):
        raise SettingsError(
            f"ACCOUNTS_FILE: {path}: {alias} stands outside a table; write [name] above the keys"
        )
    try:
        if "alias" in table:
            raise SettingsError(f"ACCOUNTS_FILE: {path}: [{alias}] alias: {_UNKNOWN}")
        return ExtraKey(**table, alias=alias)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        what = _UNKNOWN if problem["type"] == "extra_forbidden" else describe_problem(problem)
        raise SettingsError(f"ACCOUNTS_FILE: {path}: [{alias}] {where}: {what}") from None
