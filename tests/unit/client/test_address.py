from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_client import AsyncClient, Client
from broker_client.address import (
    backoff_delay,
    broker_url,
    describe_url,
    has_option,
    url_list,
    without_password,
)


def test_the_environment_goes_before_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    monkeypatch.delenv("BROKER_URL", raising=False)
    file.write_text("BROKER_URL=amqp://from-file\n", encoding="utf-8")
    assert broker_url(file) == "amqp://from-file"
    monkeypatch.setenv("BROKER_URL", "amqp://from-environment")
    assert broker_url(file) == "amqp://from-environment"
    assert url_list(None) == ["amqp://from-environment"]


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_without_a_url_no_broker_is_taken_by_chance(
    client: type[Client | AsyncClient], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BROKER_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"^BROKER_URL: not set[^\n]*$"):
        client()


def test_a_wrong_url_of_the_setting_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_URL", "http://a")
    with pytest.raises(ValueError, match=r"^BROKER_URL: a broker URL looks like"):
        url_list(None)


def test_one_url_or_several_are_a_list() -> None:
    assert url_list("amqp://a") == ["amqp://a"]
    assert url_list(("amqp://a", "amqps://b:5671/%2Fquotes?heartbeat=5")) == [
        "amqp://a",
        "amqps://b:5671/%2Fquotes?heartbeat=5",
    ]


def test_several_urls_may_have_commas_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    both = ["amqp://user:a,b@a", "amqps://b:5671/"]
    assert url_list(" amqp://user:a,b@a , amqps://b:5671/,") == both
    monkeypatch.setenv("BROKER_URL", ",".join(both))
    assert url_list(None) == both


@pytest.mark.parametrize(
    "wrong",
    [
        *([], "", ",", "localhost:5672", "http://a", "amqp://", "amqp://a:port", "amqp://a:0"),
        *("amqp://a:99999999/", "amqp://a,amqp://b:99999999/", "amqp://a,http://b", "amqp://[::1/"),
    ],
)
def test_what_is_no_broker_url_is_refused_without_repeating_it(wrong: str | list[str]) -> None:
    with pytest.raises(ValueError, match="broker URL"):
        url_list(wrong)


def test_a_wrong_option_of_the_url_is_told_in_one_line() -> None:
    with pytest.raises(
        ValueError, match=r"^a broker URL has a wrong option: Invalid heartbeat[^\n]*$"
    ) as caught:
        Client("amqp://user:word@a/?heartbeat=soon")
    assert "word" not in str(caught.value)


def test_a_dotenv_that_is_not_utf_8_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BROKER_URL", raising=False)
    file = tmp_path / ".env"
    file.write_bytes("KIS_HTS_ID=홍길동\n".encode("cp949"))
    with pytest.raises(ValueError, match=r"^\.env cannot be read: it is not UTF-8[^\n]*$"):
        broker_url(file)


def test_a_dotenv_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "/somewhere/.env")

    monkeypatch.delenv("BROKER_URL", raising=False)
    file = tmp_path / ".env"
    file.touch()
    monkeypatch.setattr("builtins.open", refuse)  # a chmod does not keep root out
    with pytest.raises(ValueError, match=r"^\.env cannot be read: Permission denied$"):
        broker_url(file)


def test_a_description_shows_no_login() -> None:
    assert describe_url("amqp://user:word@host/%2Fquotes") == "host:5672 (virtual host /quotes)"
    assert describe_url("amqps://user:word@host") == "host:5671 (virtual host /)"
    assert describe_url("amqp://host:1/") == "host:1 (virtual host /)"


def test_an_ipv6_host_keeps_its_brackets() -> None:
    assert describe_url("amqp://user:word@[::1]:5673/") == "[::1]:5673 (virtual host /)"
    assert without_password("amqp://user:word@[::1]:5673/%2F") == "amqp://user:***@[::1]:5673/%2F"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("amqp://user:word@host:1/%2Fquotes?heartbeat=1", "amqp://user:***@host:1/%2Fquotes"),
        ("amqps://user:word@host", "amqps://user:***@host"),
        ("amqp://:word@host", "amqp://:***@host"),
        ("amqp://user@host", "amqp://user@host"),
        ("amqp://host:5672/%2F", "amqp://host:5672/%2F"),
    ],
)
def test_a_url_without_its_password_is_the_same_url(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_an_option_is_found_in_the_query() -> None:
    assert has_option("amqp://host/?heartbeat=3", "heartbeat")
    assert not has_option("amqp://heartbeat/", "heartbeat")


@given(failures=st.integers(min_value=0, max_value=10_000), jitter=st.floats(min_value=0, max_value=1))
def test_the_delay_stays_between_50_ms_and_5_s(failures: int, jitter: float) -> None:
    delay = backoff_delay(failures, lambda: jitter)
    assert 0.05 <= delay <= 5.0
    assert delay <= backoff_delay(failures + 1, lambda: 1.0)


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize("seconds", [0, -1, math.inf, math.nan, 1e12, 1e9, 7 * 86400 + 1])
def test_a_timeout_out_of_range_is_refused_before_connecting(
    client: type[Client | AsyncClient], seconds: float
) -> None:
    with pytest.raises(ValueError, match="timeout must be more than 0 s and at most 7 days"):
        client("amqp://127.0.0.1:1", timeout=seconds)
