"""The wheel: built from this tree, installed into an empty environment, its commands run from there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA_SUFFIXES = {".json", ".html", ".css", ".js", ".typed", ".toml", ".txt", ".mako"}


def clean_environment() -> dict[str, str]:
    """The environment of the tests without anything that would let the tree itself be imported."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> Path:
    (found,) = distributions.glob("sapi_broker-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` folder of an environment that holds the wheel and the pinned base set, nothing else.

    The base set is copied from the environment of the tests, where it was installed from the same pins.
    """
    folder = tmp_path_factory.mktemp("empty") / "env"
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    pins = re.findall(
        r"^([\w.-]+)==(\S+)", (ROOT / "requirements" / "base.txt").read_text("utf-8"), re.MULTILINE
    )
    for name, version in pins:
        copy_distribution(name, version, site)
    done = pip("install", "-qq", "--no-deps", "--no-compile", str(wheel), environment=folder)
    assert done.returncode == 0, done.stderr
    return folder / "bin"


def copy_distribution(name: str, version: str, site: Path) -> None:
    """Copy the modules of an installed package; one that this platform does not need is not installed."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return
    assert found.version == version
    for file in found.files or ():
        if ".." not in file.parts and "__pycache__" not in file.parts:
            target = site / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(str(found.locate_file(file))), target)


def pip(*arguments: str, environment: Path) -> subprocess.CompletedProcess[str]:
    """Run pip of the tests' own environment for another one."""
    command = [sys.executable, "-m", "pip", "--python", str(environment), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_wheel_holds_every_module_and_data_file(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    expected = {
        str(path.relative_to(ROOT))
        for package in ("broker_client", "broker_server")
        for path in (ROOT / package).rglob("*")
        if path.suffix in DATA_SUFFIXES | {".py"} and "__pycache__" not in path.parts
    }
    assert "broker_server/vendors/kis/data/rest_catalogue.json" in expected
    assert "broker_server/journal/migrations/script.py.mako" in expected
    assert expected <= names
    assert not [name for name in names if name.startswith(("tests/", "bench/", "docs/"))]


def test_source_archive_can_be_built_again(distributions: Path) -> None:
    (archive,) = distributions.glob("sapi_broker-*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.split("/", 1)[1] for name in opened.getnames() if "/" in name}
    assert {"pyproject.toml", "README.md", "LICENSE", "broker_client/__init__.py"} <= names
    assert not [name for name in names if name.startswith((".venv/", ".git/"))]


@pytest.mark.timeout(900)
def test_installed_requirements_fit_together(installed: Path) -> None:
    done = pip("check", environment=installed.parent)
    assert done.returncode == 0, done.stdout


@pytest.mark.timeout(900)
def test_commands_run_outside_the_tree(installed: Path, tmp_path: Path) -> None:
    for command in ("broker-server", "broker-client"):
        done = subprocess.run(
            [installed / command, "--help"],
            cwd=tmp_path,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Usage" in done.stdout


@pytest.mark.timeout(900)
def test_method_catalogue_comes_from_the_installed_wheel(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [installed / "broker-server", "methods", "--json"],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "kis.get-current-price" in json.dumps(json.loads(done.stdout))


@pytest.mark.timeout(300)
def test_a_journal_is_made_by_the_installed_wheel(installed: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from sqlalchemy import inspect; from broker_server.journal import database; "
        "engine = database.open_database(sys.argv[1]); "
        "print(database.__file__); print(*inspect(engine).get_table_names())"
    )
    done = subprocess.run(
        [installed / "python", "-c", program, f"sqlite:///{tmp_path / 'journal.sqlite3'}"],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    where, tables = done.stdout.splitlines()
    assert Path(where).is_relative_to(installed.parent)
    assert {"alembic_version", "orders", "accounts"} <= set(tables.split())
