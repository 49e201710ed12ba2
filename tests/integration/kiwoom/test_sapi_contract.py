"""The suite of the original's contract on REST, over a simulated Kiwoom."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from broker_server.vendors.kiwoom.backend import Backend
from broker_server.vendors.kiwoom.rest import make_backend
from tests.support.kiwoom_brokerage import FRIDAY_MORNING, KiwoomBrokerage, ThenClock
from tests.support.sapi_suite import Known, SapiContractSuite


@pytest.fixture(scope="module")
def by_rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with KiwoomBrokerage(start=FRIDAY_MORNING) as brokerage:
        brokerage.control("POST", "/clock", {"freeze": True})
        limit = brokerage.control("GET", "/market?ticker=000660")["upper_limit"]
        brokerage.control("POST", "/market", {"ticker": "000660", "price": limit})
        folder = tmp_path_factory.mktemp("tokens")
        backend = make_backend(brokerage.config(folder), clock=ThenClock(), order_timeout=5)
        yield backend
        backend.close()


class TestRest(SapiContractSuite):
    @pytest.fixture
    def known(self) -> Known:
        return Known("005930", "삼성전자", "20261118", "20261119")

    @pytest.fixture
    def backend(self, by_rest: Backend) -> Backend:
        return by_rest
