"""The backend as the adapter makes it from its configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from broker_server.vendors.clock import SystemClock
from broker_server.vendors.kiwoom.backend import Backend
from broker_server.vendors.kiwoom.config import KiwoomConfig
from broker_server.vendors.kiwoom.rest import make_backend
from broker_server.vendors.kiwoom.vendor import create
from broker_server.vendors.no_feed import NoFeed
from tests.support.kis_live import Heard


def config(folder: Path, **settings: object) -> KiwoomConfig:
    values: dict[str, object] = {
        "backend": "rest",
        "environment": "paper",
        "simulated": True,
        "cache_folder": folder,
        "account": "1234-5678-11",
        "app_key": SecretStr("key"),
        "app_secret": SecretStr("secret"),
        "rest_url": "http://127.0.0.1:1",
        **settings,
    }
    return KiwoomConfig(**values)  # type: ignore[arg-type]


def test_its_limits_are_those_of_the_settings(tmp_path: Path) -> None:
    settings = config(tmp_path, rate_limit=3, api_rate_limit=2, ws_max_registrations=50)
    backend: Backend = make_backend(settings, clock=SystemClock(), order_timeout=1.0)
    limits = backend.status()["rate_limit"]
    assert (limits["limit_per_second"], limits["limit_per_api"]) == (3, 2)


def test_the_adapter_finds_it(tmp_path: Path) -> None:
    vendor = create(config(tmp_path))
    assert vendor.status()["backend"] == "rest"
    assert not vendor.live
    assert create(config(tmp_path, environment="real", simulated=False, rest_url=None)).live


def test_a_host_of_the_other_environment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="KIWOOM_ENVIRONMENT is paper"):
        create(config(tmp_path, simulated=False, rest_url="https://api.kiwoom.com"))


async def test_a_simulator_without_an_address_of_live_data_has_none(tmp_path: Path) -> None:
    backend = make_backend(config(tmp_path), clock=SystemClock(), order_timeout=1.0)
    assert isinstance(backend.open_feed(Heard()), NoFeed)
    backend = make_backend(
        config(tmp_path, ws_url="ws://127.0.0.1:1", ws_max_registrations=50),
        clock=SystemClock(),
        order_timeout=1.0,
    )
    assert backend.open_feed(Heard()).capacity == 50
