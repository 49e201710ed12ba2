"""What all cards stand on: one worker of a backend, its simulated brokerage, a client, and a bare adapter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import pytest

from broker_server.amqp.intake import validate_parameters
from broker_server.core.methods import Outcome, TaskContext
from broker_server.core.vendor import Vendor
from tests.conformance.backend import Backend
from tests.support.live_data import Exchange, LiveFloor, Subscriber, running_live_floor
from tests.support.order_gate import OrderGate
from tests.support.simulated_brokerage import SimulatedBrokerage

SHORT_WAITS = {"STALE_AFTER": "2", "POLLING_INTERVAL": "1", "LEASE_HEARTBEAT": "2"}
"""With that heartbeat an order's exchange is given up after 1.6 seconds."""
MOST_SHARES = 5000
"""What a guard of the worker lets through."""


def in_seconds(seconds: float) -> dict[str, str]:
    """The key that sets a deadline."""
    return {"deadline": (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()}


class Stand:
    """The base of all cards; a subclass named ``Test…`` says of which backend.

    All tests of a class share one worker. Every test leaves it as it was.
    """

    backend: ClassVar[Backend]
    open_brokerage: ClassVar[Any]
    """Starts the brokerage."""
    open_exchange: ClassVar[Any] = Exchange
    """Shows its live data."""
    settings: ClassVar[Mapping[str, str]]
    """More environment variables of the worker: those that leave room for four."""
    exchange: ClassVar[Mapping[str, Any]] = MappingProxyType({"ping_interval": 0.5, "tick_interval": 0.1})
    """How the vendor's simulated live data behave."""
    subscribe: ClassVar[str]
    """The method that streams every trade of an instrument."""
    unsubscribe: ClassVar[str]
    code: ClassVar[str]
    """What the vendor calls such a registration; its key is the ticker."""
    tells_the_state: ClassVar[bool] = False
    """The vendor itself begins a registration with the state."""
    after_a_crash: ClassVar[Mapping[str, float]] = MappingProxyType({})
    """How the vendor's server treats a connection that its owner never closed."""
    days_of_candles: ClassVar[int] = 400
    """So many days of them are several pages."""
    burst: ClassVar[int] = 11
    """So many reads at once are more than a second's."""

    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls, _test_broker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveFloor]:
        """A floor with one worker, whose live connection waits for nothing long."""
        with running_live_floor(
            _test_broker,
            tmp_path_factory.mktemp(cls.backend.id),
            exchange=cls.exchange,
            settings={**SHORT_WAITS, "ORDER_MAX_QUANTITY": str(MOST_SHARES), **cls.settings},
            open_brokerage=cls.open_brokerage,
            open_exchange=cls.open_exchange,
        ) as floor:
            yield floor

    @pytest.fixture
    def floor(self, shared: LiveFloor) -> Iterator[LiveFloor]:
        """The class's floor; nothing is subscribed and nothing wrong afterwards."""
        yield shared
        self.backend.calm(shared.brokerage)
        shared.end_subscriptions()

    @pytest.fixture
    def consumer(self, floor: LiveFloor) -> Iterator[Subscriber]:
        """A client with a reply queue of its own."""
        with Subscriber(floor.url) as subscriber:
            yield subscriber

    def parameters(self, ticker: str, **more: Any) -> dict[str, Any]:
        """What the method is given."""
        return {"ticker": ticker, **more}

    def method(self, noun: str) -> str:
        """The vendor's method of that name."""
        return f"{self.backend.vendor}.{noun}"

    def assert_ended(self, reply: Mapping[str, Any]) -> None:
        """Check the reply to a read that hung: late, or expired where the vendor never answers."""
        error = reply.get("error") or {}
        ended = reply["status"], error.get("code")
        assert ended in (("TASK_SUCCEED", None), ("TASK_FAILED", "TASK_EXPIRED")), reply

    @contextmanager
    def adapter(
        self,
        brokerage: SimulatedBrokerage,
        folder: Path,
        changes: Mapping[str, str | None] = MappingProxyType({}),
    ) -> Iterator[Vendor]:
        """The backend's adapter in this process, without a worker; closed afterwards."""
        with closing(self.backend.adapter(brokerage, folder, changes)) as vendor:
            yield vendor

    def call(self, vendor: Vendor, noun: str, given: Mapping[str, Any]) -> Outcome:
        """Run a method of a bare adapter as a worker would."""
        method = next(each for each in vendor.methods() if each.name == self.method(noun))
        context = TaskContext(
            task_id="bare",
            received_at=datetime.now(UTC),
            ensure_in_time=lambda: None,
            report_progress=lambda done, total: None,
            **OrderGate().callbacks(),
        )
        return method.handler(validate_parameters(method, dict(given)), context)

    def call_at_once(self, vendor: Vendor, noun: str, each: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        """Run a method several times at once."""
        with ThreadPoolExecutor(len(each)) as threads:
            return list(threads.map(lambda given: self.call(vendor, noun, given), each))
