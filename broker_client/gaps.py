"""Which events of a stream are missing, and which came before: told by their epochs and sequence numbers."""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["Gaps"]

_EPOCHS = 16
"""Epochs of a key that stay known. A worker's restart begins one; what is delivered again after a reconnect
is at most some seconds old."""


class Gaps:
    """Counts the events of one stream, per key.

    Args:
        from_the_start: The subscription is new, so its first event has the sequence 1. Else somebody may have
            read it before.
    """

    def __init__(self, *, from_the_start: bool) -> None:
        self._from_the_start = from_the_start
        self._last: dict[str, OrderedDict[str, int]] = {}

    def is_repeat(self, key: str, epoch: str, sequence: int) -> bool:
        """Whether that event, or a later one of its epoch, was taken before."""
        epochs = self._last.get(key)
        return epochs is not None and sequence <= epochs.get(epoch, 0)

    def take(self, key: str, epoch: str, sequence: int) -> int | None:
        """Note an event that is no repeat.

        Returns:
            How many events before it never came; ``None`` where that cannot be known: an unknown number,
            possibly none.
        """
        epochs = self._last.setdefault(key, OrderedDict())
        missed: int | None
        if epoch in epochs:
            missed = sequence - epochs[epoch] - 1
        elif epochs or not self._from_the_start:
            missed = None
        else:
            missed = sequence - 1
        epochs[epoch] = sequence
        if len(epochs) > _EPOCHS:
            epochs.popitem(last=False)
        return missed
