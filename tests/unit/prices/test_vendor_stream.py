"""One subscription at one vendor's workers, through everything that can become of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from broker_client.errors import (
    BrokerError,
    InvalidParameters,
    NoAnswer,
    StreamEnded,
    SubscriptionLimit,
    TaskFailed,
    Unsupported,
    VendorNotConfigured,
    VendorUnavailable,
)
from broker_server.prices import vendor_stream
from broker_server.prices.board import PriceBoard
from broker_server.prices.model import Book, PriceKey, Source, Standing, State, TradeTick
from broker_server.prices.vendor_stream import NOT_SUBSCRIBED, VendorStream
from tests.support.price_client import NOON, FakeClient, FakeStream, a_status, an_event
from tests.support.waiting import wait_until_async

SAMSUNG = PriceKey("005930")


class Bench:
    """A stream that runs."""

    def __init__(self, interest: str = "price") -> None:
        self.client = FakeClient()
        self.board = PriceBoard(["kis", "kiwoom"])
        self.changes: list[Standing] = []
        self.stream = VendorStream(
            self.client,
            self.board,
            "kis",
            SAMSUNG,
            "orderbook" if interest == "orderbook" else "price",
            changed=lambda: self.changes.append(self.stream.standing),
            clock=lambda: NOON,
        )
        self.running = asyncio.ensure_future(self.stream.run())

    async def wait(self, state: State) -> FakeStream:
        """Until it is in that state; the newest subscription."""
        await wait_until_async(lambda: self.stream.standing.state is state, what=state)
        return self.client.streams[-1]

    async def end(self) -> None:
        """Cancel it."""
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(vendor_stream, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(vendor_stream, "_FAILED_SECONDS", 0.01)
    made = Bench()
    yield made
    await made.end()


async def test_it_asks_for_the_trades_of_a_venue_and_passes_them_on(bench: Bench) -> None:
    stream = await bench.wait(State.LIVE)
    assert stream.method == "kis.subscribe-realtime-price"
    assert stream.parameters == {"ticker": "005930", "venue": "KRX"}
    trades: list[TradeTick] = []
    bench.board.listen_trades(SAMSUNG, trades.append)
    stream.tell(an_event(price=158_600, missed=2))
    price = await wait_until_async(lambda: bench.board.price(SAMSUNG))
    assert price is not None
    assert (price.price, price.base_price, price.source, price.stale) == (
        158_600,
        159_300,
        Source.REALTIME,
        False,
    )
    assert [(each.price, each.quantity, each.missed) for each in trades] == [(158_600, 3, 2)]


async def test_the_first_state_is_no_trade_and_not_live(bench: Bench) -> None:
    stream = await bench.wait(State.LIVE)
    trades: list[TradeTick] = []
    bench.board.listen_trades(SAMSUNG, trades.append)
    stream.tell(an_event(snapshot=True))
    price = await wait_until_async(lambda: bench.board.price(SAMSUNG))
    assert price is not None
    assert price.source is Source.REST
    assert trades == []


async def test_an_order_book_goes_to_the_board(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor_stream, "_LOOK_SECONDS", 0.01)
    bench = Bench("orderbook")
    stream = await bench.wait(State.LIVE)
    assert stream.method == "kis.subscribe-order-book"
    levels = [{"price": 158_700, "quantity": 5}, {"price": None, "quantity": None}]
    stream.tell(a_status("stale", "no data for 60 s"))
    await bench.wait(State.STALE)
    stream.tell(an_event(type="order_book", asks=levels, bids=[]))
    await bench.wait(State.LIVE)
    book: Book | None = bench.board.book(SAMSUNG)
    assert book is not None
    assert [tuple(each) for each in book.asks] == [(158_700, 5)]
    assert book.stale is False
    await bench.end()


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("stale", State.STALE),
        ("reconnecting", State.RECONNECTING),
        ("disconnected", State.RECONNECTING),
        ("unanswered", State.RECONNECTING),
        ("suspended", State.RECONNECTING),
    ],
)
async def test_what_the_worker_says_of_it_marks_the_price_until_something_new_comes(
    bench: Bench, status: str, state: State
) -> None:
    stream = await bench.wait(State.LIVE)
    stream.tell(an_event())
    stream.tell(a_status(status, "the reason"))
    await bench.wait(state)
    price = bench.board.price(SAMSUNG)
    assert price is not None
    assert (price.stale, price.reason) == (True, "the reason")
    stream.tell(a_status("live"))
    await bench.wait(State.LIVE)
    price = bench.board.price(SAMSUNG)
    assert price is not None
    assert price.stale  # what was true before the interruption may not be any more
    stream.tell(an_event(price=158_700, seconds=1))
    await wait_until_async(lambda: bench.board.price(SAMSUNG) not in (None, price))
    price = bench.board.price(SAMSUNG)
    assert price is not None
    assert (price.price, price.stale) == (158_700, False)


async def test_after_a_reconnect_the_acknowledgement_says_how_it_is(bench: Bench) -> None:
    stream = await bench.wait(State.LIVE)
    stream.tell(a_status("disconnected", "RabbitMQ is away"))
    await bench.wait(State.RECONNECTING)
    stream.tell(a_status("connected"))
    await bench.wait(State.WAITING)
    stream.acknowledge("polling")
    await bench.wait(State.POLLING)
    stream.tell(an_event(mode="polling"))
    price = await wait_until_async(lambda: bench.board.price(SAMSUNG))
    assert price is not None
    assert (price.source, price.stale) == (Source.REST, False)
    stream.acknowledge("realtime")
    await bench.wait(State.LIVE)


async def test_rest_in_the_place_of_the_stream_is_not_called_live(bench: Bench) -> None:
    stream = await bench.wait(State.LIVE)
    stream.tell(an_event(mode="polling"))
    await bench.wait(State.POLLING)
    stream.tell(an_event(seconds=1))
    await bench.wait(State.LIVE)


@pytest.mark.parametrize(
    ("refusal", "state"),
    [
        (InvalidParameters("ticker: nobody has 999999"), State.UNKNOWN),
        (InvalidParameters("nothing of that name; check the ticker"), State.UNKNOWN),
        (InvalidParameters("venue: not here"), State.UNAVAILABLE),
        (VendorNotConfigured("kis has no key"), State.UNAVAILABLE),
        (Unsupported("not at kis"), State.UNAVAILABLE),
        (SubscriptionLimit("41 of 41"), State.UNAVAILABLE),
    ],
)
async def test_a_refusal_is_told_and_not_repeated_at_once(
    bench: Bench, refusal: TaskFailed, state: State
) -> None:
    stream = await bench.wait(State.LIVE)
    bench.client.on_subscribe = lambda method: refusal
    stream.tell(VendorUnavailable("the vendor is away"))
    await bench.wait(state)
    assert bench.stream.standing.reason == refusal.message
    assert not bench.stream.is_live
    assert len(bench.client.streams) == 2


@pytest.mark.parametrize(
    "end",
    [
        StreamEnded("1", "kis.subscribe-realtime-price", state="dropped"),
        VendorUnavailable("the vendor is away"),
        NoAnswer("1", "kis.subscribe-realtime-price", 1),
    ],
)
async def test_whatever_ends_it_it_is_subscribed_again(bench: Bench, end: BrokerError) -> None:
    stream = await bench.wait(State.LIVE)
    stream.tell(an_event())
    await wait_until_async(lambda: bench.board.price(SAMSUNG))
    bench.changes.clear()
    stream.tell(end)
    await wait_until_async(lambda: len(bench.client.streams) == 2)
    await bench.wait(State.LIVE)
    assert [each.state for each in bench.changes] == [State.RECONNECTING, State.LIVE]


async def test_a_defect_does_not_end_it(bench: Bench) -> None:
    stream = await bench.wait(State.LIVE)
    stream.messages = None  # type: ignore[assignment,method-assign]
    stream.tell(VendorUnavailable("once more"))
    await wait_until_async(lambda: len(bench.client.streams) == 2)
    broken = bench.client.streams[-1]
    broken.messages = lambda: 1 / 0  # type: ignore[assignment,return-value]
    broken.tell(VendorUnavailable("once more"))
    await wait_until_async(lambda: len(bench.client.streams) == 3)
    await bench.wait(State.LIVE)


@pytest.mark.parametrize("wrong", [{"price": "158600"}, {"price": 1.5}, {"vendor": None}, {"time": 5}])
async def test_an_event_that_makes_no_sense_is_left_out(bench: Bench, wrong: dict[str, object]) -> None:
    stream = await bench.wait(State.LIVE)
    event = an_event(**wrong)  # type: ignore[arg-type]
    if wrong == {"vendor": None}:
        del event.data["vendor"]
    stream.tell(event)
    stream.tell(an_event(price=158_900, seconds=1))
    await wait_until_async(lambda: (told := bench.board.price(SAMSUNG)) is not None and told.price == 158_900)
    assert bench.stream.is_live


async def test_who_follows_is_not_called_silent_by_one_that_is_being_unsubscribed(bench: Bench) -> None:
    stream = await bench.wait(State.LIVE)
    stream.tell(an_event())
    await wait_until_async(lambda: bench.board.price(SAMSUNG))
    bench.client.unsubscribed.clear()  # the worker takes its time
    bench.running.cancel()
    await wait_until_async(lambda: stream.is_closed)
    price = bench.board.price(SAMSUNG)
    assert price is not None
    assert (price.stale, price.reason) == (True, NOT_SUBSCRIBED)
    follower = asyncio.ensure_future(
        VendorStream(
            bench.client, bench.board, "kis", SAMSUNG, "price", changed=lambda: None, clock=lambda: NOON
        ).run()
    )
    await wait_until_async(lambda: len(bench.client.streams) == 2)
    bench.client.streams[-1].tell(an_event(price=158_700, seconds=1))
    await wait_until_async(lambda: (told := bench.board.price(SAMSUNG)) is not None and told.price == 158_700)
    bench.client.unsubscribed.set()
    await bench.end()
    price = bench.board.price(SAMSUNG)
    assert price is not None
    assert not price.stale
    follower.cancel()
    await asyncio.gather(follower, return_exceptions=True)
