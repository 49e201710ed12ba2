"""Doing the same thing at the same time: in threads, and in processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tests.support.processes import ROOT

T = TypeVar("T")

_PATIENCE = 60.0


def race(*functions: Callable[[], T]) -> list[T]:
    """Call every function in a thread of its own, all at once, and return what they return, in order."""
    start = threading.Barrier(len(functions))

    def run(function: Callable[[], T]) -> T:
        start.wait(_PATIENCE)
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return [running.result() for running in [pool.submit(run, function) for function in functions]]


def race_processes(preparation: str, statement: str, *arguments: Sequence[str]) -> list[str]:
    """Run a program once for each list of arguments, at the same time, and return what each one printed.

    Args:
        preparation: Python that each process runs before all go on together, with ``sys`` imported.
        statement: Python that they run then.
        arguments: Each process's ``sys.argv[1:]``.
    """
    program = f"import sys\n{preparation}\nprint('ready', flush=True)\nsys.stdin.readline()\n{statement}\n"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, *each],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        for each in arguments
    ]
    try:
        for process in running:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise AssertionError(process.communicate(timeout=_PATIENCE)[1])
        for process in running:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        printed = []
        for process in running:
            output, errors = process.communicate(timeout=_PATIENCE)
            assert process.returncode == 0, errors
            printed.append(output)
        return printed
    finally:
        for process in running:
            process.kill()
            process.communicate()
