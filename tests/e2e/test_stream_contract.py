"""The contract of live data, vendor by vendor; the tests are those of `StreamSuite`."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from tests.support.brokerage import Brokerage
from tests.support.kiwoom_brokerage import KiwoomBrokerage
from tests.support.koscom_brokerage import KoscomBrokerage
from tests.support.stream_suite import StreamSuite


class TestKis(StreamSuite):
    """Two of six places are for the account's notices."""

    open_brokerage = Brokerage
    settings = MappingProxyType({"KIS_WS_MAX_REGISTRATIONS": "6"})
    subscribe = "kis.subscribe-realtime-price"
    unsubscribe = "kis.unsubscribe-realtime-price"
    code = "H0STCNT0"
    after_a_crash = MappingProxyType({"hold_seconds": 1})


class TestKiwoomRest(StreamSuite):
    """One of five places is for the account's notices."""

    open_brokerage = KiwoomBrokerage
    settings = MappingProxyType({"KIWOOM_WS_MAX_REGISTRATIONS": "5"})
    subscribe = "kiwoom.subscribe-realtime-price"
    unsubscribe = "kiwoom.unsubscribe-realtime-price"
    code = "0B"


class TestKoscom(StreamSuite):
    """KOSCOM has no account, so all places are for issues."""

    open_brokerage = KoscomBrokerage
    settings = MappingProxyType({"KOSCOM_WS_MAX_SUBSCRIPTIONS": "4"})
    exchange = MappingProxyType({"tick_interval": 0.1})
    subscribe = "koscom.subscribe"
    unsubscribe = "koscom.unsubscribe"
    code = "tick10"
    tells_the_state = True

    def parameters(self, ticker: str, **more: Any) -> dict[str, Any]:
        return {"preset": "tick10", "ticker": ticker, **more}
