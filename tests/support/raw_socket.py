"""Clients of the gateway's WebSocket that do what no library does: not read, or send garbage."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from tests.support.waiting import PATIENCE

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@asynccontextmanager
async def raw_connection(url: str) -> AsyncIterator[socket.socket]:
    """A connection to the server at an HTTP address, and nothing said yet."""
    address = urlsplit(url)
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, (address.hostname, address.port))
        yield raw


@asynccontextmanager
async def stalled_client(url: str, *topics: str) -> AsyncIterator[socket.socket]:
    """A client that subscribes and then never reads."""
    async with raw_connection(url) as raw:
        await write(raw, HANDSHAKE)
        assert b" 101 " in await read_some(raw, 4096)
        for topic in topics:
            await write(raw, text_frame(json.dumps({"type": "subscribe", "topic": topic})))
        yield raw


async def write(client: socket.socket, data: bytes) -> None:
    """Send bytes."""
    await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(client, data), PATIENCE)


async def read_some(client: socket.socket, most: int = 1 << 20) -> bytes:
    """What comes next; nothing at the end."""
    return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, most), PATIENCE)


def text_frame(text: str) -> bytes:
    """A short frame of a client, masked with zeros."""
    data = text.encode()
    assert len(data) < 126
    return bytes([0x81, 0x80 | len(data)]) + bytes(4) + data
