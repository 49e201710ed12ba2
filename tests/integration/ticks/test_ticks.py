"""Live data reaches the broker in order and within its bounds, and what does not is counted and told."""

from __future__ import annotations

import asyncio

import pika
import pytest

from broker_server.amqp.private_node import PrivateNode
from broker_server.amqp.ticks import Keep
from tests.integration.ticks.conftest import QUEUE, TTL, Owner, StartOwner, running, values
from tests.support.task_wire import TaskWire
from tests.support.waiting import wait_until_async
from tests.support.workers import rabbitmqctl


async def test_events_arrive_in_order_at_the_exchange_and_at_the_queue(
    clean_broker: str, wire: TaskWire, start_owner: StartOwner
) -> None:
    wire.channel.queue_bind(wire.queue, "broker.realtime", "kis.trade.*")
    bound = "test.bound"
    wire.channel.queue_declare(bound)
    wire.channel.queue_bind(bound, "broker.realtime", "kis.trade.#")
    owner = await start_owner(clean_broker)
    everyone = owner.route(
        "all", exchange="broker.realtime", routing_key="kis.trade.005930.NXT", mandatory=False
    )
    copy = owner.route("copy", correlation_id="task-1")
    for number in range(500):
        owner.publish(everyone, number)
        owner.publish(copy, number)
    await owner.settled()
    messages = wire.take_all(bound)
    assert [message.json["value"] for message in messages] == list(range(500))
    assert {message.routing_key for message in messages} == {"kis.trade.005930.NXT"}
    properties = messages[0].properties
    assert (properties.delivery_mode, properties.expiration) == (1, TTL)
    assert (properties.content_type, properties.message_id) == ("application/json", None)
    copies = wire.take_all(QUEUE)
    assert [message.json["sequence"] for message in copies] == list(range(1, 501))
    assert copies[0].properties.correlation_id == "task-1"
    assert len({message.properties.message_id for message in copies}) == 500
    assert owner.counts == {
        "published": 1000,
        "outstanding": 0,
        "waiting": 0,
        "conflated": 0,
        "dropped": 0,
        "returned": 0,
        "nacked": 0,
        "refused": 0,
        "reconnects": 0,
    }


async def test_executions_are_persistent_and_have_no_end(
    clean_broker: str, wire: TaskWire, start_owner: StartOwner
) -> None:
    owner = await start_owner(clean_broker)
    owner.publish(owner.route("execution", Keep.ALWAYS, persistent=True, expiration=None), "filled")
    message = await asyncio.to_thread(wire.take, QUEUE)
    assert (message.properties.delivery_mode, message.properties.expiration) == (2, None)


async def test_the_broker_lets_ticks_go_after_their_time(
    clean_broker: str, wire: TaskWire, start_owner: StartOwner
) -> None:
    owner = await start_owner(clean_broker)
    owner.publish(owner.route("short", expiration="50"))
    owner.publish(owner.route("long"))
    await owner.settled()
    await wait_until_async(lambda: wire.depth(QUEUE) == 1)
    assert wire.take(QUEUE).json["slot"] == "long"


async def test_long_messages_are_split_into_frames(
    clean_broker: str, wire: TaskWire, start_owner: StartOwner
) -> None:
    owner = await start_owner(clean_broker)
    for letter in "ab":
        owner.publish(owner.route("long"), letter * 300_000)
    await owner.settled()
    assert values(wire)() == ["a" * 300_000, "b" * 300_000]


async def test_never_more_outstanding_than_the_bound_and_quotes_conflate(
    clean_broker: str, wire: TaskWire, start_owner: StartOwner
) -> None:
    owner = await start_owner(clean_broker)
    trade, quote = owner.route("trade"), owner.route("quote", Keep.NEWEST)
    for number in range(5_000):
        owner.publish(trade, number)
        owner.publish(quote, number)
    assert owner.counts["outstanding"] == 2_000
    assert owner.counts["waiting"] == 4_001
    most = 0

    async def watch() -> bool:
        nonlocal most
        most = max(most, owner.counts["outstanding"])
        return owner.counts["waiting"] == 0 and owner.counts["outstanding"] == 0

    await wait_until_async(watch)
    assert most <= 2_000
    events = [message.json for message in wire.take_all(QUEUE)]
    assert [event["value"] for event in events if event["slot"] == "trade"] == list(range(5_000))
    quotes = [event for event in events if event["slot"] == "quote"]
    assert [event["sequence"] for event in quotes] == list(range(1, 1_002))
    assert quotes[-1]["conflated"] == 3_999
    assert quotes[-1]["value"] == 4_999
    assert owner.counts["conflated"] == 3_999


async def test_copies_without_a_queue_are_told_once_each(
    clean_broker: str, wire: TaskWire, start_owner: StartOwner
) -> None:
    owner = await start_owner(clean_broker)
    gone, here = owner.route("gone", routing_key="test.nowhere"), owner.route("here")
    nobody = owner.route("nobody", exchange="broker.realtime", routing_key="kis.x.y", mandatory=False)
    for number in range(100):
        for route in (gone, here, nobody):
            owner.publish(route, number)
    await owner.settled()
    assert owner.returned == ["gone"] * 100
    assert owner.counts["returned"] == 100
    assert values(wire)() == list(range(100))


async def test_a_full_queue_refuses_and_the_others_go_on(
    clean_broker: str, wire: TaskWire, start_owner: StartOwner
) -> None:
    full = "test.full"
    wire.channel.queue_declare(full, arguments={"x-max-length": 5, "x-overflow": "reject-publish"})
    owner = await start_owner(clean_broker)
    for number in range(100):
        owner.publish(owner.route("full", routing_key=full), number)
        owner.publish(owner.route("here"), number)
    await owner.settled()
    assert values(wire)() == list(range(100))
    assert owner.refused == ["full"] * owner.counts["nacked"]
    assert owner.counts["nacked"] + len(wire.take_all(full)) == 100
    assert owner.counts["nacked"] > 0
    await wait_until_async(lambda: sum(missing for _, missing in owner.gaps) == owner.counts["nacked"])
    assert {slot for slot, _ in owner.gaps} == {"full"}


async def test_a_message_that_closes_the_channel_costs_only_itself(
    clean_broker: str, wire: TaskWire, start_owner: StartOwner
) -> None:
    owner = await start_owner(clean_broker)
    for number in range(200):
        owner.publish(owner.route("here"), number)
        if number == 100:  # the broker takes no time to live beyond 2^32 ms
            owner.publish(owner.route("bad", expiration="9999999999999"))
    await wait_until_async(lambda: owner.gaps)
    await owner.settled()
    assert values(wire)() == list(range(200))
    assert owner.gaps == [("bad", 1)]
    assert owner.refused == ["bad"]
    assert owner.counts["reconnects"] == 0
    published = owner.counts["published"]
    owner.publish(owner.route("bad", expiration="9999999999999"))
    owner.publish(owner.route("here"), "last")
    await owner.settled()
    assert owner.counts["published"] == published + 1, "the same again is not even tried"
    assert values(wire)() == ["last"]


async def test_an_exchange_that_was_deleted_is_declared_again(
    clean_broker: str, wire: TaskWire, start_owner: StartOwner
) -> None:
    owner = await start_owner(clean_broker)
    everyone = owner.route("all", exchange="broker.realtime", routing_key="kis.trade.A", mandatory=False)
    owner.publish(everyone, 1)
    await owner.settled()
    wire.channel.exchange_delete("broker.realtime")
    owner.publish(everyone, 2)
    owner.publish(owner.route("here"), 2)
    await owner.settled()
    assert values(wire)() == [2]
    assert (owner.gaps, owner.refused) == ([], [])
    wire.channel.exchange_declare("broker.realtime", "topic", passive=True)


async def test_an_exchange_that_does_not_exist_is_given_up_for_a_while(
    clean_broker: str, wire: TaskWire, start_owner: StartOwner
) -> None:
    owner = await start_owner(clean_broker)
    for number in range(50):
        owner.publish(owner.route(f"lost-{number}", exchange="test.nowhere", routing_key=f"k{number}"))
        owner.publish(owner.route("here"), number)
    await owner.settled()
    assert values(wire)() == list(range(50))
    assert owner.counts["refused"] == 50
    await wait_until_async(lambda: len(owner.gaps) == 50)
    assert owner.counts["reconnects"] == 0


async def test_what_is_published_before_the_connection_waits_for_it(
    clean_broker: str, wire: TaskWire
) -> None:
    owner = Owner(clean_broker, most_waiting=10)
    for number in range(25):
        owner.publish(owner.route("trade"), number)
    async with running(owner):
        await owner.settled()
        assert values(wire)() == list(range(15, 25))
        assert owner.gaps == [("trade", 15)]


async def test_stopping_lets_the_broker_have_what_was_published(clean_broker: str, wire: TaskWire) -> None:
    owner = Owner(clean_broker)
    async with running(owner):
        await wait_until_async(lambda: owner.publisher.is_connected and not owner.counts["waiting"])
        for number in range(5_000):
            owner.publish(owner.route("trade"), number)
    assert values(wire)() == list(range(5_000))
    assert owner.counts["outstanding"] == owner.counts["waiting"] == 0


async def test_queues_are_looked_at_several_at_a_time(
    clean_broker: str, wire: TaskWire, start_owner: StartOwner
) -> None:
    owner = await start_owner(clean_broker)
    names = {f"test.missing.{number}": (False, None) for number in range(30)}
    names |= {QUEUE: (True, 0), wire.queue: (True, None)}  # that one is exclusive to the wire
    with TaskWire(clean_broker) as consumer:
        consumer.channel.queue_declare("test.consumed")
        consumer.channel.basic_consume("test.consumed", lambda *_: None)
        names["test.consumed"] = (True, 1)
        states = await asyncio.gather(*(owner.publisher.queue_state(name) for name in names))
    assert dict(zip(names, states, strict=True)) == names
    owner.publish(owner.route("here"), 1)
    await owner.settled()
    assert values(wire)() == [1]


@pytest.mark.chaos  # a node of its own and the broker's slow look at its memory: 20 s
@pytest.mark.timeout(2400)
async def test_a_memory_alarm_lets_quotes_conflate_and_everything_go_on_after_it(
    start_owner: StartOwner,
) -> None:
    with PrivateNode.start() as node, TaskWire(node.url) as wire:
        wire.channel.queue_declare(QUEUE)
        owner = await start_owner(node.url)
        trade, quote = owner.route("trade"), owner.route("quote", Keep.NEWEST)
        await asyncio.to_thread(rabbitmqctl, node, "set_vm_memory_high_watermark", "0")

        def is_blocked() -> bool:
            owner.publish(owner.route("probe", Keep.NEWEST))
            return not owner.publisher.is_connected

        await wait_until_async(is_blocked)
        with pytest.raises(pika.exceptions.AMQPError):
            await owner.publisher.queue_state(QUEUE)
        published, waiting = owner.counts["published"], owner.counts["waiting"]
        for number in range(3_000):
            owner.publish(trade, number)
            owner.publish(quote, number)
        assert owner.counts["published"] == published
        assert owner.counts["waiting"] == waiting + 3_001
        await asyncio.to_thread(rabbitmqctl, node, "set_vm_memory_high_watermark", "absolute", "512MB")
        await owner.settled()
        events = [message.json for message in wire.take_all(QUEUE)]
        assert [event["value"] for event in events if event["slot"] == "trade"] == list(range(3_000))
        quotes = [event for event in events if event["slot"] == "quote"]
        assert [(event["value"], event["conflated"]) for event in quotes] == [(2_999, 2_999)]
        assert owner.counts["reconnects"] == 0
        assert owner.gaps == []
