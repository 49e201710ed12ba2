"""Every setting of the worker, from the environment and ``.env``; ``.env.example`` explains each one."""

from __future__ import annotations

import ipaddress
import os
import re
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qs, quote, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from broker_client.address import login_user, unreadable_file, url_list
from broker_client.pika_url import pika_parameters
from broker_client.validation import describe_problem
from broker_server.core.accounts import is_alias
from broker_server.core.guards import DEFAULT_NOTIONAL
from broker_server.setting_files import (
    CREDENTIALS,
    Credentials,
    NamedFiles,
    SettingsError,
    ensure_private,
)
from broker_server.setting_values import (
    OrNone,
    amounts,
    kis_account_number,
    kiwoom_account_number,
    mock_is_paper,
    names,
    spellings,
)

__all__ = ["SERVED_VENDORS", "Settings", "SettingsError", "data_folder", "is_loopback", "load_settings"]

SERVED_VENDORS = ("kis", "kiwoom", "koscom")


def data_folder() -> Path:
    """The user's data folder of this product."""
    return Path(platformdirs.user_data_dir("sapi-broker", appauthor=False))


def is_loopback(url: str) -> bool:
    """Whether a URL points at this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class SettingsGroup(BaseSettings):
    """How settings are read."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Beside the environment and ``.env``, the files that they name and what systemd hands over."""
        assert isinstance(env_settings, EnvSettingsSource)  # noqa: S101 - pydantic-settings makes them
        assert isinstance(dotenv_settings, DotEnvSettingsSource)  # noqa: S101
        return (
            init_settings,
            env_settings,
            NamedFiles(settings_cls, env_settings.env_vars),
            Credentials(settings_cls, os.environ.get(CREDENTIALS)),
            dotenv_settings,
            NamedFiles(settings_cls, dotenv_settings.env_vars),
        )


GroupT = TypeVar("GroupT", bound=SettingsGroup)


class Settings(SettingsGroup):
    """The settings of one worker. Field names in capitals are the variables."""

    broker_url: SecretStr | None = None
    vendors: Annotated[tuple[str, ...], NoDecode] = ("kis",)
    accounts: Annotated[tuple[str, ...] | None, NoDecode] = None
    journal_url: str | None = None
    session_check: Literal["refuse", "warn", "off"] = "warn"
    market_sessions_file: Path | None = None
    legacy_queues: bool = False
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    task_prefetch: int = Field(default=1000, ge=1, le=65535)
    order_prefetch: int = Field(default=100, ge=1, le=65535)
    read_threads: int = Field(default=16, ge=1, le=256)
    lease_heartbeat: int = Field(default=5, ge=2, le=10)
    max_body_bytes: int = Field(default=1024 * 1024, ge=1024)
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    metrics_host: str = "127.0.0.1"
    tracing: bool = False

    timezone: str = "Asia/Seoul"
    allow_live_orders: bool = False
    order_max_age: float = Field(default=60, gt=0, le=3600)
    order_max_quantity: OrNone[int] = 10_000
    order_max_notional: Annotated[dict[str, Decimal] | None, NoDecode, BeforeValidator(amounts)] = Field(
        default_factory=lambda: dict(DEFAULT_NOTIONAL)
    )
    order_max_per_day: OrNone[int] = 2_000
    order_tickers: Annotated[frozenset[str] | None, NoDecode, BeforeValidator(names)] = None
    order_users: Annotated[frozenset[str] | None, NoDecode, BeforeValidator(names)] = None
    allow_unreconciled_orders: Annotated[frozenset[str], NoDecode] = frozenset()
    order_poll_seconds: float = Field(default=5, ge=0.5, le=600)
    reconcile_settle: float = Field(default=60, ge=0, le=3600)

    subscription_grace: float = Field(default=60, ge=1, le=3600)
    polling_interval: float = Field(default=30, ge=1, le=3600)
    stale_after: float = Field(default=60, ge=1, le=3600)
    tick_ttl: float = Field(default=10, ge=0.1, le=3600)

    kis_environment: Literal["paper", "real"] | None = None
    kis_app_key: SecretStr | None = None
    kis_app_secret: SecretStr | None = None
    kis_account: Annotated[str | None, AfterValidator(kis_account_number)] = None
    kis_rest_url: str | None = None
    kis_rate_limit: int | None = Field(default=None, ge=1, le=1000)
    kis_custtype: Literal["P", "B"] = "P"
    kis_ws_url: str | None = None
    kis_hts_id: SecretStr | None = None
    kis_ws_approval_key: SecretStr | None = None
    kis_ws_max_registrations: int = Field(default=40, ge=1, le=41)
    accounts_file: Path | None = None

    kiwoom_backend: Literal["openapi-plus", "rest"] = "rest"
    kiwoom_environment: Annotated[Literal["paper", "real"] | None, BeforeValidator(mock_is_paper)] = None
    kiwoom_app_key: SecretStr | None = None
    kiwoom_app_secret: SecretStr | None = None
    kiwoom_account: Annotated[str | None, AfterValidator(kiwoom_account_number)] = None
    kiwoom_rest_url: str | None = None
    kiwoom_ws_url: str | None = None
    kiwoom_rate_limit: int | None = Field(default=None, ge=1, le=1000)
    kiwoom_api_rate_limit: int | None = Field(default=None, ge=1, le=1000)
    kiwoom_ws_max_registrations: int = Field(default=200, ge=1, le=200)
    sapi_compat: bool = False

    koscom_api_key: SecretStr | None = None
    koscom_member_name: str | None = None
    koscom_rest_url: str | None = None
    koscom_ws_url: str | None = None
    koscom_api_version: Literal["v3", "v2"] = "v3"
    koscom_key_in: Literal["header", "query"] = "header"
    koscom_rate_limit: int | None = Field(default=None, ge=1, le=1000)
    koscom_sessions: int = Field(default=1, ge=1, le=20)
    koscom_ws_max_subscriptions: int = Field(default=200, ge=1, le=200)
    koscom_heartbeat: float = Field(default=30, gt=0, le=3600)

    @field_validator("vendors", mode="before")
    @classmethod
    def _split_vendors(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
        if not names:
            raise ValueError(f"name at least one; known: {', '.join(SERVED_VENDORS)}")
        for name in names:
            if name not in SERVED_VENDORS:
                raise ValueError(
                    f"{name!r} is not served by this version; known: {', '.join(SERVED_VENDORS)}"
                )
        return names

    @field_validator("accounts", mode="before")
    @classmethod
    def _split_accounts(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        aliases = tuple(dict.fromkeys(alias.strip() for alias in value.split(",") if alias.strip()))
        if not all(is_alias(alias) for alias in aliases):
            raise ValueError("must be aliases of accounts, such as default,second; never their numbers")
        return aliases or None

    @field_validator("timezone")
    @classmethod
    def _check_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{value!r} is no time zone; write one such as Asia/Seoul") from None
        return value

    @field_validator("allow_unreconciled_orders", mode="before")
    @classmethod
    def _split_apis(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return frozenset(name.strip() for name in value.split(",") if name.strip())

    @field_validator("broker_url")
    @classmethod
    def _check_broker_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_cluster(url_list(value.get_secret_value()))
        return value

    def secrets(self) -> list[str]:
        """Every value that must never reach a log."""
        values = [
            secret.get_secret_value()
            for secret in (
                self.kis_app_key,
                self.kis_app_secret,
                self.kis_hts_id,
                self.kis_ws_approval_key,
                self.kiwoom_app_key,
                self.kiwoom_app_secret,
                self.koscom_api_key,
            )
            if secret is not None
        ]
        if self.broker_url is not None:
            values += url_passwords(self.broker_url.get_secret_value())
        if self.journal_url is not None:
            values += url_passwords(self.journal_url)
        for account in (self.kis_account, self.kiwoom_account):
            values += [] if account is None else spellings(account)
        return values


def check_cluster(urls: list[str]) -> None:
    """Make sure that several URLs can be the hosts of one broker.

    Raises:
        ValueError: They have not the same user and virtual host, or an option is wrong.
    """
    parameters = [pika_parameters(url) for url in urls]
    logins = {(login_user(url), each.virtual_host) for url, each in zip(urls, parameters, strict=True)}
    if len(logins) > 1:
        raise ValueError(
            "several URLs are the hosts of one cluster: give all of them the same user and virtual host"
        )


def url_passwords(url: str) -> set[str]:
    """The password in a URL in every form that a log could show: as written, plain, percent-encoded."""
    written = set(re.findall("://[^:/]*:([^@]*)@", url))  # SQLAlchemy's reading: a slash may be in it
    with suppress(ValueError):
        parts = urlsplit(url)
        written |= {parts.password or "", *parse_qs(parts.query).get("password", [])}
    plain = {unquote(each) for each in written}
    return {each for each in written | plain | {quote(each, safe="") for each in plain} if each}


def load_settings(*, env_file: str | None = ".env", **overrides: Any) -> Settings:
    """The settings of a worker; see `load_group`."""
    return load_group(Settings, env_file=env_file, **overrides)


def load_group(group: type[GroupT], *, env_file: str | None = ".env", **overrides: Any) -> GroupT:
    """Read a group of settings.

    Args:
        group: Which.
        env_file: Read beside the environment; ``None`` for a trial, which must not pick up the broker and the
            limits of a real worker.
        overrides: Values that the command line gives; they win. ``None`` means not given.

    Raises:
        SettingsError: One line that names the variable.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    if env_file is not None:
        ensure_private(Path(env_file))
    try:
        return group(_env_file=env_file, **given)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = str(problem["loc"][0]).upper() if problem["loc"] else ""
        message = describe_problem(problem)
        raise SettingsError(f"{name}: {message}" if name else message) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(unreadable_file(env_file or ".env", error)) from None
