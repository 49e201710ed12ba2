"""What is encoded here is what pika encodes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import frame
from pika.exceptions import ShortStringTooLong
from pika.spec import Basic, BasicProperties

from broker_server.amqp import tick_frames
from broker_server.amqp.tick_frames import Label, MessageEncoder

SHORT = st.text(max_size=60)


def by_pika(channel: int, label: Label, body: bytes, message_id: str | None, most_body: int) -> bytes:
    """The frames as the library makes them."""
    properties = BasicProperties(
        content_type="application/json",
        delivery_mode=2 if label.persistent else 1,
        correlation_id=label.correlation_id,
        expiration=label.expiration,
        message_id=message_id,
    )
    publish = Basic.Publish(exchange=label.exchange, routing_key=label.routing_key, mandatory=label.mandatory)
    parts = [frame.Method(channel, publish).marshal(), frame.Header(channel, len(body), properties).marshal()]
    pieces = (body[start : start + most_body] for start in range(0, len(body), most_body))
    return b"".join([*parts, *(frame.Body(channel, piece).marshal() for piece in pieces)])


@given(
    label=st.builds(
        Label,
        SHORT,
        SHORT,
        st.booleans(),
        st.one_of(st.none(), st.just("5000")),
        st.one_of(st.none(), SHORT),
        st.booleans(),
    ),
    body=st.binary(max_size=40),
    channel=st.integers(1, 65_535),
    number=st.integers(0, 10**16 - 1),
    most_body=st.integers(1, 50),
)
def test_frames_are_those_of_the_library(
    label: Label, body: bytes, channel: int, number: int, most_body: int
) -> None:
    encoder = MessageEncoder(channel, most_body, "host-1-ticks-")
    message_id = f"host-1-ticks-{number:016}" if label.mandatory else None
    expected = by_pika(channel, label, body, message_id, most_body)
    assert encoder.encode(label, body, number) == expected
    assert encoder.encode(label, body, number) == expected, "from what it knows by now"
    if message_id is not None:
        assert encoder.number_of(BasicProperties(message_id=message_id)) == number


def test_messages_of_others_have_no_number() -> None:
    encoder = MessageEncoder(1, 100, "me-")
    for message_id in (None, "", "me-", "me-x", "you-1"):
        assert encoder.number_of(BasicProperties(message_id=message_id)) is None


def test_a_name_that_is_too_long_is_an_error() -> None:
    encoder = MessageEncoder(1, 100, "")
    with pytest.raises(ShortStringTooLong):
        encoder.encode(Label("", "x" * 256, False, None, None, False), b"", 1)


def test_it_does_not_remember_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tick_frames, "MOST_KNOWN", 3)
    encoder = MessageEncoder(1, 100, "")
    for number in range(10):
        encoder.encode(Label("", f"queue-{number}", False, None, None, False), b"", 1)
        assert len(encoder._known) <= 3
