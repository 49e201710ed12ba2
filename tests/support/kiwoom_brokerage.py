"""The Kiwoom simulator as a process of its own, and ways to it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import requests
from pydantic import SecretStr

from broker_server.simulator.clock import KST
from broker_server.vendors.clock import SystemClock
from broker_server.vendors.kiwoom.config import KiwoomConfig
from tests.support.simulated_brokerage import CONTROL_SECONDS, SimulatedBrokerage

FRIDAY_MORNING = datetime(2026, 11, 20, 10, 0, tzinfo=KST)


class ThenClock(SystemClock):
    """The machine's, but it is always the same Friday morning."""

    def now(self) -> datetime:
        return FRIDAY_MORNING


class KiwoomBrokerage(SimulatedBrokerage):
    """A simulated Kiwoom without limits; see `SimulatedBrokerage`."""

    vendor = "kiwoom"
    order_path = "ordr"
    unlimited = MappingProxyType({"kiwoom_per_second": 1000})
    own_streams = frozenset({"00"})

    def __init__(self, seed: int = 0, start: datetime | None = None) -> None:
        super().__init__(seed, start)
        self.control("POST", "/stream", {"kiwoom": {"registration_seconds": 0, "reconnect_seconds": 0}})

    def revoke_token(self) -> None:
        """End the customer's token, as another program with its key does."""
        self._post("/oauth2/revoke", {**self._secrets(), "token": self.token()})

    def token(self) -> str:
        """The customer's token: a new one, or the one that lives."""
        issued = self._post("/oauth2/token", {"grant_type": "client_credentials", **self._secrets()})
        return str(issued["token"])

    def _secrets(self) -> dict[str, str]:
        keys = self.simulator.credentials["kiwoom"]["real"]
        return {"appkey": keys["app_key"], "secretkey": keys["app_secret"]}

    def _post(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        url = self.simulator.kiwoom_rest_url + path
        answer: dict[str, Any] = requests.post(url, json=body, timeout=CONTROL_SECONDS).json()
        assert answer["return_code"] == 0, answer["return_msg"]
        return answer

    def config(self, folder: Path) -> KiwoomConfig:
        """Of a customer with a real key."""
        keys = self.simulator.credentials["kiwoom"]["real"]
        return KiwoomConfig(
            backend="rest",
            environment="real",
            simulated=True,
            cache_folder=folder,
            account=keys["account"],
            app_key=SecretStr(keys["app_key"]),
            app_secret=SecretStr(keys["app_secret"]),
            rest_url=self.simulator.kiwoom_rest_url,
            ws_url=self.simulator.kiwoom_ws_url,
            rate_limit=1000,
            api_rate_limit=1000,
        )

    def settings(self, environment: Literal["real", "mock"] = "real") -> dict[str, str]:
        """What a worker needs to be its customer, besides ``--simulate``."""
        keys = self.simulator.credentials["kiwoom"][environment]
        return {
            "VENDORS": "kiwoom",
            "KIWOOM_ENVIRONMENT": environment,
            "KIWOOM_REST_URL": self.simulator.kiwoom_rest_url,
            "KIWOOM_APP_KEY": keys["app_key"],
            "KIWOOM_APP_SECRET": keys["app_secret"],
            "KIWOOM_ACCOUNT": keys["account"],
            "KIWOOM_RATE_LIMIT": "200",
            "KIWOOM_API_RATE_LIMIT": "200",
        }

    def live_settings(self) -> dict[str, str]:
        return {"KIWOOM_WS_URL": self.simulator.kiwoom_ws_url}
