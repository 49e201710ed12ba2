"""A subscription task as the stream desk sees it."""

from __future__ import annotations

from dataclasses import dataclass

from broker_server.core.accounts import DEFAULT, AccountKey
from broker_server.core.methods import TaskContext
from broker_server.core.stream_requests import StreamRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTask:
    """One subscribe or unsubscribe task.

    Attributes:
        vendor: Whose feed it is about.
        account: The alias of the account whose connection it is about.
        request: What it asks for.
        reply_to: Where its events go; ``None`` for an address that lives only as long as its connection.
        correlation_id: Echoed with every message.
        context: Its deadline.
    """

    vendor: str
    request: StreamRequest
    reply_to: str | None
    correlation_id: str | None
    context: TaskContext
    account: str = DEFAULT

    @property
    def place(self) -> str:
        """Which board serves it."""
        return AccountKey(self.vendor, self.account).place

    @property
    def task_id(self) -> str:
        """The client's name of it, and of the subscription."""
        return self.context.task_id
