"""Threads share a few heaps of the C library."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

# Each thread allocates what Python leaves to the C library, and keeps it until the heaps are counted.
COUNT = """
import ctypes, sys, tempfile, threading
from broker_server.heap import use_few_arenas

done = use_few_arenas()
met = threading.Barrier(21)

def allocate():
    kept = [bytes(2_000) for _ in range(100)]
    met.wait()
    met.wait()

for _ in range(20):
    threading.Thread(target=allocate, daemon=True).start()
met.wait()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    heaps = file.read().count(b"<heap nr=")
met.wait()
print(done, heaps)
"""


def heaps_of(environment: dict[str, str]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", COUNT], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_many_threads_share_two_heaps_unless_told_otherwise() -> None:
    plain = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    plain["PYTHONPATH"] = "."
    assert heaps_of(plain) == ["True", "2"]
    done, heaps = heaps_of(plain | {"MALLOC_ARENA_MAX": "5"})
    assert done == "False"
    assert int(heaps) > 2


FREED = """
import re
from broker_server.heap import give_back

def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1])

kept = [bytes(20_000) for _ in range(4_000)]
del kept[:-1]  # the last one holds what lies before it
before = resident()
print(give_back(), before - resident() > 40_000)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_what_was_freed_between_what_is_used_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
