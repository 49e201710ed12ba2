from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from broker_server.vendors.kis import KisConfig

SIMULATOR = {"simulated": True, "rest_url": "http://127.0.0.1:9"}


def config(**settings: Any) -> KisConfig:
    values: dict[str, Any] = {
        "environment": "paper",
        "simulated": False,
        "app_key": SecretStr("key"),
        "app_secret": SecretStr("secret"),
        "account": "12345678-01",
        "cache_folder": Path("cache"),
        **settings,
    }
    return KisConfig(**values)


@pytest.mark.parametrize(
    ("environment", "url", "limit"),
    [
        ("paper", "https://openapivts.koreainvestment.com:29443", 1),
        ("real", "https://openapi.koreainvestment.com:9443", 18),
    ],
)
def test_each_environment_has_its_host_and_limit(environment: str, url: str, limit: int) -> None:
    made = config(environment=environment)
    assert (made.base_url, made.calls_per_second) == (url, limit)
    assert config(environment=environment, rate_limit=3).calls_per_second == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"app_key": SecretStr("")}, "KIS_APP_KEY"),
        ({"account": "1234567801"}, "KIS_ACCOUNT"),
        ({"account": "1234567-01"}, "KIS_ACCOUNT"),
        ({"account": "１２３４５６７８-01"}, "KIS_ACCOUNT"),
        ({"rate_limit": 0}, "KIS_RATE_LIMIT"),
        ({"rest_url": "openapi.koreainvestment.com"}, "KIS_REST_URL"),
        ({"rest_url": "http://example.com"}, "must be https"),
        ({"rest_url": "https://openapi.koreainvestment.com:9443"}, "names the real host"),
        ({"environment": "real", "rest_url": "https://openapivts.koreainvestment.com:29443"}, "paper host"),
        ({"simulated": True}, "not a simulator"),
        ({"simulated": True, "rest_url": "https://OPENAPI.koreainvestment.com"}, "not a simulator"),
        ({"ws_url": "https://ops.koreainvestment.com"}, "KIS_WS_URL"),
        ({"ws_url": "ops.koreainvestment.com:31000"}, "KIS_WS_URL"),
        ({"ws_url": "ws://ops.koreainvestment.com:21000"}, "names the real server"),
        ({"environment": "real", "ws_url": "ws://ops.koreainvestment.com:31000"}, "paper server"),
        ({**SIMULATOR, "ws_url": "ws://OPS.koreainvestment.com:31000"}, "not a simulator"),
        ({"ws_max_registrations": 0}, "KIS_WS_MAX_REGISTRATIONS"),
        ({"ws_max_registrations": 42}, "KIS_WS_MAX_REGISTRATIONS"),
    ],
)
def test_dangerous_or_wrong_settings_are_refused_by_name(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**settings)


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "ws://ops.koreainvestment.com:31000/tryitout"),
        ({"environment": "real"}, "ws://ops.koreainvestment.com:21000/tryitout"),
        (SIMULATOR, None),
        ({**SIMULATOR, "ws_url": "ws://127.0.0.1:8/"}, "ws://127.0.0.1:8/tryitout"),
        ({"ws_url": "wss://relay.example.com/live"}, "wss://relay.example.com/live"),
    ],
)
def test_where_live_data_come_from(settings: dict[str, Any], url: str | None) -> None:
    assert config(**settings).live_url == url


def test_a_configuration_shows_no_secret() -> None:
    assert "secret'" not in repr(config(app_secret=SecretStr("hidden"))).replace("app_secret", "")
    for name in ("app_secret", "hts_id", "ws_approval_key"):
        assert "hidden" not in repr(config(**{name: SecretStr("hidden")}))
