"""Live data as a program gets it: what comes after subscribing, in which order, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pika
import pytest

from tests.support.live_data import (
    BOOK,
    END_PRICE,
    PRICE,
    LiveFloor,
    Subscriber,
    check_sequences,
    running_live_floor,
)
from tests.support.waiting import wait_until

SAMSUNG = ("H0STCNT0", "005930")


@pytest.fixture(scope="module")
def shared(_test_broker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveFloor]:
    """A floor with one worker."""
    with running_live_floor(_test_broker, tmp_path_factory.mktemp("streams")) as floor:
        yield floor


@pytest.fixture
def floor(shared: LiveFloor) -> Iterator[LiveFloor]:
    """The module's floor; nothing is subscribed afterwards."""
    yield shared
    shared.brokerage.calm()
    shared.end_subscriptions()


@pytest.fixture
def consumer(floor: LiveFloor) -> Iterator[Subscriber]:
    """A client with a reply queue of its own."""
    with Subscriber(floor.url) as subscriber:
        yield subscriber


def replied(consumer: Subscriber, task_id: str) -> bool:
    """Whether the reply to unsubscribing has come."""
    return bool(consumer.messages(task_id, "reply"))


def test_unsubscribing_under_load_ends_it_at_once_too(floor: LiveFloor, consumer: Subscriber) -> None:
    """What waits to be sent must not come after the reply."""
    task_id = consumer.subscribe(PRICE, {"ticker": "005930"})
    others = [consumer.subscribe(PRICE, {"ticker": "005930"}) for _ in range(2)]
    floor.brokerage.fault("load", symbol="005930", rate=1000)
    consumer.wait_events(task_id, 300)
    for each in (task_id, *others):
        consumer.send(END_PRICE, task_id=each)
    for each in (task_id, *others):
        wait_until(partial(replied, consumer, each), what="the reply to unsubscribing")
    floor.brokerage.calm()
    floor.exchange.wait_registered(what="nothing to be registered any more")
    with Subscriber(floor.url) as other:
        other.wait_events(other.subscribe(PRICE, {"ticker": "000660"}), 4)
    for each in (task_id, *others):
        kinds = [message["kind"] for message in consumer.messages(each)]
        assert kinds[-1] == "reply", len(kinds) - kinds.index("reply")


def test_unsubscribing_before_the_first_state_has_come_ends_it_too(
    floor: LiveFloor, consumer: Subscriber
) -> None:
    floor.brokerage.fault("latency", tr="FHKST01010100", seconds=1, count=None)
    task_id = consumer.subscribe(PRICE, {"ticker": "005930"})
    with Subscriber(floor.url) as other:
        other.wait_events(other.subscribe(PRICE, {"ticker": "005930", "snapshot": False}), 2)
        consumer.send(END_PRICE, task_id=task_id)
        other.wait_events(other.subscribe(PRICE, {"ticker": "000660"}), 2)
    floor.brokerage.calm()
    assert [message["kind"] for message in consumer.messages(task_id)] == ["ack", "reply"]


def test_what_clients_do_in_a_loop_is_no_loop_at_the_vendor(floor: LiveFloor, consumer: Subscriber) -> None:
    floor.exchange.clear_counts()
    for _ in range(20):
        task_id = consumer.subscribe(PRICE, {"ticker": "005930", "snapshot": False})
        consumer.send(END_PRICE, task_id=task_id)
    for _ in range(10):
        assert consumer.error(PRICE, {"ticker": "999999", "snapshot": False})["code"] == "INVALID_PARAMETERS"
    assert floor.exchange.counts()["registrations_most_in_a_minute"] <= 4


def test_exchange_carries_each_event_once_with_a_sequence_of_its_own(
    floor: LiveFloor, consumer: Subscriber
) -> None:
    queue = consumer.channel.queue_declare("", exclusive=True).method.queue
    consumer.channel.queue_bind(queue, "broker.realtime", "kis.trade.*")
    tasks = [consumer.subscribe(PRICE, {"ticker": "000660"}) for _ in range(3)]
    wait_until(lambda: (consumer.depth(queue) or 0) >= 6, what="six events on the exchange")
    for task_id in tasks:
        consumer.wait_events(task_id, 4)
    found = consumer.take_all(queue)
    assert {message.routing_key for message in found} == {"kis.trade.000660"}
    messages = [message.json for message in found]
    assert {(each["task_id"], each["key"]) for each in messages} == {("broker.realtime", "trade.000660")}
    assert len(check_sequences(messages)) == 1
    volumes = [each["result"][0]["volume"] for each in messages]
    assert len(set(volumes)) == len(volumes)
    copies = [each["result"][0] for each in consumer.events(tasks[0]) if "snapshot" not in each["result"][0]]
    assert copies[0] in [each["result"][0] for each in messages]


def test_without_copies_only_the_exchange_carries_events(floor: LiveFloor, consumer: Subscriber) -> None:
    queue = consumer.channel.queue_declare("", exclusive=True).method.queue
    consumer.channel.queue_bind(queue, "broker.realtime", "kis.trade.005930")
    task_id = consumer.subscribe(PRICE, {"ticker": "005930", "copies": False, "snapshot": False})
    wait_until(lambda: (consumer.depth(queue) or 0) >= 4, what="events on the exchange")
    kinds = [each["kind"] for each in consumer.messages(task_id)]
    assert kinds[0] == "ack"
    assert "event" not in kinds


def test_raw_events_have_the_vendors_fields_too(floor: LiveFloor, consumer: Subscriber) -> None:
    task_id = consumer.subscribe(PRICE, {"ticker": "005930", "raw": True, "snapshot": False})
    event = consumer.wait_events(task_id, 1)[0]["result"][0]
    assert event["type"] == "trade"
    assert event["fields"]["MKSC_SHRN_ISCD"] == "005930"
    assert str(event["fields"]["ACML_VOL"]) == str(event["volume"])


def test_vendors_own_form_of_a_subscription(floor: LiveFloor, consumer: Subscriber) -> None:
    task_id = consumer.subscribe("kis.subscribe", {"tr_id": "H0STCNT0", "tr_key": "005930"})
    message = consumer.wait_events(task_id, 3)[-1]
    assert message["key"] == "H0STCNT0.005930"
    event = message["result"][0]
    assert (event["type"], event["vendor"], event["key"]) == ("H0STCNT0", "kis", "005930")
    assert event["fields"]["MKSC_SHRN_ISCD"] == "005930"
    consumer.send("kis.unsubscribe", {"tr_id": "H0STCNT0", "tr_key": "005930"}, task_id=task_id)
    floor.exchange.wait_registered()


def test_order_books_and_overseas_prices_have_keys_of_their_own(
    floor: LiveFloor, consumer: Subscriber
) -> None:
    apple = {"ticker": "AAPL", "exchange": "NASD"}
    wanted = {
        consumer.subscribe(BOOK, {"ticker": "005930"}): ("order_book.005930", "order_book"),
        consumer.subscribe(PRICE, {"ticker": "005930", "venue": "NXT"}): ("trade.005930.NXT", "trade"),
        consumer.subscribe("kis.subscribe-overseas-price", apple): ("trade.AAPL.NASD", "trade"),
        consumer.subscribe("kis.subscribe-overseas-order-book", apple): (
            "order_book.AAPL.NASD",
            "order_book",
        ),
    }
    for task_id, (key, kind) in wanted.items():
        messages = consumer.wait_events(task_id, 3)
        assert {(each["key"], each["result"][0]["type"]) for each in messages} == {(key, kind)}
        assert messages[0]["result"][0]["snapshot"] is True
        assert len(check_sequences(messages)) == 1
        assert consumer.messages(task_id)[0]["result"][0]["key"] == key
    tickers = {each["result"][0]["ticker"] for task_id in wanted for each in consumer.events(task_id)}
    assert tickers == {"005930", "AAPL"}
    assert sorted(floor.exchange.registrations()) == [
        ("H0NXCNT0", "005930"),
        ("H0STASP0", "005930"),
        ("HDFSASP0", "DNASAAPL"),
        ("HDFSCNT0", "DNASAAPL"),
    ]


def test_keys_of_one_task_count_apart_and_end_apart(floor: LiveFloor, consumer: Subscriber) -> None:
    task_id = consumer.subscribe(PRICE, {"ticker": "005930"}, task_id="several")
    consumer.send(PRICE, {"ticker": "000660"}, task_id=task_id)
    consumer.send(BOOK, {"ticker": "005930"}, task_id=task_id)

    def keys() -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for each in consumer.events(task_id):
            found.setdefault(each["key"], []).append(each)
        assert len(found) == 3
        assert all(len(events) >= 3 for events in found.values())
        return found

    for events in wait_until(keys, what="events of three keys").values():
        assert len(check_sequences(events)) == 1
    consumer.send(END_PRICE, {"ticker": "005930"}, task_id=task_id)
    floor.exchange.wait_registered(("H0STCNT0", "000660"), ("H0STASP0", "005930"))
    consumer.send(END_PRICE, task_id=task_id)
    floor.exchange.wait_registered(("H0STASP0", "005930"))


def test_repeated_subscription_is_acknowledged_again_and_goes_on(
    floor: LiveFloor, consumer: Subscriber
) -> None:
    task_id = consumer.subscribe(PRICE, {"ticker": "005930"}, task_id="twice")
    consumer.wait_events(task_id, 3)
    consumer.send(PRICE, {"ticker": "005930"}, task_id=task_id)
    wait_until(lambda: len(consumer.messages(task_id, "ack")) == 2, what="a second acknowledgement")
    consumer.wait_new_events(task_id, 3)
    check_sequences(consumer.messages(task_id))
    assert floor.exchange.registrations() == [SAMSUNG]
    assert len(floor.rows("broker.list-subscriptions")) == 1


def test_listing_shows_subscriptions_and_dropping_ends_them(floor: LiveFloor, consumer: Subscriber) -> None:
    task_id = consumer.subscribe(PRICE, {"ticker": "005930"}, task_id="listed")
    (row,) = floor.rows("broker.list-subscriptions")
    assert (row["subscription"], row["key"], row["mode"]) == ("listed", "trade.005930", "realtime")
    assert (row["reply_queue"], row["suspended"]) == (consumer.queue, False)
    assert floor.rows("broker.drop-subscription", {"task_id": task_id}) == [
        {"subscription": "listed", "ticker": "005930"}
    ]
    error = floor.refusal("broker.drop-subscription", {"task_id": task_id})
    assert error["code"] == "NOT_SUBSCRIBED"
    floor.exchange.wait_registered()


def test_direct_reply_to_address_cannot_take_a_stream(floor: LiveFloor, consumer: Subscriber) -> None:
    direct = consumer.connection.channel()
    replies: list[bytes] = []
    direct.basic_consume("amq.rabbitmq.reply-to", lambda *message: replies.append(message[3]), auto_ack=True)
    task = (
        b'{"task_id": "direct", "method": "kis.subscribe-realtime-price", "parameters": {"ticker": "005930"}}'
    )
    direct.basic_publish("", "tasks", task, pika.BasicProperties(reply_to="amq.rabbitmq.reply-to"))

    def came() -> bool:
        consumer.connection.process_data_events(0)
        return bool(replies)

    wait_until(came, what="a reply")
    assert b"INVALID_PARAMETERS" in replies[0]
    assert b"reply queue" in replies[0]
    assert floor.exchange.registrations() == []


def test_what_is_not_subscribed_cannot_be_ended(floor: LiveFloor, consumer: Subscriber) -> None:
    error = consumer.error(END_PRICE, {"ticker": "005930"}, task_id="never-subscribed")
    assert error["code"] == "NOT_SUBSCRIBED"
    task_id = consumer.subscribe(PRICE, {"ticker": "005930"}, task_id="other-ticker")
    consumer.send(END_PRICE, {"ticker": "000660"}, task_id=task_id)
    failed = wait_until(lambda: [m for m in consumer.messages(task_id) if m["status"] == "TASK_FAILED"])
    assert failed[0]["error"]["code"] == "NOT_SUBSCRIBED"
    consumer.wait_new_events(task_id, 2)


def test_what_the_vendor_refuses_is_an_error_and_nothing_is_kept(
    floor: LiveFloor, consumer: Subscriber
) -> None:
    error = consumer.error(PRICE, {"ticker": "999999"})
    assert error["code"] in ("INVALID_PARAMETERS", "VENDOR_REJECTED")
    assert floor.rows("broker.list-subscriptions") == []
