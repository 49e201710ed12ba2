"""What a client of the WebSocket may do, and what one that does not read costs the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from broker_server.gateway.socket import protocol
from broker_server.gateway.socket.limits import SocketLimits
from broker_server.gateway.socket.outbox import MOST_ANSWERS, TOO_MANY_REQUESTS, TOO_SLOW, Outbox
from broker_server.gateway.socket.session import NO_PONG
from broker_server.prices.model import PriceKey, TradeTick
from tests.support.gateway import NOON, SAMSUNG, Faces, a_price, receive, receive_until, say, serve_faces
from tests.support.raw_socket import read_some, stalled_client
from tests.support.waiting import PATIENCE, wait_until_async

NO_PINGS = SocketLimits(ping_seconds=1000, trades_waiting=200)


async def closed_with(client: ClientConnection) -> tuple[int, str]:
    """Read to the end; how it was closed."""
    with suppress(ConnectionClosed):
        async with asyncio.timeout(PATIENCE):
            while True:
                await client.recv()
    assert client.close_code is not None
    return client.close_code, client.close_reason or ""


@pytest.fixture
async def faces() -> AsyncIterator[Faces]:
    async with serve_faces(limits=NO_PINGS) as served:
        yield served


async def test_a_client_that_does_not_pong_is_closed() -> None:
    async with serve_faces(limits=SocketLimits(ping_seconds=0.05, pong_seconds=0.05)) as faces:
        async with faces.connect() as client:
            await receive(client)
            ping = await receive(client)
            assert ping == {"type": "ping", "timestamp": "2026-02-06T22:48:44.590151+00:00"}
            code, reason = await closed_with(client)
        assert code == NO_PONG
        assert "no pong" in reason


async def test_a_client_that_pongs_stays() -> None:
    limits = SocketLimits(ping_seconds=0.02, pong_seconds=PATIENCE)
    async with serve_faces(limits=limits) as faces, faces.connect() as client:
        for _ in range(5):
            await receive_until(client, type="ping")
            await say(client, type="pong")
        await say(client, type="ping")
        await receive_until(client, type="pong")


async def test_a_client_has_so_many_topics_at_a_time() -> None:
    async with serve_faces(limits=SocketLimits(topics=2)) as faces, faces.connect() as client:
        for topic in ("price:000001", "price:000002", "price:000003"):
            await say(client, type="subscribe", topic=topic)
        error = await receive_until(client, type="error")
        assert (error["code"], error["topic"]) == ("TOO_MANY_TOPICS", "price:000003")
        await say(client, type="subscribe", topic="price:000002")  # it has that already
        await receive_until(client, type="subscribed")
        await say(client, type="unsubscribe", topic="price:000001")
        await say(client, type="subscribe", topic="price:000003")
        await receive_until(client, type="subscribed", topic="price:000003")
        await say(client, type="resume", topic="trade:000003", seq=0)
        assert (await receive_until(client, type="error"))["topic"] == "trade:000003"


async def test_a_client_that_says_too_much_is_closed() -> None:
    async with serve_faces(limits=SocketLimits(messages_per_second=1, burst=10)) as faces:
        async with faces.connect() as client:
            for _ in range(11):
                await client.send('{"type":"pong"}')
            code, reason = await closed_with(client)
        assert code == TOO_MANY_REQUESTS
        assert "messages a second" in reason


async def test_a_message_that_is_too_long_is_refused_and_others_stay(faces: Faces) -> None:
    async with faces.connect() as other:
        async with faces.connect() as client:
            await client.send("x" * 1_000_000)
            assert (await closed_with(client))[0] == 1009
        await receive(other)
        await say(other, type="ping")
        assert (await receive(other))["type"] == "pong"


async def test_ten_thousand_subscriptions_end_with_the_limit_and_others_stay(faces: Faces) -> None:
    async with faces.connect() as other:
        await receive(other)
        async with faces.connect() as client:
            closing = asyncio.ensure_future(closed_with(client))
            with pytest.raises(ConnectionClosed):  # noqa: PT012 - whichever of them finds it closed
                for number in range(10_000):
                    await say(client, type="subscribe", topic=f"price:{number:06d}")
                await client.wait_closed()
                await client.send("")
            assert (await closing)[0] == TOO_MANY_REQUESTS
        await wait_until_async(lambda: faces.sessions == 1)
        assert sum(faces.app.state.hub.topics().values()) == 0
        assert len(faces.demand.wanted) <= SocketLimits().topics
        await say(other, type="ping")
        assert (await receive(other))["type"] == "pong"


async def test_prices_of_a_slow_client_are_conflated_and_the_others_see_each(faces: Faces) -> None:
    async with faces.connect() as reader:
        await say(reader, type="subscribe", topic="price:005930")
        await receive_until(reader, type="status")
        async with stalled_client(faces.url, "price:005930") as stalled:
            await wait_until_async(lambda: faces.app.state.hub.topics() == {"price:005930": 2})
            rounds = 0
            outboxes = [each.outbox for each in faces.app.state.socket.sessions]
            while not any(outbox.conflated > 100 for outbox in outboxes):
                rounds += 1
                faces.board.put(a_price(price=rounds))
                update = await receive_until(reader, type="price_update")
                assert update["data"]["price"] == rounds  # nobody waits for the one that does not read
            assert all(len(outbox._states) <= 2 and not outbox._queue for outbox in outboxes)
            assert faces.sessions == 2
            received = b""
            while b'"price":%d,' % rounds not in received[-1000:]:
                received += await read_some(stalled)
        assert received.count(b"price_update") < rounds


async def test_trades_that_a_client_does_not_read_end_with_its_connection(
    faces: Faces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "LAST_SECONDS", 0.1)
    async with faces.connect() as reader:
        await say(reader, type="subscribe", topic="trade:005930")
        await receive_until(reader, type="status")
        async with stalled_client(faces.url, "trade:005930"):
            await wait_until_async(lambda: faces.app.state.hub.topics() == {"trade:005930": 2})
            number = 0
            while faces.sessions == 2:
                number += 1
                assert number < 100_000
                faces.board.put_trade(a_trade(number))
                assert (await receive_until(reader, type="trade"))["seq"] == number
            await wait_until_async(lambda: faces.connections == 1, what="the connection to be cut")
        faces.board.put_trade(a_trade(number + 1))
        assert (await receive_until(reader, type="trade"))["seq"] == number + 1


async def test_a_client_that_reads_again_is_told_why_it_was_closed(faces: Faces) -> None:
    async with stalled_client(faces.url, "trade:005930") as stalled:
        await wait_until_async(lambda: faces.app.state.hub.topics() == {"trade:005930": 1})
        number = 0
        while faces.sessions:
            number += 1
            assert number < 100_000
            faces.board.put_trade(a_trade(number))
            await asyncio.sleep(0)
        received = b""
        while b"too slow" not in received[-200:]:
            data = await read_some(stalled)
            assert data, received[-300:]
            received += data
    closing = received[received.rindex(b"\x88") :]
    assert int.from_bytes(closing[2:4], "big") == TOO_SLOW
    assert closing[4:].startswith(b"too slow: more than 200 trades wait")


def a_trade(number: int) -> TradeTick:
    return TradeTick(key=SAMSUNG, price=number, quantity=1, side=None, vendor="kis", as_of=NOON)


async def test_of_a_state_only_the_newest_waits_and_answers_go_first() -> None:
    outbox = Outbox()
    outbox.state("price:1", "old")
    outbox.state("price:2", "other")
    outbox.state("price:1", "new")
    outbox.answer("subscribed")
    assert await outbox.take() == ["subscribed", "new", "other"]
    assert outbox.conflated == 1
    outbox.state("price:1", "dropped")
    outbox.drop("price:1")
    waiting = asyncio.ensure_future(outbox.take())
    await asyncio.sleep(0)
    outbox.trade("trade")
    assert await waiting == ["trade"]


async def test_trades_and_answers_have_bounds_of_their_own() -> None:
    outbox = Outbox(most_trades=2)
    for number in range(MOST_ANSWERS):
        outbox.answer(str(number))
    outbox.trade("1")
    outbox.trade("2")
    ended = asyncio.ensure_future(outbox.overflow())
    await asyncio.sleep(0)
    assert not ended.done()
    outbox.trade("3")
    assert (await ended).code == TOO_SLOW
    other = Outbox()
    for number in range(MOST_ANSWERS + 1):
        other.answer(str(number))
    assert (await other.overflow()).code == TOO_MANY_REQUESTS
    assert len(await other.take()) == MOST_ANSWERS


def test_keys_of_other_venues_are_told_apart() -> None:
    assert PriceKey.of_subject("005930.NXT").subject == "005930.NXT"
    assert PriceKey.of_subject("005930") == PriceKey("005930", "KRX")
