"""The bytes of the live connection: how it is opened, and what a request looks like."""

from __future__ import annotations

import asyncio
from typing import Literal
from urllib.parse import urlsplit

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException

from broker_server.vendors.kis.realtime_plan import Request
from broker_server.vendors.kis.realtime_timing import Timing

_PORTS = {"ws": 80, "wss": 443}
_LARGEST_FRAME = 1024 * 1024
_WAITING_FRAMES = 256
"""How many wait to be read before the connection is not read any more."""


async def open_connection(url: str, timing: Timing) -> ClientConnection:
    """Connect.

    The connection goes to the host of the URL and nowhere else: no redirect leads to another, where another
    environment may be. KIS does not reliably answer pings of the protocol, so none are sent; its own ping is
    a text frame. A proxy of the environment must not see the approval key.

    Raises:
        OSError: There is no connection.
        WebSocketException: The server does not shake hands.
    """
    parts = urlsplit(url)
    try:
        return await connect(
            url,
            host=parts.hostname,
            port=parts.port or _PORTS[parts.scheme],
            compression=None,
            ping_interval=None,
            open_timeout=timing.open,
            close_timeout=timing.close,
            max_size=_LARGEST_FRAME,
            max_queue=_WAITING_FRAMES,
            proxy=None,
        )
    except ValueError as error:
        raise InvalidHandshake("redirected to another host") from error


def host_of(url: str) -> str:
    """Host and port of a URL, and nothing else of it."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or _PORTS[parts.scheme]}"


async def close_connection(connection: ClientConnection, timing: Timing) -> None:
    """Say good-bye and wait until the socket is gone: KIS counts a connection that just breaks for a while.

    Being cancelled meanwhile does not cut it short; a server that does not read may not hold it up.
    """
    closing = asyncio.ensure_future(_close(connection, timing))
    try:
        await asyncio.shield(closing)
    except asyncio.CancelledError:
        await closing
        raise


async def _close(connection: ClientConnection, timing: Timing) -> None:
    try:
        async with asyncio.timeout(2 * timing.close):
            await connection.close()
    except TimeoutError:
        connection.transport.abort()
        await connection.wait_closed()


def request_text(approval_key: str, customer: Literal["P", "B"], request: Request) -> str:
    """A request as KIS reads it."""
    registration, register = request
    return orjson.dumps(
        {
            "header": {
                "approval_key": approval_key,
                "custtype": customer,
                "tr_type": "1" if register else "2",
                "content-type": "utf-8",
            },
            "body": {"input": {"tr_id": registration.code, "tr_key": registration.symbol}},
        }
    ).decode()


def why_not_open(error: Exception) -> str:
    """What went wrong with connecting, in words, without addresses."""
    if isinstance(error, TimeoutError):
        return "KIS did not accept the connection in time"
    if isinstance(error, InvalidStatus):
        return f"KIS answered the connection with HTTP {error.response.status_code}"
    if isinstance(error, WebSocketException):
        return f"the handshake failed: {type(error).__name__}"
    return f"the connection failed: {type(error).__name__}"


def why_closed(error: ConnectionClosed) -> str:
    """How the connection ended, in words; what the server says in a close frame may be personal."""
    if error.rcvd is None:
        return "the connection broke without a close frame"
    return f"KIS closed the connection with code {error.rcvd.code}"
