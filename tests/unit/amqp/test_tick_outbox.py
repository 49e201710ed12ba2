"""What is sent, what waits and what is dropped, without a broker: the channel is the test's."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika.exceptions import ChannelClosedByBroker, StreamLostError

from broker_server.amqp.tick_channel import Route, Sent, Tick
from broker_server.amqp.tick_outbox import BARRED_SECONDS, TickOutbox
from broker_server.core.conflation import Keep, WaitingRoom
from tests.support.waiting import wait_until_async


class Channel:
    """Takes what is sent, and confirms when the test says so."""

    def __init__(self, refused: str | None = None) -> None:
        self.outstanding: dict[int, Sent] = {}
        self.bodies: list[str] = []
        self.refused = refused
        self._tag = 0

    def send(self, sent: Sent) -> None:
        if sent.route.routing_key == "unencodable":
            raise ValueError("too long")
        self._tag += 1
        self.outstanding[self._tag] = sent
        self.bodies.append(sent.body.decode())


class Bench:
    """An outbox with a clock, and an owner who numbers each slot's messages as they are made.

    Attributes:
        gaps: What was told of gaps.
        told: Slots of returned and refused messages.
    """

    def __init__(self, most_waiting: int = 100, most_outstanding: int = 3) -> None:
        self.now = 1000.0
        self.gaps: list[tuple[str, int]] = []
        self.told: list[str] = []
        self.sequence: dict[str, int] = {}
        self.room: WaitingRoom[Tick] = WaitingRoom(most_waiting)
        self.outbox = TickOutbox(self.room, self._gap, lambda: self.now, most_outstanding)
        self.channel = Channel()

    def _gap(self, slot: str, missing: int) -> None:
        self.gaps.append((slot, missing))

    def attach(self, channel: Channel | None = None) -> None:
        self.channel = channel or Channel()
        self.outbox.attach(self.channel)  # type: ignore[arg-type]

    def publish(self, slot: str, keep: Keep, expiration: str | None = None, **options: Any) -> None:
        route = Route(
            exchange=options.pop("exchange", ""),
            routing_key=options.pop("key", slot),
            slot=slot,
            keep=keep,
            expiration=expiration,
            on_returned=self.told.append,
            on_refused=self.told.append,
        )
        make = options.pop("make", None) or self._maker(slot)
        self.outbox.publish(Tick(route, make))

    def _maker(self, slot: str) -> Callable[[int], bytes]:
        def make(conflated: int) -> bytes:
            self.sequence[slot] = self.sequence.get(slot, 0) + 1
            return f"{slot}{self.sequence[slot]}+{conflated}".encode()

        return make

    def confirm(self) -> None:
        """Confirm everything outstanding; what is sent because of it stays."""
        self.channel.outstanding.clear()
        self.outbox.on_settled()

    def confirm_all(self) -> None:
        while self.channel.outstanding:
            self.confirm()

    def close(self, reason: BaseException) -> None:
        self.outbox.on_closed(self.channel, reason)  # type: ignore[arg-type]


CUT = StreamLostError("cut")


async def test_the_bound_of_outstanding_messages_is_kept_and_quotes_conflate() -> None:
    bench = Bench()
    bench.attach()
    for _ in range(3):
        bench.publish("t", Keep.BOUNDED)
    for _ in range(5):
        bench.publish("q", Keep.NEWEST)
        bench.publish("t", Keep.BOUNDED)
    assert bench.channel.bodies == ["t1+0", "t2+0", "t3+0"]
    bench.confirm()
    assert len(bench.channel.outstanding) == 3
    bench.confirm_all()
    assert bench.channel.bodies[3:] == ["q1+4", "t4+0", "t5+0", "t6+0", "t7+0", "t8+0"]
    bench.publish("q", Keep.NEWEST)
    assert bench.channel.bodies[-1] == "q2+0", "straight through again, no hole in the sequence"


async def test_nothing_is_sent_while_the_broker_blocks() -> None:
    bench = Bench()
    bench.attach()
    bench.outbox.set_blocked(True)
    bench.publish("q", Keep.NEWEST)
    bench.publish("q", Keep.NEWEST)
    bench.publish("e", Keep.ALWAYS)
    assert bench.channel.bodies == []
    bench.outbox.set_blocked(False)
    assert bench.channel.bodies == ["e1+0", "q1+1"]


async def test_after_a_cut_what_was_unconfirmed_comes_first_and_what_is_too_old_is_a_gap() -> None:
    bench = Bench()
    bench.attach()
    bench.publish("t", Keep.BOUNDED, "5000")
    bench.publish("e", Keep.ALWAYS)
    bench.publish("s", Keep.BOUNDED, "60000")
    bench.close(CUT)
    bench.publish("t", Keep.BOUNDED, "5000")
    bench.now += 1
    bench.publish("s", Keep.BOUNDED, "60000")
    bench.now += 5
    bench.publish("t", Keep.BOUNDED, "5000")
    assert bench.gaps == []
    bench.attach()
    assert bench.channel.bodies == ["e1+0", "s1+0", "s2+0"]
    assert bench.gaps == [("t", 2)]
    bench.confirm_all()
    assert bench.channel.bodies[-1] == "t2+0"
    assert bench.room.dropped == 2


async def test_what_a_channel_leaves_that_was_given_up_without_notice_is_sent_by_the_next() -> None:
    bench = Bench()
    bench.attach()
    bench.publish("e", Keep.ALWAYS)
    given_up = bench.channel
    bench.attach()
    assert bench.channel.bodies == ["e1+0"]
    bench.outbox.on_closed(given_up, CUT)  # type: ignore[arg-type]
    bench.publish("e", Keep.ALWAYS)
    assert bench.channel.bodies == ["e1+0", "e2+0"]


async def test_settling_waits_for_what_was_published_before_and_for_nothing_else() -> None:
    bench = Bench(most_outstanding=2)
    await bench.outbox.settle()
    bench.attach()
    for _ in range(5):
        bench.publish("a", Keep.BOUNDED)
    settling = asyncio.ensure_future(bench.outbox.settle())
    await asyncio.sleep(0)
    for _ in range(5):
        bench.publish("b", Keep.BOUNDED)
    sent: list[list[str]] = []
    while not settling.done():
        sent.append(list(bench.channel.bodies))
        bench.confirm()
        for _ in range(5):
            await asyncio.sleep(0)
    assert [len(each) for each in sent] == [2, 4, 6]
    assert bench.outbox.waiting


async def test_settling_outlasts_a_channel_that_ends() -> None:
    bench = Bench()
    bench.attach()
    bench.publish("a", Keep.BOUNDED)
    settling = asyncio.ensure_future(bench.outbox.settle())
    await asyncio.sleep(0)
    bench.close(StreamLostError("cut"))
    bench.attach()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not settling.done()
    bench.confirm()
    await asyncio.wait_for(settling, 1)


async def test_a_returned_message_is_not_sent_again() -> None:
    bench = Bench()
    bench.attach()
    bench.publish("e", Keep.ALWAYS)
    sent = bench.channel.outstanding[1]
    sent.returned = True
    bench.outbox.on_returned(sent)
    bench.close(CUT)
    bench.attach()
    assert bench.channel.bodies == []
    assert bench.told == ["e"]
    assert bench.outbox.returned == 1


async def test_only_the_message_to_blame_for_a_closed_channel_is_lost() -> None:
    bench = Bench(most_outstanding=10)
    bench.attach()
    for slot in ("a", "b", "bad", "c"):
        bench.publish(slot, Keep.BOUNDED)
    bench.close(ChannelClosedByBroker(406, "PRECONDITION_FAILED"))
    bench.publish("d", Keep.BOUNDED)
    again = []
    closes = 1
    for _ in range(20):
        if not bench.outbox.outstanding:
            bench.attach()
        again += bench.channel.bodies
        assert len(bench.channel.outstanding) <= 1, "one at a time"
        bench.channel.bodies.clear()
        if [sent.route.slot for sent in bench.channel.outstanding.values()] == ["bad"]:
            closes += 1
            bench.close(ChannelClosedByBroker(406, "PRECONDITION_FAILED"))
        elif bench.outbox.waiting or bench.outbox.outstanding:
            bench.confirm()
    assert again == ["a1+0", "b1+0", "bad1+0", "c1+0", "d1+0"]
    assert closes == 2
    assert bench.told == ["bad"]
    assert bench.gaps == [("bad", 1)]

    bench.publish("bad", Keep.BOUNDED)
    bench.publish("d", Keep.BOUNDED)
    assert bench.channel.bodies == ["d2+0"], "the same again is refused for a while"
    assert bench.outbox.refused == 2
    bench.now += BARRED_SECONDS
    bench.publish("bad", Keep.BOUNDED)
    assert bench.channel.bodies[-1] == "bad2+0"


async def test_an_exchange_that_is_gone_refuses_everything_to_it_and_nothing_else() -> None:
    bench = Bench(most_outstanding=10)
    bench.attach()
    for slot in ("a", "b"):
        bench.publish(slot, Keep.BOUNDED, exchange="gone")
    bench.publish("e", Keep.ALWAYS)
    gone = ChannelClosedByBroker(404, "NOT_FOUND - no exchange 'gone'")
    bench.close(gone)
    bench.attach()
    bench.close(gone)
    bench.attach()
    assert bench.channel.bodies == ["e1+0"]
    assert bench.outbox.culprits == 1
    assert bench.outbox.refused == 2
    bench.publish("c", Keep.BOUNDED, exchange="gone")
    bench.confirm_all()
    assert bench.channel.bodies == ["e1+0"]
    assert bench.gaps == [("a", 1), ("b", 1)]
    await wait_until_async(lambda: bench.room.gaps_from is not None)


async def test_what_cannot_be_made_or_encoded_is_a_gap_and_takes_no_place() -> None:
    bench = Bench()
    bench.attach()

    def fail(_: int) -> bytes:
        raise RuntimeError("a defect")

    bench.publish("a", Keep.BOUNDED, make=fail)
    bench.publish("b", Keep.BOUNDED, key="unencodable")
    bench.publish("c", Keep.BOUNDED)
    await wait_until_async(lambda: bench.gaps)
    assert bench.gaps == [("a", 1), ("b", 1)]
    assert bench.told == ["a", "b"]
    assert bench.channel.bodies == ["c1+0"]


async def test_the_loss_of_a_status_message_is_not_told_by_another_one() -> None:
    bench = Bench()
    bench.attach()
    status = Route(exchange="", routing_key="unencodable", slot="status", keep=Keep.ALWAYS)
    bench.outbox.publish(Tick(status, lambda _: b""))
    assert bench.outbox.refused == 1
    assert bench.room.gaps_from is None


async def test_an_execution_that_a_queue_refuses_is_told_as_a_gap() -> None:
    gaps: list[tuple[str, int]] = []
    outbox = TickOutbox(WaitingRoom(1), lambda *gap: gaps.append(gap), lambda: 0.0, 10)
    channel = Channel()
    outbox.attach(channel)  # type: ignore[arg-type]
    route = Route(exchange="", routing_key="q", slot="fill", keep=Keep.ALWAYS, on_refused=lambda _: None)
    outbox.publish(Tick(route, lambda _: b"fill"))
    outbox.on_nacked(channel.outstanding.pop(1))
    await asyncio.sleep(0.01)
    assert gaps == [("fill", 1)]


async def test_a_gap_is_told_before_the_next_message_of_its_slot_is_made() -> None:
    told: list[str] = []
    clock = [0.0]
    room: WaitingRoom[Tick] = WaitingRoom(1)
    channel = Channel()

    def on_gap(slot: str, missing: int) -> None:
        told.append(f"gap of {missing}")
        route = Route(exchange="", routing_key="s", slot=f"status {slot}", keep=Keep.ALWAYS)
        outbox.publish(Tick(route, lambda _: b"status"))

    outbox = TickOutbox(room, on_gap, lambda: clock[0], 10)
    trade = Route(exchange="", routing_key="t", slot="t", keep=Keep.BOUNDED)

    def make(_: int) -> bytes:
        told.append("made")
        return b"trade"

    for _ in range(3):
        outbox.publish(Tick(trade, make))
    outbox.attach(channel)  # type: ignore[arg-type]
    assert told == ["gap of 2", "made"]
    assert channel.bodies == ["status", "trade"]


async def test_callbacks_that_raise_do_no_harm() -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a defect")

    room: WaitingRoom[Tick] = WaitingRoom(0)
    outbox = TickOutbox(room, fail, lambda: 0.0, 10)
    route = Route(
        exchange="", routing_key="t", slot="t", keep=Keep.BOUNDED, on_returned=fail, on_refused=fail
    )
    outbox.publish(Tick(route, lambda _: b"lost"))
    channel = Channel()
    outbox.attach(channel)  # type: ignore[arg-type]
    outbox.publish(Tick(route, lambda _: b"sent"))
    outbox.on_returned(channel.outstanding[1])
    outbox.on_nacked(channel.outstanding[1])
    assert channel.bodies == ["sent"]


@pytest.mark.parametrize("blocked", [False, True])
async def test_gaps_that_wait_for_their_time_keep_no_loop_busy(blocked: bool) -> None:
    bench = Bench()
    bench.attach()
    bench.room.lose("a")
    bench.outbox.on_settled()
    bench.outbox.set_blocked(blocked)
    bench.room.lose("a")
    bench.outbox.set_blocked(blocked)
    loop = asyncio.get_running_loop()
    turns = 0

    def count() -> None:
        nonlocal turns
        turns += 1

    bench.outbox._pump = count  # type: ignore[method-assign]
    until = loop.time() + 0.2
    await wait_until_async(lambda: loop.time() > until)
    assert turns <= 1


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.sampled_from(("trade", "quote", "execution", "bad"))),
        st.tuples(st.sampled_from(("confirm one", "confirm", "cut", "block", "unblock", "wait"))),
    ),
    max_size=150,
)
KEEPS = {"trade": Keep.BOUNDED, "quote": Keep.NEWEST, "execution": Keep.ALWAYS, "bad": Keep.BOUNDED}
LIVES = {"trade": "7000", "quote": "3000", "execution": None, "bad": None}


@given(steps=STEPS)
def test_whatever_happens_every_message_is_confirmed_or_counted(steps: list[tuple[str, ...]]) -> None:
    asyncio.run(_whatever_happens(steps))


async def _whatever_happens(steps: list[tuple[str, ...]]) -> None:
    bench = Bench(most_waiting=4)
    bench.attach()
    published: Counter[str] = Counter()
    confirmed: dict[str, list[int]] = defaultdict(list)
    skipped: Counter[str] = Counter()

    def confirm(tags: list[int]) -> None:
        for tag in tags:
            sent = bench.channel.outstanding.pop(tag)
            sequence, _, conflated = sent.body.decode().removeprefix(sent.route.slot).partition("+")
            confirmed[sent.route.slot].append(int(sequence))
            skipped[sent.route.slot] += int(conflated)
        bench.outbox.on_settled()

    def settle(most: int) -> None:
        """The broker handles the messages in order and closes the channel at a bad one."""
        for _ in range(most):
            tag = next(iter(bench.channel.outstanding), None)
            if tag is None:
                return
            if bench.channel.outstanding[tag].route.slot == "bad":
                bench.close(ChannelClosedByBroker(406, "PRECONDITION_FAILED"))
                bench.attach()
            else:
                confirm([tag])

    def cut() -> None:
        bench.close(CUT)
        bench.outbox.set_blocked(False)
        bench.attach()

    for step in steps:
        assert bench.outbox.outstanding <= 3
        if step[0] == "publish":
            slot = step[1]
            published[slot] += 1
            bench.publish(slot, KEEPS[slot], LIVES[slot])
        elif step[0] == "confirm one":
            settle(1)
        elif step[0] == "confirm":
            settle(10)
        elif step[0] == "cut":
            cut()
        elif step[0] == "wait":
            bench.now += 1
        else:
            bench.outbox.set_blocked(step[0] == "block")
    cut()
    for _ in range(500):
        settle(10)
        bench.now += 1
        bench.outbox.set_blocked(False)  # tells the gaps, as the timer would
        if not bench.outbox.waiting and not bench.outbox.outstanding and bench.room.gaps_from is None:
            break
    assert bench.outbox.waiting == bench.outbox.outstanding == 0

    missing: Counter[str] = Counter()
    for slot, count in bench.gaps:
        missing[slot] += count
    assert confirmed["bad"] == []
    assert missing["bad"] == published["bad"]
    assert confirmed["execution"] == list(range(1, published["execution"] + 1))
    for slot in ("trade", "quote"):
        assert confirmed[slot] == sorted(set(confirmed[slot])), "in order"
        assert len(confirmed[slot]) + skipped[slot] + missing[slot] == published[slot]
