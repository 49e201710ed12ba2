"""Live data whose connection breaks, falls silent or goes mute, and whose worker dies."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from random import Random
from typing import Any

import pytest

from tests.support.broker_cleaning import clean
from tests.support.live_data import (
    BOOK,
    BRISK,
    NOTICES,
    PRICE,
    LiveFloor,
    Subscriber,
    check_sequences,
    gaps,
    open_live_floor,
)
from tests.support.order_events import Listener
from tests.support.waiting import wait_until

MOST_A_MINUTE = 250
"""Registrations that a minute full of faults may make with these short waits; a loop would make thousands."""
TICKERS = ("005930", "000660", "015760", "035720")
SETTINGS = {"STALE_AFTER": "2", "POLLING_INTERVAL": "1"}
KINDS = (
    "drop",
    "drop",
    "close",
    "drops",
    "half_open",
    "half_open",
    "mute",
    "mute",
    "all mute",
    "duplicate_session",
)


@pytest.fixture(scope="module")
def shared(_test_broker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveFloor]:
    """A floor with one worker, whose live connection waits for nothing long."""
    clean(_test_broker.url, _test_broker.management)
    folder = tmp_path_factory.mktemp("streams")
    with open_live_floor(_test_broker.url, folder, settings=SETTINGS) as floor:
        floor.exchange.change(ping_interval=0.5, tick_interval=0.1)
        floor.start(program=BRISK)
        floor.wait_own()
        yield floor
        assert floor.worker.terminate() == 0, floor.logs()
        floor.assert_discreet()
    clean(_test_broker.url, _test_broker.management)


@pytest.fixture
def floor(shared: LiveFloor) -> Iterator[LiveFloor]:
    """The module's floor; nothing is subscribed and nothing wrong afterwards."""
    yield shared
    shared.brokerage.calm()
    for task_id in {each["subscription"] for each in shared.rows("broker.list-subscriptions")}:
        shared.rows("broker.drop-subscription", {"task_id": task_id})
    shared.exchange.wait_registered(what="nothing to be registered any more")


@pytest.fixture
def consumer(floor: LiveFloor) -> Iterator[Subscriber]:
    """A client with a reply queue of its own."""
    with Subscriber(floor.url) as subscriber:
        yield subscriber


def subscribe_all(consumer: Subscriber) -> dict[str, str]:
    """Subscribe to every trade; the tasks by ticker. Once all deliver."""
    tasks = {ticker: consumer.subscribe(PRICE, {"ticker": ticker}) for ticker in TICKERS}
    consumer.wait_new_events_of(tasks.values(), 2)
    return tasks


def opened_more_than(floor: LiveFloor, before: int) -> bool:
    """Whether the worker has connected again."""
    return int(floor.exchange.counts().get("opened", 0)) > before


@pytest.mark.timeout(900)
def test_after_drops_and_silences_everything_is_back_and_every_gap_was_told(
    floor: LiveFloor, consumer: Subscriber
) -> None:
    break_again_and_again(floor, consumer, ["drop", "half_open", "drop"], Random(1))


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_after_thirty_drops_mutes_and_silences_everything_is_back(
    floor: LiveFloor, consumer: Subscriber
) -> None:
    chance = Random(30)
    faults = [chance.choice(KINDS) for _ in range(30)]
    break_again_and_again(floor, consumer, faults, chance)


def break_again_and_again(floor: LiveFloor, consumer: Subscriber, faults: list[str], chance: Random) -> None:
    """Order one fault after the other, each when the one before has healed; then look at everything."""
    tasks = subscribe_all(consumer)
    book = consumer.subscribe(BOOK, {"ticker": TICKERS[0]})
    wanted = [*(("H0STCNT0", each) for each in TICKERS), ("H0STASP0", TICKERS[0])]
    floor.exchange.clear_counts()
    rejections = 0
    for fault in faults:
        ticker = chance.choice(TICKERS)
        victim = tasks[ticker]
        seen = len(consumer.messages(victim))
        if fault == "mute":
            floor.brokerage.fault("mute", symbol=ticker)
            consumer.wait_state(victim, "stale", after=seen)
        elif fault == "all mute":
            before = floor.exchange.counts().get("opened", 0)
            floor.brokerage.fault("mute")
            consumer.wait_state(victim, "stale", after=seen)
            wait_until(partial(opened_more_than, floor, before), what="another connection")
        elif fault == "drops":
            for _ in range(4):
                before = floor.exchange.counts().get("opened", 0)
                floor.brokerage.fault("drop")
                wait_until(partial(opened_more_than, floor, before), what="another connection")
        elif fault == "duplicate_session":
            floor.brokerage.fault(fault, seconds=1)
            rejections += 2
        else:
            floor.brokerage.fault(fault)
        consumer.wait_state(victim, "reconnecting", after=seen)
        floor.brokerage.calm()
        consumer.wait_state(victim, "live", after=seen)
        floor.exchange.wait_registered(*wanted, what=f"every registration after {fault}")
        consumer.wait_new_events_of([*tasks.values(), book], chance.randint(2, 4))
    counts = floor.exchange.counts()
    found = []
    for task_id in (*tasks.values(), book):
        check_sequences(consumer.messages(task_id))
    for task_id in tasks.values():
        found += gaps(consumer.messages(task_id))
    print(len(faults), "faults:", len(found), "gaps,", counts)  # noqa: T201 - for whoever runs the long form
    assert found
    assert [gap for gap in found if not gap.is_visible] == []
    assert counts["rejected"] <= rejections
    # Once for each connection, and again what was mute.
    renewals = 4 * faults.count("mute") + 3 * len(wanted) * faults.count("all mute")
    assert counts["registrations"] <= (counts["opened"] + 1) * (len(wanted) + len(NOTICES)) + renewals
    assert counts["registrations_most_in_a_minute"] <= MOST_A_MINUTE
    assert {each["mode"] for each in floor.rows("broker.list-subscriptions")} == {"realtime"}
    floor.exchange.clear_counts()
    consumer.wait_new_events(tasks[TICKERS[0]], 12)
    assert floor.exchange.counts().get("registrations", 0) == 0


def test_mute_ticker_is_told_and_healed_while_the_others_go_on(
    floor: LiveFloor, consumer: Subscriber
) -> None:
    tasks = subscribe_all(consumer)
    mute = tasks.pop("005930")
    seen = len(consumer.messages(mute))
    floor.exchange.clear_counts()
    with Listener(floor.url, "stream.kis.*") as listener:
        floor.brokerage.fault("mute", symbol="005930")
        status = consumer.wait_state(mute, "stale", after=seen)["result"][0]
        assert status["ticker"] == "005930"
        event = listener.wait("stream.kis.stale", tr_key="005930")
        assert (event["vendor"], event["tr_id"], event["key"]) == ("kis", "H0STCNT0", "trade.005930")
        assert floor.feed()["stale"] == 1
        # Only that one was registered again, on the same connection.
        wait_until(lambda: floor.exchange.counts().get("registrations", 0) >= 1, what="a new registration")
        wait_until(lambda: len(consumer.states(mute)) >= 3, what="its registration to be told")
        consumer.wait_new_events_of(tasks.values(), 2)
        assert set(consumer.states(mute)) == {"stale", "reconnecting"}  # registered is not live
        assert [consumer.states(task_id) for task_id in tasks.values()] == [[]] * len(tasks)
        floor.brokerage.calm()
        consumer.wait_state(mute, "live", after=seen)
        listener.wait("stream.kis.live", tr_key="005930")
    consumer.wait_new_events(mute, 2)
    assert floor.feed()["stale"] == 0
    assert floor.exchange.counts().get("opened", 0) == 0
    messages = consumer.messages(mute)
    assert len(check_sequences(messages)) >= 2
    found = gaps(messages)
    assert found
    assert all(each.is_visible for each in found)


@pytest.mark.chaos  # it waits for looks that find nothing
def test_quiet_market_is_not_stale(floor: LiveFloor, consumer: Subscriber) -> None:
    quiet = consumer.subscribe(PRICE, {"ticker": "005930"})
    other = consumer.subscribe(PRICE, {"ticker": "000660"})
    consumer.wait_events(quiet, 2)
    floor.brokerage.market("005930", suspended=True)
    try:
        floor.exchange.clear_counts()
        looked = floor.brokerage.calls("FHKST01010100")
        # Twice the look by REST: before and after a while.
        wait_until(lambda: floor.brokerage.calls("FHKST01010100") >= looked + 2, what="a look by REST")
        consumer.wait_new_events(other, 8)
        assert consumer.states(quiet) == []
        assert floor.feed()["stale"] == 0
        assert floor.exchange.counts().get("registrations", 0) == 0
    finally:
        floor.brokerage.market("005930", suspended=False)
    consumer.wait_new_events(quiet, 2)
    assert len(check_sequences(consumer.messages(quiet))) == 1


def test_state_that_cannot_be_had_by_rest_holds_up_no_updates(floor: LiveFloor, consumer: Subscriber) -> None:
    floor.brokerage.fault("latency", tr="FHKST01010100", seconds=6, count=None)
    task_id = consumer.subscribe(PRICE, {"ticker": "005930"})
    consumer.wait_events(task_id, 30)
    events = consumer.events(task_id)
    assert not [each for each in events if "snapshot" in each["result"][0]]
    assert len(check_sequences(events)) == 1
    assert gaps(events) == []


@pytest.mark.parametrize("way", ["killed", pytest.param("terminated", marks=pytest.mark.chaos)])
def test_subscription_goes_on_in_the_next_worker(floor: LiveFloor, consumer: Subscriber, way: str) -> None:
    price = consumer.subscribe(PRICE, {"ticker": "005930"}, correlation_id="mine")
    book = consumer.subscribe(BOOK, {"ticker": "000660"})
    for task_id in (price, book):
        consumer.wait_events(task_id, 3)
    # As KIS may do, the server counts a connection that just breaks for a while yet.
    floor.exchange.change(hold_seconds=1)
    floor.exchange.clear_counts()
    seen = {task_id: len(consumer.messages(task_id)) for task_id in (price, book)}
    if way == "killed":
        floor.worker.kill()
    else:
        assert floor.worker.terminate() == 0
    floor.start(program=BRISK)
    for task_id in (price, book):
        consumer.wait_state(task_id, "live", after=seen[task_id])
        consumer.wait_new_events(task_id, 3)
        epochs = check_sequences(consumer.messages(task_id))
        assert len(epochs) == 2
        assert all(each.is_visible for each in gaps(consumer.messages(price)))
    assert consumer.replies[price][-1].properties.correlation_id == "mine"
    assert [each["kind"] for each in consumer.messages(price)].count("ack") == 1
    assert sorted(floor.exchange.registrations()) == [("H0STASP0", "000660"), ("H0STCNT0", "005930")]
    counts = floor.exchange.counts()
    assert counts["opened"] == 1
    assert counts["rejected"] <= (2 if way == "killed" else 0)
    floor.exchange.change(hold_seconds=0)
