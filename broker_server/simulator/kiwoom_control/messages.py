"""The messages of the control's thread: what a real control gets from Windows, in order of time."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from itertools import count

Message = Callable[[], None]


class Messages:
    """Messages that become due, and the wait for them.

    A thread that wants events must call `wait` over and over, or `dispatch` by hand.

    Args:
        monotonic: Seconds that never go back.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.monotonic = monotonic
        self._waiting: list[tuple[float, int, Message]] = []
        self._numbers = count()
        self._lock = threading.Lock()
        self._event = threading.Event()

    def post(self, message: Message, seconds: float = 0.0) -> None:
        """Dispatch it that much later; from any thread."""
        with self._lock:
            heapq.heappush(self._waiting, (self.monotonic() + seconds, next(self._numbers), message))
        self._event.set()

    def dispatch(self) -> bool:
        """Dispatch what is due; whether there was anything."""
        found = False
        while (message := self._due()) is not None:
            found = True
            message()
        return found

    def until_next(self) -> float | None:
        """Seconds until the next message is due; ``None`` without one."""
        with self._lock:
            return max(0.0, self._waiting[0][0] - self.monotonic()) if self._waiting else None

    def open(self, work: Callable[[], float | None]) -> None:
        """Nothing has to be made ready."""

    def wait(self, seconds: float | None) -> None:
        """Dispatch messages until one was dispatched, `wake` was called, or the time is over."""
        if self.dispatch():
            return
        due = self.until_next()
        times = [each for each in (seconds, due) if each is not None]
        self._event.wait(min(times) if times else None)
        self._event.clear()
        self.dispatch()

    def wake(self) -> None:
        """End a `wait`."""
        self._event.set()

    def close(self) -> None:
        """Forget what waits."""
        with self._lock:
            self._waiting.clear()

    def _due(self) -> Message | None:
        with self._lock:
            if self._waiting and self._waiting[0][0] <= self.monotonic():
                return heapq.heappop(self._waiting)[2]
            return None
