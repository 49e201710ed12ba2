"""RabbitMQ does not take a task, as when a queue has no leader: it goes again, at the pace of the delay."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractMessage
from aio_pika.exceptions import ChannelInvalidStateError

from broker_client import AsyncClient, Client
from broker_client.aio_task_channel import AsyncTaskChannel
from broker_client.protocol import TASKS_QUEUE
from tests.integration.client.echo_worker import QUORUM, EchoWorker
from tests.support.refusing_proxy import RefusingProxy
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until, wait_until_async

MANY = 6
ROUNDS = 8
DELAY = 0.1


@contextmanager
def full_queue(url: str, proxy: TcpProxy) -> Iterator[None]:
    """A queue of tasks that takes nothing; with the block it gives way to a good one, unseen by clients."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.queue_declare(
        TASKS_QUEUE, durable=True, arguments={"x-max-length": 0, "x-overflow": "reject-publish"}
    )
    yield
    proxy.pause()
    connection.sleep(0.3)  # what has passed it gets its verdict
    channel.queue_delete(TASKS_QUEUE)
    channel.queue_declare(TASKS_QUEUE, durable=True, arguments=QUORUM)
    connection.close()
    proxy.resume()


class Refusals:
    """How often RabbitMQ refused something, told by the delays that a client asks for."""

    def __init__(self) -> None:
        self.many = 0
        self._began = time.monotonic()

    def delay(self, attempt: int) -> float:
        """Seconds until the next attempt, always the same."""
        self.many += 1
        return DELAY

    def assert_paced(self) -> None:
        """Each task was sent no more often than the delay allows, however long it took."""
        rounds = (time.monotonic() - self._began) / DELAY + 1
        assert self.many <= MANY * rounds, f"{self.many} refusals of {MANY} tasks in {rounds:.1f} delays"


def test_refused_tasks_are_sent_again_at_the_pace_of_the_delay(
    proxied_url: str, clean_broker: str, proxy: TcpProxy
) -> None:
    with full_queue(clean_broker, proxy):
        client = Client(proxied_url, timeout=120)
        refusals = Refusals()
        client._link._delay = refusals.delay
        calls = []
        for _ in range(MANY):  # at moments of their own, so that their delays end at different times
            calls.append(client.send("echo.get-it"))
            threading.Event().wait(DELAY / MANY)
        wait_until(lambda: refusals.many >= MANY * ROUNDS, what="many refusals")
        refusals.assert_paced()
    with EchoWorker(clean_broker) as worker, client:
        for call in calls:
            assert call.result().first
        assert len(worker.received) == MANY


async def test_the_asynchronous_client_keeps_that_pace_too(
    proxied_url: str, clean_broker: str, proxy: TcpProxy
) -> None:
    with full_queue(clean_broker, proxy):
        client = AsyncClient(proxied_url, timeout=120)
        await client.connect()
        refusals = Refusals()
        client._link._delay = refusals.delay
        calls = []
        for _ in range(MANY):
            calls.append(client.send("echo.get-it"))
            await asyncio.sleep(DELAY / MANY)
        await wait_until_async(lambda: refusals.many >= MANY * ROUNDS, what="many refusals")
        refusals.assert_paced()
    with EchoWorker(clean_broker) as worker:
        async with client:
            for call in calls:
                assert (await call).first
            assert len(worker.received) == MANY


@pytest.mark.parametrize("many", [1, 3])
def test_a_task_refused_as_its_connection_goes_is_sent_once_more_only(
    proxied_url: str, clean_broker: str, proxy: TcpProxy, many: int
) -> None:
    """What waits for its delay when the connection breaks is not queued twice."""
    with full_queue(clean_broker, proxy):
        client = Client(proxied_url, timeout=120)
        refusals = Refusals()
        client._link._delay = lambda attempt: refusals.delay(attempt) * (5 if attempt >= 3 else 1)
        calls = [client.send("echo.get-it") for _ in range(many)]
        wait_until(lambda: refusals.many >= 1, what="a refusal")
        proxy.cut()
    with EchoWorker(clean_broker) as worker, client:
        for call in calls:
            assert call.result().first
        assert len(worker.received) == many


@pytest.fixture
def refusing(clean_broker: str) -> Iterator[RefusingProxy]:
    """A proxy to a broker with an empty queue of tasks."""
    declare_tasks(clean_broker)
    parts = urlsplit(clean_broker)
    with RefusingProxy(str(parts.hostname), parts.port or 5672) as proxy:
        yield proxy


def test_what_one_channel_had_refused_goes_by_another(clean_broker: str, refusing: RefusingProxy) -> None:
    with Client(through(refusing, clean_broker), timeout=120) as client:
        refusing.refusing.add(1)
        call = client.send("echo.get-it")
        wait_until(lambda: refusing.published == [1, 2], what="the second channel")
        with EchoWorker(clean_broker):
            assert call.result().first
            assert client.call("echo.get-it").first
            refusing.refusing.add(2)
            client.call("echo.get-it")
            wait_until(lambda: refusing.closed == [2], what="the second to be closed")
            refusing.refusing.clear()
            assert client.call("echo.get-it").first
    assert refusing.published == [1, 2, 2, 2, 3]
    assert refusing.connections_seen == 1


async def test_the_asynchronous_client_takes_another_channel_too(
    clean_broker: str, refusing: RefusingProxy
) -> None:
    async with AsyncClient(through(refusing, clean_broker), timeout=120) as client:
        refusing.refusing.add(1)
        call = client.send("echo.get-it")
        await wait_until_async(lambda: refusing.published == [1, 2], what="the second channel")
        with EchoWorker(clean_broker):
            assert (await call).first
            assert (await client.call("echo.get-it")).first
            refusing.refusing.add(2)
            await client.call("echo.get-it")
            await wait_until_async(lambda: refusing.closed == [2], what="the second to be closed")
            refusing.refusing.clear()
            assert (await client.call("echo.get-it")).first
    assert refusing.published == [1, 2, 2, 2, 3]
    assert refusing.connections_seen == 1


class LostChannel(AsyncTaskChannel):
    """A channel that ends before RabbitMQ has said anything of what was published on it."""

    async def publish(self, message: AbstractMessage, queue: str) -> None:
        raise ChannelInvalidStateError("closed")


async def test_a_task_whose_channel_ends_after_it_gave_way_goes_by_the_other_one(
    clean_broker: str, worker: EchoWorker
) -> None:
    async with AsyncClient(clean_broker, timeout=10) as client:
        outlet = client._link._outlet
        assert outlet is not None
        client._link._outlet = LostChannel(outlet.raw)
        call = client.send("echo.get-it")
        client._link._outlet = outlet
        assert (await call).first


async def test_no_other_channel_on_a_connection_that_is_lost_is_no_defect(
    clean_broker: str, worker: EchoWorker
) -> None:
    async def closed() -> AbstractChannel:
        raise RuntimeError("Connection was not opened")

    async with AsyncClient(clean_broker) as client:
        link = client._link
        assert link._outlet is not None
        link._open_channel = closed
        await link._replace(link._outlet)


def declare_tasks(url: str) -> None:
    """The queue of tasks, as a worker has it."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    connection.channel().queue_declare(TASKS_QUEUE, durable=True, arguments=QUORUM)
    connection.close()


def through(proxy: TcpProxy, url: str) -> str:
    """The URL of a broker by way of a proxy to it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{proxy.port}"))
