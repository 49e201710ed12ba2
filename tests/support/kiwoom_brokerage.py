"""The Kiwoom simulator as a process of its own, and ways to it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import requests
from pydantic import SecretStr

from broker_server.simulator.clock import KST
from broker_server.simulator.process import SimulatorProcess
from broker_server.vendors.clock import SystemClock
from broker_server.vendors.kiwoom.config import KiwoomConfig
from tests.support.brokerage import CONTROL_SECONDS

FRIDAY_MORNING = datetime(2026, 11, 20, 10, 0, tzinfo=KST)


class ThenClock(SystemClock):
    """The machine's, but it is always the same Friday morning."""

    def now(self) -> datetime:
        return FRIDAY_MORNING


class KiwoomBrokerage:
    """A simulated Kiwoom without limits. A context manager.

    Args:
        start: When its clock begins; now when left out.

    Attributes:
        simulator: The process.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self.simulator = SimulatorProcess.start(start=start)
        self.control("POST", "/faults", {"limits": {"kiwoom_per_second": 1000}})
        self.control("POST", "/stream", {"kiwoom": {"registration_seconds": 0, "reconnect_seconds": 0}})

    def control(self, verb: str, path: str, body: Any = None) -> Any:
        """Ask the control server."""
        url = self.simulator.control_url + path
        answer = requests.request(verb, url, json=body, timeout=CONTROL_SECONDS)
        assert answer.ok, answer.text
        return answer.json()

    def orders(self, **wanted: Any) -> list[dict[str, Any]]:
        """The ground truth: every order of these values, oldest first."""
        return [each for each in self.control("GET", "/orders") if wanted.items() <= each.items()]

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
            "KIWOOM_WS_URL": self.simulator.kiwoom_ws_url,
            "KIWOOM_APP_KEY": keys["app_key"],
            "KIWOOM_APP_SECRET": keys["app_secret"],
            "KIWOOM_ACCOUNT": keys["account"],
            "KIWOOM_RATE_LIMIT": "200",
            "KIWOOM_API_RATE_LIMIT": "200",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.simulator.stop()
