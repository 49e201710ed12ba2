"""``broker-server check``: what it says without any vendor or broker at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from broker_server.check import check, serving, verdict
from broker_server.cli import app
from broker_server.core.vendor import CheckResult
from broker_server.settings import Settings, SettingsError, load_settings

GOOD = CheckResult("RabbitMQ", passed=True, detail="connected")
BAD = CheckResult("journal", passed=False, detail="read-only")


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("JOURNAL_URL", f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    monkeypatch.chdir(tmp_path)


def settings_of(**values: str) -> Settings:
    return load_settings(env_file=None, **values)


def details(settings: Settings) -> dict[str, str]:
    return {result.item: result.detail for result in check(settings) if not result.passed}


def test_every_missing_key_is_named_at_once() -> None:
    failed = details(settings_of())
    assert "KIS_APP_KEY and KIS_APP_SECRET are not set" in failed["kis settings"]
    assert "KIS_ACCOUNT" in failed["kis settings"]
    assert "BROKER_URL is not set" in failed["RabbitMQ"]


def test_a_key_that_is_set_is_not_asked_for() -> None:
    failed = details(settings_of(kis_app_key="k", kis_account="12345678-01"))
    assert failed["kis settings"].startswith("KIS_APP_SECRET is not set")
    assert "KIS_ACCOUNT" not in failed["kis settings"]
    assert "KIS_APP_KEY" not in failed["kis settings"]


@pytest.mark.parametrize(
    ("workers", "words"),
    [
        (0, "no paper worker serves it yet"),
        (1, "1 paper worker serves it now"),
        (2, "2 paper workers serve it now"),
    ],
)
def test_workers_are_counted_in_words(workers: int, words: str) -> None:
    assert serving(workers, "paper") == words


def test_the_last_line_says_how_many_failed_or_what_to_start() -> None:
    assert verdict([GOOD, GOOD]) == "all 2 checks passed: start the worker with broker-server run"
    assert verdict([GOOD, BAD]).startswith("1 of 2 checks failed: ")


def test_while_a_worker_runs_the_last_line_says_so() -> None:
    asked = CheckResult("kis worker", passed=True, detail="asked the worker here-1")
    assert verdict([GOOD, asked]) == "all 2 checks passed: the worker is running"


def test_a_broker_that_cannot_be_reached_is_one_reason_and_no_login() -> None:
    failed = details(settings_of(broker_url="amqp://user:secret-word@127.0.0.1:1/%2F"))
    assert failed["RabbitMQ"] == ("cannot use RabbitMQ at 127.0.0.1:1 (virtual host /): Connection refused")


def test_a_journal_whose_port_is_no_number_is_one_reason() -> None:
    failed = details(settings_of(journal_url="postgresql://user@host:port/database"))
    assert failed["journal"].startswith("JOURNAL_URL: its port is no number")


def test_the_command_ends_with_the_verdict_and_its_exit_code() -> None:
    outcome = CliRunner().invoke(app, ["check"])
    assert outcome.exit_code == 1
    lines = outcome.output.splitlines()
    assert [line.split(":")[0] for line in lines[:-1]] == [
        "FAIL RabbitMQ",
        "ok   journal",
        "FAIL kis settings",
    ]
    assert lines[-1].startswith("2 of 3 checks failed: ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--stream", "kis"], "--stream: must look like kis:HDFSASP0:DNASAAPL"),
        (["--stream", "nobody:H0STCNT0:005930"], "--stream: must look like"),
        (["--stream", "kis:H0STCNX0:005930"], "--stream: tr_id: KIS has no such real-time TR; did you mean"),
        (["--stream", "kis:H0STCNT0"], "--stream: tr_key: H0STCNT0 needs a 6-character code"),
        (["--stream", "kis:H0STCNI9:"], "set KIS_HTS_ID"),
        (["--stream", "kis:H0STCNT0:005930", "--seconds", "601"], "--seconds"),
    ],
)
def test_a_stream_that_cannot_be_asked_for_is_wrong_usage(
    arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIS_APP_KEY", "k" * 36)
    monkeypatch.setenv("KIS_APP_SECRET", "s" * 180)
    outcome = CliRunner().invoke(app, ["check", *arguments])
    assert outcome.exit_code == 2
    assert words in outcome.output


def test_what_paper_trading_does_not_have_is_no_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIS_APP_KEY", "k" * 36)
    monkeypatch.setenv("KIS_APP_SECRET", "s" * 180)
    outcome = CliRunner().invoke(app, ["check", "--stream", "kis:H0NXCNT0:005930"])
    assert outcome.exit_code == 1
    assert outcome.output.startswith("FAIL kis:H0NXCNT0:005930: KIS does not offer H0NXCNT0 in paper trading")


@pytest.mark.parametrize("arguments", [[], ["--stream", "kis:H0STCNT0:005930"]])
def test_no_secret_is_printed_not_even_of_the_accounts_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    secrets = ["extra-key-1", "extra-secret-1", "extra-hts-1", "own-key-1"]
    accounts = tmp_path / "accounts.toml"
    accounts.touch(mode=0o600)
    accounts.write_text(
        '[quotes]\nvendor = "kis"\nenvironment = "real"\n'
        'app_key = "extra-key-1"\napp_secret = "extra-secret-1"\nhts_id = "extra-hts-1"\n'
    )
    monkeypatch.setenv("ACCOUNTS_FILE", str(accounts))
    monkeypatch.setenv("KIS_APP_KEY", "own-key-1")
    told = f"the vendor echoes {' and '.join(secrets)}"

    def check_streams(_: Settings, __: list[str], ___: float, show: Callable[[str], None]) -> int:
        show(told)
        raise SettingsError(told)

    monkeypatch.setattr(
        "broker_server.check.check", lambda _: iter([CheckResult("kis token", passed=False, detail=told)])
    )
    monkeypatch.setattr("broker_server.stream_check.check.check_streams", check_streams)
    done = CliRunner().invoke(app, ["check", *arguments])
    assert "the vendor echoes" in done.output
    assert not any(secret in done.output for secret in secrets), done.output
