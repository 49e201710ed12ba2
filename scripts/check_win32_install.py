"""Proves that the Kiwoom host's installation resolves to wheels on 32-bit Windows, from any machine.

``pip`` evaluates environment markers for the machine that it runs on, so they are evaluated here, for
Windows: every dependency of the base install and of the extra ``kiwoom-windows`` is followed through the
metadata of the pinned wheels. Run by ``.ci/run``; it needs the package registry that pip is configured for.
Arguments are versions of Python, 3.11 when there are none.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from email.parser import HeaderParser
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "requirements" / "kiwoom-windows.txt"
EXTRA = "kiwoom-windows"
PYTHON_VERSIONS = ("3.11", "3.12", "3.13")
MACHINES = ("x86", "AMD64")
"""A 32-bit Python tells the processor of Windows, which is AMD64 almost everywhere."""


class Wheel(NamedTuple):
    """What counts of a wheel: its version, and what it asks for."""

    version: str
    requires: tuple[str, ...]


class NotInstallable(Exception):
    """There is no such installation."""


def windows(python_version: str, machine: str = "x86") -> dict[str, str]:
    """The environment of markers, on Windows."""
    return {
        "sys_platform": "win32",
        "platform_system": "Windows",
        "os_name": "nt",
        "platform_machine": machine,
        "platform_release": "10",
        "platform_version": "10.0.19045",
        "python_version": python_version,
        "python_full_version": f"{python_version}.0",
    }


def pinned_for_windows(text: str, python_version: str) -> list[str]:
    """The entries of a compiled requirements file that apply to 32-bit Windows, without their markers."""
    kept = []
    for entry in text.replace("\\\n", " ").splitlines():
        if not entry.strip() or entry.lstrip().startswith("#"):
            continue
        wanted, *hashes = entry.split(" --hash=")
        requirement = Requirement(wanted.strip())
        if any(applies(requirement, windows(python_version, machine)) for machine in MACHINES):
            kept.append(" --hash=".join([f"{requirement.name}{requirement.specifier}", *hashes]))
    return kept


def applies(requirement: Requirement, environment: Mapping[str, str], extras: Iterable[str] = ()) -> bool:
    """Whether it is asked for there, by somebody who wants these extras."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({**environment, "extra": extra}) for extra in ("", *extras))


def download(entries: list[str], python_version: str, folder: Path) -> None:
    """Fetch the wheels for one Python version.

    Raises:
        NotInstallable: One does not exist, has another hash, or the registry could not be reached.
    """
    wanted = folder / "wanted.txt"
    wanted.write_text("\n".join(entries) + "\n")
    target = ["--platform", "win32", "--python-version", python_version, "--only-binary", ":all:"]
    how = ["-q", "--no-deps", "--require-hashes", "--retries", "2", "--timeout", "15"]
    ran = subprocess.run(  # noqa: S603 - pip of this environment
        [
            *(sys.executable, "-m", "pip", "download", *how, *target),
            *("--dest", str(folder), "-r", str(wanted)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        unreachable = "connection broken" in ran.stderr or "Max retries exceeded" in ran.stderr
        reason = "the package registry cannot be reached" if unreachable else "pip found no such wheels"
        raise NotInstallable(f"Python {python_version}: {reason}\n{ran.stderr.strip()}")


def read_wheels(folder: Path) -> dict[str, Wheel]:
    """What the wheels of a folder say of themselves, by name."""
    found = {}
    for path in folder.glob("*.whl"):
        name, version, *_ = parse_wheel_filename(path.name)
        with zipfile.ZipFile(path) as archive:
            inner = next(item for item in archive.namelist() if item.endswith(".dist-info/METADATA"))
            metadata = HeaderParser().parsestr(archive.read(inner).decode())
        found[str(name)] = Wheel(str(version), tuple(metadata.get_all("Requires-Dist", [])))
    return found


def what_is_missing(
    asked: Iterable[str], wheels: Mapping[str, Wheel], environment: Mapping[str, str]
) -> list[str]:
    """Follow every requirement through the wheels; those that none of them meets."""
    missing = []
    seen = set()
    waiting = [("sapi-broker", text, frozenset[str]()) for text in asked]
    while waiting:
        asker, text, extras = waiting.pop()
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        wanted = (name, frozenset(requirement.extras))
        if not applies(requirement, environment, extras):
            continue
        wheel = wheels.get(name)
        if wheel is None or not requirement.specifier.contains(wheel.version, prereleases=True):
            missing.append(f"{requirement} of {asker}: {f'pinned {wheel.version}' if wheel else 'no wheel'}")
        elif wanted not in seen:
            seen.add(wanted)
            waiting += [(requirement.name, inner, wanted[1]) for inner in wheel.requires]
    return sorted(set(missing))


def asked_for() -> list[str]:
    """The dependencies of the base install and of the extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"][EXTRA]]


def check(python_version: str) -> int:
    """Prove it for one Python version; the number of wheels.

    Raises:
        NotInstallable: It is not so.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        download(pinned_for_windows(PINS.read_text(encoding="utf-8"), python_version), python_version, folder)
        wheels = read_wheels(folder)
    for machine in MACHINES:
        missing = what_is_missing(asked_for(), wheels, windows(python_version, machine))
        if missing:
            raise NotInstallable("\n  ".join([f"Python {python_version}, {machine}: not met", *missing]))
    return len(wheels)


def main() -> int:
    """Check one version of Python after the other."""
    for version in sys.argv[1:] or PYTHON_VERSIONS[:1]:
        try:
            print(f"32-bit Windows, Python {version}: {check(version)} wheels, nothing to compile")  # noqa: T201
        except NotInstallable as error:
            print(f"32-bit Windows: {error}", file=sys.stderr)  # noqa: T201
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
