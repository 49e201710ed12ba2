"""Folders of killed trials are removed by the next one; those of living processes stay."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from broker_server.scratch import scratch_folder


def test_leftovers_of_the_dead_go_and_of_the_living_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                          capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
    dead, alive = tmp_path / f"sapi-broker-{gone}-x", tmp_path / f"sapi-broker-{os.getppid()}-x"
    other = tmp_path / "sapi-broker-notes"
    for folder in (dead, alive, other):
        folder.mkdir()
    with scratch_folder() as folder:
        assert folder.stat().st_mode & 0o077 == 0
        assert not dead.exists()
        assert alive.exists()
        assert other.exists()
    assert not folder.exists()
