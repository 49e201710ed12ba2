"""Every message is acked exactly once, whatever the order they finish in, and no ack names an acked tag."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from broker_server.amqp.acks import Acks


class BrokerChannel:
    """Acks as RabbitMQ takes them: an unknown tag closes the channel."""

    def __init__(self, delivered: int) -> None:
        self.is_open = True
        self.unacked = set(range(1, delivered + 1))
        self.frames = 0

    def basic_nack(self, tag: int, requeue: bool) -> None:
        assert requeue
        assert tag in self.unacked, "unknown delivery tag"
        self.frames += 1
        self.unacked.discard(tag)

    def basic_ack(self, tag: int, multiple: bool = False) -> None:
        assert tag in self.unacked, "unknown delivery tag"
        self.frames += 1
        self.unacked -= {known for known in self.unacked if known <= tag} if multiple else {tag}


async def finish(turns: list[list[int]], delivered: int) -> BrokerChannel:
    channel = BrokerChannel(delivered)
    acks = Acks(channel)  # type: ignore[arg-type]
    finished: set[int] = set()
    for turn in turns:
        for tag in turn:
            acks.add(tag)
        await asyncio.sleep(0)
        finished |= set(turn)
        assert channel.unacked == set(range(1, delivered + 1)) - finished
    return channel


@given(st.permutations(range(1, 13)), st.lists(st.integers(1, 5), min_size=12, max_size=12))
def test_each_turn_acks_exactly_what_has_finished(order: list[int], sizes: list[int]) -> None:
    turns, rest = [], list(order)
    for size in sizes:
        turns.append(rest[:size])
        rest = rest[size:]
    assert asyncio.run(finish(turns, 12)).unacked == set()


async def test_what_is_given_back_holds_up_no_ack() -> None:
    channel = BrokerChannel(5)
    acks = Acks(channel)  # type: ignore[arg-type]
    acks.give_back(2)
    for tag in (1, 3, 4):
        acks.add(tag)
    await asyncio.sleep(0)
    assert (channel.unacked, channel.frames) == ({5}, 2)


async def test_a_run_at_the_front_is_one_frame() -> None:
    channel = await finish([[3, 1, 2, 5, 4]], 5)
    assert channel.frames == 1


async def test_a_task_that_never_ends_does_not_hold_up_the_others() -> None:
    channel = await finish([[2, 3], [4]], 4)
    assert channel.unacked == {1}


async def test_nothing_is_acked_on_a_closed_channel() -> None:
    channel = BrokerChannel(1)
    acks = Acks(channel)  # type: ignore[arg-type]
    acks.add(1)
    channel.is_open = False
    await asyncio.sleep(0)
    assert channel.frames == 0


async def test_a_task_that_takes_long_makes_nothing_grow() -> None:
    channel = BrokerChannel(1_001)
    acks = Acks(channel)  # type: ignore[arg-type]
    for tag in range(2, 1_001):  # the first is not finished, and the last is still to come
        acks.add(tag)
        if not tag % 3:
            await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert channel.unacked == {1, 1_001}
    assert sum(len(kept) for kept in vars(acks).values() if isinstance(kept, (dict, list, set))) <= 4
    acks.add(1)
    await asyncio.sleep(0)
    acks.add(1_001)
    await asyncio.sleep(0)
    assert channel.unacked == set()
