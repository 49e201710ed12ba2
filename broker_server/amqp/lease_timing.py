"""The seconds behind the lease, and why two owners never send at the same time.

An owner begins to send only while its last answered probe was sent less than one heartbeat ago, and an order
exchange takes `longest_send` at most. So the last byte of an owner leaves less than `takeover_wait` after the
broker last answered it, which is before the broker gave the lease away. A new owner waits that long.
"""

from __future__ import annotations

import time
from collections.abc import Callable

SHORTEST_HEARTBEAT = 2
LONGEST_HEARTBEAT = 10
DEFAULT_HEARTBEAT = 5


def probe_interval(heartbeat: float) -> float:
    """Seconds between two round trips on the lease's connection."""
    return heartbeat / 4


def longest_send(heartbeat: float) -> float:
    """Seconds that an order exchange with the vendor may take in all, from its first byte.

    The rest of the heartbeat interval is a margin for what lies between looking at the grant and the first
    byte.
    """
    return 0.8 * heartbeat


def takeover_wait(heartbeat: float) -> float:
    """Seconds after which an owner that lost the lease has sent its last byte.

    Args:
        heartbeat: Of that owner, not of the one who waits.
    """
    return 2 * heartbeat


def patience(heartbeat: float) -> float:
    """Seconds without an answer after which the lease is given up."""
    return 2 * heartbeat


def awake_and_asleep() -> Callable[[], float]:
    """A clock that also counts while the machine is suspended, where there is one.

    A laptop that wakes up must not believe that its last probe was a moment ago.
    """
    if hasattr(time, "CLOCK_BOOTTIME"):
        clock = time.CLOCK_BOOTTIME
        return lambda: time.clock_gettime(clock)
    return time.monotonic
