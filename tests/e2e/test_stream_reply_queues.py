"""Live data whose reply queue goes away, comes back, or is another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.live_data import (
    PRICE,
    LiveFloor,
    Subscriber,
    check_sequences,
    running_live_floor,
)
from tests.support.order_events import Listener
from tests.support.waiting import wait_until

SETTINGS = {"SUBSCRIPTION_GRACE": "2"}
FIRST = "005930"
QUEUE = "test.live-data"


@pytest.fixture(scope="module")
def shared(_test_broker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveFloor]:
    """A floor with one worker, which registers no notices."""
    folder = tmp_path_factory.mktemp("streams")
    with running_live_floor(_test_broker, folder, notices=False, settings=SETTINGS) as floor:
        yield floor


@pytest.fixture
def floor(shared: LiveFloor) -> Iterator[LiveFloor]:
    """The module's floor; nothing is subscribed afterwards."""
    yield shared
    shared.end_subscriptions()


@pytest.fixture
def consumer(floor: LiveFloor) -> Iterator[Subscriber]:
    """A client with a reply queue of its own, and a lasting one that a test may name."""
    with Subscriber(floor.url) as subscriber:
        yield subscriber
        subscriber.channel.queue_delete(QUEUE)


def test_deleted_reply_queue_is_suspended_then_dropped(floor: LiveFloor, consumer: Subscriber) -> None:
    consumer.channel.queue_declare(QUEUE, durable=True)
    with Listener(floor.url, "subscription.kis.*") as listener:
        consumer.send(PRICE, {"ticker": FIRST}, task_id="left", reply_to=QUEUE)
        wait_until(lambda: (consumer.depth(QUEUE) or 0) >= 3, what="events in the queue")
        consumer.channel.queue_delete(QUEUE)
        event = listener.wait("subscription.kis.suspended", task_id="left")
        assert (event["key"], event["type"]) == ("trade.005930", "subscription")
        (row,) = floor.rows("broker.list-subscriptions")
        assert row["suspended"] is True
        event = listener.wait("subscription.kis.dropped", task_id="left")
        assert "gone" in event["reason"]
    assert floor.rows("broker.list-subscriptions") == []
    floor.exchange.wait_registered()


def test_reply_queue_that_comes_back_in_time_gets_a_new_epoch(floor: LiveFloor, consumer: Subscriber) -> None:
    consumer.channel.queue_declare(QUEUE, durable=True)
    with Listener(floor.url, "subscription.kis.*") as listener:
        consumer.send(PRICE, {"ticker": FIRST}, task_id="back", reply_to=QUEUE)
        wait_until(lambda: (consumer.depth(QUEUE) or 0) >= 3, what="events in the queue")
        before = [message.json for message in consumer.take_all(QUEUE)]
        consumer.channel.queue_delete(QUEUE)
        listener.wait("subscription.kis.suspended", task_id="back")
    consumer.channel.queue_declare(QUEUE, durable=True)
    wait_until(lambda: (consumer.depth(QUEUE) or 0) >= 4, what="events in the queue that came back")
    after = [message.json for message in consumer.take_all(QUEUE)]
    assert after[0]["kind"] == "status"
    assert after[0]["result"][0]["state"] == "resumed"
    assert len(check_sequences([*before, *after])) == 2
    assert [each["suspended"] for each in floor.rows("broker.list-subscriptions")] == [False]


def test_reply_queue_named_anew_takes_over_at_once(floor: LiveFloor, consumer: Subscriber) -> None:
    consumer.channel.queue_declare(QUEUE, durable=True)
    consumer.send(PRICE, {"ticker": FIRST}, task_id="moved", reply_to=QUEUE)
    wait_until(lambda: (consumer.depth(QUEUE) or 0) >= 3, what="events in the queue")
    consumer.channel.queue_delete(QUEUE)
    consumer.subscribe(PRICE, {"ticker": FIRST}, task_id="moved")
    consumer.wait_events("moved", 4)
    check_sequences(consumer.messages("moved"))
    assert [each["reply_queue"] for each in floor.rows("broker.list-subscriptions")] == [consumer.queue]
