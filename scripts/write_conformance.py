"""Run every card on every backend and write ``docs/conformance.md`` from what came out.

``python -m scripts.write_conformance`` writes nothing, and exits with 1, unless all have passed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conformance.backends import BACKENDS
from tests.conformance.page import render

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/conformance.md"


def main() -> int:
    """Run, and write the page."""
    proofs = sorted({node for backend in BACKENDS for node in backend.proofs.values()})
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.json"
        command = [sys.executable, "-m", "pytest", "-q", "-n", str(len(BACKENDS)), "--dist", "loadscope"]
        command += ["--deselect", "tests/conformance/test_matrix.py::test_the_page_is_what_a_run_gives"]
        command += ["tests/conformance", *proofs, "--write-conformance", str(results)]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - our own command
        if code:
            sys.stderr.write(f"{PAGE.name} is not written: the run ended with {code}\n")
            return 1
        PAGE.write_text(render(json.loads(results.read_text("utf-8"))), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
