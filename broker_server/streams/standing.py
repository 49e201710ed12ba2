"""What a subscribe task learns of what it asked for, before it is acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from broker_client.errors import NotSubscribed, TaskFailed, VendorUnavailable
from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import Mode, Subscription
from broker_server.core.subscriptions import SubscriptionBook
from broker_server.streams.audience import Audience, Receiver, Stage
from broker_server.streams.connections import Connections


@dataclass(frozen=True, slots=True)
class Asked:
    """What a task has asked for.

    Attributes:
        answers: What to wait for before it is acknowledged: done when the vendor has answered. Nothing while
            the feed cannot be reached anyway.
    """

    receivers: Sequence[Receiver]
    answers: Sequence[Future[None]]


@dataclass(frozen=True, slots=True)
class Standing:
    """How one subscription is served.

    Attributes:
        key: The ``key`` of its messages.
        failure: Why there is no such subscription after all.
        market: Of executions, whose they are.
        reason: Why it is not live, where that is known.
    """

    subscription: Subscription
    key: str
    mode: Mode
    failure: TaskFailed | None = None
    market: str | None = None
    reason: str | None = None


class Standings:
    """What those who have asked learn.

    Args:
        vendor: Its name.
        book: Knows how each is served.
        audience: Has the receivers.
        connections: Know why something is not live.
        key_of: The ``key`` of a subscription's messages.
        market_of: Whose executions a registration brings.
    """

    def __init__(
        self,
        vendor: str,
        book: SubscriptionBook,
        audience: Audience,
        connections: Connections,
        *,
        key_of: Callable[[Subscription], str],
        market_of: Callable[[Registration], str | None],
    ) -> None:
        self._vendor = vendor
        self._book = book
        self._audience = audience
        self._connections = connections
        self._key_of = key_of
        self._market_of = market_of

    def of(self, receivers: Sequence[Receiver], stale: Mapping[Registration, str]) -> list[Standing]:
        """How what was asked for is served now: what the acknowledgement says.

        Args:
            receivers: Of what was asked for.
            stale: What is connected and mute, and why it is said to be.
        """
        for receiver in receivers:
            registration = receiver.subscription.registration
            is_live = self._book.registration_mode(registration) == "realtime"
            self._audience.answer(receiver, stale.get(registration) if is_live else None)
        return [self._of(each) for each in receivers]

    def _of(self, receiver: Receiver) -> Standing:
        subscription = receiver.subscription
        registration, mode = subscription.registration, self._book.mode(subscription)
        return Standing(
            subscription,
            self._key_of(subscription),
            mode,
            self._failure(receiver, mode),
            self._market_of(registration),
            None if mode == "realtime" else self._connections.why_down(registration),
        )

    def _failure(self, receiver: Receiver, mode: Mode) -> TaskFailed | None:
        subscription = receiver.subscription
        if self._book.find(subscription.key) is not None:
            # What ran before the key was refused is not ended by a repeat of its task.
            is_new = receiver.stage is Stage.NEW and not receiver.is_repeat
            return (
                self._connections.refusal(subscription.registration) if is_new and mode == "pending" else None
            )
        if receiver.ended:
            return receiver.refusal or NotSubscribed("it was ended while the vendor's answer was waited for")
        return VendorUnavailable(
            f"{self._vendor}: live data began anew meanwhile; try again in a moment", vendor=self._vendor
        )
