"""Screen numbers: Kiwoom mixes answers up when more than 200 are in use, or when two things share one."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

MOST_SCREENS = 200


class ScreenPool:
    """Numbers for one purpose, the longest unused first: a late answer to an old use finds it free.

    Args:
        numbers: Four digits each.
    """

    def __init__(self, numbers: Sequence[str]) -> None:
        self._free = deque(numbers)
        self._all = frozenset(numbers)
        self._used: set[str] = set()

    def take(self) -> str | None:
        """A number that nobody uses; ``None`` if there is none."""
        if not self._free:
            return None
        number = self._free.popleft()
        self._used.add(number)
        return number

    def give_back(self, number: str) -> None:
        """It is not used any more.

        Raises:
            ValueError: It was not in use: two users would get it.
        """
        if number not in self._used:
            raise ValueError(f"screen {number} was not in use")
        self._used.remove(number)
        self._free.append(number)

    def is_free(self, number: str) -> bool:
        """Whether it is one of these and nobody uses it."""
        return number in self._all and number not in self._used

    @property
    def used(self) -> int:
        """How many are in use."""
        return len(self._used)

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self._all)


def make_pools() -> tuple[ScreenPool, ScreenPool, ScreenPool]:
    """For queries, for orders, for live data: together `MOST_SCREENS`, none in two of them."""
    numbers = [str(number) for number in range(1001, 1001 + MOST_SCREENS)]
    return ScreenPool(numbers[:50]), ScreenPool(numbers[50:70]), ScreenPool(numbers[70:])
