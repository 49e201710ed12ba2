from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from broker_client.errors import AuthenticationFailed, RateLimited, VendorUnavailable
from broker_server.vendors.http import HttpRequest, HttpResponse
from broker_server.vendors.kis.auth import TokenSource
from broker_server.vendors.token_cache import TokenCache
from broker_server.vendors.values import KST
from tests.support.fake_time import START
from tests.support.kis_server import Bench, broken, make_bench, reply, token, token_refused


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


@pytest.fixture
def source(bench: Bench, tmp_path: Path) -> TokenSource:
    return new_source(bench, tmp_path)


def new_source(bench: Bench, folder: Path) -> TokenSource:
    """What another process with the same key would have."""
    config = bench.vendor._config
    cache = TokenCache(folder / "cache", vendor="kis", environment="real", identity="host|key")
    return TokenSource(config, bench.kis, cache, bench.clock)


def test_a_token_is_issued_once_and_kept(bench: Bench, source: TokenSource) -> None:
    assert [source.get(bench.context()) for _ in range(3)] == ["token-1"] * 3
    assert len(bench.kis.calls("tokenP")) == 1


def test_threads_wait_for_the_one_that_issues(bench: Bench, source: TokenSource) -> None:
    everybody_asks = threading.Barrier(8)
    issuing = threading.Event()

    def slow(request: HttpRequest) -> HttpResponse:
        issuing.wait(60)
        return token()

    bench.kis.on("tokenP", slow)
    bench.clock.on_wait = issuing.set

    def ask(_: int) -> str:
        everybody_asks.wait(60)
        return source.get(bench.context())

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {"token-1"}
    assert len(bench.kis.calls("tokenP")) == 1


def test_the_token_is_stored_for_its_owner_only(bench: Bench, source: TokenSource, tmp_path: Path) -> None:
    source.get(bench.context())
    (file,) = (tmp_path / "cache").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert "real" in file.name
    assert "key" not in file.name.removeprefix("kis-token-")


def test_a_restart_takes_the_stored_token(bench: Bench, source: TokenSource, tmp_path: Path) -> None:
    source.get(bench.context())
    assert new_source(bench, tmp_path).get(bench.context()) == "token-1"
    assert len(bench.kis.calls("tokenP")) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xff",
        b"{}",
        b'{"access_token": 5, "issued_at": "x", "expires_at": "y"}',
        b'{"access_token": "t", "issued_at": "2026-01-01", "expires_at": "2099-01-01 00:00:00"}',
    ],
)
def test_a_corrupt_file_is_ignored_and_replaced(
    bench: Bench, source: TokenSource, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "cache").mkdir()
    cache = TokenCache(tmp_path / "cache", vendor="kis", environment="real", identity="host|key")
    cache.path.write_bytes(content)
    assert source.get(bench.context()) == "token-1"
    assert json.loads(cache.path.read_bytes())["access_token"] == "token-1"


def test_a_folder_that_cannot_be_written_does_not_cost_the_token(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert new_source(bench, tmp_path).get(bench.context()) == "token-1"


def test_keys_and_environments_have_files_of_their_own(tmp_path: Path) -> None:
    paths = {
        TokenCache(tmp_path, vendor="kis", environment=environment, identity=identity).path
        for environment in ("paper", "real")
        for identity in ("host|key", "host|other", "elsewhere|key")
    }
    assert len(paths) == 6


def test_the_token_is_renewed_ten_minutes_ahead(bench: Bench, source: TokenSource) -> None:
    bench.kis.on("tokenP", token("old"), token("new"))
    source.get(bench.context())
    bench.clock.advance(86400 - 601)
    assert source.get(bench.context()) == "old"
    bench.clock.advance(2)
    assert source.get(bench.context()) == "new"


def test_the_old_token_serves_on_when_its_renewal_fails(bench: Bench, source: TokenSource) -> None:
    bench.kis.on("tokenP", token("old"), token_refused(), token("new"))
    source.get(bench.context())
    bench.clock.advance(86400 - 300)
    assert [source.get(bench.context()) for _ in range(3)] == ["old"] * 3
    assert len(bench.kis.calls("tokenP")) == 2
    bench.clock.advance(61)
    assert source.get(bench.context()) == "new"


def test_a_token_that_is_issued_short_lived_is_not_issued_on_every_call(
    bench: Bench, source: TokenSource
) -> None:
    bench.kis.on("tokenP", token("short", expires_in=300))
    assert [source.get(bench.context()) for _ in range(5)] == ["short"] * 5
    assert len(bench.kis.calls("tokenP")) == 1


def test_an_expiry_text_in_the_past_does_not_count(bench: Bench, source: TokenSource) -> None:
    bench.kis.on("tokenP", token(access_token_token_expired="1999-01-01 00:00:00"))
    source.get(bench.context())
    assert source.status()["expires_at"] == "2026-11-21T10:00:00+09:00"


def test_the_expiry_text_is_korean_time(bench: Bench, source: TokenSource) -> None:
    text = {"access_token": "t", "access_token_token_expired": "2026-11-21 09:12:33"}
    bench.kis.on("tokenP", reply(text))
    source.get(bench.context())
    assert source.status()["expires_at"] == "2026-11-21T09:12:33+09:00"


def test_too_many_issues_wait_a_minute_and_do_not_loop(bench: Bench, source: TokenSource) -> None:
    bench.kis.on("tokenP", token_refused(), token("later"))
    assert source.get(bench.context()) == "later"
    assert bench.clock.monotonic() >= 60
    assert len(bench.kis.calls("tokenP")) == 2


def test_a_task_waits_for_a_token_once_only(bench: Bench, source: TokenSource) -> None:
    bench.kis.on("tokenP", token_refused())
    with pytest.raises(RateLimited, match="not before 2026-11-20T10:02") as caught:
        source.get(bench.context())
    assert len(bench.kis.calls("tokenP")) == 2
    assert caught.value.vendor_code == "EGW00133"
    assert caught.value.vendor_message == "접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)"


def test_a_task_with_a_sooner_deadline_is_told_at_once_when_to_retry(
    bench: Bench, source: TokenSource
) -> None:
    bench.kis.on("tokenP", token_refused())
    with pytest.raises(RateLimited, match=r"not before 2026-11-20T10:01:01\+09:00"):
        source.get(bench.context(START + timedelta(seconds=10)))
    assert bench.clock.monotonic() == 0


def test_the_token_of_another_process_ends_the_wait(
    bench: Bench, source: TokenSource, tmp_path: Path
) -> None:
    def meanwhile() -> None:
        if 5 < bench.clock.monotonic() < 7:
            bench.kis.on("tokenP", token("theirs"), token_refused())
            new_source(bench, tmp_path)._issue()

    bench.kis.on("tokenP", token_refused())
    bench.clock.on_wait = meanwhile
    assert source.get(bench.context()) == "theirs"
    assert bench.clock.monotonic() < 10


def test_a_refused_token_is_replaced(bench: Bench, source: TokenSource) -> None:
    bench.kis.on("tokenP", token("first"), token("second"))
    source.refuse(source.get(bench.context()))
    assert source.get(bench.context()) == "second"


def test_a_late_refusal_does_not_drop_the_successor(bench: Bench, source: TokenSource) -> None:
    bench.kis.on("tokenP", token("first"), token("second"), token("third"))
    first = source.get(bench.context())
    source.refuse(first)
    source.get(bench.context())
    source.refuse(first)
    assert source.get(bench.context()) == "second"


def test_a_wrong_key_is_an_authentication_error_and_is_not_tried_again_at_once(
    bench: Bench, source: TokenSource
) -> None:
    bench.kis.on(
        "tokenP", reply({"error_code": "EGW00105", "error_description": "유효하지 않은 appsecret"}, 403)
    )
    for _ in range(3):
        with pytest.raises(AuthenticationFailed, match="KIS_APP_KEY") as caught:
            source.get(bench.context())
        assert caught.value.vendor_code == "EGW00105"
    assert len(bench.kis.calls("tokenP")) == 1


def test_a_short_outage_is_waited_out(bench: Bench, source: TokenSource) -> None:
    bench.kis.on("tokenP", broken(bytes_left=False), token())
    assert source.get(bench.context()) == "token-1"


def test_an_outage_is_reported_after_two_tries(bench: Bench, source: TokenSource) -> None:
    bench.kis.on("tokenP", broken(bytes_left=True))
    with pytest.raises(VendorUnavailable, match="issues no token"):
        source.get(bench.context())
    assert len(bench.kis.calls("tokenP")) == 2


@pytest.mark.parametrize(
    "body", [{}, {"access_token": ""}, {"access_token": "t"}, {"access_token": "t", "expires_in": "x"}]
)
def test_an_incomplete_answer_is_reported(bench: Bench, source: TokenSource, body: dict[str, str]) -> None:
    bench.kis.on("tokenP", reply(body))
    with pytest.raises(VendorUnavailable, match="unreadable"):
        source.get(bench.context())


def test_closing_wakes_a_task_that_waits(bench: Bench, source: TokenSource) -> None:
    bench.kis.on("tokenP", token_refused())
    bench.clock.on_wait = source.close
    with pytest.raises(VendorUnavailable, match="stopping"):
        source.get(bench.context())


def test_the_status_shows_age_and_expiry_but_no_token(bench: Bench, source: TokenSource) -> None:
    assert source.status()["state"] == "none"
    source.get(bench.context())
    bench.clock.advance(100)
    assert source.status() == {
        "state": "valid",
        "age_seconds": 100,
        "expires_at": "2026-11-21T10:00:00+09:00",
        "failure": None,
    }
    bench.clock.advance(86400)
    assert source.status()["state"] == "expired"


def test_a_token_file_is_read_on_windows_which_has_no_such_modes(
    bench: Bench, source: TokenSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.get(bench.context())
    (file,) = (tmp_path / "cache").iterdir()
    file.chmod(0o666)
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.delattr("os.fchmod")
    assert new_source(bench, tmp_path).get(bench.context()) == "token-1"


def test_a_token_file_that_others_can_read_is_tightened(
    bench: Bench, source: TokenSource, tmp_path: Path
) -> None:
    source.get(bench.context())
    (file,) = (tmp_path / "cache").iterdir()
    file.chmod(0o644)
    with capture_logs() as logs:
        assert new_source(bench, tmp_path).get(bench.context()) == "token-1"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [entry["event"] for entry in logs] == ["kis_token_cache_tightened"]
    assert "token-1" not in str(logs)


@pytest.mark.parametrize(
    ("told", "hours"),
    [
        ({"expires_in": 86400 * 365}, 24),
        ({"expires_in": 1e300}, 24),
        ({"expires_in": "", "access_token_token_expired": "2099-01-01 00:00:00"}, 24),
        ({"expires_in": 86400, "access_token_token_expired": "2026-11-20 15:00:00"}, 5),
        ({"expires_in": 7200, "access_token_token_expired": "2026-11-21 10:00:00"}, 2),
        ({"expires_in": 7200, "access_token_token_expired": "soon"}, 2),
    ],
)
def test_the_earliest_expiry_counts_and_none_is_later_than_a_day(
    bench: Bench, source: TokenSource, told: dict[str, Any], hours: int
) -> None:
    bench.kis.on("tokenP", token(**told))
    source.get(bench.context())
    expected = (START + timedelta(hours=hours)).astimezone(KST)
    assert source.status()["expires_at"] == expected.isoformat(timespec="seconds")
