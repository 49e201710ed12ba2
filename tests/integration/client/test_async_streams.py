"""Streams of the asynchronous client against a real broker."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter

import pytest

from broker_client import (
    AsyncClient,
    AsyncStream,
    BrokerUnreachable,
    ClientClosed,
    DuplicateTaskConflict,
    NoAnswer,
    StreamEnded,
    StreamEvent,
    StreamStatus,
    SubscriptionLimit,
)
from tests.integration.client.echo_worker import EchoWorker, delete_queue, queue_exists, queue_length
from tests.integration.client.stream_script import Event, Status, events
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until_async

PRICES = "kis.subscribe-realtime-price"
KEPT = {"AsyncStream", "Channel", "Future", "Inbox", "Task"}
"""What a stream has in memory, and what a connection may go on holding of it."""


async def taken(stream: AsyncStream, count: int) -> list[tuple[int | None, int | None]]:
    """The sequence and the gap of so many events."""
    result = []
    for _ in range(count):
        event = await stream.get(60)
        result.append((event.sequence, event.missed))
    return result


async def test_a_block_subscribes_and_unsubscribes(clean_broker: str, worker: EchoWorker) -> None:
    worker.script = [*events(1, 2, 2, 5), *events(1, epoch="e2")]
    async with AsyncClient(clean_broker) as client:
        async with client.stream(PRICES, ticker="005930") as stream:
            assert stream.ack
            assert stream.ack.first["ticker"] == "005930"
            assert await taken(stream, 4) == [(1, 0), (2, 0), (5, 2), (1, None)]
            with pytest.raises(TimeoutError, match="no event within"):
                await stream.get(timeout=0.05)
        assert not queue_exists(clean_broker, stream.queue)
        assert (await client.call("echo.get-it")).first
    subscribe, unsubscribe = (request for request, _ in worker.received[:2])
    assert unsubscribe.method == "kis.unsubscribe-realtime-price"
    assert unsubscribe.task_id == subscribe.task_id
    assert worker.subscriptions == {}


async def test_streams_that_have_ended_leave_nothing_in_memory(clean_broker: str, worker: EchoWorker) -> None:
    worker.script = events(1)
    passing = 20
    async with AsyncClient(clean_broker) as client:

        async def open_and_close(count: int) -> Counter[str]:
            for _ in range(count):
                async with client.stream(PRICES, ticker="005930") as stream:
                    await stream.get(60)
            gc.collect()
            return Counter(name for each in gc.get_objects() if (name := type(each).__name__) in KEPT)

        first = await open_and_close(5)
        more = await open_and_close(passing) - first
    assert all(count < passing // 2 for count in more.values()), more


async def test_statuses_come_to_the_callback_and_between_the_events(
    clean_broker: str, worker: EchoWorker
) -> None:
    said: list[StreamStatus] = []
    worker.script = [Event(1), Status("stale", "조용함"), Event(2), Status("dropped", "by hand")]
    async with AsyncClient(clean_broker) as client, client.stream(PRICES, on_status=said.append) as stream:
        messages = stream.messages()
        items = [await anext(messages) for _ in range(4)]
        with pytest.raises(StreamEnded, match="dropped: by hand"):
            await anext(messages)
        with pytest.raises(StreamEnded):
            await anext(stream)
    assert [item.sequence if isinstance(item, StreamEvent) else item.state for item in items] == [
        *[1, "stale", 2, "dropped"]
    ]
    assert [status.state for status in said] == ["stale", "dropped"]
    assert stream.statuses == tuple(said)


async def test_a_refusal_is_raised_and_nothing_is_left(clean_broker: str, worker: EchoWorker) -> None:
    worker.refusal = SubscriptionLimit("41 of 41 taken", vendor="kis")
    async with AsyncClient(clean_broker) as client:
        stream = client.stream(PRICES, ticker="005930")
        with pytest.raises(SubscriptionLimit, match="41 of 41"):
            await stream.open()
        assert not queue_exists(clean_broker, stream.queue)
    assert worker.methods_received() == [PRICES]


async def test_no_acknowledgement_is_no_answer(clean_broker: str, worker: EchoWorker) -> None:
    worker.mute = True
    async with AsyncClient(clean_broker) as client:
        with pytest.raises(NoAnswer):
            await client.stream(PRICES, timeout=2).open()
        await wait_until_async(lambda: len(worker.received) == 2, what="the unsubscribe task")


async def test_closing_the_client_ends_the_stream(clean_broker: str, worker: EchoWorker) -> None:
    client = AsyncClient(clean_broker)
    await client.connect()
    stream = await client.stream(PRICES).open()
    waiting = asyncio.create_task(stream.get())
    await asyncio.sleep(0)
    await client.close()
    with pytest.raises(ClientClosed):
        await waiting
    assert not queue_exists(clean_broker, stream.queue)
    await stream.close()
    with pytest.raises(ClientClosed):
        await client.stream(PRICES).open()


async def test_closing_the_stream_ends_a_loop_in_another_task(clean_broker: str, worker: EchoWorker) -> None:
    seen: list[int | None] = []

    async def read(stream: AsyncStream) -> None:
        async for event in stream:
            seen.append(event.sequence)  # noqa: PERF401 - looked at while it grows

    worker.script = [Event(1)]
    async with AsyncClient(clean_broker) as client:
        stream = await client.stream(PRICES, task_id="one").open()
        with pytest.raises(DuplicateTaskConflict):
            await client.stream(PRICES, task_id="one").open()
        reading = asyncio.create_task(read(stream))
        await wait_until_async(lambda: seen == [1], what="its event")
        await stream.close()
        await reading


async def test_a_cancelled_get_loses_nothing(clean_broker: str, worker: EchoWorker) -> None:
    async with AsyncClient(clean_broker) as client, client.stream(PRICES) as stream:
        seen = []
        for number in range(1, 101):
            worker.emit(stream.subscription, Event(number))
            getting = asyncio.create_task(stream.get())
            await asyncio.wait([getting], timeout=0.001 * (number % 3))
            getting.cancel()
            seen += await asyncio.gather(getting, return_exceptions=True)
        got = [item.sequence for item in seen if isinstance(item, StreamEvent)]
        while len(got) < 100:
            got.append((await stream.get(60)).sequence)
    assert got == list(range(1, 101))


async def test_a_slow_program_leaves_events_at_the_broker(clean_broker: str, worker: EchoWorker) -> None:
    async with AsyncClient(clean_broker) as client, client.stream(PRICES) as stream:
        worker.emit(stream.subscription, *events(*range(1, 801)))
        await wait_until_async(lambda: queue_length(clean_broker, stream.queue) == 300, what="500 are here")
        assert [sequence for sequence, _ in await taken(stream, 800)] == list(range(1, 801))
        await wait_until_async(lambda: queue_length(clean_broker, stream.queue) == 0)


async def test_a_cut_loses_and_repeats_nothing(proxied_url: str, proxy: TcpProxy, worker: EchoWorker) -> None:
    said: list[str] = []
    async with (
        AsyncClient(proxied_url) as client,
        client.stream(PRICES, on_status=lambda status: said.append(status.state)) as stream,
    ):
        for round_ in range(5):
            start, ack = round_ * 20, stream.ack
            worker.emit(stream.subscription, *events(*range(start + 1, start + 11)))
            assert await taken(stream, 5) == [(start + n, 0) for n in range(1, 6)]
            await asyncio.to_thread(proxy.cut)
            worker.emit(stream.subscription, *events(*range(start + 11, start + 21)))
            assert await taken(stream, 15) == [(start + n, 0) for n in range(6, 21)]
            await wait_until_async(
                lambda ack=ack: stream.ack is not ack,  # type: ignore[misc]
                what="another acknowledgement",
            )
    subscribes = [request for request, _ in worker.received if request.method == PRICES]
    assert {request.task_id for request in subscribes} == {stream.subscription}
    assert len(subscribes) == 6
    assert said == ["disconnected", "connected"] * 5


async def test_a_deleted_queue_is_made_again(clean_broker: str, worker: EchoWorker) -> None:
    said: list[str] = []
    async with (
        AsyncClient(clean_broker) as client,
        client.stream(PRICES, on_status=lambda status: said.append(status.state)) as stream,
    ):
        delete_queue(clean_broker, stream.queue)
        await wait_until_async(lambda: said == ["disconnected", "connected"], what="another channel")
        await wait_until_async(lambda: len(worker.received) == 2, what="the subscribe task again")
        worker.emit(stream.subscription, Event(1), Event(2))
        assert await taken(stream, 2) == [(1, 0), (2, 0)]
        assert (await client.call("echo.get-it")).first


async def test_a_subscription_that_is_refused_after_a_reconnect_ends_the_stream(
    proxied_url: str, proxy: TcpProxy, worker: EchoWorker
) -> None:
    async with AsyncClient(proxied_url) as client, client.stream(PRICES) as stream:
        worker.refusal = SubscriptionLimit("41 of 41 taken", vendor="kis")
        await asyncio.to_thread(proxy.cut)
        with pytest.raises(SubscriptionLimit):
            await stream.get(60)


async def test_silence_is_told_and_a_worker_that_knows_nothing_takes_it_up(
    clean_broker: str, worker: EchoWorker
) -> None:
    said: list[str] = []
    worker.script = [Event(1)]
    async with (
        AsyncClient(clean_broker, stream_silence=0.2) as client,
        client.stream(PRICES, timeout=2, on_status=lambda status: said.append(status.state)) as stream,
    ):
        assert await taken(stream, 1) == [(1, 0)]
        await wait_until_async(lambda: len(worker.received) == 3, what="it asks again and again")
        worker.mute = True
        await wait_until_async(lambda: said[-1:] == ["unanswered"], what="it is told")
        worker.script = events(1, epoch="e2")
        worker.subscriptions.clear()
        worker.mute = False
        assert await taken(stream, 1) == [(1, None)]
        assert said[-2:] == ["unanswered", "answered"]
    assert {request.task_id for request, _ in worker.received} == {stream.subscription}


async def test_a_subscription_is_no_call(clean_broker: str, worker: EchoWorker) -> None:
    async with AsyncClient(clean_broker) as client:
        with pytest.raises(ValueError, match=r"use Client\.stream"):
            await client.call(PRICES, ticker="005930")
        with pytest.raises(ValueError, match=r"use Client\.stream"):
            client.send(PRICES)
    assert worker.received == []


async def test_an_unreachable_broker_is_told(proxied_url: str, proxy: TcpProxy, worker: EchoWorker) -> None:
    async with AsyncClient(proxied_url) as client:
        await asyncio.to_thread(proxy.refuse)
        await wait_until_async(lambda: proxy.connections_seen >= 2, what="the client notices the cut")
        with pytest.raises(BrokerUnreachable, match="not sent within"):
            await client.stream(PRICES, timeout=0.3).open()
        await asyncio.to_thread(proxy.resume)
        assert (await client.call("echo.get-it")).first


async def test_iterating_before_subscribing_is_an_error(clean_broker: str, worker: EchoWorker) -> None:
    async with AsyncClient(clean_broker) as client:
        with pytest.raises(RuntimeError, match="subscribe first"):
            await client.stream(PRICES).get()
