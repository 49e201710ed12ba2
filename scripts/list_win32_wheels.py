"""Writes requirements/win32-wheels.txt: the wheel of every pinned package for 32-bit Windows.

Run by ``make lock``. It fails when a package of requirements/kiwoom-windows.txt, which has all of base.txt
too, has no such wheel, because the host of Kiwoom's OpenAPI+ is a 32-bit process without a compiler.

With ``--check`` it writes nothing, and fails too when a wheel is not listed: for one version of Python.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"
PYTHON_VERSIONS = ("3.11", "3.12", "3.13")
WINDOWS = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "x86"}


def pinned_for_windows(text: str, python_version: str) -> list[str]:
    """The entries of a compiled requirements file that apply to 32-bit Windows, without their markers."""
    environment = WINDOWS | {"python_version": python_version, "python_full_version": f"{python_version}.0"}
    kept = []
    for entry in text.replace("\\\n", " ").splitlines():
        if not entry.strip() or entry.lstrip().startswith("#"):
            continue
        wanted, *hashes = entry.split(" --hash=")
        requirement = Requirement(wanted.strip())
        if requirement.marker is None or requirement.marker.evaluate(environment):
            kept.append(" --hash=".join([f"{requirement.name}{requirement.specifier}", *hashes]))
    return kept


def download(entries: list[str], python_version: str, folder: Path) -> None:
    """Fetch the wheels for one Python version; raises when one does not exist."""
    wanted = folder / "wanted.txt"
    wanted.write_text("\n".join(entries) + "\n")
    target = ["--platform", "win32", "--python-version", python_version, "--only-binary", ":all:"]
    subprocess.run(  # noqa: S603 - pip of this environment
        [
            *(sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--require-hashes"),
            *(*target, "--dest", str(folder), "-r", str(wanted)),
        ],
        check=True,
    )


def main() -> None:
    """Download every wheel, and write down names and hashes, or compare them."""
    checks = sys.argv[1:] == ["--check"]
    text = (REQUIREMENTS / "kiwoom-windows.txt").read_text()
    lines = set()
    for version in PYTHON_VERSIONS[:1] if checks else PYTHON_VERSIONS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            download(pinned_for_windows(text, version), version, folder)
            lines |= {f"{hashlib.sha256(w.read_bytes()).hexdigest()}  {w.name}" for w in folder.glob("*.whl")}
    listed = REQUIREMENTS / "win32-wheels.txt"
    if checks:
        if missing := sorted(lines - set(listed.read_text().splitlines())):
            sys.exit("not in requirements/win32-wheels.txt; run make lock:\n" + "\n".join(missing))
        sys.stdout.write(f"{len(lines)} wheels for 32-bit Windows\n")
        return
    ordered = sorted(lines, key=lambda line: line.split()[1].lower())
    listed.write_text("\n".join(ordered) + "\n")


if __name__ == "__main__":
    main()
