"""The WebSocket, message by message, as the platform's clients know it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from broker_server.prices.model import Book, Level, PriceKey, Source, Standing, State, TradeTick
from tests.support.gateway import (
    NOON,
    SAMSUNG,
    Faces,
    a_price,
    receive,
    receive_until,
    say,
    serve_faces,
)
from tests.support.waiting import wait_until_async

UUID4 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture
async def faces() -> AsyncIterator[Faces]:
    async with serve_faces() as served:
        yield served


@pytest.fixture
async def client(faces: Faces) -> AsyncIterator[ClientConnection]:
    """One that has been greeted."""
    async with faces.connect() as connected:
        assert (await receive(connected))["type"] == "connected"
        yield connected


async def subscribe(client: ClientConnection, topic: str) -> None:
    await say(client, type="subscribe", topic=topic)
    await receive_until(client, type="subscribed", topic=topic)


def a_trade(number: int, **more: Any) -> TradeTick:
    values: dict[str, Any] = {
        "key": SAMSUNG,
        "price": 158_600 + number,
        "quantity": number,
        "side": "buy",
        "vendor": "kis",
        "as_of": NOON,
    }
    return TradeTick(**values | more)


def a_book(price: int = 158_700) -> Book:
    return Book(
        key=SAMSUNG,
        asks=(Level(price, 10), Level(price + 100, 20)),
        bids=(Level(price - 100, 30),),
        source=Source.REALTIME,
        vendor="kis",
        as_of=NOON,
    )


async def test_the_greeting_is_literally_the_agreed_one(faces: Faces) -> None:
    async with faces.connect() as one, faces.connect() as other:
        first, second = await receive(one), await receive(other)
    assert list(first) == ["type", "client_id", "message"]
    assert first["type"] == "connected"
    assert first["message"] == "WebSocket connection established"
    assert UUID4.fullmatch(first["client_id"])
    assert first["client_id"] != second["client_id"]


async def test_a_subscription_is_confirmed_then_come_status_and_price(
    faces: Faces, client: ClientConnection
) -> None:
    faces.board.put(a_price())
    faces.board.tell(SAMSUNG, Standing(State.LIVE))
    await say(client, type="subscribe", topic="price:005930")
    assert await receive(client) == {
        "type": "subscribed",
        "topic": "price:005930",
        "message": "Subscribed to price:005930",
    }
    status = await receive(client)
    assert (status["type"], status["topic"], status["state"]) == ("status", "price:005930", "live")
    update = await receive(client)
    assert {name: update[name] for name in ("type", "ticker", "data", "timestamp", "seq")} == {
        "type": "price_update",
        "ticker": "005930",
        "data": {
            "price": 158_600,
            "change": -700,
            "change_rate": -700 / 159_300 * 100,
            "volume": 36_358_081,
            "bid_price": 158_600,
            "ask_price": 158_600,
        },
        "timestamp": "2026-02-06T22:48:44.590151+00:00",
        "seq": 1,
    }
    assert (update["source"], update["vendor"], update["stale"]) == ("realtime", "kis", False)
    assert update["as_of"] == update["timestamp"]


async def test_both_faces_say_the_same_of_one_number(faces: Faces, client: ClientConnection) -> None:
    faces.board.put(a_price())
    await subscribe(client, "price:005930")
    update = await receive_until(client, type="price_update")
    _, document, _ = await faces.get("/api/kr/stocks/005930/realtime-price")
    said = {**update, **update["data"]}
    assert {name: said[name] for name in document} == document


async def test_changes_come_and_unsubscribing_ends_them(faces: Faces, client: ClientConnection) -> None:
    await subscribe(client, "price:005930")
    status = await receive(client)
    assert (status["type"], status["state"]) == ("status", "waiting")
    faces.board.put(a_price())
    assert (await receive(client))["data"]["price"] == 158_600
    faces.board.put(a_price(price=158_700))
    second = await receive(client)
    assert (second["data"]["price"], second["seq"]) == (158_700, 2)
    await say(client, type="unsubscribe", topic="price:005930")
    assert await receive(client) == {
        "type": "unsubscribed",
        "topic": "price:005930",
        "message": "Unsubscribed from price:005930",
    }
    faces.board.put(a_price(price=158_800))
    await say(client, type="ping")
    assert (await receive(client))["type"] == "pong"


async def test_stale_and_reconnecting_are_told(faces: Faces, client: ClientConnection) -> None:
    faces.board.put(a_price())
    await subscribe(client, "price:005930")
    await receive_until(client, type="price_update")
    faces.board.tell(SAMSUNG, Standing(State.STALE, "no data for 60 s"))
    status = await receive(client)
    epoch = status.pop("epoch")
    assert epoch
    assert status == {
        "type": "status",
        "topic": "price:005930",
        "state": "stale",
        "reason": "no data for 60 s",
    }
    faces.board.silence(SAMSUNG, "kis", "no data for 60 s")
    update = await receive(client)
    assert (update["stale"], update["reason"], update["seq"]) == (True, "no data for 60 s", 2)
    faces.board.tell(SAMSUNG, Standing(State.RECONNECTING, "the connection is lost"))
    assert (await receive(client))["state"] == "reconnecting"


async def test_an_unknown_ticker_says_so(faces: Faces, client: ClientConnection) -> None:
    await subscribe(client, "price:999999")
    faces.board.tell(PriceKey("999999"), Standing(State.UNKNOWN, "ticker: nobody has it"))
    assert (await receive_until(client, state="unknown"))["reason"] == "ticker: nobody has it"


async def test_an_order_book_comes_at_once_and_with_every_change(
    faces: Faces, client: ClientConnection
) -> None:
    faces.board.put_book(a_book())
    await subscribe(client, "orderbook:005930")
    update = await receive_until(client, type="orderbook_update")
    assert update["data"]["asks"] == [
        {"price": 158_700, "quantity": 10},
        {"price": 158_800, "quantity": 20},
    ]
    assert update["data"]["bids"] == [{"price": 158_600, "quantity": 30}]
    assert (update["ticker"], update["seq"]) == ("005930", 1)
    assert update["timestamp"] == "2026-02-06T22:48:44.590151+00:00"
    faces.board.put_book(a_book(158_900))
    assert (await receive(client))["seq"] == 2
    assert faces.demand.wanted == {(SAMSUNG, "orderbook"): 1}


async def test_every_trade_comes_in_its_order(faces: Faces, client: ClientConnection) -> None:
    await subscribe(client, "trade:005930")
    await receive_until(client, type="status")
    for number in range(1, 51):
        faces.board.put_trade(a_trade(number))
    trades = [await receive(client) for _ in range(50)]
    assert [each["seq"] for each in trades] == list(range(1, 51))
    first = trades[0]
    assert (first["type"], first["ticker"]) == ("trade", "005930")
    assert first["data"] == {"price": 158_601, "quantity": 1, "side": "buy", "vendor": "kis"}
    assert first["timestamp"] == "2026-02-06T22:48:44.590151+00:00"


async def test_trades_that_were_lost_on_the_way_are_told(faces: Faces, client: ClientConnection) -> None:
    await subscribe(client, "trade:005930")
    await receive_until(client, type="status")
    faces.board.put_trade(a_trade(1, missed=3))
    gap = await receive(client)
    assert (gap["type"], gap["state"], gap["missing"]) == ("status", "gap", 3)
    assert (await receive(client))["seq"] == 1


async def test_venues_have_topics_of_their_own(faces: Faces, client: ClientConnection) -> None:
    await subscribe(client, "price:005930.NXT")
    faces.board.put(a_price())
    faces.board.put(a_price(key=PriceKey("005930", "NXT"), price=160_000))
    update = await receive_until(client, type="price_update")
    assert (update["venue"], update["data"]["price"]) == ("NXT", 160_000)


async def test_a_client_that_comes_back_gets_the_trades_it_missed(faces: Faces) -> None:
    async with faces.connect() as client:
        await subscribe(client, "trade:005930")
        epoch = (await receive_until(client, type="status"))["epoch"]
        faces.board.put_trade(a_trade(1))
        assert (await receive(client))["seq"] == 1
    await wait_until_async(lambda: faces.sessions == 0)
    faces.board.put_trade(a_trade(2))
    faces.board.put_trade(a_trade(3))
    async with faces.connect() as client:
        await receive(client)
        await say(client, type="resume", topic="trade:005930", seq=1, epoch=epoch)
        resumed = await receive(client)
        assert (resumed["type"], resumed["topic"], resumed["seq"]) == ("resumed", "trade:005930", 1)
        assert [(await receive(client))["seq"] for _ in range(2)] == [2, 3]
        faces.board.put_trade(a_trade(4))
        assert (await receive_until(client, type="trade"))["seq"] == 4


async def test_what_is_not_held_any_more_is_told_as_a_gap(faces: Faces) -> None:
    async with faces.connect() as client:
        await subscribe(client, "trade:005930")
        epoch = (await receive_until(client, type="status"))["epoch"]
        faces.board.put_trade(a_trade(1))
        await receive(client)
    await wait_until_async(lambda: faces.sessions == 0)
    for number in range(2, 1002):
        faces.board.put_trade(a_trade(number))
    async with faces.connect() as client:
        await receive(client)
        await say(client, type="resume", topic="trade:005930", seq=1, epoch=epoch)
        gap = await receive_until(client, type="status", state="gap")
        assert gap["missing"] == 500
        trades = [await receive_until(client, type="trade") for _ in range(500)]
        assert [each["seq"] for each in trades] == list(range(502, 1002))


@pytest.mark.parametrize("epoch", ["another run", None])
async def test_numbers_of_another_run_are_worth_nothing(
    faces: Faces, client: ClientConnection, epoch: str | None
) -> None:
    faces.board.put_trade(a_trade(1))
    await say(client, type="resume", topic="trade:005930", seq=1, epoch=epoch)
    gap = await receive_until(client, type="status", state="gap")
    assert gap["missing"] is None
    assert gap["epoch"]


async def test_resuming_a_price_gives_the_newest(faces: Faces, client: ClientConnection) -> None:
    faces.board.put(a_price())
    faces.board.put(a_price(price=158_700))
    await say(client, type="resume", topic="price:005930", seq=1)
    assert (await receive(client))["type"] == "resumed"
    assert (await receive_until(client, type="price_update"))["seq"] == 2


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('{"type":"subscribe"}', "INVALID_TOPIC"),
        ('{"type":"subscribe","topic":5}', "INVALID_TOPIC"),
        ('{"type":"subscribe","topic":"price:"}', "INVALID_TOPIC"),
        ('{"type":"subscribe","topic":"price:samsung"}', "INVALID_TOPIC"),
        ('{"type":"subscribe","topic":"price:005930.NYSE"}', "INVALID_TOPIC"),
        ('{"type":"subscribe","topic":"price:005930\\n"}', "INVALID_TOPIC"),
        ('{"type":"unsubscribe","topic":["price:005930"]}', "INVALID_TOPIC"),
        ('{"type":"resume","topic":"trade:005930"}', "INVALID_MESSAGE"),
        ('{"type":"resume","topic":"trade:005930","seq":true}', "INVALID_MESSAGE"),
        ('{"type":"resume","topic":"trade:005930","seq":-1}', "INVALID_MESSAGE"),
        ('{"type":"resume","topic":"trade:005930","seq":1,"epoch":7}', "INVALID_MESSAGE"),
        ('{"type":"buy"}', "UNKNOWN_TYPE"),
        ('{"type":["subscribe"]}', "UNKNOWN_TYPE"),
        ("{}", "UNKNOWN_TYPE"),
        ("[]", "INVALID_MESSAGE"),
        ("5", "INVALID_MESSAGE"),
        ("null", "INVALID_MESSAGE"),
        ("", "INVALID_MESSAGE"),
        ("{", "INVALID_MESSAGE"),
        ("[" * 5000, "INVALID_MESSAGE"),
        ('{"type":"\\ud800"}', "INVALID_MESSAGE"),
        (b"\x00\xff", "INVALID_MESSAGE"),
        (b'{"type":"ping"}', "INVALID_MESSAGE"),
    ],
)
async def test_what_is_wrong_is_answered_and_the_client_stays(
    client: ClientConnection, message: str | bytes, code: str
) -> None:
    await client.send(message)
    error = await receive(client)
    assert (error["type"], error["code"]) == ("error", code)
    assert error["message"]
    await say(client, type="ping")
    assert (await receive(client))["type"] == "pong"


async def test_unsubscribing_what_was_never_subscribed_is_no_harm(client: ClientConnection) -> None:
    await say(client, type="unsubscribe", topic="price:005930")
    assert (await receive(client))["type"] == "unsubscribed"


async def test_subscribing_twice_is_counted_once(faces: Faces, client: ClientConnection) -> None:
    faces.board.put(a_price())
    await subscribe(client, "price:005930")
    await receive_until(client, type="price_update")
    await subscribe(client, "price:005930")
    assert (await receive_until(client, type="price_update"))["seq"] == 1  # the state at once, again
    faces.board.put(a_price(price=1))
    assert (await receive(client))["seq"] == 2
    await say(client, type="ping")
    assert (await receive(client))["type"] == "pong"
    assert faces.demand.wanted == {(SAMSUNG, "price"): 1}


async def test_many_clients_get_the_same_message(faces: Faces) -> None:
    async with faces.connect() as one, faces.connect() as other:
        for client in (one, other):
            await subscribe(client, "price:005930")
        assert faces.demand.wanted == {(SAMSUNG, "price"): 1}
        faces.board.put(a_price())
        got = await asyncio.gather(*(receive_until(each, type="price_update") for each in (one, other)))
    assert got[0] == got[1]


async def test_who_leaves_is_forgotten_and_what_nobody_hears_is_not_wanted(faces: Faces) -> None:
    hub = faces.app.state.hub
    hub._linger = 0.0
    async with faces.connect() as client:
        await subscribe(client, "price:005930")
        assert hub.topics() == {"price:005930": 1}
    await wait_until_async(lambda: hub.topics() == {})
    assert faces.demand.wanted == {(SAMSUNG, "price"): 0}
    assert faces.sessions == 0
    faces.board.put(a_price(as_of=NOON + timedelta(seconds=1)))
