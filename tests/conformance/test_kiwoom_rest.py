"""Kiwoom by REST and WebSocket."""

from __future__ import annotations

from types import MappingProxyType

from tests.conformance.backends import KiwoomRest
from tests.conformance.suite import AdapterConformance
from tests.support.kiwoom_brokerage import KiwoomBrokerage


class TestKiwoomRest(AdapterConformance):
    """One of five places is for the account's notices."""

    backend = KiwoomRest()
    open_brokerage = KiwoomBrokerage
    settings = MappingProxyType({"KIWOOM_WS_MAX_REGISTRATIONS": "5"})
    subscribe = "kiwoom.subscribe-realtime-price"
    unsubscribe = "kiwoom.unsubscribe-realtime-price"
    code = "0B"
    days_of_candles = 1000
