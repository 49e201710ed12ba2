"""Live data of KIS whose connection breaks, falls silent or goes mute, again and again."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from random import Random
from typing import Any

import pytest

from tests.support.live_data import (
    BOOK,
    NOTICES,
    PRICE,
    LiveFloor,
    Subscriber,
    check_sequences,
    gaps,
    running_live_floor,
)
from tests.support.waiting import wait_until

MOST_A_MINUTE = 250
"""Registrations that a minute full of faults may make with these short waits; a loop would make thousands."""
TICKERS = ("005930", "000660", "015760", "035720")
EXCHANGE = {"ping_interval": 0.5, "tick_interval": 0.1}
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
    folder = tmp_path_factory.mktemp("streams")
    with running_live_floor(_test_broker, folder, exchange=EXCHANGE, settings=SETTINGS) as floor:
        yield floor


@pytest.fixture
def floor(shared: LiveFloor) -> Iterator[LiveFloor]:
    """The module's floor; nothing is subscribed and nothing wrong afterwards."""
    yield shared
    shared.brokerage.calm()
    shared.end_subscriptions()


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
