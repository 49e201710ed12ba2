"""The simulated Kiwoom inside the test's own event loop, and a bare caller for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
import pytest

from broker_server.simulator.clock import KST
from broker_server.simulator.kiwoom.keys import Credentials
from broker_server.simulator.kiwoom.realtime.settings import KiwoomStreamSettings
from broker_server.simulator.kiwoom.tables import Environment, apis
from broker_server.simulator.server import Options, Simulators
from tests.support.kiwoom_stream import KiwoomStreamClient

FRIDAY_MORNING = datetime(2026, 11, 20, 10, 0, tzinfo=KST)
ORDER = {"dmst_stex_tp": "KRX", "stk_cd": "005930", "ord_qty": "10", "ord_uv": "", "trde_tp": "3"}


@dataclass
class Answered:
    status: int
    headers: Any
    body: Any

    @property
    def message(self) -> str:
        return str(self.body["return_msg"])


@dataclass
class KiwoomCaller:
    """Speaks the published protocol and knows nothing of the simulator's insides."""

    simulators: Simulators
    session: aiohttp.ClientSession
    real_time: list[float] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)

    def key(self, environment: Environment = "real") -> Credentials:
        return self.simulators.kiwoom_credentials[environment]

    async def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Answered:
        url = self.simulators.kiwoom_rest_url + path
        async with self.session.post(url, json=body, headers=headers) as response:
            is_json = response.content_type == "application/json"
            content = await response.json() if is_json else await response.text()
            return Answered(response.status, response.headers, content)

    async def login(self, environment: Environment = "real", **changes: str) -> Answered:
        key = self.key(environment)
        body = {"grant_type": "client_credentials", "appkey": key.app_key, "secretkey": key.app_secret}
        return await self.post("/oauth2/token", {**body, **changes})

    async def token(self, environment: Environment = "real") -> str:
        if environment not in self.tokens:
            self.tokens[environment] = (await self.login(environment)).body["token"]
        return self.tokens[environment]

    async def call(
        self,
        api_id: str,
        *,
        environment: Environment = "real",
        next_key: str = "",
        path: str | None = None,
        changed_headers: dict[str, str] | None = None,
        **body: Any,
    ) -> Answered:
        headers = {"api-id": api_id, "authorization": f"Bearer {await self.token(environment)}"}
        if next_key:
            headers |= {"cont-yn": "Y", "next-key": next_key}
        headers |= changed_headers or {}
        return await self.post(path or apis()[api_id].path, body, headers)

    async def order(
        self, api_id: str = "kt10000", environment: Environment = "real", **changes: str
    ) -> Answered:
        return await self.call(api_id, environment=environment, **{**ORDER, **changes})

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        url = self.simulators.control_url + path
        async with self.session.request(method, url, json=body) as response:
            content = await response.json()
            assert response.status < 300, content
            return content

    async def fault(self, fault: str, **more: Any) -> Any:
        return await self.control("POST", "/faults", {"fault": fault, **more})

    async def client(self, environment: Environment = "real", **options: Any) -> KiwoomStreamClient:
        return KiwoomStreamClient(self.simulators.kiwoom_ws_url, await self.token(environment), **options)


def _freeze(simulators: Simulators) -> None:
    simulators.clock.freeze()
    simulators.clock.set(FRIDAY_MORNING)
    simulators.exchange.restart_time()


@pytest.fixture
async def kiwoom() -> AsyncIterator[KiwoomCaller]:
    """Frozen on a Friday morning, limits lifted."""
    async with Simulators(Options(start=FRIDAY_MORNING)) as simulators, aiohttp.ClientSession() as session:
        _freeze(simulators)
        simulators.kiwoom.limits = simulators.kiwoom.limits.changed({"per_second": 100_000})
        yield KiwoomCaller(simulators, session)


@pytest.fixture
async def with_limits() -> AsyncIterator[KiwoomCaller]:
    """Frozen on a Friday morning, with Kiwoom's limits; ``real_time[0]`` is their clock."""
    now = [100.0]
    simulators = Simulators(Options(start=FRIDAY_MORNING), monotonic=lambda: now[0])
    async with simulators, aiohttp.ClientSession() as session:
        _freeze(simulators)
        yield KiwoomCaller(simulators, session, real_time=now)


@pytest.fixture
async def streaming() -> AsyncIterator[KiwoomCaller]:
    """A running clock from a Friday morning on, fast ticks, limits lifted, REG and LOGIN not paced."""
    settings = KiwoomStreamSettings(tick_interval=0.02, registration_seconds=0, reconnect_seconds=0)
    options = Options(start=FRIDAY_MORNING, kiwoom_stream=settings)
    async with Simulators(options) as simulators, aiohttp.ClientSession() as session:
        simulators.kiwoom.limits = simulators.kiwoom.limits.changed({"per_second": 100_000})
        yield KiwoomCaller(simulators, session)
