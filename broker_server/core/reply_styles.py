"""Messages that are not written as the contract says: those of a server that this one takes the place of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


class ReplyStyle(Protocol):
    """How one message is read and answered. Its reply carries no AMQP properties."""

    def request(self) -> Mapping[str, Any]:
        """The task as the contract writes it.

        Raises:
            ValueError: It is none.
        """

    def check(self) -> None:
        """Look at the arguments, once the method is known to be served.

        Raises:
            Exception: Of the contract's error tree; `reply` knows what to say of it.
        """

    def reply(self, task_id: str, rows: Sequence[Any], *, error: Exception | None, now: datetime) -> bytes:
        """The whole message.

        Args:
            rows: As the contract has them.
            error: Of the contract's error tree.
            now: The response time, with an offset.
        """


StyleOf = Callable[[bytes], ReplyStyle | None]
"""The style of a message's body; ``None`` for the contract's."""


def no_style(_: bytes) -> None:
    """Every message is of the contract."""


@dataclass(frozen=True, slots=True)
class EventStyle:
    """How the events of some subscriptions are written.

    Attributes:
        shape: Makes an event of the vendor's own form of it (`Incoming.raw_event`).
        message: Makes a whole message of a task_id, an encoded event and the response time in UTC, where the
            contract's is not meant. Nothing but events is sent to such a subscription.
    """

    shape: Callable[[Mapping[str, Any]], dict[str, Any]]
    message: Callable[[str, bytes, bytes], bytes] | None = None


@dataclass(frozen=True, slots=True)
class Styles:
    """What a worker writes in another style than the contract's.

    Attributes:
        of: The style of a message.
        events: The style of the events of subscriptions, by their family.
    """

    of: StyleOf = no_style
    events: Mapping[str, EventStyle] | None = None
