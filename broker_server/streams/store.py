"""Subscriptions over a restart: what the journal keeps, without anything personal."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import structlog
from sqlalchemy.exc import SQLAlchemyError

from broker_server.core.feeds import Streams
from broker_server.core.subscription_changes import Subscription
from broker_server.journal.subscriptions import KeptSubscriptions

log = structlog.get_logger(__name__)


class SubscriptionStore:
    """Reads and writes them. Blocking, but for `delete_later`.

    Args:
        kept: The journal's.
    """

    def __init__(self, kept: KeptSubscriptions) -> None:
        self._kept = kept
        self._later = ThreadPoolExecutor(1, thread_name_prefix="subscriptions")

    def load(self, vendor: str, streams: Streams) -> list[Subscription]:
        """What was subscribed when the last owner ended."""
        found = []
        for each in self._kept.all(vendor):
            registration = streams.with_person(each.registration)
            if registration is None:
                log.warning(
                    "a subscription is not restored: a setting that it needs is gone", key=each.family
                )
                continue
            found.append(replace(each, registration=registration))
        return found

    def save(self, vendor: str, streams: Streams, subscriptions: Sequence[Subscription]) -> None:
        """Write subscriptions down, in place of what was there of the same task and key."""
        self._kept.save(vendor, [_impersonal(streams, each) for each in subscriptions])

    def delete(self, vendor: str, streams: Streams, subscriptions: Sequence[Subscription]) -> None:
        """Forget subscriptions."""
        keys = [_impersonal(streams, each).key for each in subscriptions]
        if keys:
            self._kept.delete(vendor, keys)

    def delete_later(self, vendor: str, streams: Streams, subscriptions: Sequence[Subscription]) -> None:
        """Forget subscriptions, in another thread."""
        if subscriptions:
            self._later.submit(self._delete, vendor, streams, subscriptions)

    def close(self) -> None:
        """Finish what is to be forgotten."""
        self._later.shutdown()

    def _delete(self, vendor: str, streams: Streams, subscriptions: Sequence[Subscription]) -> None:
        try:
            self.delete(vendor, streams, subscriptions)
        except SQLAlchemyError as error:
            log.error("ended subscriptions cannot be struck out", reason=str(error).splitlines()[0])


def _impersonal(streams: Streams, subscription: Subscription) -> Subscription:
    return replace(subscription, registration=streams.without_person(subscription.registration))
