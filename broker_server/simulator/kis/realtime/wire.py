"""Frames, as text and as bytes of the WebSocket.

The bytes are made here, so that one frame is made once for any number of sessions, and a load of many frames
is one write.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from broker_server.simulator.kis.realtime.cipher import CipherPair, encrypt

_TEXT = 0x81
"""A final text frame, without a mask as servers send them."""

MAX_RECORDS = 999
"""Three digits."""


def data_frame(tr_id: str, records: Sequence[Sequence[str]], pair: CipherPair | None = None) -> bytes:
    """The text of a data frame.

    Args:
        tr_id: The TR.
        records: The values of each record; nothing stands between two records but ``^``.
        pair: Encrypts the payload.
    """
    payload = "^".join("^".join(record) for record in records)
    flag = "0"
    if pair is not None:
        flag, payload = "1", encrypt(payload, pair)
    return f"{flag}|{tr_id}|{len(records):03d}|{payload}".encode()


def websocket_frame(text: bytes) -> bytes:
    """The bytes of one text frame."""
    length = len(text)
    if length < 126:
        return bytes((_TEXT, length)) + text
    if length < 1 << 16:
        return struct.pack("!BBH", _TEXT, 126, length) + text
    return struct.pack("!BBQ", _TEXT, 127, length) + text
