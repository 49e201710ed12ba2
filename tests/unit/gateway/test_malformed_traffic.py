"""Whatever somebody sends, the server stays, and the others are served."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import pytest

from broker_server.gateway.socket.limits import SocketLimits
from tests.support.gateway import Faces, a_price, receive, receive_until, say, serve_faces
from tests.support.raw_socket import HANDSHAKE, raw_connection, read_some, write
from tests.support.waiting import wait_until_async

GARBAGE = {
    "not masked": b"\x81\x02hi",
    "half a frame, then gone": b"\x81\xfe\x10\x00abc",
    "half a header": b"\x81",
    "reserved bits": b"\xf1\x80\x00\x00\x00\x00",
    "unknown opcode": b"\x83\x80\x00\x00\x00\x00",
    "text that is no UTF-8": b"\x81\x82\x00\x00\x00\x00\xff\xfe",
    "a continuation of nothing": b"\x80\x82\x00\x00\x00\x00hi",
    "a text inside a text": b"\x01\x81\x00\x00\x00\x00{" + b"\x81\x81\x00\x00\x00\x00}",
    "a ping that is too long": b"\x89\xfe\x01\x00" + bytes(4 + 256),
    "a fragmented ping": b"\x09\x80\x00\x00\x00\x00",
    "a length of 2^63": b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00",
    "a megabyte announced": b"\x81\xff" + (1 << 20).to_bytes(8, "big") + bytes(4),
    "a closing frame of one byte": b"\x88\x81\x00\x00\x00\x00x",
    "a closing code that is none": b"\x88\x82\x00\x00\x00\x00\x00\x01",
    "no WebSocket any more": b"GET / HTTP/1.1\r\n\r\n",
    "a megabyte of noise": Random(1).randbytes(1 << 20),
}


@pytest.fixture
async def faces() -> AsyncIterator[Faces]:
    async with serve_faces(limits=SocketLimits(ping_seconds=1000)) as served:
        yield served


async def still_serves(faces: Faces) -> None:
    """A client that came now gets a price, and nobody else is left."""
    faces.board.put(a_price())
    async with faces.connect() as client:
        await say(client, type="subscribe", topic="price:005930")
        await receive_until(client, type="price_update")
    assert (await faces.get("/healthz"))[0] == 200
    await wait_until_async(lambda: faces.sessions == 0, what="the clients to be gone")


@pytest.mark.parametrize("what", GARBAGE)
async def test_garbage_ends_its_own_connection_alone(
    faces: Faces, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with faces.connect() as other:
        await receive(other)
        async with raw_connection(faces.url) as raw:
            await write(raw, HANDSHAKE)
            assert b" 101 " in await read_some(raw)
            try:
                await write(raw, GARBAGE[what])
            except (BrokenPipeError, ConnectionResetError):
                assert what == "a megabyte of noise"
        await wait_until_async(lambda: faces.sessions == 1, what="the end of the session")
        await say(other, type="ping")
        assert (await receive(other))["type"] == "pong"
    await still_serves(faces)
    assert "Exception in ASGI application" not in caplog.text


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00",
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        HANDSHAKE.replace(b"Version: 13", b"Version: 12"),
        b"GET /ws?token=%ff%00&token=& HTTP/1.1\r\nHost: \xff\xfe\r\nOrigin: \xff\r\n\r\n",
        b"POST /ws HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
    ],
)
async def test_a_bad_handshake_is_refused(faces: Faces, request_bytes: bytes) -> None:
    async with raw_connection(faces.url) as raw:
        await write(raw, request_bytes)
        answer = await read_some(raw)
        assert b" 101 " not in answer
        assert answer.startswith(b"HTTP/1.1 4")
    await still_serves(faces)


async def test_a_handshake_that_never_ends_keeps_nobody_waiting(faces: Faces) -> None:
    async with raw_connection(faces.url) as raw:
        await write(raw, HANDSHAKE[:40])
        await still_serves(faces)


async def test_noise_of_every_kind_never_breaks_a_session() -> None:
    """Valid frames with anything in them, many to a connection."""
    noise = Random(7)
    limits = SocketLimits(ping_seconds=1000, messages_per_second=100_000, burst=100_000)
    words = [
        "subscribe",
        "unsubscribe",
        "resume",
        "ping",
        "pong",
        "price:",
        "trade:",
        "005930",
        "seq",
        "epoch",
    ]
    async with serve_faces(limits=limits) as faces:
        # What is not read yet would hold back the answer to the closing frame.
        async with faces.connect(max_queue=None) as client:
            for number in range(400):
                kind = number % 4
                if kind == 0:
                    await client.send(noise.randbytes(noise.randrange(200)))
                elif kind == 1:
                    await client.send("".join(noise.choice('{}[]":,\\ue \x00가😀') for _ in range(60)))
                elif kind == 2:
                    await client.send(repr({noise.choice(words): noise.choice(words)}).replace("'", '"'))
                else:
                    value = noise.choice(["null", "-1", "1e999", '"\\u0000"', "{}", "[]", "true", "0.5"])
                    await client.send(
                        f'{{"type":"{noise.choice(words)}","topic":"trade:005930","seq":{value},"epoch":{value}}}'
                    )
            await say(client, type="ping")
            await receive_until(client, type="pong")
        await still_serves(faces)
