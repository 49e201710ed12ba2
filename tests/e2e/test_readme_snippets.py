"""The Python of the README, run as it stands against a worker on the simulator."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.processes import start_server
from tests.support.readme import load

# What each snippet prints, in the order of the README.
PRINTED = (
    ("",),
    ("kospi ", "'trdDd': '20"),
    ("005930 ", "000660 "),
    ("'price': ",),
    ("fix the call: ticker",),
    ("ACCEPTED ", "True True"),
    (" missed: 0",),
    ("005930 ",),
    ("TASK_SUCCEED ['한국전력']",),
)


def test_python_snippets_print_what_they_should(clean_broker: str, tmp_path: Path) -> None:
    snippets = load("README.md").snippets("python")
    assert len(snippets) == len(PRINTED)
    environment = {**os.environ, "BROKER_URL": clean_broker}
    command = ("run", "--simulate", "--vendors", "kis,koscom")
    with start_server(*command, environment={"BROKER_URL": clean_broker}) as worker:
        worker.wait_ready()
        for snippet, expected in zip(snippets, PRINTED, strict=True):
            done = subprocess.run(
                [sys.executable, "-c", snippet],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, f"{snippet}\n{done.stderr}\n{worker.output}"
            assert done.stdout.strip()
            for text in expected:
                assert text in done.stdout, f"{snippet}\n{done.stdout}"
