"""The pinned requirements and what ends up in a distribution."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"
LOCKS = ("base.txt", "kiwoom-windows.txt", "dev.txt", "image.txt", "bench.txt", "build.txt")
WINDOWS = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "x86"}


def pinned(name: str) -> dict[str, tuple[Requirement, set[str]]]:
    """Name → requirement and its hashes, of a compiled requirements file."""
    found = {}
    for entry in (REQUIREMENTS / name).read_text().replace("\\\n", " ").splitlines():
        if entry.strip() and not entry.lstrip().startswith("#"):
            wanted, *hashes = entry.split(" --hash=sha256:")
            requirement = Requirement(wanted.strip())
            found[canonicalize_name(requirement.name)] = (requirement, {text.strip() for text in hashes})
    return found


def project() -> dict[str, object]:
    loaded: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return loaded


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    entries = pinned(name)
    assert entries
    for requirement, hashes in entries.values():
        assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"[0-9a-f]{64}", text) for text in hashes), requirement


@pytest.mark.parametrize("name", [*LOCKS, "bench.in", "build.in", "win32-wheels.txt"])
def test_no_package_source_is_named(name: str) -> None:
    text = (REQUIREMENTS / name).read_text()
    assert "://" not in text
    assert not re.search(
        r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host)\b", text, re.M
    )


def test_pins_meet_what_the_project_asks_for() -> None:
    locked = pinned("base.txt")
    dependencies = project()["dependencies"]
    assert isinstance(dependencies, list)
    for text in dependencies:
        asked = Requirement(text)
        requirement, _ = locked[canonicalize_name(asked.name)]
        version = str(requirement.specifier)[2:]
        assert asked.specifier.contains(version, prereleases=True), f"{text}: pinned {version}; run make lock"


def test_development_and_bench_pins_agree_with_the_base() -> None:
    base = pinned("base.txt")
    for name in ("kiwoom-windows.txt", "dev.txt", "image.txt", "bench.txt"):
        other = pinned(name)
        assert base.keys() <= other.keys()
        assert {key: str(base[key][0].specifier) for key in base} == {
            key: str(other[key][0].specifier) for key in base
        }


@pytest.mark.parametrize("name", ["base.txt", "kiwoom-windows.txt"])
@pytest.mark.parametrize("minor", [11, 12, 13])
def test_what_a_windows_host_installs_has_wheels_for_32_bit_windows(name: str, minor: int) -> None:
    """`make lock` fetches these wheels; their hashes tie its list to the pins."""
    tags = {*cpython_tags((3, minor), platforms=["win32"]), *compatible_tags((3, minor), platforms=["win32"])}
    wheels = [line.split() for line in (REQUIREMENTS / "win32-wheels.txt").read_text().splitlines()]
    environment = WINDOWS | {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.0"}
    for package, (requirement, hashes) in pinned(name).items():
        if requirement.marker is not None and not requirement.marker.evaluate(environment):
            continue
        usable = [
            file
            for digest, file in wheels
            if digest in hashes
            and parse_wheel_filename(file)[0] == package
            and not tags.isdisjoint(parse_wheel_filename(file)[3])
        ]
        assert usable, f"{requirement} has no wheel for 32-bit Windows on Python 3.{minor}; run make lock"


def test_the_extra_of_windows_is_pinned_and_only_there() -> None:
    extras = project()["optional-dependencies"]
    assert isinstance(extras, dict)
    locked = pinned("kiwoom-windows.txt")
    for text in extras["kiwoom-windows"]:
        asked = Requirement(text)
        requirement, _ = locked[canonicalize_name(asked.name)]
        assert asked.specifier.contains(str(requirement.specifier)[2:])
        assert requirement.marker is not None
        assert requirement.marker.evaluate(WINDOWS)
        assert not requirement.marker.evaluate({"sys_platform": "linux"})


@pytest.fixture(scope="module")
def installing() -> ModuleType:
    """The script that CI runs: it takes the wheels from the registry, which tests do not."""
    spec = importlib.util.spec_from_file_location("installing", ROOT / "scripts" / "check_win32_install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_dependencies_are_followed_with_the_markers_of_windows(installing: ModuleType) -> None:
    wheels = {
        "one": installing.Wheel("1.0", ("two>=2 ; sys_platform == 'win32'", "three ; os_name == 'posix'")),
        "two": installing.Wheel("1.9", ()),
        "four": installing.Wheel("4", ("five ; extra == 'more'", "six ; extra == 'other'", "one")),
        "seven": installing.Wheel("7", ("eight ; platform_machine == 'AMD64'",)),
    }

    def missing(asked: str, machine: str = "x86") -> list[str]:
        found: list[str] = installing.what_is_missing([asked], wheels, installing.windows("3.11", machine))
        return [line.partition(" ")[0].partition(";")[0] for line in found]

    assert missing("one") == ["two>=2"]
    assert missing("four[more]") == ["five", "two>=2"]
    assert missing("Seven") == []
    assert missing("seven", "AMD64") == ["eight"]
    assert missing("seven>=8 ; python_version >= '3.11'") == ["seven>=8"]
    assert missing("nine ; python_version < '3.11'") == []


def test_what_needs_a_compiler_there_is_not_in_the_base_set() -> None:
    assert not {"greenlet", "msgspec", "pandas", "numpy", "uvloop"} & pinned("base.txt").keys()
