"""How much memory the C library keeps of what was freed."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from contextlib import suppress

ARENAS = 2
GIVE_BACK_SECONDS = 60.0
_M_ARENA_MAX = -8
"""Of glibc's ``malloc.h``."""


def use_few_arenas() -> bool:
    """Let all threads share `ARENAS` heaps, unless ``MALLOC_ARENA_MAX`` says otherwise; call it early.

    glibc gives each thread a heap of its own, up to eight per core, so that threads do not wait for each
    other. Python's threads do so anyway, and a worker has fifty: in a run of 20 minutes on two cores 16 heaps
    kept 108 MB that nobody used, beside 29 MB that were used.

    Returns:
        Whether it was done: not on other systems than Linux with glibc.
    """
    if sys.platform != "linux" or os.environ.get("MALLOC_ARENA_MAX"):
        return False
    with suppress(OSError, AttributeError):  # another C library has no such function
        return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS))
    return False


def give_back() -> bool:
    """Return to the system what was freed between what is still used; takes a millisecond or so.

    What a long list of orders or a burst of ticks needed stays with the process otherwise.

    Returns:
        Whether there was something, and somebody who does it.
    """
    if sys.platform != "linux":
        return False
    with suppress(OSError, AttributeError):  # another C library has no such function
        return bool(ctypes.CDLL(None).malloc_trim(0))
    return False


async def give_back_regularly(seconds: float = GIVE_BACK_SECONDS) -> None:
    """Until cancelled."""
    while True:
        await asyncio.sleep(seconds)
        await asyncio.to_thread(give_back)
