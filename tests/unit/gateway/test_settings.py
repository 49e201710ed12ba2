"""What the gateway's settings refuse, in the words of who reads it."""

from __future__ import annotations

import pytest

from broker_server.gateway_settings import GatewaySettings
from broker_server.settings import SettingsError, load_group


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("gateway_host", "0.0.0.0", "^with GATEWAY_HOST 0.0.0.0 it can be reached .* GATEWAY_API_KEYS must"),  # noqa: S104
        ("gateway_vendors", "kis,nope", "^GATEWAY_VENDORS: 'nope' is not known; known: kis, kiwoom, koscom"),
        ("gateway_vendors", ",", "^GATEWAY_VENDORS: name at least one"),
        ("gateway_api_keys", "short", "^GATEWAY_API_KEYS: each key needs at least 16 characters"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name.upper(), value)
    with pytest.raises(SettingsError, match=says):
        load_group(GatewaySettings, env_file=None)


def test_the_order_of_vendors_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_VENDORS", "koscom, kis")
    assert load_group(GatewaySettings, env_file=None).gateway_vendors == ("koscom", "kis")
