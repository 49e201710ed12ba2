"""Events arrive in order on whatever is bound to ``broker.events``, after an outage too."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pika
import pytest
from pika.adapters.asyncio_connection import AsyncioConnection

from broker_server.amqp import events, topology
from broker_server.amqp.connection import connect
from broker_server.amqp.events import EventPublisher, event_key
from tests.integration.worker.conftest import StartWorker
from tests.support.task_wire import Message, TaskWire
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until, wait_until_async

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
BOUND = "test.events"


class Listener:
    """A queue that is bound to the events.

    Attributes:
        messages: What came so far.
    """

    def __init__(self, wire: TaskWire, key: str) -> None:
        self._wire = wire
        self.messages: list[Message] = []
        wire.channel.exchange_declare("broker.events", "topic", durable=True)
        wire.channel.queue_declare(BOUND, exclusive=True)
        wire.channel.queue_bind(BOUND, "broker.events", key)

    def bodies(self) -> list[dict[str, Any]]:
        """The events, repeats of one message left out: what is unconfirmed at a cut comes again."""
        self.messages += self._wire.take_all(BOUND)
        return list({message.properties.message_id: message.json for message in self.messages}.values())

    def numbers(self) -> list[int]:
        return [body["number"] for body in self.bodies()]


@pytest.fixture
def wire(clean_broker: str) -> Iterator[TaskWire]:
    with TaskWire(clean_broker) as client:
        yield client


@pytest.fixture
def proxy(clean_broker: str) -> Iterator[TcpProxy]:
    target = pika.URLParameters(clean_broker)
    with TcpProxy(target.host, target.port) as made:
        yield made


def through(proxy: TcpProxy, url: str) -> str:
    return f"amqp://guest:guest@127.0.0.1:{proxy.port}/{url.rpartition('/')[2]}"


@pytest.fixture
def publisher() -> EventPublisher:
    return EventPublisher("host.example-1", "paper", lambda: NOW)


@pytest.fixture
async def open_connections() -> AsyncIterator[list[AsyncioConnection]]:
    connections: list[AsyncioConnection] = []
    yield connections
    for connection in connections:
        if connection.is_open:
            connection.close()
    await wait_until_async(lambda: all(connection.is_closed for connection in connections))


async def open_at(
    url: str, publisher: EventPublisher, connections: list[AsyncioConnection]
) -> AsyncioConnection:
    connection = await connect(url, name="test")
    connections.append(connection)
    await topology.declare(connection, [])
    await publisher.open(connection)
    return connection


async def test_events_of_any_thread_arrive_in_order_and_carry_who_and_where(
    clean_broker: str,
    wire: TaskWire,
    publisher: EventPublisher,
    open_connections: list[AsyncioConnection],
) -> None:
    listener = Listener(wire, "order.kis.#")
    await open_at(clean_broker, publisher, open_connections)

    def publish() -> None:
        for number in range(1000):
            publisher.publish("order.kis.default.filled", {"type": "order", "number": number})
        publisher.publish("worker.x.started", {"number": "of another key"})

    thread = threading.Thread(target=publish)
    thread.start()
    await wait_until_async(lambda: len(listener.bodies()) >= 1000, 30)
    thread.join()
    assert [body["number"] for body in listener.bodies()] == list(range(1000))
    first = listener.messages[0]
    assert first.json == {
        "kind": "event",
        "type": "order",
        "environment": "paper",
        "worker": "host.example-1",
        "time": "2026-11-20T09:00:00.000Z",
        "number": 0,
    }
    assert first.properties.delivery_mode == 2
    assert first.properties.content_type == "application/json"
    await wait_until_async(lambda: publisher.counts()["published"] == 1001)
    assert publisher.counts() == {"published": 1001, "waiting": 0, "dropped": 0, "refused": 0}


async def test_what_the_caller_says_of_time_and_worker_counts(
    clean_broker: str,
    wire: TaskWire,
    publisher: EventPublisher,
    open_connections: list[AsyncioConnection],
) -> None:
    listener = Listener(wire, "#")
    await open_at(clean_broker, publisher, open_connections)
    publisher.publish("order.kis.default.filled", {"time": "2026-01-01T00:00:00.000Z"})
    await wait_until_async(lambda: listener.bodies(), 30)
    assert listener.messages[0].json["time"] == "2026-01-01T00:00:00.000Z"


async def test_events_before_and_during_an_outage_are_kept_and_come_in_order(
    clean_broker: str,
    wire: TaskWire,
    proxy: TcpProxy,
    publisher: EventPublisher,
    open_connections: list[AsyncioConnection],
) -> None:
    listener = Listener(wire, "order.#")
    for number in range(100):
        publisher.publish("order.kis.default.filled", {"number": number})
    assert publisher.counts()["waiting"] == 100
    connection = await open_at(through(proxy, clean_broker), publisher, open_connections)
    await wait_until_async(lambda: len(listener.numbers()) == 100, 30)

    proxy.pause()
    for number in range(100, 700):
        publisher.publish("order.kis.default.filled", {"number": number})
    proxy.cut()
    proxy.resume()
    await wait_until_async(lambda: connection.is_closed, 30)
    for number in range(700, 1000):
        publisher.publish("order.kis.default.filled", {"number": number})
    await open_at(through(proxy, clean_broker), publisher, open_connections)
    await wait_until_async(lambda: len(listener.numbers()) == 1000, 30)
    assert listener.numbers() == list(range(1000))
    assert publisher.counts()["dropped"] == 0


async def test_too_many_events_without_a_connection_cost_the_oldest(
    clean_broker: str,
    wire: TaskWire,
    publisher: EventPublisher,
    open_connections: list[AsyncioConnection],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "MOST_WAITING", 1000)
    listener = Listener(wire, "order.#")
    surplus = 7
    for number in range(events.MOST_WAITING + surplus):
        publisher.publish("order.kis.default.filled", {"number": number})
    assert publisher.counts() == {
        "published": 0,
        "waiting": events.MOST_WAITING,
        "dropped": surplus,
        "refused": 0,
    }
    await open_at(clean_broker, publisher, open_connections)
    await wait_until_async(lambda: len(listener.numbers()) == events.MOST_WAITING, 60)
    assert listener.numbers() == list(range(surplus, events.MOST_WAITING + surplus))


async def test_an_exchange_that_is_gone_costs_only_the_events(
    clean_broker: str,
    wire: TaskWire,
    publisher: EventPublisher,
    open_connections: list[AsyncioConnection],
) -> None:
    await open_at(clean_broker, publisher, open_connections)
    wire.channel.exchange_delete("broker.events")
    for number in range(3):
        publisher.publish("order.kis.default.filled", {"number": number})
    await wait_until_async(lambda: publisher.counts()["refused"] == 3, 30)
    listener = Listener(wire, "order.#")
    publisher.publish("order.kis.default.filled", {"number": 3})
    await wait_until_async(lambda: listener.numbers() == [3], 30)


def test_what_is_no_json_is_the_callers_error(publisher: EventPublisher) -> None:
    with pytest.raises(TypeError):
        publisher.publish("order.kis.default.filled", {"price": Decimal(1)})
    assert publisher.counts()["waiting"] == 0


def test_a_key_has_as_many_words_as_it_was_made_of() -> None:
    assert event_key("worker", "host.example.com-12", "started") == "worker.host-example-com-12.started"
    assert event_key("order", "kis", "a * #b", "filled") == "order.kis.a-b.filled"


def test_a_worker_tells_when_it_starts_loses_the_broker_and_stops(
    clean_broker: str, wire: TaskWire, proxy: TcpProxy, new_worker: StartWorker
) -> None:
    listener = Listener(wire, "#")
    worker = new_worker(through(proxy, clean_broker))
    name = f"{socket.gethostname()}-{worker.process.pid}"

    def seen() -> list[tuple[str, str]]:
        return [(body["type"], body["state"]) for body in listener.bodies()]

    expected = [("worker", "started")]
    wait_until(lambda: seen() == expected, 30)
    proxy.cut()
    expected += [("connection", "lost"), ("connection", "restored")]
    wait_until(lambda: seen() == expected, 30)
    assert wire.call("broker.get-status")["result"][0]["events"]["published"] == 3
    # A worker that is stopped before it has seen its consumers again has no session to tell of it.
    wait_until(lambda: sum('"consuming"' in line for line in worker.stderr_lines) == 2)
    assert worker.terminate() == 0
    expected += [("worker", "stopping")]
    wait_until(lambda: seen() == expected, 30)
    assert {(body["environment"], body["worker"]) for body in listener.bodies()} == {("paper", name)}
    assert listener.bodies()[1]["reason"]
    assert not [line for line in worker.stderr_lines if "events were not published" in line], worker.output
