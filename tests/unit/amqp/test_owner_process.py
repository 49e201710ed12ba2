"""Only a process that is certainly gone counts as dead."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from broker_server.amqp.owner_process import host_identity, is_gone
from tests.support.waiting import wait_until


def test_living_process_is_not_gone() -> None:
    assert not is_gone(os.getpid())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_ended_process_is_gone_also_before_its_parent_has_noticed() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        wait_until(lambda: is_gone(child.pid), what="a zombie can send nothing any more")
    assert is_gone(child.pid)


def test_process_of_somebody_else_is_not_gone() -> None:
    assert not is_gone(1)


def test_identity_of_the_host_is_the_same_for_its_processes() -> None:
    program = "from broker_server.amqp.owner_process import host_identity; print(host_identity())"
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == host_identity()
