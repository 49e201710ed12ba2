"""The simulated Kiwoom WebSocket on the wire."""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web

from broker_server.simulator.connections import INSTANCE_HEADER, SIGNATURE, WebConnection
from broker_server.simulator.kiwoom.realtime.hub import KiwoomHub
from broker_server.simulator.kiwoom.realtime.sessions import Session
from broker_server.simulator.kiwoom.tables import WEBSOCKET_PATH
from broker_server.simulator.websocket_serving import serve_websocket


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
        return await serve_websocket(request, self._headers, self._hub, self._begin)

    def _begin(self, connection: WebConnection) -> Session:
        now = self._monotonic()
        return Session(connection, now, now)
