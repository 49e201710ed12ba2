"""What is wanted is subscribed, lingers, ages and is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from broker_client.errors import InvalidParameters, VendorUnavailable
from broker_server.prices import feed as feed_module
from broker_server.prices import vendor_stream
from broker_server.prices.board import PriceBoard
from broker_server.prices.feed import FORGET_AFTER, TOO_MANY, FeedOptions, PriceFeed
from broker_server.prices.model import Price, PriceKey, Source, Standing, State
from tests.support.gateway import FakeHistory
from tests.support.price_client import NOON, FakeClient, a_status, an_event
from tests.support.waiting import wait_until_async

SAMSUNG, HYNIX = PriceKey("005930"), PriceKey("000660")


class Bench:
    """A feed that runs, and a clock that the test moves."""

    def __init__(self, linger: float = 0.0) -> None:
        self.client = FakeClient()
        self.board = PriceBoard(["kis", "kiwoom"])
        self.now = NOON
        self.feed = PriceFeed(
            self.client,
            self.board,
            FakeHistory(),
            closed_at=lambda candle: NOON - timedelta(days=1),
            options=FeedOptions(vendors=("kis", "kiwoom"), linger=linger, step_in=0.02),
            clock=lambda: self.now,
        )
        self.running = asyncio.ensure_future(self.feed.run())

    def price(self, key: PriceKey = SAMSUNG) -> Price:
        """What everyone is told."""
        price = self.board.price(key)
        assert price is not None
        return price

    async def wait_state(self, state: State, key: PriceKey = SAMSUNG) -> None:
        """Until the key is in that state."""
        await wait_until_async(
            lambda: (standing := self.board.standing(key)) is not None and standing.state is state, what=state
        )

    async def wait_price(self, price: int) -> Price:
        """Until everyone is told this."""
        await wait_until_async(lambda: self.price().price == price, what=str(price))
        return self.price()


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(vendor_stream, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(vendor_stream, "_FAILED_SECONDS", 0.01)
    monkeypatch.setattr(feed_module, "SWEEP_SECONDS", 0.01)
    monkeypatch.setattr(feed_module, "PING_SECONDS", 0.01)
    made = Bench()
    yield made
    made.running.cancel()
    await asyncio.gather(made.running, return_exceptions=True)
    assert made.client.of("k") == []


async def test_what_is_wanted_is_subscribed_once_and_its_price_is_there_at_once(bench: Bench) -> None:
    leave = [bench.feed.want(SAMSUNG, "price") for _ in range(3)]
    await bench.wait_state(State.LIVE)
    assert (await bench.wait_price(159_000)).source is Source.REST
    assert len(bench.client.of("kis")) == 1
    bench.client.of("kis")[0].tell(an_event(price=158_600))
    assert (await bench.wait_price(158_600)).source is Source.REALTIME
    for end in leave[:2]:
        end()
        end()  # a second time does nothing
    bench.client.of("kis")[0].tell(an_event(price=158_700, seconds=1))
    await bench.wait_price(158_700)
    leave[2]()
    await wait_until_async(lambda: bench.client.of("kis") == [])
    await wait_until_async(lambda: bench.price().stale)


async def test_a_page_that_is_loaded_again_finds_the_subscription(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(linger=0.2)
    leave = bench.feed.want(SAMSUNG, "price")
    await bench.wait_state(State.LIVE)
    leave()
    again = bench.feed.want(SAMSUNG, "price")
    other = bench.feed.want(HYNIX, "price")
    other()
    await wait_until_async(lambda: len(bench.client.streams) == 2)
    await wait_until_async(lambda: bench.client.streams[1].is_closed)  # that one has had its time
    assert not bench.client.streams[0].is_closed
    again()
    bench.running.cancel()
    await asyncio.gather(bench.running, return_exceptions=True)
    await wait_until_async(lambda: bench.client.streams[0].is_closed)


async def test_a_ticker_that_a_vendor_subscribes_to_and_none_knows_is_unknown(bench: Bench) -> None:
    bench.client.on_call = lambda *_: InvalidParameters("ticker: KIS knows no domestic stock 000660")
    bench.feed.want(HYNIX, "price")
    await wait_until_async(lambda: bench.client.of("kis"))
    await bench.wait_state(State.UNKNOWN, HYNIX)
    await bench.feed.refresh(HYNIX)
    await bench.wait_state(State.UNKNOWN, HYNIX)
    bench.client.of("kis")[0].tell(an_event(price=158_600, ticker="000660"))  # first traded today
    await bench.wait_state(State.LIVE, HYNIX)
    assert bench.price(HYNIX).price == 158_600


async def test_prices_and_books_are_subscribed_apart(bench: Bench) -> None:
    bench.feed.want(SAMSUNG, "orderbook")
    await bench.wait_state(State.LIVE)
    bench.feed.want(SAMSUNG, "price")
    await wait_until_async(lambda: len(bench.client.of("kis")) == 2)
    assert [each.method for each in bench.client.of("kis")] == [
        "kis.subscribe-order-book",
        "kis.subscribe-realtime-price",
    ]


async def test_a_live_price_is_not_asked_for(bench: Bench) -> None:
    bench.feed.want(SAMSUNG, "price")
    await bench.wait_state(State.LIVE)
    bench.client.of("kis")[0].tell(an_event())
    await wait_until_async(lambda: (told := bench.board.price(SAMSUNG)) is not None and not told.stale)
    asked = len(bench.client.calls)
    bench.now += timedelta(hours=1)
    await bench.feed.refresh(SAMSUNG, fresh=True)
    assert len(bench.client.calls) == asked


async def test_the_next_vendor_serves_while_one_is_silent(bench: Bench) -> None:
    bench.feed.want(SAMSUNG, "price")
    await bench.wait_state(State.LIVE)
    bench.client.of("kis")[0].tell(an_event())
    bench.client.of("kis")[0].tell(a_status("stale", "no data for 60 s"))
    await wait_until_async(lambda: len(bench.client.of("kiwoom")) == 1)
    bench.client.of("kiwoom")[0].tell(an_event(price=158_500, seconds=9, vendor="kiwoom"))
    price = await bench.wait_price(158_500)
    assert (price.vendor, price.stale) == ("kiwoom", False)
    await bench.wait_state(State.LIVE)
    bench.client.of("kis")[0].tell(an_event(price=158_400, seconds=10))
    assert (await bench.wait_price(158_400)).vendor == "kis"
    await wait_until_async(lambda: bench.client.of("kiwoom") == [])


async def test_what_a_quiet_market_does_not_say_after_an_interruption_is_asked_for(bench: Bench) -> None:
    bench.feed.want(SAMSUNG, "price")
    await bench.wait_state(State.LIVE)
    stream = bench.client.of("kis")[0]
    bench.now += timedelta(minutes=1)
    stream.tell(an_event(seconds=60))
    await bench.wait_price(158_600)
    bench.now += timedelta(minutes=1)
    stream.tell(a_status("reconnecting", "the connection is lost"))
    await wait_until_async(lambda: bench.price().stale)
    stream.tell(a_status("live"))
    price = await bench.wait_price(159_000)
    assert (price.source, price.stale, price.as_of) == (Source.REST, False, bench.now)


async def test_a_price_of_rest_has_its_time(bench: Bench) -> None:
    await bench.feed.refresh(SAMSUNG)
    assert not bench.price().stale
    bench.now += timedelta(seconds=61)
    await wait_until_async(lambda: bench.price().stale)
    assert bench.price().reason == "it was true 61 s ago, and nothing newer came"
    await bench.feed.refresh(SAMSUNG)
    assert not bench.price().stale


async def test_an_unknown_ticker_and_one_that_cannot_be_had_now_say_so(bench: Bench) -> None:
    bench.client.on_call = lambda method, parameters: InvalidParameters("ticker: nobody has it")
    await bench.feed.refresh(HYNIX)
    assert bench.board.standing(HYNIX) == Standing(State.UNKNOWN, "ticker: nobody has it")
    bench.client.on_call = lambda method, parameters: VendorUnavailable("maintenance")
    await bench.feed.refresh(PriceKey("000001"))
    assert bench.board.standing(PriceKey("000001")) == Standing(State.UNAVAILABLE, "maintenance")


@pytest.mark.parametrize("by", ["http", "socket"])
async def test_what_nobody_asks_for_any_more_is_forgotten_and_its_numbers_go_on(
    bench: Bench, by: str
) -> None:
    if by == "http":
        await bench.feed.refresh(SAMSUNG)
    else:
        leave = bench.feed.want(SAMSUNG, "price")
        await wait_until_async(lambda: bench.board.price(SAMSUNG) is not None)
        leave()
        await wait_until_async(lambda: bench.client.of("kis") == [])
    seq = bench.price().seq
    await wait_until_async(lambda: SAMSUNG in bench.feed._read_at)
    bench.now += FORGET_AFTER + timedelta(seconds=1)
    await wait_until_async(lambda: list(bench.board.keys()) == [])
    assert bench.feed._read_at == {}
    await bench.feed.refresh(SAMSUNG)
    assert bench.price().seq > seq


async def test_what_is_watched_is_never_forgotten(bench: Bench) -> None:
    bench.feed.want(SAMSUNG, "price")
    await bench.wait_state(State.LIVE)
    await bench.feed.refresh(HYNIX)
    bench.now += FORGET_AFTER * 3
    await wait_until_async(lambda: list(bench.board.keys()) == [SAMSUNG])


async def test_not_more_is_subscribed_than_workers_can_bear(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "MOST_WATCHED", 1)
    bench.feed.want(SAMSUNG, "price")
    leave = bench.feed.want(HYNIX, "price")
    assert bench.board.standing(HYNIX) == TOO_MANY
    await bench.wait_state(State.LIVE)
    leave()
    await wait_until_async(lambda: (HYNIX, "price") not in bench.feed._users)
    assert len(bench.client.streams) == 1


async def test_where_no_worker_answers_no_stream_is_called_live(bench: Bench) -> None:
    bench.feed.want(SAMSUNG, "price")
    await bench.wait_state(State.LIVE)
    stream = bench.client.of("kis")[0]
    stream.tell(an_event())
    await bench.wait_price(158_600)
    bench.client.down = "no answer"
    await bench.wait_state(State.RECONNECTING)
    assert (bench.price().stale, bench.price().reason) == (True, "no worker answers")
    bench.client.down = None
    await bench.wait_state(State.LIVE)  # it was only slow
    stream.tell(an_event(price=158_700, seconds=1))
    assert not (await bench.wait_price(158_700)).stale


async def test_it_says_whether_a_worker_answers(bench: Bench) -> None:
    await wait_until_async(lambda: bench.feed.trouble is None)
    bench.client.down = "RabbitMQ is away"
    await wait_until_async(lambda: bench.feed.trouble == "RabbitMQ is away")
    bench.client.down = None
    await wait_until_async(lambda: bench.feed.trouble is None)
