"""The programs in examples/, started by the lines of its README."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
from pathlib import Path

from tests.support.processes import ROOT, CommandProcess
from tests.support.readme import load

README = "examples/README.md"


def commands(program: str = "") -> list[str]:
    """The lines of the README that run a program, in order; all that run one if none is named."""
    lines = [line for block in load(README).snippets("sh") for line in block.splitlines()]
    return [line for line in lines if f"examples/{program}" in line]


class Example(CommandProcess):
    """A program of examples/ that runs as a line of the README says.

    Args:
        line: That line.
        more: Arguments behind those of the line; the last one counts.
        url: The broker.
        folder: Where it runs, with a copy of ``examples``.
        environment: More environment variables.
    """

    def __init__(
        self, line: str, *more: str, url: str, folder: Path, environment: dict[str, str] | None = None
    ) -> None:
        command, path, *arguments = shlex.split(line.replace("$BROKER_URL", url))
        assert command == "python", line
        _copy(folder)
        super().__init__(
            [*arguments, *more],
            environment={"BROKER_URL": url, **(environment or {})},
            folder=folder,
            program=f"import runpy; main = lambda: runpy.run_path('{path}', run_name='__main__') and 0",
        )

    def interrupt(self) -> list[str]:
        """Press Ctrl-C, and check that it ends cleanly; the lines that it printed."""
        self.process.send_signal(signal.SIGINT)
        code = self.wait()
        assert code == 0, self.output
        assert "Traceback" not in self.output, self.output
        return self.stdout_lines


def run_jupyter(line: str, url: str, folder: Path) -> None:
    """Run a line of the README that begins with ``jupyter``."""
    command, *arguments = shlex.split(line)
    assert command == "jupyter", line
    _copy(folder)
    # Its kernel is the Python of the tests, and keeps its settings away from the caller's.
    environment = {"BROKER_URL": url, "JUPYTER_PATH": str(Path(sys.prefix) / "share/jupyter")}
    environment |= {"HOME": str(folder), "MPLCONFIGDIR": str(folder), "PATH": os.environ["PATH"]}
    program = "from jupyter_core.command import main"
    with CommandProcess(arguments, environment=environment, folder=folder, program=program) as process:
        assert process.wait() == 0, process.output


def _copy(folder: Path) -> None:
    """What an example leaves beside itself must not get into the project."""
    shutil.copytree(ROOT / "examples", folder / "examples", dirs_exist_ok=True)
