"""More keys than the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from broker_server.account_settings import limits_of, served_accounts
from broker_server.accounts_file import all_secrets, load_tables
from broker_server.core.accounts import AccountKey
from broker_server.settings import Settings, SettingsError
from broker_server.wiring.vendors import make_vendors, quote_keys, worker_environment

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

ACCOUNT = """
[second]
vendor = "kis"
environment = "paper"
app_key = "key-three"
app_secret = "secret-three"
account = "50123456-01"
"""
KIWOOM = """
[isa]
vendor = "kiwoom"
environment = "mock"
app_key = "key-four"
app_secret = "secret-four"
account = "1234567811"
"""
BOTH = {"vendors": "kis,kiwoom", "kiwoom_app_key": "k", "kiwoom_app_secret": "s"}
KIS = {"kis_app_key": "own-key", "kis_app_secret": "own-secret", "kis_account": "12345678-01"}


def written(folder: Path, text: str) -> Path:
    path = folder / "accounts.toml"
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def settings(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


def test_without_a_file_there_are_none() -> None:
    assert load_tables(None) == ()


def test_each_table_is_a_key(tmp_path: Path) -> None:
    one, two = load_tables(written(tmp_path, "\ufeff" + GOOD))
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
        (GOOD.replace('"key-one"', '""'), "[quotes] app_key: must not be empty"),
        (GOOD.replace("max_registrations = 20", "max_registrations = 42"), "[more] max_registrations: "),
        (GOOD.replace("hts_id", "hts"), "[more] hts: is no setting of a kis table"),
        (GOOD.replace("hts_id", "alias"), "[more] alias: is no setting of a kis table"),
        ('app_key = "secret-one"', "app_key stands outside a table"),
        ("[a", "is not TOML"),
        (GOOD.replace('"kis"', '"nh"', 1), "[quotes] vendor: must be one of kis, kiwoom, koscom"),
        (ACCOUNT.replace("50123456-01", "5012345601"), "[second] account: must look like 12345678-01"),
        (ACCOUNT.replace("[second]", "[Second]"), "[Second]: cannot be the alias of an account"),
        (ACCOUNT.replace("[second]", '["a.b"]'), "[a.b]: cannot be the alias of an account"),
        (ACCOUNT.replace("[second]", '["12345678-01"]'), "[…]: cannot be the alias of an account"),
        (ACCOUNT.replace("app_secret", "app_secrte"), "[second] app_secrte: is no setting of a kis table"),
        (KIWOOM.replace("account", "#"), "[isa] account: field required"),
        (KIWOOM + 'custtype = "B"', "[isa] custtype: is no setting of a kiwoom table"),
        (KIWOOM.replace("1234567811", "12345678"), "[isa] account: must be the ten digits"),
        (ACCOUNT + 'order_max_notional = "KRW=much"', "[second] order_max_notional: must look like"),
    ],
)
def test_what_is_wrong_is_one_line_without_a_secret(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_tables(written(tmp_path, text))
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("ACCOUNTS_FILE: ")
    assert "\n" not in str(caught.value)
    assert "secret-" not in str(caught.value)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^ACCOUNTS_FILE: .*none\.toml"):
        load_tables(tmp_path / "none.toml")
    (tmp_path / "latin").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(SettingsError, match=r"^ACCOUNTS_FILE: "):
        load_tables(tmp_path / "latin")


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
        make_vendors(given, simulated=False, cache_folder=tmp_path)


def test_what_contradicts_another_setting_names_its_table(tmp_path: Path) -> None:
    text = GOOD.replace('"ws://127.0.0.1:9"', '"http://127.0.0.1:9"')
    with pytest.raises(SettingsError, match=r"^ACCOUNTS_FILE: \[more\] ws_url "):
        quote_keys(settings(accounts_file=written(tmp_path, text)), simulated=False, cache_folder=tmp_path)


def keys_of(**values: Any) -> list[str]:
    return [each.key.label for each in served_accounts(settings(**values))]


def test_a_table_with_an_account_is_an_account_of_its_own(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD + ACCOUNT + KIWOOM)
    assert keys_of(accounts_file=file) == ["kis/second"], "the plain settings name none"
    assert keys_of(accounts_file=file, **KIS) == ["kis/default", "kis/second"]
    assert keys_of(accounts_file=file, **KIS, **BOTH) == [
        "kis/default",
        "kiwoom/default",
        "kis/second",
        "kiwoom/isa",
    ]
    assert keys_of(accounts_file=file, vendors="kiwoom") == ["kiwoom/isa"]
    assert keys_of(**KIS) == ["kis/default"]


def test_a_worker_serves_the_accounts_that_it_is_told_to(tmp_path: Path) -> None:
    file = written(tmp_path, ACCOUNT + KIWOOM)
    assert keys_of(accounts_file=file, accounts="second", **KIS) == ["kis/second"]
    assert keys_of(accounts_file=file, accounts="second, default", **KIS) == ["kis/default", "kis/second"]
    for accounts, vendors, words in (
        ("third", "kis", "ACCOUNTS: there is no account third; known: default, second"),
        ("isa", "kis", "ACCOUNTS: isa is of kiwoom, which VENDORS does not name"),
        ("second", "kis,kiwoom", "ACCOUNTS: names no account of kiwoom"),
    ):
        with pytest.raises(SettingsError, match=words):
            keys_of(accounts_file=file, accounts=accounts, vendors=vendors, **KIS)


def test_an_account_has_one_alias(tmp_path: Path) -> None:
    twice = ACCOUNT + ACCOUNT.replace("second", "third").replace("three", "five")
    with pytest.raises(SettingsError, match=r"\[third\] account: is that of second too") as caught:
        keys_of(accounts_file=written(tmp_path, twice))
    assert "50123456" not in str(caught.value)
    own = {**KIS, "kis_account": "50123456-01"}
    with pytest.raises(SettingsError, match=r"\[second\] account: is that of default too"):
        keys_of(accounts_file=written(tmp_path, ACCOUNT), **own)
    default = written(tmp_path, ACCOUNT.replace("second", "default"))
    assert keys_of(accounts_file=default) == ["kis/default"]
    with pytest.raises(SettingsError, match="name the account default of kis already"):
        keys_of(accounts_file=default, **KIS)


def test_the_environment_is_that_of_the_accounts_and_quotes_may_have_another(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD + ACCOUNT)
    assert worker_environment(settings(accounts_file=file, **KIS)) == "paper", "[quotes] has a real key"
    differing = settings(accounts_file=file, kis_environment="real", **KIS)
    with pytest.raises(SettingsError, match=r"KIS_ENVIRONMENT is real and \[second\] environment is paper"):
        worker_environment(differing)
    assert worker_environment(differing.model_copy(update={"accounts": ("default",)})) == "real"


def test_each_account_has_an_adapter_and_limits_of_its_own(tmp_path: Path) -> None:
    text = GOOD + ACCOUNT + 'order_max_quantity = 7\norder_max_per_day = "none"\n' + KIWOOM
    given = settings(accounts_file=written(tmp_path, text), **KIS, **BOTH, order_max_per_day=5)
    vendors = make_vendors(given, simulated=False, cache_folder=tmp_path)
    by_key = {AccountKey(each.name, each.account): each for each in vendors}
    assert len(by_key) == 4
    assert by_key[AccountKey("kis", "second")].status()["account"] == "second"
    assert by_key[AccountKey("kiwoom", "isa")].status()["account"] == "isa"
    for vendor in vendors:
        vendor.close()
    (second,) = [table for table in load_tables(given.accounts_file) if table.alias == "second"]
    limits = limits_of(given, second)
    assert (limits.quantity, limits.per_day) == (7, None)
    assert limits.notional == given.order_max_notional
    assert (limits_of(given).quantity, limits_of(given).per_day) == (10_000, 5)


def test_what_is_secret_of_the_file_is_known(tmp_path: Path) -> None:
    secrets = all_secrets(settings(accounts_file=written(tmp_path, GOOD + ACCOUNT + KIWOOM)))
    spelt = {"50123456-01", "5012345601", "50123456", "1234567811", "12345678"}
    assert {"secret-three", "secret-four", "somebody"} | spelt <= set(secrets)
    for table in load_tables(written(tmp_path, GOOD + ACCOUNT + KIWOOM)):
        assert not any(secret in repr(table) for secret in table.secrets())


def test_a_file_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    path.chmod(0o644)
    with pytest.raises(SettingsError, match=r"^ACCOUNTS_FILE: .*run chmod 600"):
        load_tables(path)
