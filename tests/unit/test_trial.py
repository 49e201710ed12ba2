"""What ``run --simulate`` asks of a simulator that the settings name."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from broker_server.settings import SettingsError, load_settings
from broker_server.trial import with_simulator
from broker_server.vendors.checks import context_without_deadline
from broker_server.vendors.clock import SystemClock
from broker_server.wiring.vendors import make_kiwoom

URL = "http://127.0.0.1:9"


def trial(monkeypatch: pytest.MonkeyPatch, **settings: str) -> Any:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:
        found, control = with_simulator(load_settings(vendors=("kiwoom",)), stack, seed=0, hours=False)
    assert control is None
    return found


def test_a_control_needs_no_keys_and_rest_does(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="KIWOOM_APP_KEY and KIWOOM_APP_SECRET"):
        trial(monkeypatch, KIWOOM_REST_URL=URL, KIWOOM_BACKEND="rest")
    found = trial(monkeypatch, KIWOOM_REST_URL=URL, KIWOOM_BACKEND="openapi-plus")
    assert found.kiwoom_environment == "real"


def test_a_control_of_its_own_bears_what_the_worker_may_ask(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without it the simulated control locks after five queries, as Kiwoom's would."""
    monkeypatch.setenv("KIWOOM_BACKEND", "openapi-plus")
    monkeypatch.setenv("KIWOOM_RATE_LIMIT", "100")
    for name in ("KIS_REST_URL", "KIWOOM_REST_URL"):
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as stack:
        found, control = with_simulator(load_settings(vendors=("kiwoom",)), stack, seed=0, hours=False)
        vendor = make_kiwoom(found, simulated=True, cache_folder=tmp_path)
        stack.callback(vendor.close)
        method = next(each for each in vendor.methods() if each.name == "kiwoom.get-current-price")
        context = context_without_deadline("t", SystemClock())
        given = method.parameters.model_validate({"ticker": "005930"})
        prices = [method.handler(given, context).rows[0].price for _ in range(12)]
    assert control is not None
    assert len(prices) == 12


def test_a_control_is_of_this_machine_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="on this machine only"):
        trial(monkeypatch, KIWOOM_REST_URL="http://192.0.2.1:9", KIWOOM_BACKEND="openapi-plus")


def test_a_simulator_without_a_control_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = trial(monkeypatch, KIWOOM_REST_URL=URL, KIWOOM_BACKEND="openapi-plus")
    with pytest.raises(
        SettingsError, match="KIWOOM_REST_URL: no simulated OpenAPI\\+ control at ws://"
    ) as error:
        make_kiwoom(found, simulated=True, cache_folder=tmp_path)
    assert "\n" not in str(error.value)
