"""What tests run against, never anything that is found by chance.

The broker is ``TEST_BROKER_URL``, else a Docker container, else a private node.
PostgreSQL is ``TEST_POSTGRES_URL`` (of a superuser), else a private server, whose commits wait for the disk
unless ``TEST_POSTGRES_FSYNC=off``.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import pytest
import structlog
from hypothesis import settings

from broker_server.amqp.private_node import PrivateNode
from broker_server.amqp.private_node.debian import NotInstalled
from broker_server.amqp.private_node.ports import free_port
from broker_server.logs import LogHandler
from tests.support import log_scan
from tests.support.broker_cleaning import AddUser, ManagementApi, clean
from tests.support.chromium import FIXTURES, ensure_chromium
from tests.support.docker_broker import docker_answers, rabbitmq_container
from tests.support.nginx import ensure_nginx
from tests.support.postgres import PrivatePostgres, ensure_postgres, fresh_database

_TESTS = Path(__file__).parent

_SETTINGS_OF_THE_CALLER = (
    "BROKER_URL",
    "KIS_",
    "KIWOOM_",
    "KOSCOM_",
    "ACCOUNTS_FILE",
    "JOURNAL_URL",
    "PG",
    "PRICE",
    "GATEWAY_",
    "VENDORS",
    "METRICS_",
    "TRACING",
    "OTEL_",
    "CREDENTIALS_DIRECTORY",
    "NOTIFY_SOCKET",
)


# The same examples in every run of CI: a search for new ones is for the developer's machine. No example has a
# time limit on either: it would measure what else the machine does.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")


_LONGEST = (
    "e2e/test_collect",
    "integration/worker/test_connection",
    "integration/lease/test_journal_pin",
    "e2e/test_order_limits",
    "e2e/test_chaos",
    "unit/prices/candles/test_collector",
    "e2e/test_gateway",
    "integration/client/test_watch",
    "integration/worker/test_broker_set_up",
    "integration/test_private_postgres",
)
"""The modules that take longest, the longest first. What is wrong here costs time and nothing else."""

_PARTS = ("conformance", "e2e", "browser", "integration", "unit")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that the processes of a run end together."""
    items.sort(key=lambda item: _order(item.path.relative_to(_TESTS).with_suffix("").as_posix()))


def _order(module: str) -> int:
    if module in _LONGEST:
        return _LONGEST.index(module)
    part = module.partition("/")[0]
    return len(_LONGEST) + (_PARTS.index(part) if part in _PARTS else len(_PARTS))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Install what tests need of Debian before the first one does: no test's own time limit is for that."""
    if session.config.option.collectonly:
        return
    if any(FIXTURES.intersection(getattr(item, "fixturenames", ())) for item in session.items):
        with suppress(NotInstalled):  # its tests are skipped then, and say why
            ensure_chromium()
    if not os.environ.get("TEST_POSTGRES_URL") and any(_needs_postgres(item) for item in session.items):
        ensure_postgres()
    if any("nginx" in getattr(item, "fixturenames", ()) for item in session.items):
        ensure_nginx()


def _needs_postgres(item: pytest.Item) -> bool:
    parameters = (
        item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    )
    kinds = [parameters.get(name) for name in ("journal_url", "module_journal_url")]
    return "postgresql" in kinds or "postgres_url" in getattr(item, "fixturenames", ())


class TestBroker:
    """The broker that this test run uses."""

    __test__ = False

    def __init__(self, url: str, management: ManagementApi | None) -> None:
        self.url = url
        self.management = management


@pytest.fixture(scope="session", autouse=True)
def _interrupts_arrive() -> None:
    """A shell starts what runs in its background with SIGINT ignored, and every child inherits that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_the_caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the caller's settings, keys and data folder away from every test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(_SETTINGS_OF_THE_CALLER):
                patch.delenv(name)
        data = tmp_path_factory.mktemp("data")
        patch.setenv("XDG_DATA_HOME", str(data / "share"))
        patch.setenv("XDG_CACHE_HOME", str(data / "cache"))
        patch.setenv("XDG_CONFIG_HOME", str(data / "config"))
        patch.setenv("XDG_STATE_HOME", str(data / "state"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_secret_in_the_log_of_any_process() -> Iterator[None]:
    """What all processes of this run wrote is free of the secrets and account numbers that they had."""
    yield
    leaks = sorted(set(log_scan.found))
    assert not leaks, f"{len(leaks)} secrets or account numbers in logs:\n" + "\n".join(leaks)


@pytest.fixture(autouse=True)
def _logs_of_this_test_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command that a test runs in this process sets up logging to a stream that ends with the test."""
    configure = structlog.configure
    monkeypatch.setattr(
        structlog, "configure", lambda **given: configure(**given | {"cache_logger_on_first_use": False})
    )
    yield
    structlog.reset_defaults()
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, LogHandler)]:
        root.removeHandler(handler)


@pytest.fixture(scope="session")
def _test_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestBroker]:
    given = os.environ.get("TEST_BROKER_URL")
    if given:
        address = os.environ.get("TEST_BROKER_MANAGEMENT_URL")
        yield TestBroker(given, ManagementApi(address, given) if address else None)
    elif docker_answers():
        with rabbitmq_container() as (url, address):
            yield TestBroker(url, ManagementApi(address, url))
    else:
        with _private_broker(tmp_path_factory) as broker:
            yield broker


@contextmanager
def _private_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestBroker]:
    """A node of the test run; with xdist one for all its processes, each of which has a virtual host."""
    process = os.environ.get("PYTEST_XDIST_WORKER")
    folder = None if process is None else tmp_path_factory.getbasetemp().parent / "rabbitmq"
    with PrivateNode.start(folder, port=free_port(), plugins=("rabbitmq_management",), keep=False) as node:
        assert node.management_url is not None
        url = node.url
        if process is not None:
            ManagementApi(node.management_url, url).add_virtual_host(process)
            url = f"{url.rpartition('/')[0]}/{process}"
        yield TestBroker(url, ManagementApi(node.management_url, url))


@pytest.fixture(scope="session")
def broker_url(_test_broker: TestBroker) -> str:
    """The AMQP URL of the test broker, shared by the whole run."""
    return _test_broker.url


@pytest.fixture
def clean_broker(_test_broker: TestBroker) -> Iterator[str]:
    """The AMQP URL of the test broker, free of our queues and exchanges before and after the test."""
    clean(_test_broker.url, _test_broker.management)
    yield _test_broker.url
    clean(_test_broker.url, _test_broker.management)


@pytest.fixture
def add_user(_test_broker: TestBroker, clean_broker: str) -> Iterator[AddUser]:
    """Adds users to the test broker, who are gone after the test."""
    api = _test_broker.management
    if api is None:
        pytest.skip("TEST_BROKER_MANAGEMENT_URL is not set: users cannot be added")
    added: list[str] = []

    def add(name: str, password: str, *, configure: str = ".*") -> str:
        api.add_user(name, password, configure=configure)
        added.append(name)
        parts = urlsplit(clean_broker)
        login = f"{quote(name, safe='')}:{quote(password, safe='')}"
        return urlunsplit(parts._replace(netloc=f"{login}@{parts.hostname}:{parts.port}"))

    yield add
    for name in added:
        api.delete_user(name)


@pytest.fixture
def private_node(tmp_path: Path) -> Iterator[PrivateNode]:
    """A node of the test's own, for tests that restart or kill the broker."""
    with PrivateNode.start() as node:
        yield node


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The superuser's URL of a PostgreSQL for the whole run (with xdist, of each of its processes)."""
    if given := os.environ.get("TEST_POSTGRES_URL"):
        yield given
        return
    with PrivatePostgres(fsync=os.environ.get("TEST_POSTGRES_FSYNC") != "off") as server:
        yield server.url


@pytest.fixture(params=["sqlite", "postgresql"])
def journal_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new, empty database for a journal; the test runs once for each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'journal.sqlite3'}"
        return
    with fresh_database(request.getfixturevalue("postgres_url")) as url:
        yield url
