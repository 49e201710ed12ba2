"""The simulated KOSCOM WebSocket on the wire."""

from __future__ import annotations

import time
from collections.abc import Callable

from aiohttp import web

from broker_server.simulator.connections import INSTANCE_HEADER, SIGNATURE, WebConnection
from broker_server.simulator.koscom.realtime.hub import KoscomHub
from broker_server.simulator.koscom.realtime.sessions import Session
from broker_server.simulator.koscom.tables import MARKET_PATHS, WEBSOCKET_PATH
from broker_server.simulator.websocket_serving import serve_websocket


class KoscomRealtimeServer:
    """Takes connections on KOSCOM's three paths, with or without a slash at the end.

    Args:
        hub: What answers and sends.
        instance: Names this simulator.
        monotonic: Real seconds.
    """

    def __init__(
        self, hub: KoscomHub, instance: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._hub = hub
        self._headers = {"Server": SIGNATURE, INSTANCE_HEADER: instance}
        self._monotonic = monotonic

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one connection until it ends."""
        path = request.path.removesuffix("/")
        if path != WEBSOCKET_PATH and path not in MARKET_PATHS:
            return web.Response(status=404, headers=self._headers)

        def begin(connection: WebConnection) -> Session:
            now = self._monotonic()
            return Session(connection, MARKET_PATHS.get(path), now, now)

        return await serve_websocket(
            request, self._headers, self._hub, begin, lambda: self._hub.settings.answers_pings
        )
