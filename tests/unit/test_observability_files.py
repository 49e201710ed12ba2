"""Dashboard, alert rules, unit file and page name what exists: metrics, labels, settings."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from broker_server.gateway_settings import GatewaySettings
from broker_server.observing.families import FAMILIES
from broker_server.settings import Settings

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "docker/grafana/sapi-broker.json"
ALERTS = ROOT / "docker/prometheus/alerts.yml"
UNITS = [ROOT / "examples/systemd" / f"sapi-{name}.service" for name in ("broker", "gateway")]
"""Of the worker and of the gateway."""
PAGE = ROOT / "docs/topics/observability.md"
SAMPLES = {name: family for family in FAMILIES.values() for name in family.sample_names}
OF_PROMETHEUS = {"instance", "job"}


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return found


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> Iterator[str]:
    for panel in panels():
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (rule["expr"] for rule in rules())


def test_every_metric_in_a_query_exists_with_its_labels() -> None:
    wrong = []
    for query in queries():
        for name, matchers in re.findall(r"(sapi_\w+)(?:\{([^}]*)\})?", query):
            if name not in SAMPLES:
                wrong.append(f"{name} in {query}")
                continue
            asked = set(re.findall(r"(\w+)\s*(?:=|!=|=~|!~)\"", matchers))
            unknown = asked - set(SAMPLES[name].labels) - OF_PROMETHEUS
            wrong += [f"label {label} of {name} in {query}" for label in sorted(unknown)]
        labels = {label for family in FAMILIES.values() for label in family.labels} | OF_PROMETHEUS | {"le"}
        for grouping in re.findall(r"by \(([^)]*)\)", query):
            wrong += [
                f"by {label} in {query}" for label in re.split(r",\s*", grouping) if label not in labels
            ]
    assert wrong == []


def test_every_metric_is_shown_or_watched() -> None:
    used = {name for query in queries() for name in re.findall(r"sapi_\w+", query)}
    unused = [family.name for family in FAMILIES.values() if not used & set(family.sample_names)]
    assert unused == []


def test_every_metric_is_explained_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [family.name for family in FAMILIES.values() if f"`{family.name}" not in page] == []


def test_every_alert_says_what_happened_and_what_to_do_and_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert f"`{rule['alert']}`" in page, rule["alert"]


def test_panels_do_not_overlap_and_have_ids_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert all(x < 24 for x, _ in cells)
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())


def unit(file: Path) -> dict[str, list[str]]:
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if re.match(r"\w+=", line)]
    found: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition("=")
        found.setdefault(name, []).append(value)
    return found


every_unit = pytest.mark.parametrize("file", UNITS, ids=lambda file: file.stem)


@every_unit
def test_a_unit_hands_over_settings_that_exist(file: Path) -> None:
    settings = Settings if file == UNITS[0] else GatewaySettings
    variables = {name.upper() for name in settings.model_fields}
    credentials = [value.partition(":")[0] for value in unit(file)["LoadCredential"]]
    assert credentials
    assert {name.upper() for name in credentials} <= variables
    set_there = {value.partition("=")[0] for value in unit(file)["Environment"]}
    assert {name for name in set_there if not name.startswith("XDG_")} <= variables


@every_unit
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_understands_a_unit(file: Path, tmp_path: Path) -> None:
    text = file.read_text(encoding="utf-8").replace("/opt/sapi-broker/.venv/bin/broker-server", "/bin/true")
    copy = tmp_path / file.name
    copy.write_text(text, encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    complaints = [line for line in done.stderr.splitlines() if file.name in line]
    assert complaints == []


@every_unit
def test_a_unit_is_well_formed(file: Path) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(file)
    assert parser.sections() == ["Unit", "Service", "Install"]
    for wanted in ("DynamicUser", "NoNewPrivileges", "ProtectSystem", "UMask"):
        assert wanted in unit(file), wanted


def test_only_a_worker_is_expected_to_tell_that_it_lives_and_no_folder_is_shared() -> None:
    worker, gateway = map(unit, UNITS)
    assert (worker["Type"], "WatchdogSec" in worker) == (["notify"], True)
    assert (gateway["Type"], "WatchdogSec" in gateway) == (["exec"], False)
    folders = [found["StateDirectory"] + found.get("CacheDirectory", []) for found in (worker, gateway)]
    assert not set(folders[0]) & set(folders[1])
    assert not {name for name in unit(UNITS[1])["LoadCredential"] if name.startswith(("kis", "kiwoom"))}
