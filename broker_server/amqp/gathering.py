"""Replies of many workers, gathered on the event loop for a thread that waits for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from broker_client.errors import InternalError


@dataclass(frozen=True, slots=True)
class ControlReply:
    """What one worker answered.

    Attributes:
        worker: Its name.
        address: Its control queue; tells workers of one name apart.
        result: What its handler returned, or ``None`` when it failed.
        error: Why it failed, or ``None``.
    """

    worker: str
    environment: str
    address: str
    result: dict[str, Any] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the workers of an environment answered.

    Attributes:
        replies: One for each that answered in time.
        expected: How many there are, by the broker's count.
        unheard: Workers known from earlier that did not answer; some may have ended meanwhile.
    """

    replies: Sequence[ControlReply]
    expected: int
    unheard: Sequence[str]

    @property
    def missing(self) -> int:
        """How many did not answer."""
        return max(0, self.expected - len(self.replies))

    def missing_names(self) -> list[str]:
        """Who did not answer, as far as it can be told."""
        if not self.missing:
            return []
        if len(self.unheard) > self.missing:
            return [f"{self.missing} of {', '.join(self.unheard)}"]
        unnamed = self.missing - len(self.unheard)
        return [*self.unheard, *([f"{unnamed} of unknown name"] if unnamed else [])]


class Gathering:
    """The replies to one command."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._replies: dict[str, ControlReply] = {}
        self._failure: str | None = None

    def add(self, reply: ControlReply) -> None:
        """Take a reply; a second one of the same worker replaces its first."""
        with self._changed:
            self._replies[reply.address] = reply
            self._changed.notify()

    def fail(self, reason: str) -> None:
        """No more replies will come."""
        with self._changed:
            self._failure = reason
            self._changed.notify()

    def wait(self, timeout: float, until: Callable[[list[ControlReply]], bool]) -> list[ControlReply]:
        """Block until the replies are enough or the time is over; returns what there is.

        Args:
            timeout: Seconds.
            until: Whether these replies are enough.

        Raises:
            InternalError: The replies are not enough, and no more will come.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                replies = list(self._replies.values())
                if until(replies):
                    return replies
                if self._failure is not None:
                    raise InternalError(self._failure, retryable=True)
                left = deadline - time.monotonic()
                if left <= 0:
                    return replies
                self._changed.wait(left)
