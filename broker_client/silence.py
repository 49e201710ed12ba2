"""When a stream on which nothing comes asks whether its worker still has the subscription."""

from __future__ import annotations

import math
from collections.abc import Callable

from broker_client.address import backoff_delay

__all__ = ["STREAM_SILENCE", "Silence", "check_silence"]

STREAM_SILENCE = 60.0
"""Seconds. A market can be quiet for longer: then this is what it costs, one small task a minute."""

_LONGEST = 5
"""The longest time between two questions that nobody answers, in times of the first."""
_FIRST_RETRY = 1.0
_LONGEST_RETRY = 30.0


class Silence:
    """Counts how long nothing came, and how often asking failed. Lives in the connection's thread.

    Args:
        after: Seconds without a message until the stream asks.
        now: Monotonic seconds.

    Attributes:
        failures: Questions in a row that were not answered with an acknowledgement.
        told: Whether the program knows of them.
        heard_since_asked: Whether anything came after the last question.
    """

    def __init__(self, after: float, now: Callable[[], float]) -> None:
        self.failures = 0
        self.told = False
        self.heard_since_asked = False
        self._after = after
        self._now = now
        self._heard_at = now()

    def heard(self) -> bool:
        """A message came, so a worker has the subscription.

        Returns:
            Whether the program was told otherwise.
        """
        self._heard_at = self._now()
        self.heard_since_asked = True
        self.failures = 0
        was_told, self.told = self.told, False
        return was_told

    def remaining(self) -> float:
        """Seconds until it is time to ask; 0 if it is."""
        if self.failures:
            return 0.0
        return max(0.0, self._heard_at + self._after - self._now())

    def failed(self, *, answered: bool) -> float:
        """A question got no acknowledgement.

        Args:
            answered: A worker is there and refuses for now.

        Returns:
            Seconds until the next: about one at first, then ever more.
        """
        self.failures += 1
        if answered or self.failures == 1:
            return backoff_delay(self.failures, first=_FIRST_RETRY, longest=_LONGEST_RETRY)
        return self._after * float(min(_LONGEST, 2 ** min(self.failures - 2, 10)))


def check_silence(seconds: float) -> float:
    """Return it.

    Raises:
        ValueError: It is not above zero, or without an end.
    """
    if not (seconds > 0 and math.isfinite(seconds)):
        raise ValueError(f"stream_silence must be a number of seconds above zero, not {seconds}")
    return seconds
