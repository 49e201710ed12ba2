"""How a live connection is opened and closed, and what is said of one that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException

from broker_client.errors import VendorUnavailable
from broker_server.vendors.live_timing import Timing

_PORTS = {"ws": 80, "wss": 443}
_LARGEST_FRAME = 1024 * 1024
_WAITING_FRAMES = 256
"""How many wait to be read before the connection is not read any more."""


async def open_connection(url: str, timing: Timing) -> ClientConnection:
    """Connect.

    The connection goes to the host of the URL and nowhere else: no redirect leads to another, where another
    environment may be. The vendors do not reliably answer pings of the protocol, so none are sent; their own
    pings are text frames. A proxy of the environment must not see what is sent to get in.

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
    """Say good-bye and wait until the socket is gone: one that just breaks may be counted for a while.

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


def why_not_open(vendor: str, error: Exception) -> str:
    """What went wrong with connecting, in words, without addresses."""
    if isinstance(error, TimeoutError):
        return f"{vendor} did not accept the connection in time"
    if isinstance(error, InvalidStatus):
        return f"{vendor} answered the connection with HTTP {error.response.status_code}"
    if isinstance(error, WebSocketException):
        return f"the handshake failed: {type(error).__name__}"
    return f"the connection failed: {type(error).__name__}"


def why_closed(vendor: str, error: ConnectionClosed) -> str:
    """How the connection ended, in words; what the server says in a close frame may be personal."""
    if error.rcvd is None:
        return "the connection broke without a close frame"
    return f"{vendor} closed the connection with code {error.rcvd.code}"


async def try_connection(vendor: str, vendor_name: str, url: str) -> None:
    """Connect and close, without a word.

    Raises:
        VendorUnavailable: There is no connection.
    """
    timing = Timing()
    try:
        connection = await open_connection(url, timing)
    except (OSError, EOFError, WebSocketException) as error:
        reason = why_not_open(vendor_name, error)
        raise VendorUnavailable(f"{host_of(url)}: {reason}", vendor=vendor) from error
    await close_connection(connection, timing)


def try_connections(vendor: str, vendor_name: str, urls: Iterable[str]) -> None:
    """Connect to each of these and close, without a word. Blocking.

    Raises:
        VendorUnavailable: One of them takes no connection.
    """
    for url in urls:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(try_connection(vendor, vendor_name, url))
