"""Wakes a keeper some time after a change, once for many of them."""

from __future__ import annotations

import threading
from collections.abc import Callable

After = Callable[[float, Callable[[], None]], None]
"""Calls something after some seconds, and returns at once."""


def after(seconds: float, call: Callable[[], None]) -> None:
    """Call something after some seconds, in a thread of its own."""
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()


class Nudge:
    """Safe to use from many threads.

    Args:
        wake: Wakes the keeper.
        seconds: From the first change until then; the changes in between add nothing.
        after: Calls it then.
    """

    def __init__(self, wake: Callable[[], None], seconds: float, after: After = after) -> None:
        self._wake = wake
        self._seconds = seconds
        self._after = after
        self._lock = threading.Lock()
        self._due = False

    def __call__(self) -> None:
        """Something changed."""
        with self._lock:
            if self._due:
                return
            self._due = True
        self._after(self._seconds, self._pass_on)

    def _pass_on(self) -> None:
        with self._lock:
            self._due = False  # what changes from here on may come too late for this look
        self._wake()
