"""AMQP over TLS: certificates are verified, with their host name, and what does not fit is told."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from broker_client import AsyncClient, BrokerUnreachable, Client
from broker_client.pika_url import pika_parameters
from broker_server.amqp.connection import Backoff, TlsRefused, closing, connect
from broker_server.amqp.hosts import BrokerHosts
from broker_server.check import look_at_broker
from broker_server.core.accounts import AccountKey
from broker_server.settings import load_settings
from tests.integration.security.conftest import GuardedNode
from tests.support.certificates import Authority, Certificate
from tests.support.configured_node import ConfiguredNode, configured_node
from tests.support.processes import start_server
from tests.support.tls_proxy import TlsProxy
from tests.support.waiting import wait_until_async

MISSING_CERTIFICATE = r"(asks for|does the server ask for) a certificate of yours"
"""RabbitMQ's alert may be lost behind the reset that follows it."""
LOGIN = "guest:guest"


@dataclass(frozen=True, slots=True)
class TlsNode:
    node: ConfiguredNode
    authority: Authority
    stranger: Authority
    expired: TlsProxy

    def url(
        self,
        *,
        scheme: str = "amqps",
        host: str = "localhost",
        port: int | None = None,
        ca: Path | None = None,
    ) -> str:
        trusted = quote(str(ca or self.authority.file), safe="")
        query = f"?cafile={trusted}" if scheme == "amqps" else ""
        return f"{scheme}://{LOGIN}@{host}:{port or self.node.tls_port}/%2F{query}"


@pytest.fixture(scope="module")
def tls_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsNode]:
    folder = tmp_path_factory.mktemp("tls-node")
    authority, stranger = Authority(folder), Authority(folder, "stranger")
    expired = authority.issue("localhost", expired=True)
    with (
        configured_node(folder / "node", authority.issue("localhost"), ()) as node,
        TlsProxy("127.0.0.1", node.port, expired) as proxy,
    ):
        yield TlsNode(node, authority, stranger, proxy)


FAULTS = {
    "wrong host name": "the server's certificate is for another address",
    "expired": "the server's certificate has expired: renew it there",
    "unknown CA": "is of a CA that this machine does not trust: name the CA's file",
    "TLS to a plain port": "this port does not speak TLS",
}


@pytest.fixture(params=FAULTS)
def faulty(request: pytest.FixtureRequest, tls_node: TlsNode) -> tuple[str, str]:
    """A URL that cannot be used, and what is said of it."""
    urls = {
        "wrong host name": tls_node.url(host="127.0.0.1"),
        "expired": tls_node.url(port=tls_node.expired.port),
        "unknown CA": tls_node.url(ca=tls_node.stranger.file),
        "TLS to a plain port": tls_node.url(port=tls_node.node.port),
    }
    return urls[request.param], FAULTS[request.param]


async def connect_async(url: str) -> None:
    async with AsyncClient(url, timeout=60):
        pass


async def connect_worker(url: str) -> None:
    connection = await BrokerHosts(url).connect_patiently(name="test", backoff=Backoff(), worked_before=False)
    closed = closing(connection)
    connection.close()
    await closed


def of_check(url: str) -> str:
    settings = load_settings(env_file=None, broker_url=url)
    result = look_at_broker(settings, "simulated", [AccountKey("kis")]).result
    return "" if result.passed else result.detail


def test_all_connect_where_the_certificate_fits(tls_node: TlsNode) -> None:
    url = tls_node.url()
    Client(url, timeout=60).close()
    asyncio.run(connect_async(url))
    asyncio.run(connect_worker(url))
    assert of_check(url) == ""


def test_what_does_not_fit_is_told_in_one_line(faulty: tuple[str, str]) -> None:
    url, expected = faulty
    said = []
    with pytest.raises(BrokerUnreachable) as refused:
        Client(url, timeout=60)
    said.append(str(refused.value))
    with pytest.raises(BrokerUnreachable) as refused:
        asyncio.run(connect_async(url))
    said.append(str(refused.value))
    with pytest.raises(TlsRefused) as final:
        asyncio.run(connect_worker(url))
    said.append(str(final.value))
    said.append(of_check(url))
    for line in said:
        assert f"TLS: {expected}" in line or expected in line
        assert "cannot use RabbitMQ at" in line
        assert "\n" not in line
        assert "guest:" not in line
        assert "_ssl.c" not in line


def test_plain_amqp_to_a_port_of_tls_is_guessed(tls_node: TlsNode) -> None:
    url = tls_node.url(scheme="amqp")
    with pytest.raises(BrokerUnreachable, match=r"is this a port of TLS.*amqps://"):
        Client(url, timeout=60)
    with pytest.raises(BrokerUnreachable, match=r"is this a port of TLS.*amqps://"):
        asyncio.run(connect_async(url))
    assert "is this a port of TLS" in of_check(url)


def test_a_worker_ends_at_its_first_start_and_does_not_try_again(tls_node: TlsNode, tmp_path: Path) -> None:
    environment = {
        "BROKER_URL": tls_node.url(ca=tls_node.stranger.file),
        "JOURNAL_URL": f"sqlite:///{tmp_path / 'journal.sqlite3'}",
        "LOG_LEVEL": "error",
    }
    with start_server("run", "--simulate", environment=environment) as worker:
        assert worker.wait() == 2, worker.output
        (line,) = [line for line in worker.stderr_lines if line.startswith("broker-server:")]
    assert "is of a CA that this machine does not trust" in line


def test_a_worker_that_served_before_waits_for_the_renewed_certificate(tls_node: TlsNode) -> None:
    failures: list[int] = []

    def jitter() -> float:
        failures.append(1)
        return 0.0

    async def run() -> None:
        url = tls_node.url(port=tls_node.expired.port)
        waiting = asyncio.ensure_future(
            BrokerHosts(url).connect_patiently(name="test", backoff=Backoff(jitter))
        )
        await wait_until_async(lambda: len(failures) >= 2, what="two failures")
        assert not waiting.done()
        tls_node.expired.present(tls_node.authority.issue("localhost", name="renewed"))
        connection = await asyncio.wait_for(waiting, 60)
        closed = closing(connection)
        connection.close()
        await closed

    asyncio.run(run())


@pytest.fixture
def certificate(guarded_node: GuardedNode) -> Certificate:
    return guarded_node.authority.issue("trader@strategies", name="trader")


def strict_url(guarded: GuardedNode, login: str, query: str = "") -> str:
    trusted = quote(str(guarded.authority.file), safe="")
    return f"amqps://{login}@localhost:{guarded.node.tls_port}/%2F?cafile={trusted}{query}"


def mine(certificate: Certificate) -> str:
    return f"&certfile={certificate.chain}&keyfile={certificate.key}"


def test_a_certificate_that_the_server_asks_for_and_does_not_get(guarded_node: GuardedNode) -> None:
    url = strict_url(guarded_node, "trader:trader-secret")
    with pytest.raises(BrokerUnreachable, match=MISSING_CERTIFICATE):
        Client(url, timeout=60)
    with pytest.raises(BrokerUnreachable, match=MISSING_CERTIFICATE):
        asyncio.run(connect_async(url))
    assert re.search(MISSING_CERTIFICATE, of_check(url))


def test_a_certificate_of_another_ca_is_refused(guarded_node: GuardedNode, tls_node: TlsNode) -> None:
    wrong = tls_node.stranger.issue("trader@strategies", name="trader")
    url = strict_url(guarded_node, "trader:trader-secret", mine(wrong))
    refused = "the server refuses this client's certificate"
    reset = "does the server trust the CA of your certificate"  # the alert may be lost behind the reset
    with pytest.raises(BrokerUnreachable, match=f"{refused}|{reset}"):
        Client(url, timeout=60)
    with pytest.raises(BrokerUnreachable, match=f"{refused}|{reset}"):
        asyncio.run(connect_async(url))
    assert refused in (said := of_check(url)) or reset in said


def test_certificate_and_password(guarded_node: GuardedNode, certificate: Certificate) -> None:
    url = strict_url(guarded_node, "trader:trader-secret", mine(certificate))
    Client(url, timeout=60).close()
    asyncio.run(connect_async(url))
    asyncio.run(connect_worker(url))


def test_a_certificate_instead_of_a_password(guarded_node: GuardedNode, certificate: Certificate) -> None:
    url = strict_url(guarded_node, "trader", f"{mine(certificate)}&auth=EXTERNAL")
    Client(url, timeout=60).close()
    asyncio.run(connect_async(url))
    asyncio.run(connect_worker(url))
    assert of_check(url) == ""


def test_certificates_are_read_anew_for_each_connection(
    guarded_node: GuardedNode, certificate: Certificate, tmp_path: Path
) -> None:
    kept = tmp_path / "mine.pem"
    kept.write_bytes(certificate.chain.read_bytes())
    url = strict_url(guarded_node, "trader:trader-secret", f"&certfile={kept}&keyfile={certificate.key}")
    assert pika_parameters(url).ssl_options is not None
    kept.unlink()
    with pytest.raises(TlsRefused, match="certfile and keyfile of a broker URL cannot be used: No such file"):
        asyncio.run(connect(url, name="test"))
