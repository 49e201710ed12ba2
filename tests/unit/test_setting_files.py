"""Secrets come out of files, too: those that a setting names, and those that systemd hands over."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker_client.address import broker_url
from broker_server.settings import SettingsError, load_settings

SECRET = "S" * 36


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n", encoding="utf-8")
    return path


def test_a_setting_is_read_from_the_file_that_is_named(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("KIS_APP_KEY_FILE", str(file))
    settings = load_settings(env_file=None)
    assert settings.kis_app_key is not None
    assert settings.kis_app_key.get_secret_value() == SECRET
    assert SECRET in settings.secrets()
    assert SECRET not in repr(settings)


def test_the_file_may_be_named_in_the_env_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: Path
) -> None:
    env = tmp_path / ".env"
    env.write_text(f"KIS_APP_KEY_FILE={file}\nKIS_ACCOUNT=12345678-01\n", encoding="utf-8")
    env.chmod(0o600)
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert settings.kis_app_key is not None
    assert settings.kis_app_key.get_secret_value() == SECRET
    monkeypatch.setenv("KIS_APP_KEY", "from the environment")
    assert load_settings().kis_app_key != settings.kis_app_key, "the environment wins over .env"


@pytest.mark.parametrize("name", ["kis_app_secret", "KIS_APP_SECRET"])
def test_systemd_hands_secrets_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / name).write_text(SECRET, encoding="utf-8")
    (folder / "something-else").write_text("of another program", encoding="utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    settings = load_settings(env_file=None)
    assert settings.kis_app_secret is not None
    assert settings.kis_app_secret.get_secret_value() == SECRET


def test_a_setting_and_its_file_at_once_are_refused(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("KIS_APP_KEY", "another")
    monkeypatch.setenv("KIS_APP_KEY_FILE", str(file))
    with pytest.raises(SettingsError, match=r"^KIS_APP_KEY and KIS_APP_KEY_FILE are both set; keep one"):
        load_settings(env_file=None)


@pytest.mark.parametrize(
    ("content", "says"), [(None, "No such file"), (b"", "is empty"), (b"\xb0\xa1", "is not UTF-8")]
)
def test_a_file_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("KIS_APP_KEY_FILE", str(path))
    with pytest.raises(SettingsError, match=f"^KIS_APP_KEY_FILE: .*{says}"):
        load_settings(env_file=None)


def test_a_wrong_value_in_a_file_is_told_like_any_other(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("KIS_ACCOUNT_FILE", str(file))
    with pytest.raises(SettingsError, match=r"^KIS_ACCOUNT: must look like 12345678-01") as caught:
        load_settings(env_file=None)
    assert SECRET not in str(caught.value)


def test_a_setting_that_is_itself_a_file_is_not_read_for_its_value(
    monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    monkeypatch.setenv("ACCOUNTS_FILE", str(file))
    assert load_settings(env_file=None).accounts_file == file


def test_the_client_takes_its_url_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("amqp://me:secret@host\n", encoding="utf-8")
    monkeypatch.delenv("BROKER_URL", raising=False)
    monkeypatch.setenv("BROKER_URL_FILE", str(path))
    assert broker_url(tmp_path / "none") == "amqp://me:secret@host"
    path.unlink()
    with pytest.raises(ValueError, match=r"^BROKER_URL_FILE: .* cannot be read: No such file"):
        broker_url(tmp_path / "none")
