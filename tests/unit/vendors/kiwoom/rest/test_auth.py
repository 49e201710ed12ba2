"""The token: asked for once, kept on disk, renewed ahead, never revoked."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from broker_client.errors import AuthenticationFailed, RateLimited, VendorUnavailable
from broker_server.vendors.http import HttpRequest, HttpResponse
from broker_server.vendors.kiwoom.rest.auth import TokenSource
from broker_server.vendors.token_cache import TokenCache
from tests.support.kis_server import broken, reply
from tests.support.kiwoom_rest import APP_KEY, APP_SECRET, TOKEN, Bench, make_bench, refusal, throttled, token


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


@pytest.fixture
def source(bench: Bench, tmp_path: Path) -> TokenSource:
    return new_source(bench, tmp_path)


def new_source(bench: Bench, folder: Path) -> TokenSource:
    """What another process with the same key would have."""
    cache = TokenCache(folder / "cache", vendor="kiwoom", environment="real", identity="host|key")
    return TokenSource(bench.backend._config, bench.kiwoom, cache, bench.clock)


def test_it_asks_as_the_document_says(bench: Bench, source: TokenSource) -> None:
    assert [source.get(bench.context()) for _ in range(3)] == ["token-1"] * 3
    (request,) = bench.kiwoom.calls(TOKEN)
    assert request.url.endswith("/oauth2/token")
    assert json.loads(request.body or b"") == {
        "grant_type": "client_credentials",
        "appkey": APP_KEY,
        "secretkey": APP_SECRET,
    }


def test_threads_wait_for_the_one_that_asks(bench: Bench, source: TokenSource) -> None:
    everybody_asks, issuing = threading.Barrier(8), threading.Event()

    def slow(_: HttpRequest) -> HttpResponse:
        issuing.wait(60)
        return token()

    bench.kiwoom.on(TOKEN, slow)
    bench.clock.on_wait = issuing.set

    def ask(_: int) -> str:
        everybody_asks.wait(60)
        return source.get(bench.context())

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {"token-1"}
    assert len(bench.kiwoom.calls(TOKEN)) == 1


def test_a_restart_uses_the_kept_token(bench: Bench, source: TokenSource, tmp_path: Path) -> None:
    source.get(bench.context())
    (file,) = (tmp_path / "cache").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.name.startswith("kiwoom-token-real-")
    assert new_source(bench, tmp_path).get(bench.context()) == "token-1"
    assert len(bench.kiwoom.calls(TOKEN)) == 1


def test_it_is_renewed_ten_minutes_before_its_end_in_korean_time(bench: Bench, source: TokenSource) -> None:
    bench.kiwoom.on(TOKEN, token("old", "20261120120000"), token("new"))
    source.get(bench.context())
    assert source.status()["expires_at"] == "2026-11-20T12:00:00+09:00"
    bench.clock.advance(2 * 3600 - 601)
    assert source.get(bench.context()) == "old"
    bench.clock.advance(2)
    assert source.get(bench.context()) == "new"


def test_the_same_token_may_come_back_while_it_lives(bench: Bench, source: TokenSource) -> None:
    bench.kiwoom.on(TOKEN, token("same", "20261120101500"))
    source.get(bench.context())
    bench.clock.advance(6 * 60)
    assert [source.get(bench.context()) for _ in range(5)] == ["same"] * 5
    assert len(bench.kiwoom.calls(TOKEN)) == 2


def test_it_is_never_revoked(bench: Bench, tmp_path: Path) -> None:
    bench.kiwoom.on("ka10100", reply({"return_code": 0, "code": "005930", "name": "x"}))
    bench.backend.stock_name("005930", bench.context())
    urls: list[str] = []
    bench.kiwoom.close = lambda: urls.extend(request.url for request in bench.kiwoom.requests)  # type: ignore[method-assign]
    bench.backend.close()
    assert urls
    assert not any("revoke" in url for url in urls)


def test_a_throttled_issue_is_waited_out_for_over_a_second(bench: Bench, source: TokenSource) -> None:
    bench.kiwoom.on(TOKEN, throttled(TOKEN), token("later"))
    assert source.get(bench.context()) == "later"
    assert bench.clock.monotonic() >= 1.3


def test_a_lasting_throttle_is_told(bench: Bench, source: TokenSource) -> None:
    bench.kiwoom.on(TOKEN, throttled(TOKEN))
    with pytest.raises(RateLimited):
        source.get(bench.context())
    assert len(bench.kiwoom.calls(TOKEN)) == 2


@pytest.mark.parametrize("text", ["[8001:App Key]", "[8010:IP]", "[8030:투자구분]", "no code at all"])
def test_a_wrong_key_is_told_and_not_tried_again_at_once(
    bench: Bench, source: TokenSource, text: str
) -> None:
    bench.kiwoom.on(TOKEN, refusal(3, text))
    for _ in range(3):
        with pytest.raises(AuthenticationFailed) as caught:
            source.get(bench.context())
        assert caught.value.vendor_message == text
    assert len(bench.kiwoom.calls(TOKEN)) == 1


@pytest.mark.parametrize(
    "step",
    [
        broken(bytes_left=True),
        HttpResponse(502, {}, b"<html>"),
        refusal(77, "x", 500),
        reply({"return_code": 0, "token": "t"}),
        reply({"return_code": 0, "token": "", "expires_dt": "20261121100000"}),
        reply({"return_code": 0, "token": "t", "expires_dt": "19990101000000"}),
        reply({"return_code": 0, "token": "t", "expires_dt": "tomorrow"}),
    ],
    ids=lambda step: repr(step)[:50],
)
def test_no_usable_answer_is_told(bench: Bench, source: TokenSource, step: HttpResponse | Exception) -> None:
    bench.kiwoom.on(TOKEN, step)
    with pytest.raises(VendorUnavailable):
        source.get(bench.context())


def test_no_token_lives_longer_than_a_day(bench: Bench, source: TokenSource) -> None:
    bench.kiwoom.on(TOKEN, token("t", "20991231235959"))
    source.get(bench.context())
    assert source.status()["expires_at"] == "2026-11-21T10:00:00+09:00"
