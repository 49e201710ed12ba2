"""Runs the gateway in this process: the connection to the workers, the feed of prices, the server."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI

from broker_client.aio import AsyncClient
from broker_client.errors import BrokerUnreachable
from broker_server.gateway.access import Access
from broker_server.gateway.activity import Activity
from broker_server.gateway.application import GatewayParts, make_application
from broker_server.gateway.socket.limits import SocketLimits
from broker_server.gateway.socket.protocol import PatientProtocol
from broker_server.gateway_settings import GatewaySettings
from broker_server.prices.board import PriceBoard
from broker_server.prices.feed import FeedOptions, PriceFeed
from broker_server.prices.history import DailyCandle, History

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 2.0
GRACE_SECONDS = 3
LAST_PORT = 65_535
LOOPBACK = ("127.0.0.1", "::1")
SILENCE_SECONDS = 15.0
"""When a stream on which nothing comes asks whether a worker still has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayContext:
    """What the gateway gets from outside.

    Attributes:
        broker_url: The broker of the workers.
        history: The daily candles.
        closed_at: When a trading day was over.
        clock: UTC.
    """

    broker_url: str
    history: History
    closed_at: Callable[[DailyCandle], datetime]
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


def serve_gateway(
    settings: GatewaySettings,
    context: GatewayContext,
    *,
    on_ready: Callable[[str], None],
    other_ports: int = 0,
) -> int:
    """Serve until SIGTERM or SIGINT.

    Args:
        on_ready: Called with the address once requests are taken.
        other_ports: How many of the next ports may be taken instead of one that is in use.

    Returns:
        The exit code: 0 after an orderly end, 2 with one line on stderr when it cannot serve.
    """
    return asyncio.run(_serve(settings, context, on_ready, other_ports))


async def _serve(
    settings: GatewaySettings, context: GatewayContext, on_ready: Callable[[str], None], other_ports: int
) -> int:
    app = make_gateway(settings, context)
    config = server_config(
        app,
        [str(each) for each in settings.gateway_proxies],
        cert=settings.gateway_tls_cert,
        key=settings.gateway_tls_key,
    )
    server = _Server(config, on_ready)
    try:
        listener = listen(settings.gateway_host, settings.gateway_port, other_ports)
    except OSError as error:
        sys.stderr.write(
            f"broker-server: GATEWAY_PORT: cannot listen at {settings.gateway_host}:{settings.gateway_port}: "
            f"{error.strerror}; name another port\n"
        )
        return 2
    await server.serve(sockets=[listener])
    return 0


def server_config(
    app: FastAPI, proxies: Sequence[str] = LOOPBACK, *, cert: Path | None = None, key: Path | None = None
) -> uvicorn.Config:
    """How uvicorn serves the application; on which socket, its caller decides.

    Args:
        proxies: Addresses and networks whose ``X-Forwarded-For`` is believed.
        cert: The file of its certificate, for https and wss.
        key: The file of the key, which has no password.
    """
    return uvicorn.Config(
        app,
        forwarded_allow_ips=list(proxies),
        log_config=None,
        access_log=False,
        server_header=False,
        ws=PatientProtocol,
        ws_per_message_deflate=False,
        ws_max_size=SocketLimits().message_bytes,
        ws_ping_interval=None,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=cert,
        ssl_keyfile=key,
    )


def make_gateway(settings: GatewaySettings, context: GatewayContext) -> FastAPI:
    """The application with everything behind it; nothing happens before it is started."""
    board = PriceBoard(settings.gateway_vendors)
    client = AsyncClient(
        context.broker_url, name="broker-gateway", stream_silence=SILENCE_SECONDS, clock=context.clock
    )
    feed = PriceFeed(
        client,
        board,
        context.history,
        closed_at=context.closed_at,
        options=FeedOptions(
            vendors=settings.gateway_vendors,
            fresh_for=timedelta(seconds=settings.price_fresh_seconds),
            stale_after=timedelta(seconds=settings.price_stale_seconds),
        ),
        clock=context.clock,
    )
    connection = _Connection(client)
    activity = Activity(context.broker_url, client, context.clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.ensure_future(job) for job in (connection.keep(), feed.run(), activity.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await client.close()

    def troubles() -> Sequence[str]:
        found = connection.trouble or feed.trouble
        return [found] if found else []

    return make_application(
        GatewayParts(
            board=board,
            demand=feed,
            history=context.history,
            access=Access(
                keys=[key.get_secret_value() for key in settings.gateway_api_keys],
                origins=settings.gateway_origins,
                trusted=settings.gateway_trusted_networks,
                secret=secrets.token_bytes(32),
                token_seconds=settings.gateway_token_minutes * 60,
                local=settings.is_local,
            ),
            rate=settings.gateway_rate_limit,
            socket_limits=SocketLimits(topics=settings.gateway_max_topics),
            epoch=secrets.token_hex(6),
            clock=context.clock,
            troubles=troubles,
            activity=activity.document,
            lifespan=lifespan,
        )
    )


class _Connection:
    """Connects for the first time, however long that takes; from then on the client sees to it itself."""

    def __init__(self, client: AsyncClient) -> None:
        self.trouble: str | None = "not connected to RabbitMQ yet"
        self._client = client

    async def keep(self) -> None:
        while True:
            try:
                await self._client.connect()
            except BrokerUnreachable as error:
                self.trouble = str(error)
                log.warning("no connection to RabbitMQ; once more", reason=self.trouble)
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                self.trouble = None
                return


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn does, but a signal is not raised again afterwards: it would become the exit code."""
        before = {
            number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if sockets and not self.should_exit:
            host, port = sockets[0].getsockname()[:2]
            scheme = "https" if self.config.is_ssl else "http"
            self._on_ready(f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}")


def listen(host: str, port: int, other_ports: int = 0) -> socket.socket:
    """Listen there.

    Args:
        other_ports: How many of the next ports may be taken instead of one that is in use.

    Raises:
        OSError: It cannot.
    """
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    except ValueError:
        family = socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        if not other_ports or error.errno != errno.EADDRINUSE or port == LAST_PORT:
            raise
        log.warning("the port is in use; the next one is tried (GATEWAY_PORT names one)", port=port)
        return listen(host, port + 1, other_ports - 1)
    # asyncio turns Nagle's algorithm off only for what calls itself TCP; with it an answer takes 40 ms.
    return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=listener.detach())
