"""How often the simulated Kiwoom lets itself be asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

QUERY_WINDOWS = ((5, 1.0), (5, 17.0), (25, 89.0), (50, 179.0), (1000, 3590.0))
"""The published limit, and hidden ones. Nobody outside knows the real ones; these are a little above what
careful programs keep to."""


class Windows:
    """Counts calls.

    Args:
        windows: Calls and seconds.
        monotonic: The time.

    Attributes:
        locked: A hidden window was exceeded: everything is refused until a new login.
    """

    def __init__(self, windows: Sequence[tuple[int, float]], monotonic: Callable[[], float]) -> None:
        self._windows = tuple(windows)
        self._monotonic = monotonic
        self._calls: deque[float] = deque()
        self.locked = False

    def take(self) -> bool:
        """Count a call; whether it is allowed."""
        now = self._monotonic()
        longest = max(seconds for _, seconds in self._windows)
        while self._calls and self._calls[0] <= now - longest:
            self._calls.popleft()
        for place, (limit, seconds) in enumerate(self._windows):
            if sum(1 for each in self._calls if each > now - seconds) >= limit:
                self.locked = self.locked or place > 0
        if (
            self.locked
            or sum(1 for each in self._calls if each > now - self._windows[0][1]) >= (self._windows[0][0])
        ):
            return False
        self._calls.append(now)
        return True
