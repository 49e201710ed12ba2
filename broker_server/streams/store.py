"""Subscriptions over a restart: what the journal keeps, without anything personal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import structlog
from sqlalchemy.exc import SQLAlchemyError

from broker_server.core.feeds import Streams
from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import Subscription
from broker_server.journal.subscriptions import KeptSubscriptions

log = structlog.get_logger(__name__)


class SubscriptionStore:
    """Reads and writes them. Blocking, but for `delete_later`. Everything is done in order.

    Args:
        kept: Makes the journal's part for a vendor; told what is personal.
        streams: The live parts of the adapters, by vendor.
        account: The alias.
    """

    def __init__(
        self,
        kept: Callable[[Callable[[Registration], bool]], KeptSubscriptions],
        streams: Mapping[str, Streams],
        account: str,
    ) -> None:
        self._kept = {vendor: kept(_personal(each)) for vendor, each in streams.items()}
        self._streams = streams
        self._account = account
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="subscriptions")

    def load(self, vendor: str) -> list[Subscription]:
        """What was subscribed when the last owner ended."""
        found = []
        for each in self._thread.submit(self._kept[vendor].of, vendor, self._account).result():
            registration = self._streams[vendor].with_person(each.registration)
            if registration is None:
                log.warning("a subscription is not restored: its setting is gone", method=each.family)
                continue
            found.append(replace(each, registration=registration))
        return found

    def save(self, vendor: str, subscriptions: Sequence[Subscription]) -> None:
        """Write subscriptions down, in place of what was there of the same task and key."""
        self._thread.submit(self._kept[vendor].save, vendor, self._account, subscriptions).result()

    def delete(self, vendor: str, subscriptions: Sequence[Subscription]) -> None:
        """Forget subscriptions."""
        self._thread.submit(self._kept[vendor].delete, vendor, self._account, subscriptions).result()

    def delete_later(self, vendor: str, subscriptions: Sequence[Subscription]) -> None:
        """Forget subscriptions, in another thread."""
        if subscriptions:
            self._thread.submit(self._delete, vendor, subscriptions)

    def close(self) -> None:
        """Finish what is to be forgotten."""
        self._thread.shutdown()

    def _delete(self, vendor: str, subscriptions: Sequence[Subscription]) -> None:
        try:
            self._kept[vendor].delete(vendor, self._account, subscriptions)
        except SQLAlchemyError as error:
            log.error("ended subscriptions cannot be struck out", reason=str(error).splitlines()[0])


def _personal(streams: Streams) -> Callable[[Registration], bool]:
    return lambda registration: streams.without_person(registration) != registration
