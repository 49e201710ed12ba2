"""``broker-server``: its commands where nothing needs to run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from rich.cells import cell_len
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


def test_methods_are_searched_by_what_they_do_where_no_name_fits() -> None:
    outcome = CliRunner().invoke(app, ["methods", "worker's clock"])
    assert (outcome.exit_code, "broker.ping" in outcome.output) == (0, True)
    globbed = CliRunner().invoke(app, ["methods", "koscom.get-*", "--json"])
    assert {row["name"].split("-")[0] for row in json.loads(globbed.output)} == {"koscom.get"}


def test_a_whole_name_explains_one_method_with_types_defaults_and_an_example() -> None:
    outcome = CliRunner().invoke(app, ["methods", "kis.buy-order"])
    assert outcome.exit_code == 0
    lines = outcome.output.splitlines()
    assert lines[0] == "kis.buy-order"
    assert lines[-1].startswith("broker-client call kis.buy-order ticker=")
    for text in ("required", "quantity", "Shares", "limit | market"):
        assert text in outcome.output
    (row,) = json.loads(CliRunner().invoke(app, ["methods", "kis.buy-order", "--json"]).output)
    assert row["parameters"]["required"] == ["ticker", "quantity"]


def test_an_api_of_kis_is_found_and_explained_with_a_line_to_begin_with() -> None:
    listed = CliRunner().invoke(app, ["methods", "--apis", "휴장일"])
    assert (listed.exit_code, "domestic_stock.chk_holiday" in listed.output) == (0, True)
    shown = CliRunner().invoke(app, ["methods", "kis.call", "domestic_stock.inquire_price"])
    assert shown.exit_code == 0
    assert "fid_input_iscd" in shown.output
    assert shown.output.splitlines()[-1] == (
        "broker-client call kis.call api=domestic_stock.inquire_price "
        """arguments='{"fid_cond_mrkt_div_code": "J", "fid_input_iscd": "005930"}'"""
    )
    as_json = CliRunner().invoke(app, ["methods", "kis.call", "domestic_stock.order_resv", "--json"])
    (description,) = json.loads(as_json.output)
    assert (description["method"], description["reconciled"]) == ("kis.call-order", False)
    assert "--apis" in CliRunner().invoke(app, ["methods", "kis.call"]).output


@pytest.mark.parametrize(("columns", "called_by"), [(80, False), (160, True)])
def test_the_list_of_apis_cuts_nothing_off(columns: int, called_by: bool) -> None:
    terminal = {"COLUMNS": str(columns)}
    shown = CliRunner().invoke(app, ["methods", "--apis"], env=terminal).output
    assert "…" not in shown
    assert all(cell_len(line) <= columns for line in shown.splitlines())
    for api in ("domestic_futureoption.inquire_daily_fuopchartprice", "domestic_stock.order_cash", "ka10081"):
        assert f" {api} " in shown
    assert ("kiwoom.request-tr" in shown, "called by" in shown) == (called_by, called_by)
    one = CliRunner().invoke(app, ["methods", "--apis", "chk_holiday"], env=terminal).output
    assert "1 API; broker-server methods kis.call domestic_stock.chk_holiday" in " ".join(one.split())


def test_the_values_of_an_argument_are_whole_in_80_columns() -> None:
    arguments = ["methods", "kis.call", "overseas_stock.inquire_daily_chartprice"]
    assert "…" not in CliRunner().invoke(app, arguments, env={"COLUMNS": "80"}).output


def test_an_api_of_kiwoom_is_found_and_explained_with_a_line_to_begin_with() -> None:
    listed = CliRunner().invoke(app, ["methods", "--apis", "일봉차트"])
    assert (listed.exit_code, "ka10081" in listed.output) == (0, True)
    shown = CliRunner().invoke(app, ["methods", "kiwoom.request-tr", "ka10081"])
    assert shown.exit_code == 0
    for text in ("수정주가구분", "stk_dt_pole_chart_qry", "pred_pre_sig", "전일대비기호", "required"):
        assert text in shown.output
    assert shown.output.splitlines()[-1] == (
        "broker-client call kiwoom.request-tr tr=ka10081 "
        """inputs='{"stk_cd": "005930", "base_dt": "20260102", "upd_stkpc_tp": "0"}'"""
    )
    order = CliRunner().invoke(app, ["methods", "kiwoom.request-tr", "kt10000"])
    assert "called by kiwoom.buy-order" in order.output
    assert "broker-client call" not in order.output
    as_json = CliRunner().invoke(app, ["methods", "kiwoom.request-tr", "ka10030", "--json"])
    (description,) = json.loads(as_json.output)
    assert description["inputs"][0]["description"].startswith("시장구분 000:전체")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--apis", "nope"], "no API of KIS or Kiwoom matches 'nope'"),
        (["kiwoom.request-tr", "ka1001"], "did you mean ka10"),
        (["kiwoom.buy-order", "ka10001"], "one of Kiwoom after kiwoom.request-tr"),
        (["kis.call", "domestic_stock.inquire_prise"], "did you mean domestic_stock.inquire_price"),
        (["kis.buy-order", "domestic_stock.inquire_price"], "is explained after kis.call"),
    ],
)
def test_an_api_that_is_not_found_is_told(arguments: list[str], says: str) -> None:
    outcome = CliRunner().invoke(app, ["methods", *arguments])
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert says in outcome.stderr


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


@pytest.mark.skipif(os.name != "posix", reason="a shell closes it")
def test_a_closed_output_is_no_failure() -> None:
    line = 'exec "$0" -m broker_server methods --json >&-'
    ended = subprocess.run(
        ["/bin/sh", "-c", line, sys.executable], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
