"""What every simulated server needs of its wire."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Protocol

from aiohttp import web

SIGNATURE = "sapi-broker-simulator"
INSTANCE_HEADER = "X-Simulator-Instance"
"""Workers send simulated orders to no server without it."""

_TEXT = 0x81
"""A final text frame, without a mask as servers send them."""


def websocket_frame(text: bytes) -> bytes:
    """The bytes of one text frame.

    They are made here, so that one frame is made once for any number of sessions, and many are one write.
    """
    length = len(text)
    if length < 126:
        return bytes((_TEXT, length)) + text
    if length < 1 << 16:
        return struct.pack("!BBH", _TEXT, 126, length) + text
    return struct.pack("!BBQ", _TEXT, 127, length) + text


def reset(request: web.BaseRequest) -> None:
    """End the connection with a TCP reset, so that the caller sees neither answer nor orderly end."""
    transport = request.transport
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Connection(Protocol):
    """The wire of a session."""

    def send(self, frames: bytes) -> None:
        """Write whole WebSocket frames."""
        ...

    def drop(self) -> None:
        """End it with a TCP reset."""
        ...

    def close(self) -> None:
        """End it with a closing frame."""
        ...

    @property
    def backlog(self) -> int:
        """Bytes that the client has not taken yet."""
        ...


class WebConnection:
    """A session's wire, over aiohttp. Frames are written to the transport as they are."""

    def __init__(self, request: web.BaseRequest, socket: web.WebSocketResponse) -> None:
        self._request = request
        self._socket = socket
        self._closing: asyncio.Task[bool] | None = None
        self.dropped = False

    @property
    def gone(self) -> bool:
        """Whether nothing can be sent any more."""
        transport = self._request.transport
        return transport is None or transport.is_closing()

    @property
    def backlog(self) -> int:
        """Bytes that the client has not taken yet."""
        transport = self._request.transport
        return 0 if transport is None else transport.get_write_buffer_size()

    def send(self, frames: bytes) -> None:
        """Write whole WebSocket frames."""
        transport = self._request.transport
        if transport is not None and not transport.is_closing() and self._closing is None:
            transport.write(frames)

    def drop(self) -> None:
        """End it with a TCP reset."""
        self.dropped = True
        reset(self._request)

    def close(self) -> None:
        """End it with a closing frame."""
        if self._closing is None and not self.gone:
            self._closing = asyncio.ensure_future(self._socket.close())
