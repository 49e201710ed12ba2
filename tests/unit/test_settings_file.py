"""``.env.example`` explains every setting, and is a valid ``.env`` as it is."""

import os
import re
from pathlib import Path

import pytest

from broker_server.gateway_settings import GatewaySettings
from broker_server.settings import Settings, SettingsError, load_group, load_settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def write_env(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    file = folder / ".env"
    file.write_bytes(content)
    file.chmod(mode)
    return file


def test_the_example_names_exactly_the_settings() -> None:
    names = re.findall(r"^([A-Z_]+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(names) == sorted(
        {name.upper() for name in (*Settings.model_fields, *GatewaySettings.model_fields)}
    )


def test_every_setting_has_an_explanation_above_it() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if re.match(r"[A-Z_]+=", line):
            block = lines[:number]
            while block and re.match(r"[A-Z_]+=", block[-1]):
                block.pop()
            assert block[-1].startswith("# "), line


def test_the_untouched_example_means_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*Settings.model_fields, *GatewaySettings.model_fields):
        monkeypatch.delenv(name.upper(), raising=False)
    write_env(tmp_path, EXAMPLE.read_bytes())
    monkeypatch.chdir(tmp_path)
    from_example = load_settings().model_dump()
    gateway = load_group(GatewaySettings).model_dump()
    (tmp_path / ".env").unlink()
    defaults = load_settings().model_dump()
    assert gateway == load_group(GatewaySettings).model_dump()
    assert from_example | {"kis_environment": None, "kiwoom_environment": None} == defaults


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("BROKER_URL", "http://localhost", "amqp://"),
        ("BROKER_URL", "amqp://h:99999999/", "a broker URL looks like amqp://"),
        ("BROKER_URL", "amqp://[::1/", "a broker URL looks like amqp://"),
        ("BROKER_URL", "amqp://a,amqp://b:99999999", "a broker URL looks like amqp://"),
        ("BROKER_URL", "amqp://u:p@a/x,amqp://u:p@b/y", "the same user and virtual host"),
        ("BROKER_URL", "amqp://u:p@a/x,amqp://v:p@b/x", "the same user and virtual host"),
        ("BROKER_URL", "amqp://a/?heartbeat=soon", "wrong option: Invalid heartbeat value"),
        ("VENDORS", "kis,nope", "'nope' is not served"),
        ("VENDORS", " , ", "name at least one; known: kis, kiwoom"),
        ("KIWOOM_BACKEND", "com", "'openapi-plus' or 'rest'"),
        ("KIWOOM_ENVIRONMENT", "live", "'paper' or 'real'"),
        ("KIWOOM_ACCOUNT", "12345678", "ten digits"),
        ("KIS_ENVIRONMENT", "live", "'paper' or 'real'"),
        ("KIS_ACCOUNT", "12345678", "8 digits, a hyphen and 2 digits"),
        ("KIS_ACCOUNT", "12345678-٠١", "8 digits, a hyphen and 2 digits"),
        ("KIS_RATE_LIMIT", "0", "must be at least 1"),
        ("ORDER_MAX_AGE", "0", "must be more than 0"),
        ("ORDER_MAX_AGE", "nan", "must be"),
        ("ORDER_MAX_QUANTITY", "lots", "must be a whole number"),
        ("ORDER_POLL_SECONDS", "often", "must be a number"),
        ("LEGACY_QUEUES", "perhaps", "must be true or false"),
        ("LOG_FORMAT", "xml", "'console' or 'json'"),
        ("TASK_PREFETCH", "many", "must be a whole number"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=re.escape(says)) as caught:
        load_settings()
    assert str(caught.value).startswith(f"{name}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", ",", " , "])
def test_no_vendor_at_all_is_refused_on_the_command_line(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^VENDORS: name at least one"):
        load_settings(env_file=None, vendors=text)


def test_code_may_configure_no_vendor() -> None:
    assert load_settings(env_file=None, vendors=()).vendors == ()


def test_an_env_file_that_is_not_utf_8_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_env(tmp_path, "KIS_HTS_ID=홍길동\n".encode("cp949"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"^\.env cannot be read: it is not UTF-8"):
        load_settings()


def test_a_trial_does_not_read_the_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_env(tmp_path, b"KIS_ACCOUNT=not an account\n")
    monkeypatch.chdir(tmp_path)
    assert load_settings(env_file=None).kis_account is None
    with pytest.raises(SettingsError, match="KIS_ACCOUNT"):
        load_settings()


@pytest.mark.parametrize(
    ("journal_url", "forms"),
    [
        ("postgresql://me:pass%2Fw%40rd@host/journal", {"pass%2Fw%40rd", "pass/w@rd"}),
        ("postgresql://me:pass/word@host/journal", {"pass/word", "pass%2Fword"}),
        ("postgresql://host/journal?user=me&password=pass%2Fword", {"pass/word", "pass%2Fword"}),
        ("postgresql://me:password@host:no-port/journal", {"password"}),
        ("postgresql://me@host/journal", set()),
        ("sqlite:////srv/journal.sqlite3", set()),
    ],
)
def test_the_passwords_of_urls_are_secrets_in_every_form(
    journal_url: str, forms: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    settings = load_settings(env_file=None, broker_url="amqp://me:b%3Dr%2Foker@host", journal_url=journal_url)
    assert set(settings.secrets()) == {"b%3Dr%2Foker", "b=r/oker"} | forms


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such mode")
def test_an_env_file_that_everybody_may_read_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = write_env(tmp_path, b"KIS_ACCOUNT=12345678-01\n", 0o644)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"^\.env: everybody on this machine .* run chmod 600 \.env$"):
        load_settings()
    file.chmod(0o640)  # a group is somebody's own choice
    assert load_settings().kis_account == "12345678-01"
    assert load_settings(env_file=None).kis_account is None
