"""Where events go, and the sequences that show what is missing."""

from __future__ import annotations

import pytest

from broker_server.amqp.ticks import Keep
from broker_server.streams.held import Held
from broker_server.streams.messages import Envelope, encode_event, with_marks
from broker_server.streams.outlets import Event, Outlet, epochs
from tests.support.stream_parts import BOOK, NOTICE, A, B, Studio, fill, record, sub

AT = b"2026-11-20T01:00:00+00:00"


async def test_an_event_is_published_once_and_copied_for_each_task(studio: Studio) -> None:
    studio.live(sub("one"), sub("two"), sub("raw", raw=True))
    studio.receive(A, n=1)
    assert [(each.route.exchange, each.route.routing_key) for each in studio.publisher.sent] == [
        ("broker.realtime", "fake.trade.A"),
        ("", "queue-one"),
        ("", "queue-two"),
        ("", "queue-raw"),
    ]
    broadcast, one, _, raw = (each.body for each in studio.publisher.sent)
    assert broadcast["task_id"] == "broker.realtime"
    assert one["task_id"] == "one"
    assert one["key"] == broadcast["key"] == "trade.A"
    assert one["environment"] == "simulated"
    assert one["result"] == broadcast["result"] == [{"type": "trade", "ticker": "A", "n": 1}]
    assert raw["result"] == [{"type": "trade", "ticker": "A", "n": 1, "fields": {"X": "1"}, "extra": []}]


async def test_an_event_is_made_once_for_all_who_get_it(studio: Studio) -> None:
    made = []

    class Counted:
        channel, subject, conflatable = "trade", "A", False

        def event(self) -> dict[str, object]:
            made.append(1)
            return {"n": 1}

        def raw_event(self) -> dict[str, object]:
            raise AssertionError("nobody wants it")

    studio.live(*(sub(f"t{number}") for number in range(5)))
    studio.board.received(A, Counted())
    assert len(studio.publisher.sent) == 6
    assert made == [1]


async def test_what_must_not_be_lost_waits_and_stays(studio: Studio) -> None:
    studio.live(sub(), sub("t", BOOK), sub("t", NOTICE))
    studio.receive(A, n=1)
    studio.receive(BOOK, n=1)
    studio.board.received(NOTICE, fill("1", 5))
    studio.board.interrupted([A], "cut")
    routes = {
        (each.route.exchange, each.body["key"], each.body["kind"]): each.route
        for each in studio.publisher.sent
    }
    for key, keep in (("trade.A", Keep.BOUNDED), ("order_book.A", Keep.NEWEST)):
        for exchange in ("", "broker.realtime"):
            route = routes[exchange, key, "event"]
            assert (route.keep, route.expiration, route.persistent) == (keep, "10000", False)
    copy, broadcast = (
        routes["", "execution.default", "event"],
        routes["broker.realtime", "execution.default", "event"],
    )
    assert (copy.keep, copy.expiration, copy.persistent, copy.mandatory) == (Keep.ALWAYS, None, True, True)
    assert (broadcast.keep, broadcast.expiration, broadcast.mandatory) == (Keep.ALWAYS, "10000", False)
    status = routes["", "trade.A", "status"]
    assert (status.keep, status.expiration, status.mandatory) == (Keep.ALWAYS, None, True)
    assert status.slot != routes["", "trade.A", "event"].slot
    assert status.correlation_id == copy.correlation_id == "c-t"


async def test_routes_are_made_once(studio: Studio) -> None:
    studio.live(sub())
    for number in (1, 2):
        studio.receive(A, n=number)
    studio.board.interrupted([A], "cut")
    studio.board.registered(A)
    broadcasts = studio.publisher.to("fake.trade.A")
    copies = studio.publisher.to("queue-t")
    assert broadcasts[0].route is broadcasts[1].route
    assert copies[0].route is copies[1].route
    assert copies[2].route is copies[3].route


async def test_equal_keys_of_one_task_are_one_sequence(studio: Studio) -> None:
    other = A._replace(code="STATUS")
    studio.streams.keys[other] = "trade.A"
    studio.live(sub(), sub("t", other), sub("another"))
    studio.receive(A, n=1)
    studio.board.received(other, record(A, n=2))
    assert studio.publisher.epochs("queue-t") == studio.publisher.epochs("fake.trade.A") == [(0, 1), (0, 2)]
    assert studio.publisher.epochs("queue-another") == [(0, 1)]
    studio.board.unsubscribe("t", "fake.price", [other])
    studio.receive(A, n=3)
    assert studio.publisher.epochs("queue-t")[-1] == studio.publisher.epochs("fake.trade.A")[-1] == (0, 3)
    studio.board.unsubscribe("t", "fake.price", [])
    studio.subscribe(sub())
    studio.receive(A, n=4)
    assert studio.publisher.epochs("queue-t")[-1] == (1, 1)


async def test_another_source_of_a_key_begins_another_sequence_on_the_exchange(studio: Studio) -> None:
    studio.live(sub())
    studio.receive(A, n=1)
    studio.board.source_changed("trade", "A")
    studio.board.source_changed("trade", "nobody's")
    studio.receive(A, n=2)
    assert studio.publisher.epochs("fake.trade.A") == [(0, 1), (1, 1)]
    assert studio.publisher.epochs("queue-t") == [(0, 1), (0, 2)]


async def test_a_gap_is_told_to_the_copy_and_shows_in_both(studio: Studio) -> None:
    studio.live(sub(), sub("other"))
    studio.receive(A, n=1)
    broadcast, copy = (studio.publisher.sent[at].route.slot for at in (0, 1))
    studio.publisher.is_open = False
    studio.receive(A, n=2)
    assert studio.delivery.on_gap(copy, 3)
    assert studio.delivery.on_gap(broadcast, 4)
    assert not studio.delivery.on_gap("copy of somebody else", 1)
    studio.publisher.open()
    assert studio.publisher.what("queue-t") == [1, 2, "gap"]
    assert studio.publisher.to("queue-t")[2].body["result"][0]["missing"] == 3
    # Even what waited already is behind the gap.
    assert studio.publisher.epochs("queue-t") == studio.publisher.epochs("fake.trade.A") == [(0, 1), (1, 1)]
    assert studio.publisher.epochs("queue-other") == [(0, 1), (0, 2)]


async def test_a_copy_that_a_full_queue_refused_shows(studio: Studio) -> None:
    studio.live(sub())
    studio.receive(A, n=1)
    route = studio.publisher.to("queue-t")[0].route
    assert route.on_refused is not None
    route.on_refused(route.slot)
    studio.receive(A, n=2)
    assert studio.publisher.epochs("queue-t") == [(0, 1), (1, 1)]
    assert not studio.board.book.is_suspended(sub())


async def test_slots_are_never_used_again(studio: Studio) -> None:
    slots = set()
    for _ in range(3):
        studio.live(sub())
        studio.receive(A, n=1)
        slots.add(studio.publisher.to("queue-t")[0].route.slot)
        studio.board.unsubscribe("t", "fake.price", [])
    assert len(slots) == 3


async def test_a_key_is_forgotten_with_the_last_registration_that_has_it(studio: Studio) -> None:
    event = Event(record(A, n=1), AT)
    studio.delivery.broadcast(A, event)
    studio.delivery.broadcast(B, event)
    studio.delivery.broadcast(B, Event(record(B, n=1), AT))
    studio.delivery.forget(B)
    studio.delivery.forget(B)
    studio.delivery.broadcast(A, event)
    assert studio.publisher.epochs("fake.trade.A") == [(0, 1), (0, 2), (0, 3)]
    assert studio.delivery.on_gap("fake trade.A", 1)
    studio.delivery.forget(A)
    assert not studio.delivery.on_gap("fake trade.A", 1)
    studio.delivery.broadcast(A, event)
    assert studio.publisher.epochs("fake.trade.A")[-1] == (1, 1)


def test_marks_stand_at_the_end() -> None:
    assert with_marks(encode_event({"a": 1}), {"conflated": 2}) == b'{"a":1,"conflated":2}'
    assert with_marks(b'{"a":1}', {}) == b'{"a":1}'


def test_an_event_cannot_be_written_wrongly() -> None:
    with pytest.raises(TypeError):
        encode_event({"a": object()})


def test_the_names_of_epochs_differ_between_runs() -> None:
    first, second = epochs(1), epochs(2)
    assert len({first(), first(), second(), second()}) == 4


def test_an_interruption_before_anything_was_sent_begins_nothing() -> None:
    outlet = Outlet("t", "trade.A", "simulated", "common", epochs(1))
    event = Event(record(A), AT).encoded("common")
    first = outlet.render(event, AT, outlet.part)
    assert b'"epoch":"1-1","sequence":1' in first
    for _ in range(3):
        outlet.interrupt()
    outlet.skip()
    assert b'"epoch":"1-2","sequence":1' in outlet.render(event, AT, outlet.part)
    assert b'"epoch":"1-2","sequence":2' in outlet.render(event, AT, outlet.part, conflated=1)


def test_an_odd_task_id_is_escaped() -> None:
    envelope = Envelope('a "quoted" \\ id 한글', "trade.A", "simulated")
    message = envelope.event(b"{}", at=AT, epoch=b"e", sequence=1)
    assert '"task_id":"a \\"quoted\\" \\\\ id 한글"'.encode() in message


def test_held_events_keep_their_order() -> None:
    held = Held()
    trades = [Event(record(A, n=number), AT) for number in range(3)]
    books = [Event(record(BOOK, n=number), AT) for number in range(3)]
    for trade, book in zip(trades, books, strict=True):
        held.add(book, 0)
        held.add(trade, 0)
    assert len(held) == 4
    held.drop_oldest()
    assert [(each.event, each.skipped) for each in held.take()] == [
        (trades[1], 0),
        (books[2], 2),
        (trades[2], 0),
    ]
    assert held.take() == []
    held.add(books[0], 1)
    held.add(books[1], 2)
    held.move(7)
    assert held.take() == [(books[1], 7, 1)]


def test_what_was_dropped_is_not_replaced_later() -> None:
    held = Held()
    held.add(Event(record(BOOK, n=1), AT), 0)
    held.drop_oldest()
    held.add(Event(record(BOOK, n=2), AT), 0)
    assert [each.skipped for each in held.take()] == [0]
