"""What is changed in the AMQP library's connection.

It reads messages whose header table the library cannot read, and writes frames that are encoded already.

A client may put a value into its headers that RabbitMQ carries and pika cannot decode: a time beyond the
year 9999 (pika 1.4, ``pika.data.decode_value``). pika then gives up the connection, the broker delivers the
message again, and the worker never gets past it. Here such a message arrives without its headers, and is
answered like any other that cannot be read.
"""

from __future__ import annotations

import struct
from typing import Any

import structlog
from pika import frame, spec
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import ConnectionClosedByClient
from pika.spec import CONNECTION_FORCED

log = structlog.get_logger(__name__)

_FRAME_HEADER = struct.Struct(">BHL")
_CONTENT_HEADER = struct.Struct(">HHQH")


class UnreadableHeaders(dict[str, Any]):
    """Stands for a header table that cannot be read; it is empty.

    Attributes:
        reason: Why it cannot be read.
    """

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class TolerantConnection(AsyncioConnection):  # type: ignore[misc]  # pika has no types
    """pika's connection, except that unreadable headers do not end it, and that it can be dropped."""

    def abort(self, reason: str) -> None:
        """Drop the connection without asking the other side, which may not answer any more."""
        if not self.is_closed:
            self._terminate_stream(ConnectionClosedByClient(CONNECTION_FORCED, reason))

    @property
    def longest_body(self) -> int:
        """Bytes of a message's body that go into one frame, as agreed with the broker."""
        return int(self._body_max_length)

    def write_frames(self, data: bytes) -> None:
        """Send whole frames that are encoded already, in one piece; the library's own go before or behind.

        What the socket takes goes at once; the library by itself waits for another turn of the event loop.
        """
        if self.is_open:
            self._output_marshaled_frames([data])
            self._transport._on_socket_writable()

    def _on_connection_workflow_done(self, result: Any) -> None:
        """Pika 1.4 tells an aborted attempt by the class of its error where it promises an instance."""
        is_class = isinstance(result, type) and issubclass(result, Exception)
        super()._on_connection_workflow_done(result() if is_class else result)

    def _read_frame(self) -> tuple[int, Any]:
        try:
            read: tuple[int, Any] = super()._read_frame()
        except Exception as error:
            read = read_without_headers(bytes(self._frame_buffer), error)
            log.warning("message headers cannot be read", reason=repr(error))
        return read


def read_without_headers(data: bytes, error: Exception) -> tuple[int, frame.Header]:
    """Decode a content header frame, except for its header table.

    Args:
        data: Received bytes, which begin with the whole frame.
        error: What decoding the frame raised; raised again if the header table is not to blame.

    Returns:
        The frame's length in bytes and the frame; its ``properties.headers`` are `UnreadableHeaders`.
    """
    kind, channel, size = _FRAME_HEADER.unpack_from(data)
    if kind != spec.FRAME_HEADER:
        raise error
    payload = data[_FRAME_HEADER.size : _FRAME_HEADER.size + size]
    class_id, _, body_size, flags = _CONTENT_HEADER.unpack_from(payload)
    properties = spec.BasicProperties()
    if class_id != spec.Basic.INDEX or not flags & properties.FLAG_HEADERS:
        raise error
    begin = _CONTENT_HEADER.size
    for flag in (properties.FLAG_CONTENT_TYPE, properties.FLAG_CONTENT_ENCODING):
        if flags & flag:
            begin += 1 + payload[begin]
    (table_size,) = struct.unpack_from(">L", payload, begin)
    others = payload[_CONTENT_HEADER.size : begin] + payload[begin + 4 + table_size :]
    properties.decode(struct.pack(">H", flags & ~properties.FLAG_HEADERS) + others)
    properties.headers = UnreadableHeaders(str(error) or repr(error))
    return _FRAME_HEADER.size + size + spec.FRAME_END_SIZE, frame.Header(channel, body_size, properties)
