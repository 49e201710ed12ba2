"""Between clients and RabbitMQ: says of some channels that nothing published there was taken."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from typing import Any

from tests.support.tcp_proxy import TcpProxy

_HEADER = struct.Struct(">BHI")
_METHOD_FRAME = 1
_PUBLISH, _ACK, _NACK, _CLOSE = (60, 40), (60, 80), (60, 120), (20, 40)


class RefusingProxy(TcpProxy):
    """Turns what RabbitMQ confirms on a channel into refusals.

    Attributes:
        refusing: The numbers of those channels, on every connection.
        published: On which channel each message was published, in order.
        closed: The channels that clients closed.
    """

    def __init__(self, target_host: str, target_port: int) -> None:
        self.refusing: set[int] = set()
        self.published: list[int] = []
        self.closed: list[int] = []
        super().__init__(target_host, target_port)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        changed: Any = _Frames(reader, self)
        await super()._pump(changed, writer)

    def pass_on(self, channel: int, method: tuple[int, int], *, of_client: bool) -> tuple[int, int]:
        """Look at a method; returns what to make of it."""
        if of_client and method == _PUBLISH:
            self.published.append(channel)
        elif of_client and method == _CLOSE:
            self.closed.append(channel)
        elif method == _ACK and not of_client and channel in self.refusing:
            return _NACK
        return method


class _Frames:
    """One direction of a connection, passed on in whole frames."""

    def __init__(self, reader: asyncio.StreamReader, proxy: RefusingProxy) -> None:
        self._reader = reader
        self._proxy = proxy
        self._buffer = bytearray()
        self._of_client: bool | None = None

    async def read(self, most: int) -> bytes:
        while True:
            data = await self._reader.read(most)
            if self._of_client is None:
                self._of_client = data.startswith(b"AMQP")
                if self._of_client:
                    return data  # the protocol header alone: a client waits for the answer
            if not data:
                return data
            self._buffer += data
            if whole := b"".join(self._whole_frames()):
                return whole

    def _whole_frames(self) -> Iterator[bytes]:
        while len(self._buffer) >= _HEADER.size:
            kind, channel, size = _HEADER.unpack_from(self._buffer)
            end = _HEADER.size + size + 1
            if len(self._buffer) < end:
                return
            frame = self._buffer[:end]
            del self._buffer[:end]
            if kind == _METHOD_FRAME:
                method = struct.unpack_from(">HH", frame, _HEADER.size)
                changed = self._proxy.pass_on(channel, method, of_client=bool(self._of_client))
                struct.pack_into(">HH", frame, _HEADER.size, *changed)
            yield bytes(frame)
