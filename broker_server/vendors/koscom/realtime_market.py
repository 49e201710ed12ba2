"""One live connection of a whole market."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from websockets.asyncio.client import ClientConnection

from broker_server.core.stream_requests import Registration
from broker_server.vendors.koscom.realtime_conversation import Conversation
from broker_server.vendors.koscom.realtime_entry import Pass
from broker_server.vendors.live_endings import Ending
from broker_server.vendors.live_plan import Request


class MarketConversation(Conversation):
    """Talks over the connection of a whole market: it needs no more than the init.

    Its only registration is the market, which ends with the connection.

    Args:
        connection: Open.
        entry: As of `Conversation`; likewise the rest.
        market: The registration.
    """

    def __init__(
        self, connection: ClientConnection, entry: Pass, ids: Iterator[int], market: Registration, **more: Any
    ) -> None:
        super().__init__(connection, entry, ids, **more)
        self._market = market

    async def _take_list(self, entries: list[Any]) -> None:
        if entries and isinstance(entries[0], dict) and "jsonrpc" in entries[0]:
            await super()._take_list(entries)
        else:
            self._intake.take_market(self._market, entries)

    async def _ask(self, step: list[Request]) -> Ending | None:
        for request in step:
            self._plan.asking(request)
            if request.register:
                self.has_registered = True
                self._plan.registered(request.registration)
            else:
                self._removed(request.registration)
        return None
