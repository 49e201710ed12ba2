"""Encodes messages to publish. What repeats, which is nearly everything but the body, is encoded once.

pika makes about ten objects and three writes for a message; here it is one `bytes` object.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from pika import frame
from pika.spec import FRAME_BODY, FRAME_END, FRAME_HEADER, PERSISTENT_DELIVERY_MODE, Basic, BasicProperties

MOST_KNOWN = 500
"""Labels in use at a time that are sure to stay encoded; streams come and go, and theirs must not pile up."""
_TRANSIENT = 1
_END = bytes([FRAME_END])
_FRAME = struct.Struct(">BHI")
_HEADER = struct.Struct(">BHIHHQ")
_CONTENT_HEADER_SIZE = 12
_DIGITS = 16


class Label(NamedTuple):
    """Everything of a message but its body.

    Attributes:
        expiration: Milliseconds, as text; ``None`` for none.
        mandatory: It comes back when there is no queue for it.
    """

    exchange: str
    routing_key: str
    persistent: bool
    expiration: str | None
    correlation_id: str | None
    mandatory: bool


class MessageEncoder:
    """Encodes for one channel.

    Args:
        channel: Its number.
        most_body: The longest payload of a frame, in bytes.
        prefix: Begins each ``message_id``, which only mandatory messages have.
    """

    def __init__(self, channel: int, most_body: int, prefix: str) -> None:
        self._channel = channel
        self._most_body = most_body
        self._prefix = prefix
        self._known: dict[Label, tuple[bytes, bytes]] = {}
        self._known_before: dict[Label, tuple[bytes, bytes]] = {}

    def encode(self, label: Label, body: bytes, number: int) -> bytes:
        """The frames of a message.

        Args:
            number: Makes the ``message_id`` of a mandatory message unique; see `number_of`.

        Raises:
            Exception: pika's, when a name is too long or of the wrong type.
        """
        method, properties = self._known.get(label) or self._learn(label)
        if label.mandatory:
            properties += b"%016d" % number
        size = len(body)
        header = _HEADER.pack(
            FRAME_HEADER, self._channel, len(properties) + _CONTENT_HEADER_SIZE, Basic.INDEX, 0, size
        )
        if 0 < size <= self._most_body:
            begin = _FRAME.pack(FRAME_BODY, self._channel, size)
            return b"".join((method, header, properties, _END, begin, body, _END))
        parts = [method, header, properties, _END]
        for start in range(0, size, self._most_body):
            part = body[start : start + self._most_body]
            parts += [_FRAME.pack(FRAME_BODY, self._channel, len(part)), part, _END]
        return b"".join(parts)

    def number_of(self, properties: BasicProperties) -> int | None:
        """The number of a message that came back; ``None`` when it is not one of ours."""
        text = properties.message_id or ""
        digits = text[len(self._prefix) :]
        return int(digits) if text.startswith(self._prefix) and digits.isdecimal() else None

    def _learn(self, label: Label) -> tuple[bytes, bytes]:
        """Encode a label, or find it among those before the last `MOST_KNOWN` new ones, and remember it."""
        known = self._known_before.get(label) or self._encode(label)
        if len(self._known) >= MOST_KNOWN:
            self._known_before, self._known = self._known, {}
        self._known[label] = known
        return known

    def _encode(self, label: Label) -> tuple[bytes, bytes]:
        publish = Basic.Publish(
            exchange=label.exchange, routing_key=label.routing_key, mandatory=label.mandatory
        )
        properties = BasicProperties(
            content_type="application/json",
            delivery_mode=PERSISTENT_DELIVERY_MODE if label.persistent else _TRANSIENT,
            correlation_id=label.correlation_id,
            expiration=label.expiration,
            message_id=self._prefix + "0" * _DIGITS if label.mandatory else None,
        )
        encoded = b"".join(properties.encode())
        if label.mandatory:
            encoded = encoded[:-_DIGITS]  # the message_id comes last of these
        return frame.Method(self._channel, publish).marshal(), encoded
