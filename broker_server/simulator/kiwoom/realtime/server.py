"""The simulated Kiwoom WebSocket on the wire."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from aiohttp import WSMsgType, web

from broker_server.simulator.connections import INSTANCE_HEADER, SIGNATURE, WebConnection
from broker_server.simulator.kiwoom.realtime.hub import KiwoomHub
from broker_server.simulator.kiwoom.realtime.sessions import Session
from broker_server.simulator.kiwoom.tables import WEBSOCKET_PATH

CLOSING_SECONDS = 2.0
_POLL_SECONDS = 0.05
_MAX_MESSAGE = 1 << 18


class KiwoomRealtimeServer:
    """Takes connections on Kiwoom's path.

    Args:
        hub: What answers and sends.
        instance: Names this simulator.
        monotonic: Real seconds.
    """

    def __init__(
        self, hub: KiwoomHub, instance: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._hub = hub
        self._headers = {"Server": SIGNATURE, INSTANCE_HEADER: instance}
        self._monotonic = monotonic

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one connection until it ends. WebSocket pings of the client are not answered."""
        if request.path != WEBSOCKET_PATH:
            return web.Response(status=404, headers=self._headers)
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
        now = self._monotonic()
        session = Session(connection, now, now)
        self._hub.connected(session)
        try:
            await self._serve(session, connection, socket)
        finally:
            self._hub.disconnected(session)
        return socket

    async def _serve(
        self, session: Session, connection: WebConnection, socket: web.WebSocketResponse
    ) -> None:
        while True:
            message = await socket.receive()
            if message.type is WSMsgType.TEXT:
                self._hub.receive(session, message.data)
            elif message.type is WSMsgType.CLOSE:
                while self._hub.is_silent(session) and not connection.gone:  # noqa: ASYNC110 - neither tells
                    await asyncio.sleep(_POLL_SECONDS)
                await socket.close()
                return
            elif message.type in (WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                return
