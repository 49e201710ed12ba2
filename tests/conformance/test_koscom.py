"""KOSCOM: market data, no account and no orders."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from tests.conformance.backends import Koscom
from tests.conformance.suite import AdapterConformance
from tests.support.koscom_brokerage import KoscomBrokerage


class TestKoscom(AdapterConformance):
    """KOSCOM has no account, so all places are for issues."""

    backend = Koscom()
    open_brokerage = KoscomBrokerage
    settings = MappingProxyType({"KOSCOM_WS_MAX_SUBSCRIPTIONS": "4"})
    exchange = MappingProxyType({"tick_interval": 0.1})
    subscribe = "koscom.subscribe"
    unsubscribe = "koscom.unsubscribe"
    code = "tick10"
    tells_the_state = True

    def parameters(self, ticker: str, **more: Any) -> dict[str, Any]:
        return {"preset": "tick10", "ticker": ticker, **more}
