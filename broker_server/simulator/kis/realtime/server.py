"""The simulated KIS WebSocket on the wire."""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

from broker_server.simulator.connections import INSTANCE_HEADER, SIGNATURE, WebConnection
from broker_server.simulator.kis.realtime.hub import Hub
from broker_server.simulator.kis.realtime.sessions import Session

CLOSING_SECONDS = 2.0
_POLL_SECONDS = 0.05
_MAX_MESSAGE = 1 << 16


class RealtimeServer:
    """Takes connections on any path.

    Args:
        hub: What answers and sends.
        instance: Names this simulator.
    """

    def __init__(self, hub: Hub, instance: str) -> None:
        self._hub = hub
        self._headers = {"Server": SIGNATURE, INSTANCE_HEADER: instance}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one connection until it ends.

        Pings of the client are not answered. Its pongs are taken for an answer to PINGPONG, since a published
        sample answers so.
        """
        socket = web.WebSocketResponse(
            timeout=CLOSING_SECONDS,
            autoping=False,
            autoclose=False,
            compress=False,
            max_msg_size=_MAX_MESSAGE,
        )
        socket.headers.update(self._headers)
        if not socket.can_prepare(request):
            return web.Response(status=426, headers={**self._headers, "Upgrade": "websocket"})
        await socket.prepare(request)
        connection = WebConnection(request, socket)
        session = Session(connection)
        self._hub.connected(session)
        orderly = False
        try:
            orderly = await self._serve(session, connection, socket)
        finally:
            self._hub.disconnected(session, orderly=orderly)
        return socket

    async def _serve(
        self, session: Session, connection: WebConnection, socket: web.WebSocketResponse
    ) -> bool:
        """Read until the end; whether it came with closing frames."""
        while True:
            message = await socket.receive()
            if message.type is WSMsgType.TEXT:
                if not session.ended:
                    self._hub.receive(session, message.data)
            elif message.type is WSMsgType.PONG:
                self._hub.answered(session)
            elif message.type is WSMsgType.CLOSE:
                while self._hub.is_silent(session) and not connection.gone:  # noqa: ASYNC110 - neither tells
                    await asyncio.sleep(_POLL_SECONDS)
                await socket.close()
                return True
            elif message.type in (WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                return not connection.dropped and message.type is not WSMsgType.ERROR and not connection.gone
