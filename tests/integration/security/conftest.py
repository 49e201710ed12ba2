"""A node that loads what ``broker-server definitions`` prints, and asks each TLS client for a certificate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from broker_server.cli import app
from tests.support.amqp_tap import AmqpTap
from tests.support.certificates import Authority
from tests.support.configured_node import ConfiguredNode, configured_node

USERS = ("worker", "gateway", "trader", "stranger", "original")


@dataclass(frozen=True, slots=True)
class GuardedNode:
    """The node.

    Attributes:
        tap: Where the URLs lead, except those of TLS.
        authority: The CA of its certificate and of its clients'.
        log: Its log.
    """

    node: ConfiguredNode
    tap: AmqpTap
    authority: Authority
    log: Path

    def url(self, user: str) -> str:
        """Of a user."""
        return f"amqp://{user}:{user}-secret@127.0.0.1:{self.tap.port}/%2F"

    def refusals(self, user: str) -> list[str]:
        """What the node's log has of rights that this user lacks."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line for line in lines if f"refused for user '{user}'" in line]


@pytest.fixture(scope="session")
def guarded_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedNode]:
    folder = tmp_path_factory.mktemp("guarded-node")
    passwords = folder / "passwords"
    passwords.mkdir()
    for user in USERS:
        (passwords / user).write_text(f"{user}-secret\n", encoding="utf-8")
    words = ["--client", "trader", "--client", "stranger", "--original-client", "original"]
    printed = CliRunner().invoke(app, ["definitions", *words, "--passwords", str(passwords)])
    assert printed.exit_code == 0, printed.output
    assert printed.stderr.splitlines() == ["without a password, so they cannot log in by one: monitoring"]
    (folder / "definitions.json").write_text(printed.stdout, encoding="utf-8")
    authority = Authority(folder)
    settings = (
        f"load_definitions = {folder / 'definitions.json'}",
        "ssl_options.verify = verify_peer",
        "ssl_options.fail_if_no_peer_cert = true",
        "auth_mechanisms.1 = PLAIN",
        "auth_mechanisms.2 = EXTERNAL",
        "ssl_cert_login_from = common_name",
    )
    plugins = ("rabbitmq_auth_mechanism_ssl",)
    certificate = authority.issue("localhost", "127.0.0.1")
    with (
        configured_node(
            folder / "node", certificate, settings, plugins=plugins, login="worker:worker-secret"
        ) as node,
        AmqpTap("127.0.0.1", node.port) as tap,
    ):
        yield GuardedNode(node, tap, authority, node.log)
