"""Numbers the messages of many streams, so that a consumer sees what it missed."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Sequences(Generic[K]):
    """Per key an epoch and, within it, numbers that count up from 1.

    A consumer that sees another epoch knows that something may have been missed. So an epoch is never used
    twice for the same key: whatever makes a number begin anew brings a new epoch.

    Args:
        epoch: Of keys that are new; text that no other worker and no earlier run has used.
    """

    def __init__(self, epoch: str) -> None:
        self._epoch = epoch
        self._last: dict[K, tuple[str, int]] = {}

    def next(self, key: K) -> tuple[str, int]:
        """The epoch and number of the next message of a key."""
        epoch, number = self._last.get(key, (self._epoch, 0))
        self._last[key] = epoch, number + 1
        return epoch, number + 1

    def new_epoch(self, keys: Iterable[K], epoch: str) -> None:
        """Let these keys begin anew at 1: something may have been missed.

        Args:
            epoch: One that was never used.

        Raises:
            ValueError: It is in use.
        """
        self._check(epoch)
        for key in keys:
            self._last[key] = epoch, 0

    def forget(self, keys: Iterable[K], epoch: str) -> None:
        """Keep no numbers of these keys.

        Args:
            epoch: One that was never used, for keys that are new from now on: one of these may come back.

        Raises:
            ValueError: It is in use.
        """
        self._check(epoch)
        self._epoch = epoch
        for key in keys:
            self._last.pop(key, None)

    def _check(self, epoch: str) -> None:
        if epoch == self._epoch or any(epoch == used for used, _ in self._last.values()):
            raise ValueError(f"the epoch {epoch} is in use")
