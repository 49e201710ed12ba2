"""The Windows guide says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from broker_server.cli import app
from broker_server.vendors.kiwoom.openapi_plus.registrar import CODES_PER_SCREEN
from broker_server.vendors.kiwoom.openapi_plus.states import HostState
from broker_server.vendors.kiwoom.openapi_plus.timing import QUERY_WINDOWS
from broker_server.vendors.kiwoom.tables import load_data

ROOT = Path(__file__).parents[5]
GUIDE = (ROOT / "docs/kiwoom-windows.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("state", HostState)
def test_every_state_is_explained(state: HostState) -> None:
    assert f"| `{state}` |" in GUIDE


def test_the_times_of_the_maintenance_are_those_of_the_table() -> None:
    for window in load_data("maintenance.json")["windows"]:
        assert window["from"] in GUIDE
        assert window["to"] in GUIDE


def test_the_limits_are_those_of_the_code() -> None:
    told = " ".join(GUIDE.replace(",", "").split())
    for limit, seconds in QUERY_WINDOWS[:3]:
        assert f"{limit} in {seconds:g} s" in told
    assert f"| {CODES_PER_SCREEN} on each |" in GUIDE


@pytest.mark.parametrize("name", ["register-task.ps1", "start-kiwoom.ps1"])
def test_the_scripts_are_there_and_start_what_the_guide_says(name: str) -> None:
    text = (ROOT / "examples/windows" / name).read_text(encoding="utf-8")
    assert name in GUIDE
    assert text.count('"') % 2 == 0
    assert text.count("{") == text.count("}")
    if name == "start-kiwoom.ps1":
        started = re.search(r"-m broker_server (\S+)", text)
        assert started is not None
        assert f"python -m broker_server {started[1]}\n" in GUIDE
        assert started[1] in {
            command.callback.__name__ for command in app.registered_commands if command.callback
        }
    else:
        assert "-LogonType Interactive -RunLevel Highest" in text
