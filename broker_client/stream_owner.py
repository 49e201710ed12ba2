"""What a stream needs of its client and of the client's connection."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from broker_client.call import Call, Outcome
from broker_client.calls import CallBook
from broker_client.streams import Inlet

__all__ = ["Owner", "StreamLink"]


class _Consumers(Protocol):
    def add(self, inlet: Inlet) -> None:
        """Consume its queue, now and after each reconnect."""


class StreamLink(Protocol):
    """What a stream needs of its client's connection."""

    @property
    def trouble(self) -> str | None:
        """Why the connection is down, if it is."""

    @property
    def streams(self) -> _Consumers:
        """What is consumed."""

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Run ``action`` in the connection's thread."""


class Owner(Protocol):
    """What a stream needs of its client."""

    _book: CallBook
    _clock: Callable[[], datetime]
    _stream_silence: float

    def _open_call(
        self,
        method: str,
        parameters: dict[str, Any],
        timeout: float,
        task_id: str,
        on_settled: Callable[[Outcome], None],
        *,
        reply_to: str,
    ) -> Call: ...

    def _abandon(self, call: Call) -> None: ...
