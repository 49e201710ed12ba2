"""Prices by HTTP, as the platform's clients know them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import date

import pytest

from broker_server.core.market_data import change_rate
from broker_server.prices.model import PriceKey, Source, Standing, State
from tests.support.gateway import NOON, Faces, a_price, serve_faces
from tests.support.waiting import wait_until_async

ONE = "/api/kr/stocks/005930/realtime-price"


@pytest.fixture
async def faces() -> AsyncIterator[Faces]:
    async with serve_faces() as served:
        yield served


async def test_many_prices_have_the_agreed_shape(faces: Faces) -> None:
    faces.board.put(a_price())
    faces.board.put(a_price("000660", 900_000, base_price=900_000))
    status, body, headers = await faces.get("/api/kr/realtime-prices?tickers=005930,000660")
    assert status == 200
    assert list(body) == ["prices", "errors"]
    assert list(body["prices"]) == ["005930", "000660"]
    one = body["prices"]["005930"]
    assert {name: one[name] for name in ("ticker", "price", "change", "volume", "timestamp")} == {
        "ticker": "005930",
        "price": 158_600,
        "change": -700,
        "volume": 36_358_081,
        "timestamp": "2026-02-06T22:48:44.590151+00:00",
    }
    assert one["change_rate"] == change_rate(158_600, 159_300) == -700 / 159_300 * 100
    assert body["errors"] == {}
    assert headers["content-type"] == "application/json"


async def test_one_price_is_a_flat_object_that_says_where_it_comes_from(faces: Faces) -> None:
    faces.board.put(a_price())
    status, body, _ = await faces.get(ONE)
    assert status == 200
    assert body == {
        "ticker": "005930",
        "venue": "KRX",
        "price": 158_600,
        "change": -700,
        "change_rate": -700 / 159_300 * 100,
        "volume": 36_358_081,
        "bid_price": 158_600,
        "ask_price": 158_600,
        "open": None,
        "high": None,
        "low": None,
        "timestamp": "2026-02-06T22:48:44.590151+00:00",
        "source": "realtime",
        "vendor": "kis",
        "as_of": "2026-02-06T22:48:44.590151+00:00",
        "stale": False,
        "reason": None,
        "base_price": 159_300,
        "base_date": None,
        "halted": None,
        "seq": 1,
    }
    assert faces.demand.refreshed == []  # what a stream tells needs no question


@pytest.mark.parametrize(
    ("single", "batch"),
    [
        (ONE, "/api/kr/realtime-prices?tickers=005930"),
        ("/internal/price/005930", "/internal/prices?tickers=005930"),
    ],
)
async def test_services_and_everyone_else_get_the_same(faces: Faces, single: str, batch: str) -> None:
    faces.board.put(a_price())
    _, one, _ = await faces.get(single)
    _, many, _ = await faces.get(batch)
    assert many["prices"] == {"005930": one}
    assert (await faces.get(ONE))[1] == one


async def test_one_bad_ticker_does_not_take_the_others_away(faces: Faces) -> None:
    def answer(key: PriceKey) -> None:
        if key.ticker == "999999":
            faces.board.tell(key, Standing(State.UNKNOWN, "ticker: nobody has it"))

    faces.demand.on_refresh = answer
    faces.board.put(a_price())
    status, body, headers = await faces.get("/api/kr/realtime-prices?tickers=005930,999999,oops,035720")
    assert status == 200
    assert list(body["prices"]) == ["005930"]
    assert {ticker: error["code"] for ticker, error in body["errors"].items()} == {
        "999999": "UNKNOWN_TICKER",
        "oops": "INVALID_TICKER",
        "035720": "NO_PRICE",
    }
    assert "nobody has it" in body["errors"]["999999"]["message"]
    assert int(headers["retry-after"]) > 0  # for the one that may come


async def test_a_hundred_tickers_and_no_more(faces: Faces) -> None:
    tickers = [f"{number:06d}" for number in range(101)]
    for ticker in tickers:
        faces.board.put(a_price(ticker))
    status, body, _ = await faces.get(f"/api/kr/realtime-prices?tickers={','.join(tickers[:100])}")
    assert (status, len(body["prices"])) == (200, 100)
    status, body, _ = await faces.get(f"/api/kr/realtime-prices?tickers={','.join(tickers)}")
    assert (status, body["error"]["code"]) == (422, "INVALID_PARAMETERS")
    assert "101" in body["error"]["message"]


async def test_a_ticker_that_is_asked_for_twice_is_answered_once(faces: Faces) -> None:
    faces.board.put(a_price())
    _, body, _ = await faces.get("/api/kr/realtime-prices?tickers=005930,%20005930,,005930")
    assert list(body["prices"]) == ["005930"]


@pytest.mark.parametrize("query", ["", "?tickers=", "?tickers=,,", "?tickers=005930&venue=NYSE"])
async def test_wrong_parameters_are_said(faces: Faces, query: str) -> None:
    status, body, _ = await faces.get(f"/api/kr/realtime-prices{query}")
    assert (status, body["error"]["code"]) == (422, "INVALID_PARAMETERS")
    assert "tickers" in body["error"]["message"] or "venue" in body["error"]["message"]


async def test_an_unknown_ticker_is_not_found(faces: Faces) -> None:
    faces.board.tell(PriceKey("999999"), Standing(State.UNKNOWN, "ticker: nobody has it"))
    status, body, headers = await faces.get("/api/kr/stocks/999999/realtime-price")
    assert (status, body["error"]["code"]) == (404, "UNKNOWN_TICKER")
    assert "retry-after" not in headers


async def test_what_cannot_be_had_now_says_when_to_come_again(faces: Faces) -> None:
    faces.board.tell(PriceKey("005930"), Standing(State.UNAVAILABLE, "no worker can be asked now"))
    status, body, headers = await faces.get(ONE)
    assert (status, body["error"]["code"]) == (503, "NO_PRICE")
    assert "no worker can be asked now" in body["error"]["message"]
    assert int(headers["retry-after"]) > 0
    assert headers["cache-control"] == "no-store"


async def test_a_stale_price_is_marked_and_refused_to_who_wants_a_fresh_one(faces: Faces) -> None:
    faces.board.put(a_price())
    faces.board.silence(PriceKey("005930"), "kis", "no data for 60 s")
    status, body, _ = await faces.get(ONE)
    assert (status, body["price"], body["stale"], body["reason"]) == (200, 158_600, True, "no data for 60 s")
    status, body, headers = await faces.get(f"{ONE}?fresh=true")
    assert (status, body["error"]["code"]) == (503, "STALE_PRICE")
    assert "no data for 60 s" in body["error"]["message"]
    assert int(headers["retry-after"]) > 0
    assert faces.demand.refreshed == [(PriceKey("005930"), False), (PriceKey("005930"), True)]
    status, body, headers = await faces.get("/api/kr/realtime-prices?tickers=005930&fresh=true")
    assert (status, body["errors"]["005930"]["code"]) == (200, "STALE_PRICE")
    assert int(headers["retry-after"]) > 0


async def test_asking_for_a_fresh_price_gets_what_rest_says(faces: Faces) -> None:
    faces.board.put(a_price())
    faces.board.silence(PriceKey("005930"), "kis", "no data for 60 s")
    faces.demand.on_refresh = lambda key: faces.board.put(
        a_price(price=159_000, source=Source.REST, as_of=NOON.replace(hour=23))
    )
    status, body, _ = await faces.get(f"{ONE}?fresh=true")
    assert (status, body["price"], body["source"], body["stale"]) == (200, 159_000, "rest", False)


async def test_a_daily_close_says_of_which_day_and_is_not_fresh(faces: Faces) -> None:
    faces.board.put(
        a_price(source=Source.DAILY_CLOSE, base_date=date(2026, 2, 5), bid_price=None, ask_price=None)
    )
    status, body, _ = await faces.get(ONE)
    assert (status, body["source"], body["base_date"]) == (200, "daily_close", "2026-02-05")
    status, body, _ = await faces.get(f"{ONE}?fresh=true")
    assert (status, body["error"]["code"]) == (503, "STALE_PRICE")


async def test_a_suspended_ticker_says_so(faces: Faces) -> None:
    faces.board.put(a_price(source=Source.REST, halted=True))
    assert (await faces.get(ONE))[1]["halted"] is True


async def test_venues_are_not_mixed(faces: Faces) -> None:
    faces.board.put(a_price())
    faces.board.put(a_price(key=PriceKey("005930", "NXT"), price=160_000))
    assert (await faces.get(ONE))[1]["price"] == 158_600
    _, body, _ = await faces.get(f"{ONE}?venue=NXT")
    assert (body["price"], body["venue"]) == (160_000, "NXT")


@pytest.mark.parametrize("path", [ONE, "/api/kr/realtime-prices?tickers=005930,000660"])
async def test_who_has_it_already_is_told_so_until_anything_changes(faces: Faces, path: str) -> None:
    faces.board.put(a_price())
    faces.board.put(a_price("000660"))
    status, _, headers = await faces.get(path)
    assert (status, headers["cache-control"]) == (200, "private, no-cache")
    tag = headers["etag"]
    for known in (tag, f'W/{tag}, "another"', f'"another", {tag}'):
        status, body, headers = await faces.get(path, headers={"If-None-Match": known})
        assert (status, body, headers["etag"]) == (304, "", tag)
        assert headers["cache-control"] == "private, no-cache"
    faces.board.silence(PriceKey("005930"), "kis", "reconnecting")  # its age is part of it
    status, body, headers = await faces.get(path, headers={"If-None-Match": tag})
    assert status == 200
    assert headers["etag"] != tag


async def test_a_price_that_was_forgotten_in_between_is_not_taken_for_the_one_before(faces: Faces) -> None:
    faces.board.put(a_price())
    _, _, headers = await faces.get(ONE)
    faces.board.forget(PriceKey("005930"))
    faces.board.put(a_price(price=1))
    status, body, _ = await faces.get(ONE, headers={"If-None-Match": headers["etag"]})
    assert (status, body["price"], body["seq"]) == (200, 1, 2)


async def test_many_that_ask_at_once_wait_for_one_question_each(faces: Faces) -> None:
    gate = asyncio.Event()

    async def answer(key: PriceKey) -> None:
        await gate.wait()
        faces.board.put(a_price(key.ticker, source=Source.REST))

    faces.demand.on_refresh = answer
    asking = asyncio.gather(faces.get("/api/kr/realtime-prices?tickers=000001,000002"), faces.get(ONE))
    await wait_until_async(lambda: len(faces.demand.refreshed) == 3)
    gate.set()
    (_, many, _), (_, one, _) = await asking
    assert list(many["prices"]) == ["000001", "000002"]
    assert one["source"] == "rest"


async def test_candles_and_gaps_are_read_from_the_store(faces: Faces) -> None:
    status, body, headers = await faces.get("/api/kr/stocks/005930/candles?start=2026-02-01&limit=10")
    assert status == 200
    assert body["candles"] == [
        {
            "date": "2026-02-05",
            "open": 159_300,
            "high": 159_300,
            "low": 159_300,
            "close": 159_300,
            "volume": 7,
            "value": None,
            "halted": False,
        }
    ]
    assert headers["cache-control"] == "private, max-age=60"
    status, body, _ = await faces.get("/api/kr/data-gaps")
    assert (status, body["without_data"]) == (200, ["000660"])


async def test_health_tells_whether_prices_can_be_served() -> None:
    troubles = ["no connection"]
    async with serve_faces(troubles=lambda: troubles) as faces:
        assert (await faces.get("/healthz"))[:2] == (200, {"status": "ok", "reasons": []})
        status, body, _ = await faces.get("/readyz")
        assert (status, body) == (503, {"status": "unavailable", "reasons": ["no connection"]})
        troubles.clear()
        assert (await faces.get("/readyz"))[0] == 200


async def test_no_answer_waits_for_an_acknowledgement_of_the_one_before(faces: Faces) -> None:
    await faces.get("/healthz")
    connections = faces.server.server_state.connections
    sockets = [connection.transport.get_extra_info("socket") for connection in connections]
    assert [each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in sockets] == [1]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/api/nothing", 404), ("POST", ONE, 405), ("DELETE", ONE, 405)],
)
async def test_nothing_else_is_there(faces: Faces, method: str, path: str, status: int) -> None:
    found, body, _ = await faces.get(path, method=method)
    assert (found, list(body["error"])) == (status, ["code", "message"])
