"""The watch over silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from broker_client.errors import VendorUnavailable
from broker_server.core.freshness import Freshness
from broker_server.core.stream_requests import Registration
from broker_server.streams.watch import FreshnessWatch
from tests.support.stream_parts import NOTICE, STATUS, A, FakeStreams, Record, Studio, record, sub

STALE_AFTER = 10.0


class Market:
    """What REST shows."""

    def __init__(self) -> None:
        self.volume = 100
        self.failure: Exception | None = None
        self.is_open = True

    def look(self, registration: Registration) -> Record:
        if self.failure is not None:
            raise self.failure
        return record(registration, volume=self.volume, time=object())


@asynccontextmanager
async def watching(
    market: Market, each_second: Callable[[], None] = lambda: None, capacity: int = 10
) -> AsyncIterator[Studio]:
    studio = Studio(FakeStreams(look=market.look, capacity=capacity))

    def may_trade(registration: Registration, at: datetime) -> bool:
        return market.is_open and studio.streams.venue(registration) is not None

    watch = FreshnessWatch(
        studio.board,
        Freshness(may_trade, stale_after=STALE_AFTER),
        clock=studio.clock.now,
        stale_after=STALE_AFTER,
        monotonic=studio.clock.monotonic,
        pause=studio.pauses.pause,
    )
    studio.board.watchers.append(watch)
    running = asyncio.ensure_future(watch.run())
    yield studio
    running.cancel()
    await asyncio.wait({running})
    assert not watch._looks
    studio.close()


async def test_a_quiet_market_is_no_reason() -> None:
    async with watching(Market()) as studio:
        studio.live(sub())
        await studio.pauses.go(300)
        assert len(studio.streams.looks) > 2
        assert studio.publisher.sent == []
        assert studio.feed.acts == []


async def test_a_mute_feed_is_announced_once_and_healed() -> None:
    market = Market()
    async with watching(market) as studio:
        studio.live(sub())
        studio.receive(A, n=1)
        await studio.pauses.go(12)
        market.volume += 1
        await studio.pauses.go(20)
        assert studio.publisher.what("queue-t") == [1, "stale"]
        assert studio.feed.acts[0] == ("renew", A)
        market.volume += 1
        await studio.pauses.go(60)
        assert ("reconnect", A) in studio.feed.acts
        assert studio.publisher.what("queue-t") == [1, "stale"]
        assert studio.bus.keys == ["stream.fake.stale"]
        studio.receive(A, n=2)
        studio.receive(A, n=3)
        assert studio.publisher.what("queue-t") == [1, "stale", "live", 2, 3]
        assert studio.publisher.epochs("queue-t") == [(0, 1), (1, 1), (1, 2)]
        assert studio.publisher.epochs("fake.trade.A") == [(0, 1), (1, 1), (1, 2)]


async def test_the_state_that_a_vendor_tells_on_renewal_is_no_sign_of_life() -> None:
    market = Market()
    async with watching(market) as studio:
        studio.live(sub())
        studio.receive(A, n=1)
        await studio.pauses.go(12)
        market.volume += 1
        await studio.pauses.go(20)
        state = record(A, n=2)
        state.is_state = True
        studio.board.received(A, state)
        assert studio.publisher.what("queue-t") == [1, "stale", 2]
        studio.receive(A, n=3)
        assert studio.publisher.what("queue-t") == [1, "stale", 2, "live", 3]


async def test_an_older_look_says_nothing_of_a_later_silence() -> None:
    market = Market()
    async with watching(market) as studio:
        studio.live(sub())
        await studio.pauses.go(20)  # quiet: there is a look to compare with
        market.volume += 1
        studio.board.interrupted([A], "cut")
        await studio.pauses.go(5)
        studio.board.registered(A)  # what moved until now was missed and told as such
        studio.publisher.sent.clear()
        await studio.pauses.go(100)
        assert studio.publisher.what("queue-t") == []
        assert studio.feed.acts == []


async def test_yesterdays_look_says_nothing_today() -> None:
    market = Market()
    async with watching(market) as studio:
        studio.live(sub())
        await studio.pauses.go(20)
        market.is_open = False
        await studio.pauses.go(30)
        market.is_open, market.volume = True, 0
        await studio.pauses.go(100)
        assert studio.publisher.what("queue-t") == []


async def test_data_during_a_look_are_the_better_answer() -> None:
    market = Market()
    async with watching(market) as studio:
        studio.live(sub())
        await studio.pauses.go(12)
        assert studio.streams.looks == [A]  # the second one is to come in five seconds
        market.volume += 1
        studio.receive(A, n=1)
        await studio.pauses.go(8)
        assert studio.publisher.what("queue-t") == [1]
        assert studio.feed.acts == []


async def test_what_rest_does_not_have_is_announced_without_proof() -> None:
    async with watching(Market()) as studio:
        studio.live(sub("s", STATUS), sub("e", NOTICE))
        await studio.pauses.go(15)
        assert studio.publisher.what("queue-s") == ["stale"]
        assert "nothing to compare with" in studio.publisher.sent[0].body["result"][0]["reason"]
        assert studio.publisher.what("queue-e") == []  # of notices silence says nothing
        assert studio.streams.looks == []


async def test_a_look_that_fails_proves_nothing() -> None:
    market = Market()
    market.failure = VendorUnavailable("down")
    async with watching(market) as studio:
        studio.live(sub())
        await studio.pauses.go(20)
        assert studio.publisher.what("queue-t") == ["stale"]
        assert "the look by REST failed" in studio.publisher.sent[0].body["result"][0]["reason"]
        market.failure = ValueError("a defect")
        await studio.pauses.go(60)
        market.failure = None
        studio.publisher.sent.clear()
        await studio.pauses.go(700)
        assert studio.publisher.what("queue-t") == ["live"]  # the market is quiet
        studio.receive(A, n=1)
        studio.receive(A, n=2)
        assert studio.publisher.epochs("queue-t") == [(0, 1), (0, 2)]


async def test_nothing_is_kept_of_a_look_at_what_nobody_wants_any_more() -> None:
    async with watching(Market()) as studio:
        studio.streams.gate.close()
        studio.live(sub())
        await studio.pauses.go(12)
        studio.board.unsubscribe("t", "fake.price", [])
        studio.streams.gate.open()
        await studio.pauses.go(20)
        (watch,) = studio.board.watchers
        assert isinstance(watch, FreshnessWatch)
        assert watch._seen == {}


async def test_what_is_polled_is_not_watched() -> None:
    market = Market()
    async with watching(market, capacity=2) as studio:
        studio.live(sub())
        studio.subscribe(sub("e", NOTICE), sub("f", NOTICE._replace(symbol="other")))
        market.volume += 1
        studio.publisher.sent.clear()
        await studio.pauses.go(100)
        assert studio.publisher.what("queue-t") == []
        assert studio.feed.acts == []
