"""What the settings make of the vendors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from broker_server.account_settings import served_accounts
from broker_server.settings import Settings, SettingsError
from broker_server.vendors import kis
from broker_server.wiring.leases import account_identities
from broker_server.wiring.vendors import make_kiwoom, vendor_methods, worker_environment
from tests.support.kiwoom_backend import FakeBackend
from tests.support.sapi_server import make_vendor


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)  # type: ignore[call-arg]


def kis_vendor(folder: Path) -> kis.KisVendor:
    key = SecretStr("k")
    return kis.create(
        kis.KisConfig(
            environment="real",
            simulated=False,
            app_key=key,
            app_secret=key,
            account=None,
            cache_folder=folder,
        )
    )


def test_the_bare_names_are_kiwoom_s_where_it_is_served(tmp_path: Path) -> None:
    both = vendor_methods([kis_vendor(tmp_path), make_vendor(FakeBackend())])
    (name,) = [method for method in both if method.name == "get-stock-name"]
    assert name.vendor == "kiwoom"
    (name,) = [method for method in vendor_methods([kis_vendor(tmp_path)]) if "." not in method.name]
    assert (name.name, name.vendor) == ("get-stock-name", "kis")


@pytest.mark.parametrize(
    ("given", "environment"),
    [
        ({}, "paper"),
        ({"kis_environment": "real"}, "real"),
        ({"vendors": "kiwoom", "kiwoom_environment": "real"}, "real"),
        ({"vendors": "kiwoom", "kiwoom_environment": "mock", "kis_environment": "real"}, "paper"),
        ({"vendors": "kis,kiwoom"}, "paper"),
    ],
)
def test_the_environment_is_that_of_the_vendors(given: dict[str, str], environment: str) -> None:
    assert worker_environment(settings(**given)) == environment


def test_one_worker_serves_one_environment() -> None:
    with pytest.raises(SettingsError, match="KIS_ENVIRONMENT is real and KIWOOM_ENVIRONMENT is paper"):
        worker_environment(settings(vendors="kis,kiwoom", kis_environment="real"))


def test_kiwoom_without_a_key_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="KIWOOM_APP_KEY and KIWOOM_APP_SECRET"):
        make_kiwoom(settings(vendors="kiwoom"), simulated=False, cache_folder=tmp_path)


def test_accounts_are_told_apart_and_not_shown() -> None:
    given = settings(
        vendors="kis,kiwoom,koscom",
        kis_account="12345678-01",
        kiwoom_account="1234567811",
        koscom_api_key="l7xx" * 9,
    )
    identities = account_identities(served_accounts(given))
    assert len(set(identities.values())) == 3
    assert all(each and "12345678" not in each for each in identities.values())
    assert set(account_identities(served_accounts(settings())).values()) == {None}
    assert {"1234567811", "12345678"} <= set(given.secrets())
