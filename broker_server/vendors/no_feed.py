"""Where there is no live connection: everything that REST has is polled."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from typing import Any

from broker_server.core.stream_requests import Registration


class NoFeed:
    """A `broker_server.core.feeds.Feed` that holds nothing."""

    capacity = 0

    def want(self, registrations: Sequence[Registration]) -> None:
        pass

    def renew(self, registration: Registration) -> None:
        pass

    def reconnect(self, registration: Registration, reason: str) -> None:
        pass

    def connection_of(self, registration: Registration) -> Hashable:
        return None

    async def run(self) -> None:
        await asyncio.Event().wait()

    def status(self) -> dict[str, Any]:
        return {"capacity": 0, "wanted": 0, "registered": 0, "sessions": []}
