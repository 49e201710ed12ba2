"""A command reaches every worker of its environment, and nothing on the control exchange stops one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import orjson
import pika
import pytest
from pika.adapters.asyncio_connection import AsyncioConnection

from broker_client.errors import InternalError
from broker_client.protocol import Environment
from broker_server.amqp import topology
from broker_server.amqp.channels import AsyncChannel
from broker_server.amqp.connection import connect
from broker_server.amqp.control import ControlBus
from broker_server.amqp.environment import claim_environment
from tests.support.task_wire import TaskWire
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until_async

FOREVER = 60.0


class Member:
    """A worker, as far as the bus goes."""

    def __init__(self, name: str, environment: Environment) -> None:
        self.bus = ControlBus(name, environment)
        self.environment = environment
        self.lost: list[str] = []
        self.heard: list[dict[str, Any]] = []
        self.bus.on("note", self._note)

    def _note(self, arguments: dict[str, Any]) -> dict[str, Any]:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        self.heard.append(arguments)
        return {"noted": len(self.heard)}

    async def open(self, url: str) -> AsyncioConnection:
        self.connection = await connect(url, name="test")
        await topology.declare(self.connection, [])
        await claim_environment(self.connection, self.environment, lambda _: None)
        await self.bus.open(self.connection, self.lost.append)
        return self.connection


Join = Callable[..., Awaitable[Member]]


@pytest.fixture
async def join(clean_broker: str) -> AsyncIterator[Join]:
    members: list[Member] = []

    async def make(name: str, *, environment: Environment = "paper", url: str = clean_broker) -> Member:
        member = Member(name, environment)
        members.append(member)
        await member.open(url)
        return member

    yield make
    for member in members:
        member.bus.stop()
        if member.connection.is_open:
            member.connection.close()
    await wait_until_async(lambda: all(member.connection.is_closed for member in members))


@pytest.fixture
def proxy(clean_broker: str) -> Iterator[TcpProxy]:
    target = pika.URLParameters(clean_broker)
    with TcpProxy(target.host, target.port) as made:
        yield made


def through(proxy: TcpProxy, url: str) -> str:
    return f"amqp://guest:guest@127.0.0.1:{proxy.port}/{url.rpartition('/')[2]}"


async def ask(member: Member, command: str = "note", *, timeout: float = 20.0) -> Any:  # noqa: ASYNC109
    return await asyncio.to_thread(member.bus.ask_everybody, command, {"value": 1}, timeout=timeout)


async def test_every_worker_answers_and_the_one_that_asks_too(join: Join) -> None:
    first, second, third = [await join(name) for name in ("a", "b", "c")]
    gathered = await ask(second)
    assert (gathered.expected, gathered.missing, gathered.missing_names()) == (3, 0, [])
    assert sorted((reply.worker, reply.environment) for reply in gathered.replies) == [
        (name, "paper") for name in "abc"
    ]
    assert all(reply.result == {"noted": 1} and reply.error is None for reply in gathered.replies)
    assert first.heard == second.heard == third.heard == [{"value": 1}]


async def test_commands_of_one_worker_are_obeyed_in_their_order(join: Join) -> None:
    first, second = await join("a"), await join("b")

    def send_all() -> None:
        for number in range(50):
            first.bus.broadcast("note", {"value": number}, timeout=0, until=lambda _: True)

    await asyncio.to_thread(send_all)
    await wait_until_async(lambda: len(second.heard) == 50)
    assert [arguments["value"] for arguments in second.heard] == list(range(50))


async def test_what_a_handler_cannot_do_is_told(join: Join) -> None:
    first, second = await join("a"), await join("b")
    first.bus.on("odd", lambda _: {"fine": True})
    second.bus.on("odd", lambda _: {"no JSON": object()})
    replies = {reply.worker: reply for reply in (await ask(first, "odd")).replies}
    assert replies["a"].result == {"fine": True}
    assert "TypeError" in (replies["b"].error or "")
    replies = {reply.worker: reply for reply in (await ask(first, "no-such")).replies}
    assert all("no-such" in (reply.error or "") for reply in replies.values())


async def test_a_worker_that_does_not_answer_is_named(join: Join) -> None:
    first, second = await join("a"), await join("b")
    await ask(second)
    gate = threading.Event()
    second.bus.on("wait", lambda _: {"waited": gate.wait(FOREVER)})
    first.bus.on("wait", lambda _: {})
    gathered = await ask(first, "wait", timeout=0.5)
    assert (gathered.expected, gathered.missing) == (2, 1)
    assert gathered.missing_names() == ["b"]
    gate.set()
    assert (await ask(first)).missing_names() == []


async def test_a_worker_nobody_knows_is_counted(join: Join, clean_broker: str) -> None:
    member = await join("a")
    with TaskWire(clean_broker) as wire:
        wire.channel.basic_consume("broker.environment.paper", lambda *_: None)
        gathered = await ask(member, timeout=0.5)
    assert gathered.missing_names() == ["1 of unknown name"]


async def test_workers_of_another_environment_stay_out(join: Join, clean_broker: str) -> None:
    first = await join("a")
    # Two environments never share a vhost, but the bus does not rely on it.
    other = ControlBus("b", "real")
    other.on("note", lambda _: {"noted": "by the wrong one"})
    connection = await connect(clean_broker, name="test")
    await other.open(connection, lambda _: None)
    gathered = await ask(first, timeout=0.5)
    assert [reply.worker for reply in gathered.replies] == ["a"]
    other.stop()
    connection.close()
    await wait_until_async(lambda: connection.is_closed)


def garbage() -> list[tuple[bytes, dict[str, Any]]]:
    answerable = {"reply_to": "amq.gen-nobody", "correlation_id": "1"}
    command = {"kind": "command", "command": "note", "arguments": {}, "worker": "x", "environment": "paper"}
    answer = {"kind": "answer", "worker": "x", "environment": "paper", "result": {}}
    return [
        (b"", answerable),
        (b"\xff\x00", answerable),
        (b"[" * 100_000, answerable),
        (b"null", answerable),
        (b'"command"', answerable),
        (b'{"kind": "command"}', answerable),
        (orjson.dumps(command | {"kind": "order"}), answerable),
        (orjson.dumps(command | {"arguments": [1]}), answerable),
        (orjson.dumps(command | {"worker": ""}), answerable),
        (orjson.dumps(command | {"environment": "live"}), answerable),
        (orjson.dumps(command), {}),
        (orjson.dumps(command), {"reply_to": "tasks", "correlation_id": "1"}),
        (orjson.dumps(command), {"reply_to": "amq.gen-nobody"}),
        (orjson.dumps(command | {"environment": "real"}), answerable),
        (orjson.dumps(answer), {}),
        (orjson.dumps(answer), answerable),
        (orjson.dumps(answer | {"result": 1}), answerable),
    ]


async def test_garbage_is_ignored_and_hurts_nobody(join: Join, clean_broker: str) -> None:
    member = await join("a")
    with TaskWire(clean_broker) as wire:
        wire.channel.queue_declare("tasks")
        for _ in range(20):  # more than the prefetch: each must be taken off the queue
            for body, properties in garbage():
                wire.channel.basic_publish("broker.control", "", body, pika.BasicProperties(**properties))
        gathered = await ask(member)
        assert [reply.worker for reply in gathered.replies] == ["a"]
        assert member.heard == [{"value": 1}]
        assert wire.depth("tasks") == 0
    assert member.lost == []


async def test_an_answer_without_a_reader_does_no_harm(join: Join, clean_broker: str) -> None:
    member = await join("a")
    command = {"kind": "command", "command": "note", "arguments": {}, "worker": "x", "environment": "paper"}
    with TaskWire(clean_broker) as wire:
        properties = pika.BasicProperties(reply_to="amq.gen-nobody", correlation_id="1")
        wire.channel.basic_publish("broker.control", "", orjson.dumps(command), properties)
    await wait_until_async(lambda: member.heard == [{}])
    assert (await ask(member)).missing == 0


async def test_a_cut_in_the_middle_is_an_error_at_once_and_the_next_session_works(
    join: Join, proxy: TcpProxy, clean_broker: str
) -> None:
    member = await join("a", url=through(proxy, clean_broker))

    def wait_for_nobody() -> None:
        member.bus.broadcast("note", {}, timeout=FOREVER, until=lambda _: False)

    asking = asyncio.create_task(asyncio.to_thread(wait_for_nobody))
    await wait_until_async(lambda: member.heard == [{}])
    proxy.cut()
    with pytest.raises(InternalError, match="connection to RabbitMQ was lost") as lost:
        await asyncio.wait_for(asking, 10)
    assert lost.value.retryable
    await wait_until_async(lambda: member.connection.is_closed)
    with pytest.raises(InternalError, match="no connection to RabbitMQ"):
        await asyncio.wait_for(ask(member), 10)
    await member.open(through(proxy, clean_broker))
    gathered = await ask(member)
    assert [reply.worker for reply in gathered.replies] == ["a"]
    assert member.lost == []


async def test_a_broker_that_falls_silent_does_not_hang_the_one_who_asks(
    join: Join, proxy: TcpProxy, clean_broker: str
) -> None:
    member = await join("a", url=through(proxy, clean_broker))
    proxy.pause()
    with pytest.raises(InternalError, match="how many workers"):
        await asyncio.wait_for(ask(member, timeout=0.5), 10)
    replies = await asyncio.to_thread(
        member.bus.broadcast, "note", {}, timeout=0.5, until=lambda replies: bool(replies)
    )
    assert replies == []
    proxy.resume()
    assert (await ask(member)).missing == 0


async def test_a_queue_that_somebody_deletes_is_told_to_the_session(join: Join, clean_broker: str) -> None:
    member = await join("a")
    # Only its own connection may delete an exclusive queue.
    (await AsyncChannel.open(member.connection)).raw.queue_delete(member.bus.address)
    await wait_until_async(lambda: member.lost)
    with pytest.raises(InternalError, match="no connection"):
        await ask(member)


async def test_before_the_first_session_there_is_a_clear_error() -> None:
    bus = ControlBus("a", "paper")
    with pytest.raises(InternalError, match="no connection to RabbitMQ"):
        await asyncio.to_thread(bus.ask_everybody, "note", {}, timeout=1)
    with pytest.raises(InternalError, match="no connection to RabbitMQ"):
        await asyncio.to_thread(bus.broadcast, "note", {}, timeout=1, until=bool)


async def test_asking_from_the_event_loop_is_a_defect_that_shows(join: Join) -> None:
    member = await join("a")
    with pytest.raises(AssertionError, match="event loop"):
        member.bus.broadcast("note", {}, timeout=1, until=bool)
