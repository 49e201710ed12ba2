"""Serves one WebSocket connection of a simulated vendor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from aiohttp import WSMsgType, web

from broker_server.simulator.connections import WebConnection

CLOSING_SECONDS = 2.0
_POLL_SECONDS = 0.05
_MAX_MESSAGE = 1 << 18

S = TypeVar("S", contravariant=True)


class SessionHub(Protocol[S]):
    """What a vendor does with sessions."""

    def connected(self, session: S) -> None:
        """A connection is there."""
        ...

    def disconnected(self, session: S) -> None:
        """A connection is gone."""
        ...

    def receive(self, session: S, text: str) -> None:
        """Carry out a message of a client."""
        ...

    def is_silent(self, session: S) -> bool:
        """Whether a fault keeps the server from saying anything to a session."""
        ...


async def serve_websocket(
    request: web.BaseRequest,
    headers: Mapping[str, str],
    hub: SessionHub[S],
    begin: Callable[[WebConnection], S],
    answers_pings: Callable[[], bool] = lambda: False,
) -> web.StreamResponse:
    """Serve a connection until it ends.

    Args:
        request: The handshake.
        headers: Of its answer.
        hub: Hears what is said.
        begin: Makes the session.
        answers_pings: Whether WebSocket pings of the client are answered.
    """
    socket = web.WebSocketResponse(
        timeout=CLOSING_SECONDS, autoping=False, autoclose=False, compress=False, max_msg_size=_MAX_MESSAGE
    )
    socket.headers.update(headers)
    if not socket.can_prepare(request):
        return web.Response(status=426, headers={**headers, "Upgrade": "websocket"})
    await socket.prepare(request)
    connection = WebConnection(request, socket)
    session = begin(connection)
    hub.connected(session)
    try:
        while True:
            message = await socket.receive()
            if message.type is WSMsgType.TEXT:
                hub.receive(session, message.data)
            elif message.type is WSMsgType.PING:
                if answers_pings() and not hub.is_silent(session):
                    await socket.pong(message.data)
            elif message.type is WSMsgType.CLOSE:
                while hub.is_silent(session) and not connection.gone:  # noqa: ASYNC110 - neither tells
                    await asyncio.sleep(_POLL_SECONDS)
                await socket.close()
                break
            elif message.type in (WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                break
    finally:
        hub.disconnected(session)
    return socket
