"""Who may read: keys, tokens, origins, names, networks, and how much."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
import websockets
from structlog.testing import capture_logs

from broker_server.gateway.access import Access, Refused
from broker_server.gateway.rate_limits import MOST_READERS, RateLimits, TokenBucket
from broker_server.gateway_settings import GatewaySettings
from broker_server.settings import SettingsError, load_group
from tests.support.gateway import KEY, a_price, receive, serve_faces

ONE = "/api/kr/stocks/005930/realtime-price"
OTHER = "https://elsewhere.example"
FRIEND = "https://prices.example.com"


def an_access(**options: Any) -> Access:
    defaults: dict[str, Any] = {
        "keys": (),
        "origins": (),
        "trusted": [ip_network("10.1.0.0/16")],
        "secret": b"secret",
        "token_seconds": 60,
        "local": False,
    }
    return Access(**defaults | options)


async def test_a_key_is_needed_and_may_come_in_two_headers() -> None:
    async with serve_faces(keys=["another key 1234", KEY]) as faces:
        faces.board.put(a_price())
        status, body, _ = await faces.get(ONE)
        assert (status, body["error"]["code"]) == (401, "KEY_MISSING")
        with capture_logs() as logs:
            status, body, _ = await faces.get(ONE, headers={"X-API-Key": "x" * 16})
        assert (status, body["error"]["code"]) == (401, "INVALID_KEY")
        assert [entry["reason"] for entry in logs] == ["the key is unknown"]
        assert "x" * 16 not in str(logs)
        for headers in ({"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}"}):
            assert (await faces.get(ONE, headers=headers))[0] == 200
        for path in ("/healthz", "/readyz", "/docs", "/openapi.json", "/"):
            assert (await faces.get(path))[0] == 200, path
        for path in ("/api/activity", "/api/kr/data-gaps", "/api/kr/stocks/005930/candles", "/api/nothing"):
            assert (await faces.get(path))[0] == 401, path


async def test_a_browser_gets_a_token_for_a_while_and_cannot_renew_it_by_itself() -> None:
    async with serve_faces(keys=[KEY]) as faces:
        faces.board.put(a_price())
        status, body, headers = await faces.get("/api/token", method="POST", headers={"X-API-Key": KEY})
        assert (status, body["expires_in"], headers["cache-control"]) == (200, 60, "no-store")
        token = body["token"]
        assert KEY not in token
        assert (await faces.get(ONE, headers={"X-Gateway-Token": token}))[0] == 200
        status, body, _ = await faces.get(ONE, headers={"X-Gateway-Token": token + "x"})
        assert (status, body["error"]["code"]) == (401, "INVALID_TOKEN")
        assert (await faces.get("/api/token", method="POST", headers={"X-Gateway-Token": token}))[0] == 401
        assert (await faces.get(f"{ONE}?token={token}"))[0] == 401  # it would be in every log
        async with faces.connect(f"?token={token}") as client:
            assert (await receive(client))["type"] == "connected"


async def test_a_token_expires() -> None:
    async with serve_faces(keys=[KEY], token_seconds=-1) as faces:
        _, body, _ = await faces.get("/api/token", method="POST", headers={"X-API-Key": KEY})
        status, body, _ = await faces.get(ONE, headers={"X-Gateway-Token": body["token"]})
        assert (status, body["error"]["code"]) == (401, "INVALID_TOKEN")


@pytest.mark.parametrize("query", ["", "?token=", "?token=garbage", "?token=%FF%00"])
async def test_the_web_socket_is_closed_to_who_has_no_key(query: str) -> None:
    async with serve_faces(keys=[KEY]) as faces:
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with faces.connect(query):
                pass
        assert refused.value.response.status_code == 401
        assert b"KEY_MISSING" in refused.value.response.body or b"INVALID" in refused.value.response.body
        async with faces.connect(additional_headers={"X-API-Key": KEY}) as client:
            assert (await receive(client))["type"] == "connected"


async def test_pages_of_other_sites_may_not_read_and_the_log_says_why() -> None:
    async with serve_faces() as faces:
        faces.board.put(a_price())
        for origin in (OTHER, "null", "file://", faces.url.replace("127.0.0.1", "127.0.0.1.evil.example")):
            with capture_logs() as logs:
                status, body, headers = await faces.get(ONE, headers={"Origin": origin})
            assert (status, body["error"]["code"]) == (403, "FORBIDDEN_ORIGIN")
            assert "access-control-allow-origin" not in headers
            assert [(entry["reason"], entry["origin"]) for entry in logs] == [
                ("the origin is not allowed", origin)
            ]
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with faces.connect(origin=OTHER):
                pass
        assert refused.value.response.status_code == 403
        assert (await faces.get(ONE, headers={"Origin": faces.url}))[0] == 200


async def test_pages_of_allowed_origins_may_read() -> None:
    async with serve_faces(keys=[KEY], origins=[FRIEND]) as faces:
        faces.board.put(a_price())
        asking = {"Origin": FRIEND, "Access-Control-Request-Method": "GET"}
        status, _, headers = await faces.get(ONE, method="OPTIONS", headers=asking)
        assert (status, headers["access-control-allow-origin"]) == (204, FRIEND)
        assert "X-API-Key" in headers["access-control-allow-headers"]
        status, _, headers = await faces.get(ONE, headers={"Origin": FRIEND, "X-API-Key": KEY})
        assert (status, headers["access-control-allow-origin"], headers["vary"]) == (200, FRIEND, "Origin")
        status, _, headers = await faces.get(ONE, headers={"Origin": FRIEND})
        assert (status, headers["access-control-allow-origin"]) == (401, FRIEND)  # so that it can be read
        assert (await faces.get(ONE, method="OPTIONS", headers=asking | {"Origin": OTHER}))[0] == 403
        async with faces.connect(origin=FRIEND, additional_headers={"X-API-Key": KEY}) as client:
            assert (await receive(client))["type"] == "connected"


async def test_a_local_gateway_has_local_names_only() -> None:
    """A page elsewhere whose name suddenly means 127.0.0.1 must not read."""
    async with serve_faces(origins=[FRIEND]) as faces:
        with capture_logs() as logs:
            status, body, _ = await faces.get("/healthz", headers={"Host": "evil.example:5111"})
        assert (status, body["error"]["code"]) == (403, "FORBIDDEN_HOST")
        assert logs[0]["reason"] == "this is no name of this gateway"
        for host in ("localhost", "127.0.0.1:5111", "[::1]:5111", "[::1]", "prices.example.com"):
            assert (await faces.get("/healthz", headers={"Host": host}))[0] == 200, host
    async with serve_faces(local=False, keys=[KEY]) as faces:
        assert (await faces.get("/healthz", headers={"Host": "prices.lan"}))[0] == 200


async def test_services_of_other_networks_need_a_key() -> None:
    async with serve_faces(keys=[KEY], trusted=["10.0.0.0/8"]) as faces:
        faces.board.put(a_price())
        for path in ("/internal/price/005930", "/internal/prices?tickers=005930"):
            assert (await faces.get(path))[0] == 401
            assert (await faces.get(path, headers={"X-API-Key": KEY}))[0] == 200
            # uvicorn believes a proxy on this machine
            assert (await faces.get(path, headers={"X-Forwarded-For": "10.0.0.7"}))[0] == 200
            assert (await faces.get(path, headers={"X-Forwarded-For": "10.0.0.7, 192.168.0.1"}))[0] == 401
    async with serve_faces(trusted=["10.0.0.0/8"]) as faces:
        with capture_logs() as logs:
            status, body, _ = await faces.get("/internal/price/005930")
        assert (status, body["error"]["code"]) == (403, "FORBIDDEN_NETWORK")
        assert logs[0]["reason"] == "the network is not trusted"


async def test_without_keys_nobody_behind_a_proxy_reads() -> None:
    async with serve_faces() as faces:
        status, body, _ = await faces.get(ONE, headers={"X-Forwarded-For": "192.168.0.1"})
        assert (status, body["error"]["code"]) == (401, "KEY_MISSING")


@pytest.mark.parametrize("client", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_without_keys_this_machine_reads(client: str) -> None:
    assert an_access().reader({}, client) == client


@pytest.mark.parametrize("client", ["10.1.2.3", "8.8.8.8", "unknown", "", "::2"])
def test_without_keys_no_other_does(client: str) -> None:
    with pytest.raises(Refused, match="GATEWAY_API_KEYS"):
        an_access().reader({}, client)


def test_a_trusted_network_is_told_from_others() -> None:
    access = an_access(keys=[KEY])
    assert access.internal_reader({}, "10.1.2.3") == "10.1.2.3"
    assert access.internal_reader({}, "::ffff:10.1.2.3") == "::ffff:10.1.2.3"
    with pytest.raises(Refused, match="X-API-Key"):
        access.internal_reader({}, "10.2.0.1")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.5", "::", "gateway.lan"])  # noqa: S104 - refused
def test_an_address_that_others_reach_requires_keys(host: str) -> None:
    with pytest.raises(SettingsError, match="GATEWAY_API_KEYS"):
        load_group(GatewaySettings, env_file=None, gateway_host=host)
    assert load_group(GatewaySettings, env_file=None, gateway_host=host, gateway_api_keys=KEY)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_alone_requires_none(host: str) -> None:
    assert load_group(GatewaySettings, env_file=None, gateway_host=host).is_local


def test_who_asks_too_much_is_told_when_to_come_again() -> None:
    bucket = TokenBucket(rate=2, burst=3, now=10.0)
    assert [bucket.spend(10.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert bucket.spend(10.5) == 0
    assert bucket.spend(10.5) == 0.5
    assert [bucket.spend(100.0) for _ in range(4)] == [0, 0, 0, 0.5]  # the reserve has an end


def test_each_reader_has_its_own_and_not_without_end() -> None:
    limits = RateLimits(0.25, lambda: 0.0)
    assert [limits.spend("a"), limits.spend("a"), limits.spend("b")] == [0, 4, 0]
    for number in range(MOST_READERS):
        limits.spend(f"reader {number}")
    assert limits.spend("a") == 0  # the oldest one is forgotten


async def test_a_reader_that_asks_too_much_gets_429() -> None:
    async with serve_faces(keys=[KEY, "l" * 16], rate=0.5) as faces:
        faces.board.put(a_price())
        answers = [await faces.get(ONE, headers={"X-API-Key": KEY}) for _ in range(3)]
        assert [status for status, _, _ in answers] == [200, 200, 429]
        _, body, headers = answers[-1]
        assert body["error"]["code"] == "RATE_LIMITED"
        assert int(headers["retry-after"]) in (1, 2)
        assert (await faces.get(ONE, headers={"X-API-Key": "l" * 16}))[0] == 200
        assert (await faces.get("/healthz"))[0] == 200
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with faces.connect(additional_headers={"X-API-Key": KEY}):
                pass
        assert refused.value.response.status_code == 429
