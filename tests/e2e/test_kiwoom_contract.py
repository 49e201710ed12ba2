"""The original's contract over RabbitMQ, by either way to Kiwoom: by our rules, and to the letter."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.support.broker_cleaning import clean
from tests.support.kiwoom_hosts import AmqpCaller, ControlBrokerage, Host
from tests.support.sapi_suite import Caller, Known, SapiContractSuite

STOCK = {"ticker": "005930"}
READS: dict[str, dict[str, Any]] = {
    "kiwoom.get-current-price": STOCK,
    "kiwoom.get-order-book": STOCK,
    "kiwoom.get-stock-info": STOCK,
    "kiwoom.get-daily-candles": STOCK,
    "kiwoom.get-minute-candles": {**STOCK, "minutes": 30},
    "kiwoom.get-balance": {},
    "kiwoom.get-open-orders": {},
    "kiwoom.get-order-history": {},
}
"""What one way does not know is null by it."""


@pytest.fixture(scope="module")
def brokerage() -> Iterator[ControlBrokerage]:
    with ControlBrokerage() as running:
        running.control("POST", "/clock", {"freeze": True})
        limit = running.control("GET", "/market?ticker=000660")["upper_limit"]
        running.control("POST", "/market", {"ticker": "000660", "price": limit})
        yield running


@pytest.fixture(scope="module")
def brokers(_test_broker: Any) -> Iterator[tuple[str, str]]:
    """Two virtual hosts, for a worker of each kind: one broker has workers of one kind."""
    url, management = _test_broker.url, _test_broker.management
    if management is None:
        pytest.skip("TEST_BROKER_MANAGEMENT_URL is not set: virtual hosts cannot be added")
    clean(url, management)
    parts = urlsplit(url)
    name = f"to-the-letter-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    management.add_virtual_host(name)
    yield url, urlunsplit(parts._replace(path=f"/{name}"))
    management.delete_virtual_host(name)
    clean(url, management)


@pytest.fixture(scope="class")
def hosts(
    request: pytest.FixtureRequest,
    brokers: tuple[str, str],
    brokerage: ControlBrokerage,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Host, Host]]:
    """A worker by our rules, and one to the letter."""
    way: str = request.cls.way
    folder: Path = tmp_path_factory.mktemp(way)
    letter = {"SAPI_COMPAT": "true"}
    with ExitStack() as running:
        # A login, and a key, is of one program at a time: the second worker is that of mock trading.
        ours = running.enter_context(Host(brokers[0], folder / "ours", brokerage, way))
        theirs = running.enter_context(Host(brokers[1], folder / "theirs", brokerage, way, letter, "mock"))
        yield ours.start(), theirs.start()
        for host in (ours, theirs):
            assert host.worker.terminate() == 0, host.worker.output
            assert "Traceback" not in host.worker.output, host.worker.output
    assert not [each["violations"] for each in brokerage.controls() if each["violations"]]


@pytest.fixture(scope="class")
def days(hosts: tuple[Host, Host]) -> Known:
    """The two trading days before the newest one."""
    today = datetime.now(UTC)
    wanted = {"stock_code": "005930", "is_adjusted": "1", "to": f"{today:%Y%m%d}"}
    wanted["from"] = f"{today - timedelta(days=20):%Y%m%d}"
    rows = hosts[0].rows(hosts[0].send("request-day-candle", wanted))
    last, first = (row["day"].strip() for row in rows[1:3])
    return Known("005930", "삼성전자", first, last)


class ContractOverRabbitMq(SapiContractSuite):
    """The suite over AMQP."""

    way: ClassVar[str]

    @pytest.fixture
    def known(self, days: Known) -> Known:
        return days

    @pytest.fixture
    def server(self, hosts: tuple[Host, Host]) -> Caller:
        return AmqpCaller(hosts[0].wire)

    @pytest.fixture
    def original(self, hosts: tuple[Host, Host]) -> Caller:
        return AmqpCaller(hosts[1].wire)


class TestRest(ContractOverRabbitMq):
    way = "rest"


class TestOpenApiPlus(ContractOverRabbitMq):
    way = "openapi-plus"

    def test_the_login_tells_the_server(self, hosts: tuple[Host, Host]) -> None:
        assert [host.kiwoom()["server"] for host in hosts] == ["real", "mock"]


def test_typed_methods_show_the_same_market_by_either_way(
    brokers: tuple[str, str], brokerage: ControlBrokerage, tmp_path: Path
) -> None:
    answers: list[dict[str, list[Any]]] = []
    for way in ("rest", "openapi-plus"):
        with Host(brokers[0], tmp_path / way, brokerage, way).start() as host:
            answers.append({method: host.rows(host.send(method, given)) for method, given in READS.items()})
            assert host.worker.terminate() == 0, host.worker.output
    for method in READS:
        for one, other in zip(answers[0][method], answers[1][method], strict=True):
            assert one.keys() == other.keys(), method
            different = {name: (one[name], other[name]) for name in one if one[name] != other[name]}
            assert not [pair for pair in different.values() if None not in pair], (method, different)
