"""Writes requirements/win32-wheels.txt: the wheel of every pinned package for 32-bit Windows.

Run by ``make lock``. It fails when a package of requirements/kiwoom-windows.txt, which has all of base.txt
too, has no such wheel, because the host of Kiwoom's OpenAPI+ is a 32-bit process without a compiler.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from check_win32_install import PINS, PYTHON_VERSIONS, download, pinned_for_windows


def main() -> None:
    """Download every wheel, and write down names and hashes."""
    text = PINS.read_text(encoding="utf-8")
    lines = set()
    for version in PYTHON_VERSIONS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            download(pinned_for_windows(text, version), version, folder)
            lines |= {f"{hashlib.sha256(w.read_bytes()).hexdigest()}  {w.name}" for w in folder.glob("*.whl")}
    ordered = sorted(lines, key=lambda line: line.split()[1].lower())
    PINS.with_name("win32-wheels.txt").write_text("\n".join(ordered) + "\n")


if __name__ == "__main__":
    main()
