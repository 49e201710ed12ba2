"""Tells ``broker.events`` what happens to subscriptions and to what they are registered as."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from broker_server.core.accounts import DEFAULT
from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import Subscription


class EventBus(Protocol):
    """``broker.events``."""

    def publish(self, key: str, body: dict[str, Any]) -> None:
        """Publish an event; returns at once. For any thread."""


class Herald:
    """The events about one vendor's live data.

    Args:
        vendor: Its name.
        bus: ``broker.events``.
        describe: How a registration is shown; see `broker_server.core.feeds.Streams.describe`.
        account: The alias of the account whose connections they are.
    """

    def __init__(
        self,
        vendor: str,
        bus: EventBus,
        describe: Callable[[Registration], Mapping[str, Any]],
        account: str = DEFAULT,
    ) -> None:
        self._account = account
        self._vendor = vendor
        self._bus = bus
        self._describe = describe

    def of_stream(self, registration: Registration, state: str, **more: Any) -> None:
        """Something happened to a registration, whoever subscribed to it."""
        self._publish("stream", registration, state, more)

    def of_subscription(self, subscription: Subscription, state: str, **more: Any) -> None:
        """Something happened to one subscription."""
        body = {"task_id": subscription.task_id, **more}
        self._publish("subscription", subscription.registration, state, body)

    def of_connection(self, state: str, **more: Any) -> None:
        """Something happened to a connection, whatever is registered on it."""
        body = {
            "type": "connection",
            "state": state,
            "vendor": self._vendor,
            "account": self._account,
            **more,
        }
        self._bus.publish(f"stream.{self._vendor}.{state}", body)

    def _publish(self, about: str, registration: Registration, state: str, more: Mapping[str, Any]) -> None:
        shown = {"vendor": self._vendor, **self._describe(registration)}
        self._bus.publish(f"{about}.{self._vendor}.{state}", {"type": about, "state": state, **more, **shown})
