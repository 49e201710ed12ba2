from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from broker_server.vendors.kis import KisConfig


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
    ],
)
def test_dangerous_or_wrong_settings_are_refused_by_name(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**settings)


def test_a_configuration_shows_no_secret() -> None:
    assert "secret'" not in repr(config(app_secret=SecretStr("hidden"))).replace("app_secret", "")
    assert "hidden" not in repr(config(app_secret=SecretStr("hidden")))
