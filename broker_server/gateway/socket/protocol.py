"""The WebSocket protocol of the application server, for clients that do not read."""

from __future__ import annotations

import asyncio

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LAST_SECONDS = 10.0
"""How long a client whose conversation is over may take to read what is still on its way to it."""


class PatientProtocol(WebSocketsSansIOProtocol):
    """As uvicorn has it, except for the end of a client that does not read.

    There, the closing frame waits until the client reads, and so does the end of the connection: for ever, if
    it never does. Here the frame goes behind what is on its way, and after a while the connection is cut.
    """

    async def send(self, message: ASGISendEvent) -> None:
        """See ASGI; a closing frame does not wait until the client reads."""
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The conversation is over."""
        super().on_task_complete(task)
        if not self.disconnected:
            self.loop.call_later(LAST_SECONDS, self.transport.abort)
