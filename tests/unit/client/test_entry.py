"""How ``broker-client`` begins."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from typer.main import get_command

from broker_client import entry
from broker_client.cli import app


class Interrupted(ModuleType):
    """A module whose import Ctrl-C ends."""

    def __getattr__(self, name: str) -> object:
        raise KeyboardInterrupt


def test_ctrl_c_during_the_imports_is_130_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "broker_client.cli", Interrupted("broker_client.cli"))
    with pytest.raises(SystemExit) as left:
        entry.main()
    assert left.value.code == 130
    assert capfd.readouterr() == ("", "")


def test_the_exit_code_is_that_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["broker-client", "call", "echo.get-it", "not-a-parameter"])
    with pytest.raises(SystemExit) as left:
        entry.main()
    assert left.value.code == 2


def test_the_help_lists_first_what_a_newcomer_needs() -> None:
    assert list(get_command(app).commands) == [  # type: ignore[attr-defined]
        *("call", "methods", "status", "watch", "orders", "halt", "resume", "mcp")
    ]
