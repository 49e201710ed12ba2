"""The reply queues of subscriptions: gone, back, unread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from pika.exceptions import AMQPChannelError, ConnectionWrongStateError

from broker_server.streams.reply_queues import ReplyQueueKeeper
from tests.support.stream_parts import A, B, Studio, sub


@pytest.fixture
async def kept(studio: Studio) -> AsyncIterator[Studio]:
    """A studio whose reply queues are looked after."""
    keeper = ReplyQueueKeeper(
        studio.board,
        studio.publisher,
        interval=60,
        monotonic=studio.clock.monotonic,
        pause=studio.pauses.pause,
    )
    running = asyncio.ensure_future(keeper.run())
    yield studio
    assert not running.done()
    running.cancel()
    await asyncio.wait({running})


def gone(studio: Studio, *queues: str) -> None:
    studio.publisher.missing.update(queues)
    studio.receive(A, n=1)


async def test_a_queue_that_comes_back_is_seen_soon(kept: Studio) -> None:
    kept.live(sub(), sub("other"))
    gone(kept, "queue-t")
    await kept.pauses.go(1.5)
    assert kept.board.book.is_suspended(sub())
    kept.publisher.missing.clear()
    await kept.pauses.go(5)
    assert not kept.board.book.is_suspended(sub())
    assert kept.publisher.what("queue-t") == [1, "resumed"]


async def test_a_queue_that_stays_away_is_given_up_after_the_grace(kept: Studio) -> None:
    kept.live(sub(), sub("other"))
    gone(kept, "queue-t")
    await kept.pauses.go(59)
    assert len(kept.board.book.all()) == 2
    await kept.pauses.go(2.5)
    assert [each.task_id for each in kept.board.book.all()] == ["other"]
    # The broker logs every look in vain, so they become rare.
    assert kept.publisher.looks.count("queue-t") < 10


async def test_a_queue_that_nobody_reads_is_given_up(kept: Studio) -> None:
    kept.live(sub(), sub("other"))
    kept.publisher.consumers["queue-t"] = 0
    await kept.pauses.go(650)
    assert len(kept.board.book.all()) == 2
    await kept.pauses.go(70)
    assert [each.task_id for each in kept.board.book.all()] == ["other"]
    assert kept.publisher.what("queue-t") == ["dropped"]


async def test_one_reader_in_between_is_enough(kept: Studio) -> None:
    kept.live(sub())
    kept.publisher.consumers["queue-t"] = 0
    await kept.pauses.go(500)
    kept.publisher.consumers["queue-t"] = 1
    await kept.pauses.go(61)
    kept.publisher.consumers["queue-t"] = 0
    await kept.pauses.go(500)
    assert len(kept.board.book.all()) == 1


async def test_an_exclusive_queue_of_another_connection_counts_as_read(kept: Studio) -> None:
    kept.live(sub())
    kept.publisher.consumers["queue-t"] = None
    await kept.pauses.go(1_000)
    assert len(kept.board.book.all()) == 1


async def test_a_queue_without_traffic_is_missed_too(kept: Studio) -> None:
    kept.live(sub(copies=False))
    kept.publisher.missing.add("queue-t")
    await kept.pauses.go(61)
    assert kept.board.book.is_suspended(sub())
    await kept.pauses.go(61)
    assert kept.board.book.all() == ()


async def test_without_the_broker_nothing_is_given_up(kept: Studio) -> None:
    kept.live(sub(), sub("other", B))
    gone(kept, "queue-t")
    kept.publisher.failures[""] = ConnectionWrongStateError("there is no connection")
    await kept.pauses.go(1_000)
    assert len(kept.board.book.all()) == 2
    kept.publisher.failures.clear()
    await kept.pauses.go(2)
    assert [each.task_id for each in kept.board.book.all()] == ["other"]


@pytest.mark.parametrize("failure", [AMQPChannelError("a node is down"), TimeoutError()])
async def test_one_queue_that_cannot_be_asked_holds_up_no_other(kept: Studio, failure: Exception) -> None:
    kept.live(sub(), sub("other"), sub("quiet", B))
    gone(kept, "queue-t", "queue-other")
    kept.publisher.failures["queue-t"] = failure
    kept.publisher.consumers["queue-quiet"] = 0
    await kept.pauses.go(70)
    assert [each.task_id for each in kept.board.book.all()] == ["t", "quiet"]
    await kept.pauses.go(700)
    assert [each.task_id for each in kept.board.book.all()] == ["t"]
