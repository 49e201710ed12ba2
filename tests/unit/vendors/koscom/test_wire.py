"""Over real HTTP: the bytes of a request, and the check of a key."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from broker_server.check import check
from broker_server.settings import load_settings
from broker_server.vendors.koscom import KoscomConfig, create
from tests.support.bare_server import Server, serving
from tests.support.kiwoom_backend import context
from tests.support.koscom_rest import API_KEY


@contextmanager
def answering(body: Any) -> Iterator[Server]:
    """A server that answers everything with one document."""
    document = json.dumps(body).encode()

    def serve(server: Server, connection: socket.socket) -> None:
        while server.read_request(connection):
            head = (
                f"HTTP/1.1 200 OK\r\nX-RateLimit-Remaining-Day: 7\r\nContent-Length: {len(document)}\r\n\r\n"
            )
            connection.sendall(head.encode() + document)

    with serving(serve) as server:
        yield server


@pytest.mark.parametrize(
    ("key_in", "line", "header"),
    [
        ("header", "GET /v3/market/closed/kospi/005930/selectivemaster?eps&per HTTP/1.1", True),
        (
            "query",
            f"GET /v3/market/closed/kospi/005930/selectivemaster?eps&per&apikey={API_KEY} HTTP/1.1",
            False,
        ),
    ],
)
def test_the_bytes_of_a_request(key_in: Any, line: str, header: bool) -> None:
    with answering({"jsonrpc": "2.0", "result": {"eps": 1, "per": 2.5}}) as server:
        config = KoscomConfig(
            simulated=True,
            api_key=SecretStr(API_KEY),
            rest_url=f"http://127.0.0.1:{server.port}",
            key_in=key_in,
        )
        vendor = create(config)
        method = next(each for each in vendor.methods() if each.name == "koscom.query")
        arguments = {"market": "kospi", "code": "005930", "items": ["eps", "per"]}
        parameters = method.parameters.model_validate({"table": "selective-master", "arguments": arguments})
        (page,) = method.handler(parameters, context()).rows
        assert page.rows == [{"eps": 1, "per": "2.5"}]
        assert vendor.status()["quota"]["remaining"] == 7
        vendor.close()
    (request,) = server.received
    first, *headers = request.decode().split("\r\n")
    assert first == line
    assert (f"apikey: {API_KEY}" in headers) is header


def test_the_check_of_a_key_without_live_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with answering({"jsonrpc": "2.0", "result": {"isuSrtCd": "K1", "trdPrc": 2657.5}}) as server:
        settings = load_settings(
            env_file=None,
            vendors="koscom",
            koscom_api_key=API_KEY,
            koscom_rest_url=f"http://127.0.0.1:{server.port}",
            journal_url=f"sqlite:///{tmp_path / 'journal.sqlite3'}",
        )
        results = {each.item: each for each in check(settings)}
    assert [name for name, each in results.items() if not each.passed] == ["RabbitMQ"], "it is not set"
    assert results["koscom key"].detail.startswith("K1 answered")
    assert "7 calls are left" in results["koscom quota"].detail
    assert "since 2018" in results["koscom live data"].detail
