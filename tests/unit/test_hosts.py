"""The states of Kiwoom's control on ``broker.events``."""

from __future__ import annotations

from typing import Any

from broker_server.simulator.kiwoom_control.messages import Messages
from broker_server.vendors.clock import SystemClock
from broker_server.vendors.kiwoom.openapi_plus.backend import OpenApiPlusBackend
from broker_server.vendors.kiwoom.openapi_plus.config import OpenApiPlusConfig
from broker_server.vendors.kiwoom.openapi_plus.control import ControlEvents, KiwoomControl
from broker_server.wiring.hosts import announce_hosts
from tests.support.kiwoom_backend import FakeBackend
from tests.support.sapi_server import make_vendor
from tests.support.stub_vendor import StubVendor
from tests.support.waiting import wait_until


class Published:
    """What was published."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}

    def publish(self, key: str, body: dict[str, Any]) -> None:
        self.events[key] = body


def test_a_control_s_states_are_events() -> None:
    def fails(events: ControlEvents) -> KiwoomControl:
        raise RuntimeError("OpenAPI+ is not installed")

    backend = OpenApiPlusBackend(OpenApiPlusConfig(), fails, pump=Messages(), clock=SystemClock())
    bus = Published()
    announce_hosts([make_vendor(backend)], bus)
    assert bus.events["host.kiwoom.connecting"]["restart_needed"] is False
    backend.start()
    wait_until(lambda: "host.kiwoom.control_failed" in bus.events)
    backend.close()
    assert bus.events["host.kiwoom.control_failed"] == {
        "type": "host",
        "vendor": "kiwoom",
        "state": "CONTROL_FAILED",
        "reason": "OpenAPI+ is not installed",
        "vendor_code": None,
        "restart_needed": True,
    }


def test_what_has_no_host_tells_nothing() -> None:
    bus = Published()
    announce_hosts([make_vendor(FakeBackend()), StubVendor()], bus)
    assert bus.events == {}
