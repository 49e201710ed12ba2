"""Kiwoom's WebSocket when it takes the key away, forgets the token, and wants registrations more slowly."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from tests.support.kiwoom_brokerage import KiwoomBrokerage
from tests.support.kiwoom_stream import KiwoomStreamClient
from tests.support.live_data import (
    LiveFloor,
    Subscriber,
    check_sequences,
    gaps,
    running_live_floor,
)
from tests.support.waiting import wait_until

PRICE, ORIGINAL = "kiwoom.subscribe-realtime-price", "subscribe-realtime"
TICKERS = ("005930", "000660", "015760", "035720")
EXCHANGE = {"ping_interval": 0.5, "tick_interval": 0.1}
SETTINGS = {"STALE_AFTER": "2", "POLLING_INTERVAL": "1"}
EVERYTHING = [("0B", ticker) for ticker in TICKERS] + [("0A", TICKERS[0]), ("0H", TICKERS[0])]
"""Every trade of all, and what the original's registration of the first one has besides."""
KINDS = ("drop", "close", "half_open", "mute", "kick", "revoke", "too fast", "unanswered")
MOST_A_MINUTE = 250
"""Requests that faults may lead to with these short waits; a loop would make thousands."""


@pytest.fixture(scope="module")
def shared(_test_broker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveFloor]:
    """A floor with one worker, whose live connection waits for nothing long."""
    folder = tmp_path_factory.mktemp("streams")
    with running_live_floor(
        _test_broker, folder, exchange=EXCHANGE, settings=SETTINGS, open_brokerage=KiwoomBrokerage
    ) as floor:
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
    tasks["everything"] = consumer.subscribe(ORIGINAL, {"stock_code": TICKERS[0]})
    consumer.wait_new_events_of(tasks.values(), 2)
    return tasks


def log_in_elsewhere(floor: LiveFloor) -> None:
    """Use the worker's key on another machine, for as long as it takes to log in."""
    brokerage = floor.brokerage
    assert isinstance(brokerage, KiwoomBrokerage)

    async def another_login() -> None:
        async with KiwoomStreamClient(brokerage.simulator.kiwoom_ws_url, brokerage.token()):
            pass

    asyncio.run(another_login())


def last_failure(floor: LiveFloor) -> str:
    """Why the connection ended last, as ``broker.get-status`` shows it."""
    return floor.feed()["feed"]["sessions"][0]["last_failure"] or ""


def order(floor: LiveFloor, kind: str, ticker: str) -> None:
    """Let something go wrong; all but a mute ticker end the connection."""
    brokerage = floor.brokerage
    assert isinstance(brokerage, KiwoomBrokerage)
    if kind == "kick":
        log_in_elsewhere(floor)
    elif kind == "revoke":
        brokerage.revoke_token()
        brokerage.fault("drop")
    elif kind == "too fast":
        brokerage.fault("refuse", code="105110", count=2)
        brokerage.fault("drop")
    elif kind == "unanswered":
        brokerage.fault("unanswered", symbol=ticker)
        brokerage.fault("drop")
    elif kind == "mute":
        brokerage.fault("mute", symbol=ticker)
    else:
        brokerage.fault(kind)


def break_again_and_again(floor: LiveFloor, consumer: Subscriber, kinds: list[str], chance: Random) -> None:
    """Let one thing go wrong after the other, each when the one before has healed; then look at all."""
    tasks = subscribe_all(consumer)
    wanted = sorted(EVERYTHING)
    floor.exchange.clear_counts()
    for kind in kinds:
        ticker = chance.choice(TICKERS)
        seen = len(consumer.messages(tasks[ticker]))
        order(floor, kind, ticker)
        consumer.wait_state(tasks[ticker], "stale" if kind == "mute" else "reconnecting", after=seen)
        if kind in ("half_open", "mute"):
            floor.brokerage.calm()
        consumer.wait_state(tasks[ticker], "live", after=seen)
        floor.exchange.wait_registered(*wanted, what=f"every registration after {kind}")
        consumer.wait_new_events_of(tasks.values(), chance.randint(2, 4))
        floor.brokerage.calm()
    found = []
    for task_id in tasks.values():
        check_sequences(consumer.messages(task_id))
    for ticker in TICKERS:
        found += gaps(consumer.messages(tasks[ticker]))
    counts = floor.exchange.counts()
    print(len(kinds), "faults:", len(found), "gaps,", counts)  # noqa: T201 - for whoever runs the long form
    assert found
    assert [gap for gap in found if not gap.is_visible] == []
    assert counts["registrations"] + counts["unregistrations"] <= MOST_A_MINUTE
    assert {each["mode"] for each in floor.rows("broker.list-subscriptions")} == {"realtime"}
    before = floor.exchange.counts()["registrations"]
    consumer.wait_new_events_of(tasks.values(), 8)
    assert floor.exchange.counts()["registrations"] == before, "nothing is asked for again and again"


@pytest.mark.timeout(600)
def test_after_a_kick_a_revoked_token_and_refusals_everything_is_back(
    floor: LiveFloor, consumer: Subscriber
) -> None:
    break_again_and_again(floor, consumer, ["kick", "revoke", "too fast"], Random(1))


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_after_thirty_faults_everything_is_back(floor: LiveFloor, consumer: Subscriber) -> None:
    chance = Random(30)
    kinds = [*KINDS, *(chance.choice(KINDS) for _ in range(22))]
    break_again_and_again(floor, consumer, kinds, chance)


def test_second_login_is_told_to_whoever_asks_meanwhile_and_waited_out(
    floor: LiveFloor, consumer: Subscriber
) -> None:
    tasks = subscribe_all(consumer)
    seen = {each: len(consumer.messages(each)) for each in tasks.values()}
    floor.exchange.clear_counts()
    floor.brokerage.fault("duplicate_session", seconds=600)
    for task_id in tasks.values():
        consumer.wait_state(task_id, "reconnecting", after=seen[task_id])
    wait_until(lambda: "another program" in last_failure(floor), what="the reason in the status")
    for ticker in TICKERS:  # REST stands in meanwhile
        consumer.wait_events(tasks[ticker], 2, mode="polling")
    floor.brokerage.calm()
    for task_id in tasks.values():
        consumer.wait_state(task_id, "live", after=seen[task_id])
    floor.exchange.wait_registered(*EVERYTHING)
    consumer.wait_new_events_of(tasks.values(), 3)
    for task_id in tasks.values():
        assert len(check_sequences(consumer.messages(task_id))) >= 2
    assert all(gap.is_visible for ticker in TICKERS for gap in gaps(consumer.messages(tasks[ticker])))


def test_registrations_that_come_too_fast_are_made_more_slowly(
    floor: LiveFloor, consumer: Subscriber
) -> None:
    first, *others = TICKERS
    tasks = [consumer.subscribe(PRICE, {"ticker": first})]
    consumer.wait_new_events_of(tasks, 2)
    floor.exchange.clear_counts()
    floor.brokerage.fault("refuse", code="105110", count=2)
    tasks += [consumer.send(PRICE, {"ticker": ticker}) for ticker in others]
    floor.exchange.wait_registered(*(("0B", ticker) for ticker in TICKERS))
    consumer.wait_new_events_of(tasks, 2)
    counts = floor.exchange.counts()
    assert counts["answers"]["105110"] == 2, counts
    assert counts["registrations"] <= 2 + len(others), counts
    assert counts.get("opened", 0) == 0, "on the same connection"
    assert consumer.states(tasks[0]) == [], "the others do not suffer"
    assert {each["mode"] for each in floor.rows("broker.list-subscriptions")} == {"realtime"}
    for task_id in tasks:
        assert [each["kind"] for each in consumer.messages(task_id)].count("ack") == 1
        check_sequences(consumer.messages(task_id))
