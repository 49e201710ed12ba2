"""``/ws`` as a route of the application."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from fastapi import WebSocket, WebSocketDisconnect

from broker_server.gateway.socket.hub import Hub
from broker_server.gateway.socket.limits import SocketLimits
from broker_server.gateway.socket.session import SocketSession


class AsgiWire:
    """A WebSocket of the application server; see `session.Wire`.

    Args:
        socket: It, accepted.
    """

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def receive(self) -> str | bytes | None:
        """See `session.Wire`."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        text: str | None = message.get("text")
        data: bytes | None = message.get("bytes")
        return data if text is None else text

    async def send(self, text: str) -> None:
        """See `session.Wire`."""
        try:
            await self._socket.send({"type": "websocket.send", "text": text})
        except (WebSocketDisconnect, RuntimeError) as error:  # the latter after a close from either side
            raise ConnectionError(str(error)) from None

    async def close(self, code: int, reason: str) -> None:
        """See `session.Wire`."""
        try:
            await self._socket.close(code, reason)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise ConnectionError(str(error)) from None


class SocketEndpoint:
    """Serves clients, each on its own.

    Args:
        hub: What they can listen to.
        limits: What each may do.
        clock: UTC.

    Attributes:
        sessions: Those that are connected now.
    """

    def __init__(self, hub: Hub, limits: SocketLimits, clock: Callable[[], datetime]) -> None:
        self.sessions: set[SocketSession] = set()
        self._hub = hub
        self._limits = limits
        self._clock = clock

    async def serve(self, socket: WebSocket) -> None:
        """Serve a client that may come in."""
        await socket.accept()
        session = SocketSession(str(uuid4()), AsgiWire(socket), self._hub, self._limits, clock=self._clock)
        self.sessions.add(session)
        try:
            code, reason = await session.run()
            await session.close(code, reason)
        finally:
            self.sessions.discard(session)
