"""A worker and a cutting proxy for the clients."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.integration.client.echo_worker import EchoWorker
from tests.support.tcp_proxy import TcpProxy


@pytest.fixture
def worker(clean_broker: str) -> Iterator[EchoWorker]:
    with EchoWorker(clean_broker) as worker:
        yield worker


@pytest.fixture
def proxy(clean_broker: str) -> Iterator[TcpProxy]:
    parts = urlsplit(clean_broker)
    assert parts.hostname
    with TcpProxy(parts.hostname, parts.port or 5672) as proxy:
        yield proxy


@pytest.fixture
def proxied_url(clean_broker: str, proxy: TcpProxy) -> str:
    """The test broker through the proxy."""
    parts = urlsplit(clean_broker)
    login = f"{parts.username}:{parts.password}@" if parts.username else ""
    return urlunsplit(parts._replace(netloc=f"{login}127.0.0.1:{proxy.port}"))
