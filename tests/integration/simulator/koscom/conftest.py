"""The simulated KOSCOM inside the test's own event loop, and a bare caller for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
import pytest

from broker_server.simulator.clock import KST
from broker_server.simulator.koscom.realtime.settings import KoscomStreamSettings
from broker_server.simulator.server import Options, Simulators
from tests.support.koscom_client import KoscomStreamClient

FRIDAY_MORNING = datetime(2026, 11, 20, 9, 30, tzinfo=KST)


@dataclass
class KoscomCaller:
    """Speaks the documented protocol and knows nothing of the simulator's insides."""

    simulators: Simulators
    session: aiohttp.ClientSession
    real_time: list[float] = field(default_factory=list)

    def key(self, environment: str = "real") -> str:
        announced = self.simulators.announcement()["credentials"]["koscom"]
        return str(announced[environment]["api_key"])

    def client(
        self, path: str = "/ws", environment: str = "real", *, init: bool = True
    ) -> KoscomStreamClient:
        return KoscomStreamClient(
            self.simulators.koscom_ws_url, path, self.key(environment) if init else None
        )

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        url = self.simulators.control_url + path
        async with self.session.request(method, url, json=body) as response:
            content = await response.json()
            assert response.status < 300, content
            return content

    async def settings(self, **changes: Any) -> None:
        await self.control("POST", "/stream", {"koscom": changes})

    async def fault(self, fault: str, **more: Any) -> Any:
        return await self.control("POST", "/faults", {"fault": fault, "vendor": "koscom", **more})


@pytest.fixture
async def streaming() -> AsyncIterator[KoscomCaller]:
    """A running clock from a Friday morning on, with fast looks at the market."""
    settings = KoscomStreamSettings(tick_interval=0.02, market_interval=0.02)
    options = Options(start=FRIDAY_MORNING, koscom_stream=settings)
    async with Simulators(options) as simulators, aiohttp.ClientSession() as session:
        yield KoscomCaller(simulators, session)
