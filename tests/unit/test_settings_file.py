"""``.env.example`` explains every setting, and is a valid ``.env`` as it is."""

import re
from pathlib import Path

import pytest

from broker_server.settings import Settings, SettingsError, load_settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def test_the_example_names_exactly_the_settings() -> None:
    names = re.findall(r"^([A-Z_]+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(names) == sorted(name.upper() for name in Settings.model_fields)


def test_every_setting_has_an_explanation_above_it() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if re.match(r"[A-Z_]+=", line):
            block = lines[:number]
            while block and re.match(r"[A-Z_]+=", block[-1]):
                block.pop()
            assert block[-1].startswith("# "), line


def test_the_untouched_example_means_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    (tmp_path / ".env").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    from_example = load_settings().model_dump()
    (tmp_path / ".env").unlink()
    defaults = load_settings().model_dump()
    assert from_example | {"kis_environment": None} == defaults


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("BROKER_URL", "http://localhost", "amqp://"),
        ("VENDORS", "kis,nope", "'nope' is not served"),
        ("KIS_ENVIRONMENT", "live", "'paper' or 'real'"),
        ("KIS_ACCOUNT", "12345678", "8 digits, a hyphen and 2 digits"),
        ("KIS_RATE_LIMIT", "0", "greater than or equal to 1"),
        ("LOG_FORMAT", "xml", "'console' or 'json'"),
        ("TASK_PREFETCH", "many", "valid integer"),
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
