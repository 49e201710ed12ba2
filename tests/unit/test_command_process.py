"""Waiting for a line of a process that has ended already."""

from __future__ import annotations

import time

import pytest

from tests.support.processes import CommandProcess
from tests.support.waiting import PATIENCE

TWO_LINES = "main = lambda: print('first\\nsecond')"


def test_a_line_that_never_came_fails_at_once_with_the_output() -> None:
    started = time.monotonic()
    with CommandProcess([], program=TWO_LINES) as command:
        with pytest.raises(AssertionError, match=r"(?s)ended with 0 before a line .*'third'.*first\nsecond"):
            command.wait_for_line("third")
        with pytest.raises(AssertionError, match="ended with 0"):
            command.wait_for_log("third")
        assert command.wait_for_line("second") == "second"
    assert time.monotonic() - started < PATIENCE
