"""KIS by REST and WebSocket."""

from __future__ import annotations

from types import MappingProxyType

from tests.conformance.backends import Kis
from tests.conformance.suite import AdapterConformance
from tests.support.brokerage import Brokerage


class TestKis(AdapterConformance):
    """Two of six places are for the account's notices."""

    backend = Kis()
    open_brokerage = Brokerage
    settings = MappingProxyType({"KIS_WS_MAX_REGISTRATIONS": "6"})
    subscribe = "kis.subscribe-realtime-price"
    unsubscribe = "kis.unsubscribe-realtime-price"
    code = "H0STCNT0"
    after_a_crash = MappingProxyType({"hold_seconds": 1})
    burst = 24
