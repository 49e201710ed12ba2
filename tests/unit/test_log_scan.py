"""What looks through the logs of the test run finds what must not be there, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import log_scan
from tests.support.processes import CommandProcess

KEY = "PSabcdefgh1234567890"


@pytest.fixture(autouse=True)
def leaks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(log_scan, "found", found)
    return found


def test_it_knows_the_secrets_that_a_process_was_given(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.toml"
    accounts.write_text('[quotes]\nvendor = "kis"\napp_key = "another-key"\n', encoding="utf-8")
    secrets = log_scan.secrets_of(
        {
            "KIS_APP_KEY": KEY,
            "KIS_ACCOUNT": "87654321-01",
            "BROKER_URL": "amqp://me:password@host",
            "ACCOUNTS_FILE": str(accounts),
            "VENDORS": "kis,kiwoom",
        }
    )
    assert secrets == {KEY, "87654321-01", "8765432101", "87654321", "password", "another-key"}


def test_it_knows_the_accounts_of_the_simulators() -> None:
    assert {"50000001-01", "12345678", "5123456711"} <= log_scan.secrets_of_simulators()


@pytest.mark.parametrize(
    ("line", "is_leak"),
    [
        ("balance of 87654321-01", True),
        ("balance of 8765432101 cannot be read", True),
        ('{"account":"87654321"}', True),
        ("order 1876543210", False),
        ("authorization: Bearer abcdefghijklmnopqrstuvwxyz", True),
        ("Bearer of bad news", False),
    ],
    ids=lambda value: str(value)[:5],
)
def test_it_finds_an_account_number_and_no_other_number(leaks: list[str], line: str, is_leak: bool) -> None:
    log_scan.look(["first", line], log_scan.forms_of("87654321-01"))
    assert bool(leaks) is is_leak
    assert not any("87654321" in leak for leak in leaks)


def test_every_process_of_a_test_is_looked_at_when_it_has_ended(leaks: list[str]) -> None:
    write = "import os; main = lambda: os.write(2, os.environ['KIS_APP_KEY'].encode()) and 0"
    with CommandProcess([], environment={"KIS_APP_KEY": KEY}, program=write) as process:
        assert process.wait() == 0
    assert len(leaks) == 1
    assert "test_every_process" in leaks[0]
