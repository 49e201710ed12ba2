"""The KIS adapter against the simulator, over real HTTP."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from broker_server.core.methods import Outcome, TaskContext
from broker_server.simulator.process import SimulatorProcess
from broker_server.vendors.http import RequestsTransport, Timeouts
from broker_server.vendors.kis import KisConfig, KisVendor, create
from tests.support.order_gate import OrderGate

PATIENT = Timeouts(connect=60.0, read=60.0, total=120.0)
QUICK = Timeouts(connect=60.0, read=2.0, total=120.0)
"""For a server that never answers."""


@dataclass
class Market:
    """The simulator and an adapter on one of its keys."""

    simulator: SimulatorProcess
    vendor: KisVendor
    account: str
    progress: list[int] = field(default_factory=list)
    gate: OrderGate = field(default_factory=OrderGate)

    def context(self) -> TaskContext:
        """A task without a deadline."""
        return TaskContext(
            task_id="t-1",
            received_at=datetime.now(UTC),
            ensure_in_time=lambda: None,
            report_progress=lambda done, total: self.progress.append(done),
            **self.gate.callbacks(),
        )

    def outcome(self, method: str, **arguments: Any) -> Outcome:
        """Run a method as the worker does."""
        declared = next(each for each in self.vendor.methods() if each.name == method)
        return declared.handler(declared.parameters.model_validate(arguments), self.context())

    def rows(self, method: str, **arguments: Any) -> list[Any]:
        """The rows as JSON values."""
        rows = self.outcome(method, **arguments).rows
        return [row.model_dump(mode="json") if hasattr(row, "model_dump") else row for row in rows]

    def one(self, method: str, **arguments: Any) -> Any:
        """The only row."""
        (row,) = self.rows(method, **arguments)
        return row

    def control(self, verb: str, path: str, body: Any = None) -> Any:
        """Ask the control server."""
        return control(self.simulator, verb, path, body)

    def fault(self, fault: str, **more: Any) -> None:
        """Spoil the next matching call."""
        self.control("POST", "/faults", {"fault": fault, **more})

    def orders(self) -> list[dict[str, Any]]:
        """The ground truth: the orders that the simulator took from this account."""
        return [each for each in self.control("GET", "/orders") if each["account"] == self.account]

    def truth(self, market: str, order_no: str, **more: str) -> dict[str, Any]:
        """The last order of that number; a number names another order every day and in the other market."""
        wanted = {"market": market, "order_no": order_no, **more}
        return [each for each in self.orders() if wanted.items() <= each.items()][-1]


def control(simulator: SimulatorProcess, verb: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(  # noqa: S310 - loopback
        simulator.control_url + path,
        None if body is None else json.dumps(body).encode(),
        {"content-type": "application/json"},
        method=verb,
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
        return json.load(answer)


@pytest.fixture(scope="session")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess.start(seed=7) as running:
        yield running


MakeMarket = Callable[..., Market]


@pytest.fixture
def make_market(simulator: SimulatorProcess, tmp_path: Path) -> Iterator[MakeMarket]:
    """Adapters by environment; limits are lifted unless a test restores them."""
    control(simulator, "DELETE", "/faults")
    control(simulator, "POST", "/faults", {"limits": {"rest_per_second": 1000, "token_interval": 0}})
    vendors: list[KisVendor] = []

    def make(
        environment: str = "real",
        timeouts: Timeouts = PATIENT,
        *,
        order_timeout: float = 60.0,
        **settings: Any,
    ) -> Market:
        key = simulator.credentials["kis"][environment]
        config: dict[str, Any] = {
            "environment": environment,
            "simulated": True,
            "app_key": SecretStr(key["app_key"]),
            "app_secret": SecretStr(key["app_secret"]),
            "account": key["account"],
            "cache_folder": tmp_path / "cache",
            "rest_url": simulator.kis_rest_url,
            "rate_limit": 1000,
            **settings,
        }
        vendor = create(
            KisConfig(**config),
            read_transport=RequestsTransport(timeouts),
            order_timeout=order_timeout,
        )
        vendors.append(vendor)
        return Market(simulator, vendor, key["account"])

    yield make
    for vendor in vendors:
        vendor.close()
    control(simulator, "DELETE", "/faults")


@pytest.fixture(params=["real", "paper"])
def market(request: pytest.FixtureRequest, make_market: MakeMarket) -> Market:
    """Both environments, one after the other."""
    return make_market(request.param)


@pytest.fixture
def real(make_market: MakeMarket) -> Market:
    return make_market("real")


@pytest.fixture
def paper(make_market: MakeMarket) -> Market:
    return make_market("paper")
