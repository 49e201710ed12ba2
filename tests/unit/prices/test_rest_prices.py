"""Prices by REST: asked for once, remembered for a while, and the last close where there is none."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import pytest

from broker_client.errors import (
    BrokerError,
    InvalidParameters,
    NoAnswer,
    VendorNotConfigured,
    VendorUnavailable,
)
from broker_server.prices import rest_prices
from broker_server.prices.board import PriceBoard
from broker_server.prices.history import DailyCandle
from broker_server.prices.model import PriceKey, Source, Standing, State
from broker_server.prices.rest_prices import BUSY, NOBODY, RestPrices
from tests.support.gateway import FakeHistory
from tests.support.price_client import NOON, FakeClient, a_quote
from tests.support.waiting import wait_until_async

SAMSUNG, HYNIX = PriceKey("005930"), PriceKey("000660")
CLOSED = NOON - timedelta(days=1)


class Asked:
    """REST over a fake client, and a clock that the test moves."""

    def __init__(
        self, vendors: tuple[str, ...] = ("kis", "kiwoom"), history: FakeHistory | None = None
    ) -> None:
        self.client = FakeClient()
        self.board = PriceBoard(vendors)
        self.now = NOON
        self.rest = RestPrices(
            self.client,
            self.board,
            vendors,
            history or FakeHistory(),
            closed_at=lambda candle: CLOSED,
            fresh_for=timedelta(seconds=5),
            timeout=1,
            clock=lambda: self.now,
            is_connected=lambda: self.client.trouble is None,
        )

    def answers(self, **by_vendor: BrokerError) -> None:
        """These vendors refuse."""

        def answer(method: str, parameters: dict[str, object]) -> object:
            return by_vendor.get(method.partition(".")[0]) or a_quote(method, parameters)

        self.client.on_call = answer  # type: ignore[assignment]


async def test_callers_share_one_question() -> None:
    asked = Asked()
    asked.client.gate.clear()
    waiting = [asyncio.ensure_future(asked.rest.ask(SAMSUNG)) for _ in range(5)]
    await wait_until_async(lambda: len(asked.client.calls) == 1)
    waiting.pop().cancel()  # one that goes away takes nothing from the others
    asked.client.gate.set()
    assert await asyncio.gather(*waiting) == [None] * 4
    assert asked.client.calls == [("kis.get-current-price", {"ticker": "005930"})]
    price = asked.board.price(SAMSUNG)
    assert price is not None
    assert (price.price, price.base_price, price.source, price.as_of, price.halted) == (
        159_000,
        159_300,
        Source.REST,
        NOON,
        False,
    )


async def test_a_vendor_whose_worker_is_away_does_not_make_everyone_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rest_prices, "PATIENCE_SECONDS", 0.02)
    asked, away = Asked(), asyncio.Event()
    answer = asked.client.send_parameters

    async def send(method: str, parameters: dict[str, object], **more: object) -> object:
        if method.startswith("kis."):
            await away.wait()
        return await answer(method, parameters, **more)

    asked.client.send_parameters = send  # type: ignore[method-assign]
    assert await asked.rest.ask(SAMSUNG) is None
    price = asked.board.price(SAMSUNG)
    assert price is not None
    assert price.vendor == "kiwoom"
    asked.client.calls.clear()
    assert await asked.rest.ask(HYNIX) is None  # the other one is asked first now
    assert [method for method, _ in asked.client.calls] == ["kiwoom.get-current-price"]
    asked.answers(kiwoom=InvalidParameters("ticker: Kiwoom knows no stock 999999"))
    verdict = await asked.rest.ask(PriceKey("999999"))
    assert verdict is not None
    assert verdict.state is State.UNKNOWN
    away.set()


async def test_what_one_vendor_does_not_know_the_next_one_is_asked_for() -> None:
    asked = Asked()
    asked.answers(kis=InvalidParameters("ticker: KIS knows no domestic stock 005930"))
    assert await asked.rest.ask(SAMSUNG) is None
    price = asked.board.price(SAMSUNG)
    assert price is not None
    assert price.vendor == "kiwoom"


async def test_an_etn_is_one_instrument_however_vendors_write_it() -> None:
    asked = Asked(vendors=("kiwoom",))
    etn = PriceKey("Q500001")
    assert await asked.rest.ask(etn) is None
    assert asked.client.calls == [("kiwoom.get-current-price", {"ticker": "500001"})]
    price = asked.board.price(etn)
    assert price is not None
    assert price.key == etn
    assert asked.board.price(PriceKey("500001")) is None


async def test_an_answer_is_good_for_a_while() -> None:
    asked = Asked()
    await asked.rest.ask(SAMSUNG)
    asked.now += timedelta(seconds=4.9)
    await asked.rest.ask(SAMSUNG)
    assert len(asked.client.calls) == 1
    await asked.rest.ask(SAMSUNG, again=True)
    assert len(asked.client.calls) == 2
    asked.now += timedelta(seconds=5)
    await asked.rest.ask(SAMSUNG)
    assert len(asked.client.calls) == 3
    asked.rest.forget(SAMSUNG)
    await asked.rest.ask(SAMSUNG)
    assert len(asked.client.calls) == 4


async def test_another_venue_is_another_question() -> None:
    asked = Asked()
    await asked.rest.ask(PriceKey("005930", "NXT"))
    assert asked.client.calls == [("kis.get-current-price", {"ticker": "005930", "exchange": "NXT"})]
    assert asked.board.price(SAMSUNG) is None


async def test_the_next_vendor_is_asked_when_one_cannot() -> None:
    asked = Asked()
    asked.answers(kis=VendorUnavailable("maintenance"))
    assert await asked.rest.ask(SAMSUNG) is None
    price = asked.board.price(SAMSUNG)
    assert price is not None
    assert price.vendor == "kiwoom"


async def test_a_ticker_that_nobody_knows_is_not_asked_for_again_soon() -> None:
    asked = Asked()
    asked.answers(
        kis=InvalidParameters("ticker: there is no 000660"), kiwoom=VendorNotConfigured("no kiwoom here")
    )
    assert await asked.rest.ask(HYNIX) == Standing(State.UNKNOWN, "ticker: there is no 000660")
    asked.now += timedelta(minutes=4)
    assert await asked.rest.ask(HYNIX) == Standing(State.UNKNOWN, "ticker: there is no 000660")
    assert len(asked.client.calls) == 2
    assert asked.board.price(HYNIX) is None


async def test_the_last_close_stands_in_and_says_so() -> None:
    asked = Asked()
    asked.answers(kis=VendorUnavailable("maintenance"), kiwoom=VendorUnavailable("maintenance"))
    assert await asked.rest.ask(SAMSUNG) == Standing(State.UNAVAILABLE, "maintenance")
    price = asked.board.price(SAMSUNG)
    assert price is not None
    assert (price.source, price.price, price.base_price, price.base_date, price.as_of) == (
        Source.DAILY_CLOSE,
        159_300,
        159_000,
        date(2026, 2, 5),
        CLOSED,
    )
    asked.now += timedelta(seconds=3)
    asked.answers()
    assert await asked.rest.ask(SAMSUNG) is None
    price = asked.board.price(SAMSUNG)
    assert price is not None
    assert price.source is Source.REST


async def test_where_no_worker_answers_the_others_are_not_waited_for() -> None:
    asked = Asked()
    asked.answers(kis=NoAnswer("1", "kis.get-current-price", 1))
    assert await asked.rest.ask(SAMSUNG) == NOBODY
    assert len(asked.client.calls) == 1
    price = asked.board.price(SAMSUNG)
    assert price is not None
    assert price.source is Source.DAILY_CLOSE


async def test_without_a_connection_nothing_is_sent() -> None:
    asked = Asked()
    asked.client.down = "RabbitMQ is away"
    assert await asked.rest.ask(SAMSUNG) == NOBODY
    assert asked.client.calls == []


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"price": 1},
        {"ticker": "005930", "price": 1.5},
        {"ticker": "005930", "price": None},
        {"ticker": "000660", "price": 1},
        "no row",
        None,
    ],
)
async def test_an_answer_that_makes_no_sense_is_no_price(row: object) -> None:
    asked = Asked(("kis",))
    asked.client.on_call = lambda method, parameters: row  # type: ignore[assignment,return-value]
    standing = await asked.rest.ask(SAMSUNG)
    assert standing is not None
    assert standing.state is State.UNAVAILABLE
    assert asked.board.price(PriceKey("000660")) is None


async def test_a_store_that_is_out_of_order_takes_nothing_else_away() -> None:
    class Broken(FakeHistory):
        def last_close(self, ticker: str, *, venue: str) -> tuple[DailyCandle, int | None] | None:
            raise OSError("the disk is full")

    asked = Asked(("kis",), Broken())
    asked.answers(kis=VendorUnavailable("maintenance"))
    assert await asked.rest.ask(SAMSUNG) == Standing(State.UNAVAILABLE, "maintenance")


async def test_without_vendors_the_last_close_is_all_there_is() -> None:
    asked = Asked(())
    assert await asked.rest.ask(SAMSUNG) == Standing(State.UNAVAILABLE, "no vendor is asked")
    assert asked.board.price(SAMSUNG) is not None


async def test_not_more_are_asked_for_at_once_than_workers_can_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rest_prices, "MOST_AT_ONCE", 2)
    asked = Asked()
    asked.client.gate.clear()
    waiting = [asyncio.ensure_future(asked.rest.ask(PriceKey(f"00000{number}"))) for number in range(2)]
    await wait_until_async(lambda: len(asked.client.calls) == 2)
    assert await asked.rest.ask(SAMSUNG) == BUSY
    asked.client.gate.set()
    assert await asyncio.gather(*waiting) == [None, None]
    assert await asked.rest.ask(SAMSUNG) is None


async def test_what_is_remembered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_prices, "MOST_REMEMBERED", 3)
    asked = Asked()
    for number in range(5):
        await asked.rest.ask(PriceKey(f"00000{number}"))
    assert len(asked.rest._asked) == 3
