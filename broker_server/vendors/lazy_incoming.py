"""A live record that becomes an event only when somebody wants it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from broker_server.core.market_data import MarketData, event_of


class Address(NamedTuple):
    """Where a record is published.

    Attributes:
        channel: Of `broker_server.core.feeds.Incoming`.
        subject: Likewise.
        conflatable: Likewise.
    """

    channel: str
    subject: str
    conflatable: bool


class LazyIncoming(ABC):
    """A record, and where it is published; see `broker_server.core.feeds.Incoming`.

    A record that the common model cannot take is published by the vendor's own names, on a channel of its
    own. To know that, what must not be skipped is read at once. Of what may be, most is never looked at: it
    is read when its event is asked for, and a misfit keeps the channel of its kind.

    Args:
        address: Of its registration.
        own_channel: For a record without a common model.
    """

    __slots__ = ("_data", "_is_read", "channel", "conflatable", "subject")

    def __init__(self, address: Address, own_channel: str) -> None:
        self._data: MarketData | None = None
        self._is_read = False
        self.channel, self.subject, self.conflatable = address
        if not self.conflatable and self._read() is None:
            self.channel = own_channel

    def event(self) -> dict[str, Any]:
        data = self._read()
        return self.raw_event() if data is None else event_of(data)

    @abstractmethod
    def raw_event(self) -> dict[str, Any]: ...

    @abstractmethod
    def _normalise(self) -> MarketData | None:
        """In the common model, if there is one for it and it fits."""

    def _read(self) -> MarketData | None:
        if not self._is_read:
            self._is_read = True
            self._data = self._normalise()
        return self._data
