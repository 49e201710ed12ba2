"""Live data where there is not enough of it, and where the reply queue goes: a worker with three slots."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.broker_cleaning import clean
from tests.support.live_data import (
    BRISK,
    END_PRICE,
    PRICE,
    LiveFloor,
    Subscriber,
    check_sequences,
    open_live_floor,
)
from tests.support.order_events import Listener
from tests.support.waiting import wait_until

SETTINGS = {"KIS_WS_MAX_REGISTRATIONS": "3", "POLLING_INTERVAL": "1", "SUBSCRIPTION_GRACE": "2"}
FIRST, SECOND, THIRD = "005930", "000660", "035420"
QUEUE = "test.live-data"


@pytest.fixture(scope="module")
def shared(_test_broker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveFloor]:
    """A floor with one worker, which registers no notices: of three slots, one is kept free for them."""
    clean(_test_broker.url, _test_broker.management)
    folder = tmp_path_factory.mktemp("streams")
    with open_live_floor(_test_broker.url, folder, notices=False, settings=SETTINGS) as floor:
        floor.start(program=BRISK)
        yield floor
        assert floor.worker.terminate() == 0, floor.logs()
        floor.assert_discreet()
    clean(_test_broker.url, _test_broker.management)


@pytest.fixture
def floor(shared: LiveFloor) -> Iterator[LiveFloor]:
    """The module's floor; nothing is subscribed afterwards."""
    yield shared
    for task_id in {each["subscription"] for each in shared.rows("broker.list-subscriptions")}:
        shared.rows("broker.drop-subscription", {"task_id": task_id})
    shared.exchange.wait_registered(what="nothing to be registered any more")


@pytest.fixture
def consumer(floor: LiveFloor) -> Iterator[Subscriber]:
    """A client with a reply queue of its own, and a lasting one that a test may name."""
    with Subscriber(floor.url) as subscriber:
        yield subscriber
        subscriber.channel.queue_delete(QUEUE)


def test_over_the_limit_says_how_many_there_are(floor: LiveFloor, consumer: Subscriber) -> None:
    for ticker in (FIRST, SECOND):
        consumer.subscribe(PRICE, {"ticker": ticker, "polling": False})
    error = consumer.error(PRICE, {"ticker": THIRD, "polling": False})
    assert error["code"] == "SUBSCRIPTION_LIMIT"
    assert "2" in error["message"]
    assert "3" in error["message"]
    assert {each["ticker"] for each in floor.rows("broker.list-subscriptions")} == {FIRST, SECOND}
    consumer.subscribe(PRICE, {"ticker": FIRST, "polling": False})  # that one is registered anyway


def test_over_the_limit_is_polled_and_live_again_when_a_slot_is_free(
    floor: LiveFloor, consumer: Subscriber
) -> None:
    tasks = [consumer.subscribe(PRICE, {"ticker": ticker}) for ticker in (FIRST, SECOND, THIRD)]
    polled = tasks[2]
    assert consumer.messages(polled)[0]["result"][0]["mode"] == "polling"
    found = consumer.wait_events(polled, 2, mode="polling")
    assert {each["result"][0]["ticker"] for each in found} == {THIRD}
    assert {each["result"][0]["quantity"] for each in found} == {None}
    assert sorted(each for _, each in floor.exchange.registrations()) == [SECOND, FIRST]
    (row,) = [each for each in floor.rows("broker.list-subscriptions") if each["ticker"] == THIRD]
    assert row["mode"] == "polling"
    consumer.send(END_PRICE, task_id=tasks[0])
    consumer.wait_state(polled, "live")
    seen = len(consumer.events(polled))
    wait_until(lambda: len(consumer.events(polled)) >= seen + 4, what="live events")
    messages = consumer.messages(polled)
    live = messages[[each["kind"] for each in messages].index("status") :]
    assert live[0]["result"][0]["state"] == "live"
    assert not [each for each in live if "mode" in each["result"][0]]
    epochs = check_sequences(messages)
    assert len(epochs) == 2
    assert {each["epoch"] for each in live if each["kind"] == "event"} == {epochs[1]}


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
