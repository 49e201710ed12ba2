"""A header table that the library cannot read costs the headers, nothing else."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import frame, spec

from broker_server.amqp.direct_reply import is_direct
from broker_server.amqp.frames import UnreadableHeaders, read_without_headers

texts = st.none() | st.text(max_size=40)
ERROR = ValueError("year is out of range")


@given(texts, texts, texts, texts, st.none() | st.integers(0, 2**63 - 1), st.integers(0, 2**40))
def test_everything_but_the_headers_is_read(
    content_type: str | None, encoding: str | None, correlation: str | None, reply_to: str | None,
    timestamp: int | None, size: int,
) -> None:  # fmt: skip
    sent = spec.BasicProperties(
        content_type, encoding, {"a": {"b": [1, "x"]}}, 2, None, correlation, reply_to, timestamp=timestamp
    )
    data = frame.Header(7, size, sent).marshal()
    consumed, read = read_without_headers(data + b"more", ERROR)
    assert consumed == len(data)
    assert (read.channel_number, read.body_size) == (7, size)
    assert isinstance(read.properties.headers, UnreadableHeaders)
    for name in (
        "content_type",
        "content_encoding",
        "delivery_mode",
        "correlation_id",
        "reply_to",
        "timestamp",
    ):
        assert getattr(read.properties, name) == getattr(sent, name)


def test_a_frame_whose_headers_are_not_to_blame_fails_as_before() -> None:
    for data in (
        frame.Header(1, 5, spec.BasicProperties(content_type="x")).marshal(),
        frame.Method(1, spec.Basic.Ack(1)).marshal(),
        struct.pack(">BHL", spec.FRAME_BODY, 1, 1) + b"x" + bytes([spec.FRAME_END]),
    ):
        with pytest.raises(ValueError, match="out of range"):
            read_without_headers(data, ERROR)


def test_address_that_rabbitmq_made_is_direct() -> None:
    # From RabbitMQ 3.10.8.
    process = "g1h2AA5yZXBseUA2MzQ4MTIzNgAATbwAAAACawFpmg=="
    assert is_direct(f"amq.rabbitmq.reply-to.{process}.luVeNpGTUVH0o6XDjdlC+A==")


@given(st.text(max_size=80))
def test_made_up_text_is_no_direct_address(text: str) -> None:
    assert not is_direct(text)
    assert not is_direct(f"amq.rabbitmq.reply-to.{text}.key")
