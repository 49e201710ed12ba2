"""Settings of what works on prices: the collector of candles and the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import SecretStr, field_validator

from broker_client.address import url_list
from broker_server.settings import SettingsError, SettingsGroup, check_cluster, data_folder, url_passwords


class PricesSettings(SettingsGroup):
    """The settings that both read; ``.env.example`` explains each one."""

    broker_url: SecretStr | None = None
    prices_url: str | None = None
    market_sessions_file: Path | None = None
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("broker_url")
    @classmethod
    def _check_broker_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_cluster(url_list(value.get_secret_value()))
        return value

    def broker(self) -> str:
        """The broker's URL.

        Raises:
            SettingsError: None is set.
        """
        if self.broker_url is None:
            raise SettingsError("BROKER_URL: not set; name the RabbitMQ of your workers")
        return self.broker_url.get_secret_value()

    def candles_url(self, *, simulated: bool) -> str:
        """Where the daily candles are.

        Args:
            simulated: Those of a simulated market, which must not get among the real ones.
        """
        file = data_folder() / ("prices-simulated.sqlite3" if simulated else "prices.sqlite3")
        return self.prices_url or f"sqlite:///{file}"

    def secrets(self) -> list[str]:
        """Every value that must never reach a log."""
        broker = "" if self.broker_url is None else self.broker_url.get_secret_value()
        return [*url_passwords(broker), *url_passwords(self.prices_url or "")]
