"""Executions: every fill is published once, whatever happens to the notices of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select

from broker_server.journal.tables import fill_baselines
from tests.support.broker_cleaning import clean
from tests.support.live_data import BRISK, LiveFloor, Subscriber, check_sequences, open_live_floor
from tests.support.order_floor import ORDERS
from tests.support.waiting import wait_until

SUBSCRIBE = "kis.subscribe-executions"
SETTINGS = {"ORDER_POLL_SECONDS": "600"}
"""The keeper of orders does not look by itself while these tests run."""
AT_ONCE = 30.0
TICK = 100
"""Of Samsung, at any price that it may have."""
TRADED = ("005930", "000660", "035420", "005380")


def have_baselines(floor: LiveFloor) -> bool:
    """Whether both markets have been looked at."""
    with floor.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(fill_baselines)).scalar_one() == 2


@pytest.fixture(scope="module")
def shared(_test_broker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveFloor]:
    """A floor with one worker, whose live connection waits for nothing long."""
    clean(_test_broker.url, _test_broker.management)
    folder = tmp_path_factory.mktemp("executions")
    with open_live_floor(_test_broker.url, folder, settings=SETTINGS) as floor:
        floor.exchange.change(ping_interval=0.5)
        floor.start(program=BRISK)
        # What was filled before a worker has looked for the first time is not published.
        wait_until(partial(have_baselines, floor), what="the first looks at the lists of orders")
        yield floor
        assert floor.worker.terminate() == 0, floor.logs()
        floor.assert_discreet()
    clean(_test_broker.url, _test_broker.management)


@pytest.fixture
def floor(shared: LiveFloor) -> Iterator[LiveFloor]:
    """The module's floor; nothing is subscribed and nothing wrong afterwards."""
    yield shared
    shared.brokerage.calm()
    for ticker in TRADED:
        shared.brokerage.market(ticker, price=None, liquidity=None)
    for task_id in {each["subscription"] for each in shared.rows("broker.list-subscriptions")}:
        shared.rows("broker.drop-subscription", {"task_id": task_id})


@pytest.fixture
def consumer(floor: LiveFloor) -> Iterator[Subscriber]:
    """A client with a reply queue of its own."""
    with Subscriber(floor.url) as subscriber:
        yield subscriber


def executions(consumer: Subscriber, task_id: str, **wanted: Any) -> list[dict[str, Any]]:
    """The executions that came so far and have these values."""
    rows = [each["result"][0] for each in consumer.events(task_id)]
    return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]


def published(consumer: Subscriber, task_id: str) -> Counter[str]:
    """The shares of all fills that came so far, by order."""
    found: Counter[str] = Counter()
    for row in executions(consumer, task_id, event="fill"):
        found[row["order_no"]] += row["quantity"]
    return found


def wait_published(consumer: Subscriber, task_id: str, **wanted: int) -> None:
    """Wait until so many shares of each order were published, and fail at once when there are more."""

    def same() -> bool:
        found = published(consumer, task_id)
        over = {each: found[each] for each in wanted if found[each] > wanted[each]}
        if over:
            raise RuntimeError(f"more than was filled: {over}")
        assert all(found[each] == wanted[each] for each in wanted), found
        return True

    wait_until(same, what=f"fills of {wanted}")


def buy(floor: LiveFloor, ticker: str, quantity: int, **more: Any) -> tuple[str, str]:
    """Buy; returns task_id and order number."""
    task_id = floor.send("kis.buy-order", {"ticker": ticker, "quantity": quantity, **more}, to=ORDERS)
    reply = floor.wire.wait(task_id).json
    assert reply["status"] == "TASK_SUCCEED", (reply, floor.logs())
    return task_id, reply["result"][0]["order_no"]


def buy_partly(floor: LiveFloor, ticker: str, quantity: int, filled: int) -> tuple[str, str]:
    """Buy so that only some of it is filled, and the rest waits for a lower price."""
    limits = floor.brokerage.market(ticker)
    price = (int(limits["lower_limit"]) + int(limits["upper_limit"])) // 2000 * 1000
    floor.brokerage.market(ticker, price=price, liquidity=filled)
    floor.brokerage.freeze()  # nothing is matched while no time passes
    task_id, order_no = buy(floor, ticker, quantity, price=price + TICK)
    floor.brokerage.market(ticker, price=int(price * 1.1) // 1000 * 1000, liquidity=None)
    floor.brokerage.freeze(False)
    assert floor.brokerage.order(order_no)["filled_quantity"] == filled
    return task_id, order_no


def test_order_is_seen_from_its_receipt_to_its_last_fill(floor: LiveFloor, consumer: Subscriber) -> None:
    queue = consumer.channel.queue_declare("", exclusive=True).method.queue
    consumer.channel.queue_bind(queue, "broker.realtime", "kis.execution.#")
    task_id = consumer.subscribe(SUBSCRIBE, {})
    assert [row["mode"] for row in consumer.messages(task_id)[0]["result"]] == ["realtime"] * 2
    floor.brokerage.market("005930", liquidity=3)
    order, order_no = buy(floor, "005930", 8, order_type="market")
    begun = time.monotonic()
    wait_published(consumer, task_id, **{order_no: 8})
    floor.wait_order(order, status="filled", filled_quantity=8)
    assert time.monotonic() - begun < AT_ONCE
    found = executions(consumer, task_id, order_no=order_no)
    assert found[0]["event"] == "received"
    fills = [each for each in found if each["event"] == "fill"]
    assert len(fills) > 1
    assert {(each["type"], each["ticker"], each["side"], each["venue"]) for each in fills} == {
        ("execution", "005930", "buy", "KRX")
    }
    assert not [each for each in found if "recovered" in each or "snapshot" in each]
    assert "account" not in str(found)
    assert {each["key"] for each in consumer.events(task_id)} == {"execution.default"}
    assert len(check_sequences(consumer.events(task_id))) == 1
    properties = consumer.replies[task_id][-1].properties
    assert (properties.delivery_mode, properties.expiration) == (2, None)
    broadcast = consumer.take_all(queue)
    assert {message.routing_key for message in broadcast} == {"kis.execution.default"}
    assert sum(each.json["result"][0]["event"] == "fill" for each in broadcast) == len(fills)


def test_fill_that_is_told_before_the_answer_to_the_order_shows_at_once_too(
    floor: LiveFloor, consumer: Subscriber
) -> None:
    task_id = consumer.subscribe(SUBSCRIBE, {"market": "domestic"})
    floor.brokerage.fault("latency", when="after", path="order-cash", seconds=1.5)
    order, order_no = buy(floor, "035420", 4, order_type="market")
    assert published(consumer, task_id)[order_no] == 4
    begun = time.monotonic()
    floor.wait_order(order, status="filled", filled_quantity=4)
    assert time.monotonic() - begun < AT_ONCE


def test_cancel_is_confirmed_to_the_subscriber(floor: LiveFloor, consumer: Subscriber) -> None:
    task_id = consumer.subscribe(SUBSCRIBE, {"market": "domestic"})
    resting = floor.resting("000660", 3)
    floor.call("kis.cancel-order", {"order_task_id": resting["task_id"]})
    wait_until(
        lambda: {"received", "confirmed"} <= {each["event"] for each in executions(consumer, task_id)},
        what="received and confirmed",
    )
    floor.wait_order(resting["task_id"], status="cancelled")


def test_overseas_fill_comes_too(floor: LiveFloor, consumer: Subscriber) -> None:
    task_id = consumer.subscribe(SUBSCRIBE, {"market": "overseas"})
    order = {"ticker": "AAPL", "exchange": "NASD", "quantity": 2, "price": "400.00"}
    row = floor.call("kis.buy-overseas-order", order)
    wait_published(consumer, task_id, **{row["order_no"]: 2})
    fill = executions(consumer, task_id, event="fill")[-1]
    assert (fill["ticker"], fill["venue"], fill["currency"]) == ("AAPL", "NASD", "USD")


def test_fills_during_a_broken_connection_come_as_one_for_each_order(
    floor: LiveFloor, consumer: Subscriber
) -> None:
    task_id = consumer.subscribe(SUBSCRIBE, {})
    first, first_no = buy_partly(floor, "005930", 10, 3)
    wait_published(consumer, task_id, **{first_no: 3})
    second = floor.resting("000660", 6)
    second_no = second["order_no"]
    seen = len(consumer.messages(task_id))
    floor.brokerage.fault("half_open")
    fill_all(floor, "005930", first_no, 10)
    fill_all(floor, "000660", second_no, 6)
    consumer.wait_state(task_id, "reconnecting", after=seen)
    floor.brokerage.calm()
    wait_published(consumer, task_id, **{first_no: 10, second_no: 6})
    begun = time.monotonic()
    floor.wait_order(first, status="filled", filled_quantity=10)
    floor.wait_order(second["task_id"], status="filled", filled_quantity=6)
    assert time.monotonic() - begun < AT_ONCE
    recovered = executions(consumer, task_id, recovered=True)
    assert Counter((each["order_no"], each["quantity"]) for each in recovered) == {
        (first_no, 7): 1,
        (second_no, 6): 1,
    }
    assert {each["event"] for each in recovered} == {"fill"}
    check_sequences(consumer.events(task_id))
    # A later fill comes by its notice again.
    _, third_no = buy(floor, "035420", 1, order_type="market")
    wait_published(consumer, task_id, **{third_no: 1})
    assert not executions(consumer, task_id, order_no=third_no, recovered=True)


@pytest.mark.parametrize("way", ["killed", pytest.param("terminated", marks=pytest.mark.chaos)])
def test_fills_without_a_worker_come_from_the_next_one_and_only_once(
    floor: LiveFloor, consumer: Subscriber, way: str
) -> None:
    task_id = consumer.subscribe(SUBSCRIBE, {})
    order, order_no = buy_partly(floor, "005930", 9, 2)
    wait_published(consumer, task_id, **{order_no: 2})
    floor.wait_order(order, filled_quantity=2)
    if way == "killed":
        floor.worker.kill()
    else:
        assert floor.worker.terminate() == 0
    fill_all(floor, "005930", order_no, 9)
    floor.start(program=BRISK)
    wait_published(consumer, task_id, **{order_no: 9})
    assert [
        each["quantity"] for each in executions(consumer, task_id, order_no=order_no, recovered=True)
    ] == [7]
    floor.wait_order(order, status="filled", filled_quantity=9)
    # Compared once more with the list: nothing is news.
    seen = len(consumer.messages(task_id))
    floor.brokerage.fault("drop")
    consumer.wait_state(task_id, "live", after=seen)
    _, later_no = buy(floor, "035420", 2, order_type="market")
    wait_published(consumer, task_id, **{later_no: 2, order_no: 9})
    check_sequences(consumer.events(task_id))


def test_sum_of_all_fills_is_what_was_filled(floor: LiveFloor, consumer: Subscriber) -> None:
    """Buy again and again while the connection breaks at any moment."""
    task_id = consumer.subscribe(SUBSCRIBE, {"market": "domestic"})
    for ticker in TRADED:
        floor.brokerage.market(ticker, liquidity=4)
    numbers = []
    for attempt in range(12):
        _, order_no = buy(floor, TRADED[attempt % 4], 5 + attempt % 4, order_type="market")
        numbers.append(order_no)
        if attempt % 3 == 1:
            floor.brokerage.fault("drop")
    filled = {order_no: floor.brokerage.order(order_no)["filled_quantity"] for order_no in numbers}
    assert all(filled.values())
    wait_published(consumer, task_id, **filled)
    calls = floor.brokerage.calls("TTTC0081R")
    floor.brokerage.fault("drop")
    wait_until(lambda: floor.brokerage.calls("TTTC0081R") > calls, what="one more list of orders")
    floor.wait_own()
    _, last_no = buy(floor, "035420", 1, order_type="market")
    wait_published(consumer, task_id, **{last_no: 1, **filled})
    check_sequences(consumer.events(task_id))


def fill_all(floor: LiveFloor, ticker: str, order_no: str, quantity: int) -> None:
    """Let the price fall until an order is filled."""
    floor.brokerage.market(ticker, price=floor.low_price(ticker))
    wait_until(
        lambda: floor.brokerage.order(order_no)["filled_quantity"] == quantity,
        what=f"{order_no} to be filled",
    )
