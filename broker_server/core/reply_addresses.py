"""Reply queues of subscriptions that are gone or that nobody reads: pure, the time is an argument."""

from __future__ import annotations


class ReplyAddresses:
    """What is known of the queues that subscriptions are sent to.

    Args:
        grace: Seconds that a queue which is gone has to come back.
        unread: Seconds after which a queue that nobody reads is given up.
    """

    def __init__(self, *, grace: float, unread: float) -> None:
        self._grace = grace
        self._unread = unread
        self._gone_until: dict[str, float] = {}
        self._unread_since: dict[str, float] = {}

    @property
    def gone(self) -> tuple[str, ...]:
        """Every address that a message came back from and that has not been seen since."""
        return tuple(self._gone_until)

    def is_gone(self, address: str) -> bool:
        """Whether a message to it came back and it has not been seen since."""
        return address in self._gone_until

    def returned(self, address: str, now: float) -> None:
        """A message to it came back."""
        self._gone_until.setdefault(address, now + self._grace)

    def is_back(self, address: str) -> None:
        """The queue is there."""
        self._gone_until.pop(address, None)

    def overdue(self, now: float) -> tuple[str, ...]:
        """The addresses whose grace is over."""
        return tuple(address for address, until in self._gone_until.items() if until <= now)

    def given_up(self, address: str, consumers: int, now: float) -> bool:
        """Whether nobody has read it for too long, now that it has been seen with so many consumers."""
        if consumers:
            self._unread_since.pop(address, None)
            return False
        return now - self._unread_since.setdefault(address, now) >= self._unread

    def used(self, address: str) -> None:
        """A task has just named it: whoever sent that reads it, or is about to."""
        self._gone_until.pop(address, None)
        self._unread_since.pop(address, None)

    def forget(self, address: str) -> None:
        """No subscription is sent to it any more."""
        self.used(address)
