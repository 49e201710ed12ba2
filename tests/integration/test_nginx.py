"""The gateway behind a real nginx with the configuration that we ship."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect

from broker_server.gateway.socket.limits import SocketLimits
from tests.support.gateway import KEY, Faces, a_price, receive, receive_until, say, serve_faces
from tests.support.nginx import SHIPPED, Nginx
from tests.support.waiting import wait_until_async

ONE = "/api/kr/stocks/005930/realtime-price"


@pytest.fixture
async def faces() -> AsyncIterator[Faces]:
    """A gateway with a key, which other machines may reach."""
    async with serve_faces(keys=[KEY], local=False) as served:
        served.board.put(a_price())
        yield served


@contextmanager
def in_front_of(url: str, folder: Path) -> Iterator[Nginx]:
    with Nginx(folder, url.removeprefix("http://")) as nginx:
        yield nginx


@pytest.fixture
def nginx(faces: Faces, tmp_path: Path) -> Iterator[Nginx]:
    with in_front_of(faces.url, tmp_path) as server:
        yield server


async def fetch(
    nginx: Nginx, path: str, headers: dict[str, str] | None = None, *, source: str = "127.0.0.1"
) -> tuple[int, Any, dict[str, str]]:
    """Status, text and headers of an answer to somebody at that address."""
    connector = aiohttp.TCPConnector(local_addr=(source, 0))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(nginx.url + path, headers=headers) as answer,
    ):
        return answer.status, await answer.text(), {k.lower(): v for k, v in answer.headers.items()}


async def test_the_configuration_is_accepted_without_a_warning(nginx: Nginx) -> None:
    assert "syntax is ok" in nginx.check()
    assert "[warn]" not in nginx.check()
    assert "[emerg]" not in nginx.log()


async def test_prices_pass_with_their_tags(nginx: Nginx) -> None:
    status, text, headers = await fetch(nginx, ONE, {"X-API-Key": KEY})
    assert (status, '"price":158600' in text) == (200, True)
    assert headers["cache-control"] == "private, no-cache"
    known = {"X-API-Key": KEY, "If-None-Match": headers["etag"]}
    assert (await fetch(nginx, ONE, known))[0] == 304
    assert (await fetch(nginx, ONE))[0] == 401


async def test_the_web_socket_passes(nginx: Nginx, faces: Faces) -> None:
    _, body, _ = await faces.get("/api/token", method="POST", headers={"X-API-Key": KEY})
    url = nginx.url.replace("http:", "ws:") + f"/ws?token={body['token']}"
    async with connect(url, origin=nginx.url, ping_interval=None, proxy=None) as client:
        assert (await receive(client))["type"] == "connected"
        await say(client, type="subscribe", topic="price:005930")
        await receive_until(client, type="price_update")
        faces.board.put(a_price(price=1))
        assert (await receive_until(client, type="price_update"))["data"]["price"] == 1
    await wait_until_async(lambda: faces.sessions == 0)
    await wait_until_async(lambda: '"GET /ws" 101' in nginx.accesses())
    assert body["token"] not in nginx.accesses() + nginx.log()


async def test_the_gateway_learns_the_client_whatever_it_claims(nginx: Nginx) -> None:
    with capture_logs() as logs:
        await fetch(
            nginx, ONE, {"X-API-Key": "x" * 16, "X-Forwarded-For": "10.0.0.1, 127.0.0.1"}, source="127.0.0.9"
        )
    assert [entry["client"] for entry in logs] == ["127.0.0.9"]


async def test_internal_is_for_the_networks_that_are_named(nginx: Nginx) -> None:
    path = "/internal/price/005930"
    assert (await fetch(nginx, path))[0] == 200
    for headers in ({"X-API-Key": KEY}, {"X-Forwarded-For": "127.0.0.1"}, {"X-Real-IP": "127.0.0.1"}):
        assert (await fetch(nginx, path, headers, source="127.0.0.9"))[0] == 403
    for trick in ("/%69nternal/price/005930", "//internal/price/005930", "/api/../internal/price/005930"):
        assert (await fetch(nginx, trick, source="127.0.0.9"))[0] in (403, 404), trick


async def test_a_page_of_another_site_is_refused_behind_it_too(nginx: Nginx) -> None:
    headers = {"X-API-Key": KEY, "Origin": "https://elsewhere.example"}
    assert (await fetch(nginx, ONE, headers))[0] == 403
    assert (await fetch(nginx, ONE, headers | {"Origin": nginx.url}))[0] == 200


async def test_a_gateway_that_is_away_is_said_in_json(tmp_path: Path) -> None:
    async with serve_faces() as faces:
        url = faces.url
    with in_front_of(url, tmp_path) as nginx:
        status, text, headers = await fetch(nginx, ONE)
        assert (status, headers["content-type"], headers["retry-after"]) == (503, "application/json", "5")
        assert "GATEWAY_DOWN" in text


def test_a_quiet_web_socket_outlives_the_pings() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    waits = [int(seconds) for seconds in re.findall(r"proxy_read_timeout (\d+)s;", text)]
    limits = SocketLimits()
    assert max(waits) > limits.ping_seconds + limits.pong_seconds
