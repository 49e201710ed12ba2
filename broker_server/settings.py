"""Every setting of the worker, from the environment and ``.env``; ``.env.example`` explains each one."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SERVED_VENDORS = ("kis",)


class SettingsError(Exception):
    """A setting is missing or wrong; the message is one line that names it and says what to do."""


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


class Settings(BaseSettings):
    """The settings of one worker. Field names in capitals are the variables."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    broker_url: SecretStr | None = None
    vendors: Annotated[tuple[str, ...], NoDecode] = ("kis",)
    journal_url: str | None = None
    legacy_queues: bool = False
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    task_prefetch: int = Field(default=1000, ge=1, le=65535)
    order_prefetch: int = Field(default=100, ge=1, le=65535)
    read_threads: int = Field(default=16, ge=1, le=256)
    lease_heartbeat: int = Field(default=5, ge=2, le=10)
    max_body_bytes: int = Field(default=1024 * 1024, ge=1024)

    kis_environment: Literal["paper", "real"] | None = None
    kis_app_key: SecretStr | None = None
    kis_app_secret: SecretStr | None = None
    kis_account: str | None = None
    kis_rest_url: str | None = None
    kis_rate_limit: int | None = Field(default=None, ge=1, le=1000)
    kis_custtype: Literal["P", "B"] = "P"

    @field_validator("vendors", mode="before")
    @classmethod
    def _split_vendors(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
        for name in names:
            if name not in SERVED_VENDORS:
                raise ValueError(
                    f"{name!r} is not served by this version; known: {', '.join(SERVED_VENDORS)}"
                )
        return names

    @field_validator("broker_url")
    @classmethod
    def _check_broker_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in ("amqp", "amqps") or not parts.hostname:
                raise ValueError("must look like amqp://user:password@host:5672/%2F")
        return value

    @field_validator("kis_account")
    @classmethod
    def _check_account(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"\d{8}-\d{2}", value):
            raise ValueError("must look like 12345678-01: 8 digits, a hyphen and 2 digits")
        return value

    def secrets(self) -> list[str]:
        """Every value that must never reach a log."""
        values = [
            secret.get_secret_value()
            for secret in (self.kis_app_key, self.kis_app_secret)
            if secret is not None
        ]
        if self.broker_url is not None:
            password = urlsplit(self.broker_url.get_secret_value()).password
            values += [password] if password else []
        if self.kis_account is not None:
            number, product = self.kis_account.split("-")
            values += [self.kis_account, number + product, number]
        return values


def load_settings(*, env_file: str | None = ".env", **overrides: Any) -> Settings:
    """Read the settings.

    Args:
        env_file: Read beside the environment; ``None`` for a trial, which must not pick up the broker and the
            limits of a real worker.
        overrides: Values that the command line gives; they win. ``None`` means not given.

    Raises:
        SettingsError: One line that names the variable.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(_env_file=env_file, **given)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = str(problem["loc"][0]).upper() if problem["loc"] else ""
        message = problem["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{name}: {message}" if name else message) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f".env cannot be read: {error}") from None
