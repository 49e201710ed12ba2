"""More keys than the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from broker_server.accounts_file import load_extra_keys
from broker_server.settings import Settings, SettingsError
from broker_server.wiring.vendors import quote_keys

GOOD = """
[quotes]
vendor = "kis"
environment = "real"
app_key = "key-one"
app_secret = "secret-one"

[more]
vendor = "kis"
environment = "paper"
app_key = "key-two"
app_secret = "secret-two"
hts_id = "somebody"
ws_url = "ws://127.0.0.1:9"
rest_url = "http://127.0.0.1:8"
max_registrations = 20
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "accounts.toml"
    path.write_text(text, encoding="utf-8")
    return path


def settings(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


def test_without_a_file_there_are_none() -> None:
    assert load_extra_keys(None) == ()


def test_each_table_is_a_key(tmp_path: Path) -> None:
    one, two = load_extra_keys(written(tmp_path, "\ufeff" + GOOD))
    assert (one.alias, one.environment, one.max_registrations) == ("quotes", "real", 40)
    assert (two.alias, two.environment, two.max_registrations) == ("more", "paper", 20)
    assert one.secrets() == ["key-one", "secret-one"]
    assert two.secrets() == ["key-two", "secret-two", "somebody"]
    assert "secret-one" not in repr(one)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[a]\nvendor = "kis"', "[a] environment: field required"),
        (GOOD.replace('"real"', '"demo"'), "[quotes] environment: "),
        (GOOD.replace('"key-one"', '""'), "[quotes] app_key: "),
        (GOOD.replace("max_registrations = 20", "max_registrations = 42"), "[more] max_registrations: "),
        (GOOD.replace("hts_id", "hts"), "[more] hts: is no setting of a key"),
        (GOOD.replace("hts_id", "alias"), "[more] alias: is no setting of a key"),
        ('app_key = "secret-one"', "app_key stands outside a table"),
        ("[a", "is not TOML"),
    ],
)
def test_what_is_wrong_is_one_line_without_a_secret(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_extra_keys(written(tmp_path, text))
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("ACCOUNTS_FILE: ")
    assert "\n" not in str(caught.value)
    assert "secret-" not in str(caught.value)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^ACCOUNTS_FILE: .*none\.toml"):
        load_extra_keys(tmp_path / "none.toml")
    (tmp_path / "latin").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(SettingsError, match=r"^ACCOUNTS_FILE: "):
        load_extra_keys(tmp_path / "latin")


def test_quote_keys_are_of_the_file(tmp_path: Path) -> None:
    given = settings(
        accounts_file=written(tmp_path, GOOD),
        kis_rest_url="http://127.0.0.1:1",
        kis_ws_url="ws://127.0.0.1:2",
    )
    one, two = quote_keys(given, simulated=True, cache_folder=tmp_path)
    assert (one.rest_url, one.ws_url, one.account) == ("http://127.0.0.1:1", "ws://127.0.0.1:2", None)
    assert (two.rest_url, two.ws_url) == ("http://127.0.0.1:8", "ws://127.0.0.1:9")
    assert (two.ws_max_registrations, two.hts_id) == (20, SecretStr("somebody"))


def test_a_key_for_quotes_does_not_go_where_the_accounts_key_goes(tmp_path: Path) -> None:
    text = GOOD.split("[more]", maxsplit=1)[0]
    given = settings(accounts_file=written(tmp_path, text), kis_environment="paper")
    (one,) = quote_keys(given, simulated=False, cache_folder=tmp_path)
    assert (one.rest_url, one.ws_url, one.environment) == (None, None, "real")
    assert one.live_url is not None
    assert one.live_url.startswith("ws://ops.koreainvestment.com:21000")


@pytest.mark.parametrize("named_twice", ["key-one", "key-two"])
def test_a_key_has_one_connection(tmp_path: Path, named_twice: str) -> None:
    given = settings(
        accounts_file=written(tmp_path, GOOD.replace("key-two", named_twice)),
        kis_app_key=SecretStr(named_twice),
        kis_app_secret=SecretStr("x"),
    )
    with pytest.raises(SettingsError, match=r"\[(quotes|more)\] app_key: named twice"):
        quote_keys(given, simulated=False, cache_folder=tmp_path)


def test_what_contradicts_another_setting_names_its_table(tmp_path: Path) -> None:
    text = GOOD.replace('"ws://127.0.0.1:9"', '"http://127.0.0.1:9"')
    with pytest.raises(SettingsError, match=r"^ACCOUNTS_FILE: \[more\] ws_url "):
        quote_keys(settings(accounts_file=written(tmp_path, text)), simulated=False, cache_folder=tmp_path)
