"""A running simulator inside the test's own event loop, and a bare KIS caller for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
import pytest

from broker_server.simulator.clock import KST
from broker_server.simulator.kis.keys import Credentials
from broker_server.simulator.kis.realtime.settings import StreamSettings
from broker_server.simulator.kis.tables import Environment, operations
from broker_server.simulator.server import Options, Simulators
from tests.support.stream_client import StreamClient

FRIDAY_MORNING = datetime(2026, 11, 20, 10, 0, tzinfo=KST)


@dataclass
class Answered:
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> str:
        return str(self.body.get("msg_cd") or self.body.get("error_code"))


@dataclass
class Caller:
    """Speaks the published protocol and knows nothing of the simulator's insides."""

    simulators: Simulators
    session: aiohttp.ClientSession
    tokens: dict[str, str] = field(default_factory=dict)
    real_time: list[float] = field(default_factory=list)

    def key(self, environment: Environment = "real") -> Credentials:
        return self.simulators.kis_credentials[environment]

    async def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Answered:
        url = self.simulators.kis_rest_url + path
        async with self.session.post(url, json=body, headers=headers) as response:
            return Answered(response.status, dict(response.headers), await response.json())

    async def login(self, key: Credentials, path: str = "/oauth2/tokenP") -> Answered:
        body = {
            "grant_type": "client_credentials",
            "appkey": key.app_key,
            "appsecret": key.app_secret,
            "secretkey": key.app_secret,
        }
        return await self.post(path, body)

    async def headers(self, key: Credentials, tr_id: str, tr_cont: str = "") -> dict[str, str]:
        if key.app_key not in self.tokens:
            self.tokens[key.app_key] = (await self.login(key)).body["access_token"]
        return {
            "authorization": f"Bearer {self.tokens[key.app_key]}",
            "appkey": key.app_key,
            "appsecret": key.app_secret,
            "tr_id": tr_id,
            "tr_cont": tr_cont,
            "custtype": "P",
        }

    async def call(
        self,
        name: str,
        tr_id: str | None = None,
        *,
        environment: Environment = "real",
        key: Credentials | None = None,
        tr_cont: str = "",
        changed_headers: dict[str, str] | None = None,
        **parameters: str,
    ) -> Answered:
        """Call an operation by its name in the table; the account is added where it is needed."""
        key = key or self.key(environment)
        operation = next(item for item in operations().values() if item.name == name)
        headers = await self.headers(key, tr_id or next(iter(operation.trs)), tr_cont)
        headers.update(changed_headers or {})
        if "CANO" in operation.required:
            number, product = key.account.split("-")
            parameters = {"CANO": number, "ACNT_PRDT_CD": product, **parameters}
        url = self.simulators.kis_rest_url + operation.path
        sent: dict[str, Any] = {"params" if operation.method == "GET" else "json": parameters}
        async with self.session.request(operation.method, url, headers=headers, **sent) as response:
            return Answered(response.status, dict(response.headers), await response.json())

    async def price(self, symbol: str = "005930", **options: Any) -> Answered:
        return await self.call("inquire_price", FID_COND_MRKT_DIV_CODE="J", FID_INPUT_ISCD=symbol, **options)

    async def order(self, tr_id: str = "TTTC0012U", **changes: Any) -> Answered:
        body = {
            "PDNO": "005930",
            "ORD_DVSN": "01",
            "ORD_QTY": "10",
            "ORD_UNPR": "0",
            "EXCG_ID_DVSN_CD": "KRX",
        }
        environment: Environment = "paper" if tr_id.startswith("V") else "real"
        return await self.call("order_cash", tr_id, environment=environment, **{**body, **changes})

    async def control(self, method: str, path: str, body: Any = None) -> Answered:
        url = self.simulators.control_url + path
        async with self.session.request(method, url, json=body) as response:
            return Answered(response.status, dict(response.headers), await response.json())


def _freeze(simulators: Simulators) -> None:
    simulators.clock.freeze()
    simulators.clock.set(FRIDAY_MORNING)
    simulators.exchange.restart_time()


@pytest.fixture
async def kis() -> AsyncIterator[Caller]:
    """Frozen on a Friday morning, limits lifted."""
    async with Simulators(Options(start=FRIDAY_MORNING)) as simulators, aiohttp.ClientSession() as session:
        _freeze(simulators)
        lifted: dict[str, float] = {"rest_per_second": 100_000, "token_interval": 0}
        simulators.kis.limits = simulators.kis.limits.lifted(lifted)
        yield Caller(simulators, session)


@pytest.fixture
async def published_limits() -> AsyncIterator[Caller]:
    """Frozen on a Friday morning, with KIS's own limits; ``real_time[0]`` is the rate limit's clock."""
    now = [100.0]
    simulators = Simulators(Options(start=FRIDAY_MORNING), monotonic=lambda: now[0])
    async with simulators, aiohttp.ClientSession() as session:
        _freeze(simulators)
        yield Caller(simulators, session, real_time=now)


@dataclass
class Streaming(Caller):
    """A caller that opens WebSockets too."""

    async def approval(self, environment: Environment = "real") -> str:
        answer = await self.login(self.key(environment), "/oauth2/Approval")
        return str(answer.body["approval_key"])

    async def client(self, environment: Environment = "real", **options: Any) -> StreamClient:
        return StreamClient(self.simulators.kis_ws_url, await self.approval(environment), **options)

    async def fault(self, fault: str, **more: Any) -> dict[str, Any]:
        answer = await self.control("POST", "/faults", {"fault": fault, **more})
        assert answer.status == 201, answer.body
        return dict(answer.body)

    async def counts(self, name: str = "real") -> dict[str, Any]:
        return dict((await self.control("GET", "/sessions")).body["keys"].get(name, {}))


@pytest.fixture
async def streaming() -> AsyncIterator[Streaming]:
    """A running clock from a Friday morning on, fast ticks, limits lifted."""
    options = Options(start=FRIDAY_MORNING, stream=StreamSettings(tick_interval=0.02))
    async with Simulators(options) as simulators, aiohttp.ClientSession() as session:
        lifted: dict[str, float] = {"rest_per_second": 100_000, "token_interval": 0}
        simulators.kis.limits = simulators.kis.limits.lifted(lifted)
        yield Streaming(simulators, session)
