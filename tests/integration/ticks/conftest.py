"""A publisher that runs, and an owner who numbers what is published."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

import orjson
import pika
import pytest

from broker_server.amqp.ticks import Keep, Route, Tick, TickPublisher
from tests.support.task_wire import TaskWire
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until_async

QUEUE = "test.ticks"
TTL = "60000"


class Owner:
    """Publishes numbered events, as the worker for streams does.

    Attributes:
        gaps: What was told of gaps.
        returned: Slots of the messages that came back.
        refused: Slots of those that were refused.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self.gaps: list[tuple[str, int]] = []
        self.returned: list[str] = []
        self.refused: list[str] = []
        self._sequence: dict[str, int] = {}
        self.publisher = TickPublisher(
            url,
            "test",
            run_id="1",
            on_gap=lambda slot, missing: self.gaps.append((slot, missing)),
            jitter=lambda: 0.0,
            **options,
        )

    @property
    def counts(self) -> dict[str, int]:
        """The publisher's."""
        return self.publisher.counts()

    def route(self, slot: str, keep: Keep = Keep.BOUNDED, **options: Any) -> Route:
        """To the test's queue, unless ``options`` say otherwise."""
        given: dict[str, Any] = {"exchange": "", "routing_key": QUEUE, "expiration": TTL, "mandatory": True}
        return Route(
            slot=slot,
            keep=keep,
            on_returned=self.returned.append,
            on_refused=self.refused.append,
            **given | options,
        )

    def publish(self, route: Route, value: Any = None) -> None:
        """Publish an event; its sequence number is drawn when it is made."""

        def make(conflated: int) -> bytes:
            sequence = self._sequence[route.slot] = self._sequence.get(route.slot, 0) + 1
            return orjson.dumps(
                {"slot": route.slot, "sequence": sequence, "conflated": conflated, "value": value}
            )

        self.publisher.publish(Tick(route, make))

    async def settled(self) -> None:
        """Wait until nothing waits or is outstanding."""
        await wait_until_async(lambda: not (self.counts["outstanding"] or self.counts["waiting"]))


class StartOwner(Protocol):
    """Starts a publisher, which is stopped after the test."""

    async def __call__(self, url: str, **options: Any) -> Owner:
        """Start one and wait until it is connected."""


@asynccontextmanager
async def running(owner: Owner) -> AsyncIterator[Owner]:
    """Run a publisher; it must end by being cancelled and by nothing else."""
    task = asyncio.create_task(owner.publisher.run())
    try:
        yield owner
    finally:
        assert not task.done()
        task.cancel()
        await asyncio.wait({task}, timeout=30)
        assert task.cancelled()


@pytest.fixture
async def start_owner() -> AsyncIterator[StartOwner]:
    async with AsyncExitStack() as stack:

        async def start(url: str, **options: Any) -> Owner:
            owner = await stack.enter_async_context(running(Owner(url, **options)))
            await wait_until_async(lambda: owner.publisher.is_connected)
            return owner

        yield start


@pytest.fixture
def wire(clean_broker: str) -> Iterator[TaskWire]:
    """A client of the test broker, with the test's queue and the exchange."""
    with TaskWire(clean_broker) as client:
        client.channel.queue_declare(QUEUE)
        client.channel.exchange_declare("broker.realtime", "topic", durable=True)
        yield client


@pytest.fixture
def proxy(clean_broker: str) -> Iterator[TcpProxy]:
    target = pika.URLParameters(clean_broker)
    with TcpProxy(target.host, target.port) as made:
        yield made


@pytest.fixture
def through_proxy(proxy: TcpProxy, clean_broker: str) -> str:
    return f"amqp://guest:guest@127.0.0.1:{proxy.port}/{clean_broker.rpartition('/')[2]}"


def values(wire: TaskWire, queue: str = QUEUE) -> Callable[[], list[Any]]:
    """Collects the values of the events in a queue; what came twice counts once."""
    seen: dict[tuple[str, int], Any] = {}

    def collect() -> list[Any]:
        for message in wire.take_all(queue):
            event = message.json
            seen[event["slot"], event["sequence"]] = event["value"]
        return list(seen.values())

    return collect
