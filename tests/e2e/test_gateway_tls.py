"""The gateway by https and wss, with a certificate of its own."""

from __future__ import annotations

import json
import ssl
import urllib.request
from pathlib import Path

import pytest
from websockets.sync.client import connect

from broker_server.gateway_settings import GatewaySettings
from broker_server.settings import SettingsError, load_group
from tests.support.certificates import Authority
from tests.support.processes import start_server


def test_it_speaks_tls_to_who_trusts_its_ca_and_to_nobody_else(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    certificate = authority.issue("127.0.0.1")
    environment = {
        "BROKER_URL": "amqp://guest:guest@127.0.0.1:9/%2F",  # nobody is there: it serves all the same
        "PRICES_URL": f"sqlite:///{tmp_path / 'prices.sqlite3'}",
        "GATEWAY_PORT": "0",
        "GATEWAY_TLS_CERT": str(certificate.chain),
        "GATEWAY_TLS_KEY": str(certificate.key),
    }
    trusting = ssl.create_default_context(cafile=str(authority.file))
    with start_server("gateway", "--simulate", environment=environment) as gateway:
        address = gateway.wait_ready().partition("=")[2]
        assert address.startswith("https://127.0.0.1:")
        with urllib.request.urlopen(f"{address}/healthz", timeout=60, context=trusting) as answer:  # noqa: S310
            assert answer.status == 200
        socket = f"{address.replace('https', 'wss')}/ws"
        with connect(socket, ssl=trusting, proxy=None) as client:
            client.send(json.dumps({"type": "subscribe", "topic": "price:005930"}))
            assert json.loads(client.recv(60))["type"]
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(socket, ssl=ssl.create_default_context(cafile=str(other.file)), proxy=None)
        wrong_name = socket.replace("127.0.0.1", "localhost")
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            connect(wrong_name, ssl=trusting, proxy=None)
        with pytest.raises(OSError, match=r"reset|closed|empty|Remote end"):
            urllib.request.urlopen(f"{address.replace('https', 'http')}/healthz", timeout=60)  # noqa: S310
        assert gateway.terminate() == 0, gateway.output


def test_files_that_do_not_fit_are_told_before_it_starts(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, another = authority.issue("one.example"), authority.issue("another.example")
    for cert, key, expected in (
        (one.chain, None, "go together"),
        (one.chain, another.key, "belong together"),
        (tmp_path / "missing.pem", one.key, "No such file"),
    ):
        with pytest.raises(SettingsError, match=expected) as caught:
            load_group(GatewaySettings, env_file=None, gateway_tls_cert=cert, gateway_tls_key=key)
        assert "GATEWAY_TLS_CERT" in str(caught.value)
