"""A subscription, and what an operation on the book of subscriptions changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from broker_server.core.stream_requests import Registration

Mode = Literal["realtime", "polling", "pending"]
"""``realtime``: the vendor has confirmed it. ``polling``: REST stands in. ``pending``: neither, yet."""


class SubscriptionKey(NamedTuple):
    """What makes two subscriptions the same one; a task may hold several."""

    task_id: str
    registration: Registration


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One thing that one task has subscribed to.

    Attributes:
        task_id: Of the subscribe task; the subscription goes by it.
        registration: In the vendor's words.
        family: The methods' name without the verb: ``kis.realtime-price``.
        ticker: As the client writes it; ``None`` for executions.
        reply_to: The queue that its messages go to.
        correlation_id: As the subscribe task had it, for every message.
        raw: As in `StreamRequest`, like the options that follow.
        created_at: When the task first came; a repeat does not change it.
    """

    task_id: str
    registration: Registration
    family: str
    ticker: str | None
    reply_to: str
    correlation_id: str | None
    raw: bool = False
    vendor_form: bool = False
    copies: bool = True
    polling: bool = True
    snapshot: bool = True
    created_at: datetime

    @property
    def key(self) -> SubscriptionKey:
        """Its identity."""
        return SubscriptionKey(self.task_id, self.registration)


@dataclass(frozen=True, slots=True)
class Turned:
    """A subscription that is served in another way than before."""

    subscription: Subscription
    before: Mode
    after: Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one operation changed.

    Attributes:
        added: New subscriptions.
        replaced: Those that were repeated, as they were before; what holds now is in the book.
        dropped: Those that ended.
        suspended: Nothing is sent to them for now, as their queue is gone.
        resumed: Their queue is back. They may have missed something.
        turned: Those that were there before and after it, and are served in another way now.
        wanted: What the feed is to hold from now on, the most important first; ``None`` when that did not
            change.
    """

    added: tuple[Subscription, ...] = ()
    replaced: tuple[Subscription, ...] = ()
    dropped: tuple[Subscription, ...] = ()
    suspended: tuple[Subscription, ...] = ()
    resumed: tuple[Subscription, ...] = ()
    turned: tuple[Turned, ...] = ()
    wanted: tuple[Registration, ...] | None = None


class CapacityReached(Exception):
    """The vendor's live connection holds no more, and REST may not stand in.

    Attributes:
        registration: What found no place.
        used: Registrations that are held.
        limit: Registrations that can be held.
        reserved: Of those, how many are kept free for notices of executions.
    """

    def __init__(self, registration: Registration, *, used: int, limit: int, reserved: int) -> None:
        kept = f", {reserved} kept free for notices of executions" if reserved else ""
        super().__init__(f"{used} of {limit} live registrations are in use{kept}")
        self.registration = registration
        self.used = used
        self.limit = limit
        self.reserved = reserved
