"""Between our programs and RabbitMQ: every method that they send."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from pika import frame
from pika.amqp_object import Method

from tests.support.tcp_proxy import TcpProxy

M = TypeVar("M", bound=Method)


class AmqpTap(TcpProxy):
    """Writes down what the clients behind it send.

    Attributes:
        methods: The AMQP methods so far, as pika decodes them.
    """

    def __init__(self, target_host: str, target_port: int) -> None:
        self.methods: list[Method] = []
        super().__init__(target_host, target_port)

    def all_of(self, kind: type[M]) -> list[M]:
        """The methods of one kind, such as ``spec.Queue.Declare``."""
        return [method for method in list(self.methods) if isinstance(method, kind)]

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard: Any = _Heard(reader, self.methods.append)
        await super()._pump(heard, writer)


class _Heard:
    """A stream, decoded on its way if it is a client's."""

    def __init__(self, reader: asyncio.StreamReader, on_method: Callable[[Method], None]) -> None:
        self._reader = reader
        self._on_method = on_method
        self._buffer = b""
        self._of_client: bool | None = None

    async def read(self, most: int) -> bytes:
        data = await self._reader.read(most)
        if self._of_client is None:
            self._of_client = data.startswith(b"AMQP")
        if self._of_client:
            self._buffer += data
            self._decode()
        return data

    def _decode(self) -> None:
        while True:
            taken, decoded = frame.decode_frame(self._buffer)
            if decoded is None:
                return
            self._buffer = self._buffer[taken:]
            if isinstance(decoded, frame.Method):
                self._on_method(decoded.method)
