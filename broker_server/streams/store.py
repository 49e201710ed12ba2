"""Subscriptions over a restart: what the journal keeps, without anything personal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import structlog
from sqlalchemy.exc import SQLAlchemyError

from broker_server.core.accounts import AccountKey
from broker_server.core.feeds import Streams
from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import Subscription
from broker_server.journal.subscriptions import KeptSubscriptions

log = structlog.get_logger(__name__)


class SubscriptionStore:
    """Reads and writes them. Blocking, but for `delete_later`. Everything is done in order.

    Args:
        kept: Makes the journal's part for an account; told what is personal.
        streams: The live parts of the adapters, by account as `AccountKey.place` has it.
    """

    def __init__(
        self,
        kept: Callable[[Callable[[Registration], bool]], KeptSubscriptions],
        streams: Mapping[str, Streams],
    ) -> None:
        self._kept = {place: kept(_personal(each)) for place, each in streams.items()}
        self._streams = streams
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="subscriptions")

    def load(self, place: str) -> list[Subscription]:
        """What was subscribed when the last owner ended."""
        found = []
        for each in self._thread.submit(self._kept[place].of, *AccountKey.of(place)).result():
            registration = self._streams[place].with_person(each.registration)
            if registration is None:
                log.warning("a subscription is not restored: its setting is gone", method=each.family)
                continue
            found.append(replace(each, registration=registration))
        return found

    def save(self, place: str, subscriptions: Sequence[Subscription]) -> None:
        """Write subscriptions down, in place of what was there of the same task and key."""
        self._thread.submit(self._kept[place].save, *AccountKey.of(place), subscriptions).result()

    def delete(self, place: str, subscriptions: Sequence[Subscription]) -> None:
        """Forget subscriptions."""
        self._thread.submit(self._kept[place].delete, *AccountKey.of(place), subscriptions).result()

    def delete_later(self, place: str, subscriptions: Sequence[Subscription]) -> None:
        """Forget subscriptions, in another thread."""
        if subscriptions:
            self._thread.submit(self._delete, place, subscriptions)

    def close(self) -> None:
        """Finish what is to be forgotten."""
        self._thread.shutdown()

    def _delete(self, place: str, subscriptions: Sequence[Subscription]) -> None:
        try:
            self._kept[place].delete(*AccountKey.of(place), subscriptions)
        except SQLAlchemyError as error:
            log.error("ended subscriptions cannot be struck out", reason=str(error).splitlines()[0])


def _personal(streams: Streams) -> Callable[[Registration], bool]:
    return lambda registration: streams.without_person(registration) != registration
