"""Receivers from their acknowledgement and first state on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from broker_client.errors import VendorUnavailable
from broker_server.core.stream_requests import Registration
from broker_server.streams import audience
from broker_server.streams.audience import Audience, Stage
from tests.support.stream_parts import (
    BOOK,
    NOTICE,
    A,
    FakeStreams,
    Record,
    Studio,
    fill,
    record,
    sub,
)
from tests.support.waiting import wait_until_async


@pytest.fixture
async def slow() -> AsyncIterator[Studio]:
    """A studio whose looks by REST end when the gate opens."""
    made = Studio(FakeStreams(look=lambda registration: record(registration, n="state")))
    made.streams.gate.close()
    yield made
    made.close()


async def until_late(studio: Studio) -> None:
    """Let the first state be too late."""
    receivers = studio.board.audience._receivers.values()
    await wait_until_async(lambda: all(each.stage is Stage.LIVE for each in receivers))


async def test_what_comes_in_waits_for_the_first_state(slow: Studio) -> None:
    slow.live(sub(snapshot=True), sub("t", BOOK, snapshot=True))
    for number in (1, 2):
        slow.receive(A, n=number)
        slow.receive(BOOK, n=number)
    assert slow.publisher.what("queue-t") == []
    assert slow.publisher.what("fake.trade.A") == [1, 2]
    slow.streams.gate.open()
    await slow.settled()
    slow.receive(A, n=3)
    slow.receive(BOOK, n=3)
    trades = [each for each in slow.publisher.to("queue-t") if each.body["key"] == "trade.A"]
    assert [each.what for each in trades] == ["state", 1, 2, 3]
    assert [each.body["result"][0].get("snapshot") for each in trades] == [True, None, None, None]
    books = [each for each in slow.publisher.to("queue-t") if each.body["key"] == "order_book.A"]
    assert [each.what for each in books] == ["state", 2, 3]  # of what may be skipped only the newest waited
    assert [each.body["result"][0].get("conflated") for each in books] == [None, 1, None]


async def test_a_late_first_state_is_dropped_once_an_event_came(slow: Studio) -> None:
    slow.board.audience._patience = 0.001
    slow.live(sub(snapshot=True))
    slow.receive(A, n=1)
    await until_late(slow)
    assert slow.publisher.what("queue-t") == [1]
    slow.streams.gate.open()
    await slow.settled()
    assert slow.publisher.what("queue-t") == [1]


async def test_a_late_first_state_is_welcome_while_nothing_came(slow: Studio) -> None:
    slow.board.audience._patience = 0.001
    slow.live(sub(snapshot=True))
    await until_late(slow)
    slow.streams.gate.open()
    await slow.settled()
    slow.receive(A, n=1)
    assert slow.publisher.what("queue-t") == ["state", 1]


@pytest.mark.parametrize("failure", [VendorUnavailable("down"), ValueError("a defect")])
async def test_without_a_first_state_the_events_come(slow: Studio, failure: Exception) -> None:
    def fail(_: Registration) -> Record:
        raise failure

    slow.streams.look = fail
    slow.live(sub(snapshot=True))
    slow.receive(A, n=1)
    slow.streams.gate.open()
    await slow.settled()
    assert slow.publisher.what("queue-t") == [1]


async def test_ten_who_ask_at_once_are_one_look(slow: Studio) -> None:
    slow.live(*(sub(f"t{number}", snapshot=True) for number in range(10)))
    slow.streams.gate.open()
    await slow.settled()
    assert slow.streams.looks == [A]
    assert all(slow.publisher.what(f"queue-t{number}") == ["state"] for number in range(10))


async def test_too_much_ends_the_waiting(slow: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience, "MOST_HELD", 3)
    slow.live(sub(snapshot=True))
    for number in range(5):
        slow.receive(A, n=number)
    assert slow.publisher.what("queue-t") == [0, 1, 2, 3, 4]


async def test_before_the_acknowledgement_the_oldest_goes(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "MOST_HELD", 3)
    taken = studio.board.subscribe([sub()])
    for number in range(5):
        studio.receive(A, n=number)
    studio.board.standings(taken.receivers)
    studio.board.begin(taken.receivers)
    assert studio.publisher.what("queue-t") == [2, 3, 4]
    assert studio.publisher.epochs("queue-t") == [(0, 1), (0, 2), (0, 3)]


async def test_what_ends_while_it_waits_gets_nothing_more(slow: Studio) -> None:
    slow.live(sub(snapshot=True))
    slow.receive(A, n=1)
    slow.board.unsubscribe("t", "fake.price", [])
    slow.streams.gate.open()
    await slow.settled()
    assert slow.publisher.what("queue-t") == []


async def test_what_moves_while_it_waits_takes_everything_along(slow: Studio) -> None:
    slow.live(sub(snapshot=True))
    slow.receive(A, n=1)
    taken = slow.board.subscribe([sub(snapshot=True, reply_to="new")])
    slow.receive(A, n=2)
    slow.board.standings(taken.receivers)
    slow.board.begin(taken.receivers)
    slow.streams.gate.open()
    await slow.settled()
    assert slow.publisher.what("queue-t") == []
    assert slow.publisher.what("new") == ["state", 1, 2]


async def test_without_copies_only_statuses_come(studio: Studio) -> None:
    studio.live(sub(copies=False, snapshot=True))
    studio.receive(A, n=1)
    await studio.settled()
    studio.board.interrupted([A], "cut")
    assert studio.publisher.what("queue-t") == ["reconnecting"]
    assert studio.streams.looks == []


async def test_what_rest_does_not_have_begins_at_once(studio: Studio) -> None:
    studio.live(sub("e", NOTICE, snapshot=True))
    studio.board.received(NOTICE, fill("1", 5))
    assert [each.body["kind"] for each in studio.publisher.to("queue-e")] == ["event"]


async def test_an_interruption_while_it_waits_is_seen_between(slow: Studio) -> None:
    slow.live(sub(snapshot=True))
    slow.receive(A, n=1)
    slow.board.interrupted([A], "cut")
    slow.receive(A, n=2)
    slow.streams.gate.open()
    await slow.settled()
    events = [each for each in slow.publisher.to("queue-t") if each.body["kind"] == "event"]
    assert [each.what for each in events] == ["state", 1, 2]
    assert slow.publisher.epochs("queue-t") == [(0, 1), (0, 2), (1, 1)]


async def test_a_queue_that_is_gone_gets_no_first_state(slow: Studio) -> None:
    slow.live(sub(snapshot=True))
    slow.board.returned("queue-t")
    slow.streams.gate.open()
    await slow.settled()
    assert slow.publisher.what("queue-t") == []


async def test_nothing_is_kept_of_subscriptions_that_ended(studio: Studio) -> None:
    made: Audience = studio.board.audience
    names = [A._replace(symbol=f"{number:06}") for number in range(50)]
    for turn in range(600):
        registration = names[turn % len(names)]
        one = sub(f"t{turn}", registration, raw=bool(turn % 2))
        studio.subscribe(one, begin=bool(turn % 3))
        studio.board.registered(registration)
        studio.receive(registration, n=turn)
        if turn % 5 == 0:
            studio.subscribe(sub(f"t{turn}", registration, reply_to="elsewhere"))
            studio.board.refused(registration, VendorUnavailable("no"), for_good=True)
        elif turn % 7 == 0:
            studio.board.returned(one.reply_to)
            studio.clock.advance(61)
            studio.board.queue_is_gone(one.reply_to)
        else:
            studio.board.unsubscribe(one.task_id, one.family, [])
    studio.publisher.sent.clear()
    delivery, serving = studio.delivery, studio.board.serving
    assert studio.board.book.all() == ()
    kept = [made._receivers, made._by_registration, made._looking, delivery._broadcasts, delivery._ways]
    kept += [delivery._slots, delivery._copies, delivery._sharing, serving.stale, serving.given_up]
    kept += [serving.held, serving.answers, studio.lookups._running, studio.board.book.gone_addresses]
    assert [len(each) for each in kept] == [0] * len(kept)
