"""The suite of the original's contract on OpenAPI+, over a simulated control."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from broker_server.simulator.clock import SimulatedClock
from broker_server.simulator.kiwoom_control.control import SimulatedControl
from broker_server.simulator.kiwoom_control.messages import Messages
from broker_server.simulator.market import Market
from broker_server.simulator.matching import Exchange
from broker_server.vendors.clock import SystemClock
from broker_server.vendors.kiwoom.backend import Backend
from broker_server.vendors.kiwoom.openapi_plus.backend import OpenApiPlusBackend
from broker_server.vendors.kiwoom.openapi_plus.config import OpenApiPlusConfig
from broker_server.vendors.kiwoom.openapi_plus.control import ControlEvents, KiwoomControl
from broker_server.vendors.kiwoom.openapi_plus.timing import Timing
from tests.support.sapi_suite import Known, SapiContractSuite

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
NO_LIMIT = ((10_000, 1.0),)


@pytest.fixture(scope="module")
def control_at_rest() -> Iterator[Backend]:
    messages = Messages()
    market = Market(SimulatedClock(lambda: NOW))
    hynix = market.instruments.find("000660")
    assert hynix is not None
    market.set_price(hynix, market.quote(hynix).upper, hold=True)

    def make(events: ControlEvents) -> KiwoomControl:
        control = SimulatedControl(
            cast("Any", events),
            Exchange(market),
            messages,
            answer_seconds=0.001,
            windows=NO_LIMIT,
        )
        return cast("KiwoomControl", control)

    backend = OpenApiPlusBackend(
        OpenApiPlusConfig(timing=Timing(queries=NO_LIMIT)), make, pump=messages, clock=SystemClock()
    )
    backend.start()
    yield backend
    status = backend.status()
    backend.close()
    assert status["control_thread"]["failed_work"] == 0


class TestOpenApiPlus(SapiContractSuite):
    @pytest.fixture
    def known(self) -> Known:
        return Known("005930", "삼성전자", "20261118", "20261119")

    @pytest.fixture
    def backend(self, control_at_rest: Backend) -> Backend:
        return control_at_rest
