"""Writes requirements/win32-wheels.txt: the wheel of every pinned package for 32-bit Windows.

Run by ``make lock``. It fails when a package of requirements/base.txt has no such wheel, because the host
of Kiwoom's OpenAPI+ is a 32-bit process without a compiler.
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
    """Download every wheel, and write down names and hashes."""
    text = (REQUIREMENTS / "base.txt").read_text()
    lines = set()
    for version in PYTHON_VERSIONS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            download(pinned_for_windows(text, version), version, folder)
            lines |= {f"{hashlib.sha256(w.read_bytes()).hexdigest()}  {w.name}" for w in folder.glob("*.whl")}
    ordered = sorted(lines, key=lambda line: line.split()[1].lower())
    (REQUIREMENTS / "win32-wheels.txt").write_text("\n".join(ordered) + "\n")


if __name__ == "__main__":
    main()
