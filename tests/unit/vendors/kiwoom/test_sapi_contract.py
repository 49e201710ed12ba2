"""The suite of the original's contract on a way to Kiwoom in memory."""

from __future__ import annotations

import pytest

from broker_server.vendors.kiwoom.backend import Backend
from broker_server.vendors.kiwoom.trs import trs
from tests.support.kiwoom_backend import FakeBackend, numbered_row
from tests.support.sapi_suite import Known, SapiContractSuite


class TestInMemory(SapiContractSuite):
    @pytest.fixture
    def known(self) -> Known:
        return Known("015760", "한국전력", "20210325", "20210326")

    @pytest.fixture
    def backend(self, fake: FakeBackend) -> Backend:
        fake.answers["ka10080"] = [
            [minute("20210329090000"), minute("20210326153000"), minute("20210326090000")],
            [minute("20210325153000"), minute("20210325090000"), minute("20210324153000")],
            [minute("20210323153000")],
        ]
        fake.answers["ka10081"] = [
            [day("ka10081", "20210326"), day("ka10081", "20210325")],
            [day("ka10081", "20210324")],
        ]
        fake.answers["ka10014"] = [
            [day("ka10014", each) for each in ("20210329", "20210326", "20210325", "20210324")]
        ]
        return fake


def minute(timestamp: str) -> dict[str, str]:
    return numbered_row(trs()["request-minute-candle"]) | {"timestamp": timestamp}


def day(api_id: str, text: str) -> dict[str, str]:
    name = {"ka10081": "request-day-candle", "ka10014": "request-short-trend"}[api_id]
    return numbered_row(trs()[name]) | {"day": text}
