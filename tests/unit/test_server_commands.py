"""``broker-server``: its commands where nothing needs to run."""

from __future__ import annotations

import re

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from broker_client import __version__
from broker_server.cli import app
from tests.support.processes import ROOT


@pytest.mark.parametrize("arguments", [["--version"], ["version"]])
def test_the_version_is_printed(arguments: list[str]) -> None:
    outcome = CliRunner().invoke(app, arguments)
    assert (outcome.exit_code, outcome.output) == (0, f"{__version__}\n")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_no_method_of_that_name_is_told(options: list[str]) -> None:
    outcome = CliRunner().invoke(app, ["methods", "nope", *options])
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert outcome.stderr == "no method matches 'nope'\n"


def test_methods_are_listed_by_a_part_of_their_name() -> None:
    outcome = CliRunner().invoke(app, ["methods", "order-book"])
    assert outcome.exit_code == 0
    assert "kis.get-order-book" in outcome.output


@pytest.mark.parametrize("moment", ["yesterday", "2026-11-20T10:00:00", "2026-11-20"])
def test_a_start_without_an_offset_is_wrong_usage(moment: str) -> None:
    outcome = CliRunner().invoke(app, ["simulate", "--start", moment])
    assert outcome.exit_code == 2
    assert "2026-11-20T10:00:00+09:00" in outcome.stderr


def test_a_start_outside_the_market_is_one_line() -> None:
    outcome = CliRunner().invoke(app, ["simulate", "--start", "1999-01-01T00:00:00+09:00"])
    assert outcome.exit_code == 2
    assert outcome.stderr.startswith("the simulators cannot start: the clock runs from ")


def test_no_vendor_is_wrong_usage() -> None:
    outcome = CliRunner().invoke(app, ["run", "--vendors", ","])
    assert outcome.exit_code == 2
    assert outcome.stderr.startswith("broker-server: VENDORS: name at least one")


def test_the_simulators_page_names_only_commands_and_options_that_exist() -> None:
    text = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
    assert "python -m" not in text
    commands = get_command(app).commands  # type: ignore[attr-defined]
    lines = re.findall(r"broker-server ([a-z]+)([^\n`]*)", text)
    assert lines
    for name, rest in lines:
        known = {"--help", *(option for parameter in commands[name].params for option in parameter.opts)}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known
