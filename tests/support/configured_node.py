"""A RabbitMQ node with more settings than a private node has: TLS listeners, definitions that it loads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from broker_server.amqp.private_node.broker_process import BrokerProcess
from broker_server.amqp.private_node.install import ensure_rabbitmq
from broker_server.amqp.private_node.layout import NodeFolder, Ports
from broker_server.amqp.private_node.ports import LOOPBACK, free_port
from tests.support.certificates import Certificate


@dataclass(frozen=True)
class _Folder(NodeFolder):
    lines: tuple[str, ...] = ()

    def write_settings(self, ports: Ports, plugins: tuple[str, ...]) -> None:
        """Write the node's files, and more lines into its settings."""
        super().write_settings(ports, plugins)
        with (self.root / "rabbitmq.conf").open("a", encoding="utf-8") as file:
            file.write("\n".join(self.lines) + "\n")


@dataclass(frozen=True)
class _Ports(Ports):
    login: str = "guest:guest"

    @property
    def url(self) -> str:
        """How it is tried out whether the node runs."""
        return f"amqp://{self.login}@{LOOPBACK}:{self.amqp}/%2F"


@dataclass(frozen=True, slots=True)
class ConfiguredNode:
    """A node that runs.

    Attributes:
        port: Of AMQP without TLS.
        tls_port: Of AMQP with TLS.
        log: Its log.
    """

    port: int
    tls_port: int
    log: Path


@contextmanager
def configured_node(
    folder: Path,
    certificate: Certificate,
    settings: Sequence[str],
    *,
    plugins: tuple[str, ...] = (),
    login: str = "guest:guest",
) -> Iterator[ConfiguredNode]:
    """Run a node with a TLS listener beside the usual one.

    Args:
        folder: For its data.
        certificate: The node's own; its CA is the one that client certificates must be of.
        settings: Lines for ``rabbitmq.conf``.
        login: User and password of somebody who is in the definitions that it loads.
    """
    chosen = astuple(Ports.choose(None))
    ports = _Ports(*chosen, login=login)
    tls_port = free_port(list(chosen))
    lines = (
        f"listeners.ssl.1 = 127.0.0.1:{tls_port}",
        f"ssl_options.cacertfile = {certificate.ca}",
        f"ssl_options.certfile = {certificate.chain}",
        f"ssl_options.keyfile = {certificate.key}",
        *settings,
    )
    layout = _Folder(folder, lines)
    layout.create()
    process = BrokerProcess(layout, ensure_rabbitmq(), ports, plugins)
    with asyncio.Runner() as runner:
        try:
            runner.run(process.start())
            yield ConfiguredNode(ports.amqp, tls_port, layout.node_log)
        finally:
            runner.run(process.stop(hard=True))
