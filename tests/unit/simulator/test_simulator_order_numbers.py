"""Order numbers begin anew each day of the order's exchange, for domestic and overseas orders apart."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from broker_server.simulator.clock import KST, fixed_start
from broker_server.simulator.market import Market
from broker_server.simulator.matching import Exchange
from broker_server.simulator.orders import Order, OrderRefused, OrderRequest, OrderState, Refusal, Side

START = datetime(2026, 11, 20, 10, 0, tzinfo=KST)
"""In New York it is the evening of the 19th."""
ACCOUNT = "12345678-01"
SAMSUNG, APPLE, TENCENT = ("005930", "KRX"), ("AAPL", "NASD"), ("00700", "SEHK")
LOW = {SAMSUNG: 60_000, APPLE: 100, TENCENT: 10_000}
"""Limits far below the market, in minor units."""


@pytest.fixture
def exchange() -> Exchange:
    clock = fixed_start(START, lambda: START)
    clock.freeze()
    return Exchange(Market(clock, 1))


def rest(exchange: Exchange, which: tuple[str, str] = SAMSUNG, account: str = ACCOUNT) -> Order:
    """Place an order that is not filled."""
    instrument = exchange.market.instruments.find(*which)
    assert instrument is not None
    order = exchange.place(
        OrderRequest(
            vendor="kis",
            account=account,
            instrument=instrument,
            side=Side.BUY,
            quantity=100,
            price=LOW[which],
        )
    )
    assert order.is_open
    return order


def find(exchange: Exchange, order: Order) -> Order:
    """What the order's number names now."""
    instrument = order.request.instrument
    return exchange.find("kis", order.request.account, instrument.market, order.number, instrument)


def wait_until(exchange: Exchange, moment: datetime) -> None:
    exchange.market.clock.set(moment)


def test_domestic_numbers_begin_anew_at_midnight_in_korea(exchange: Exchange) -> None:
    first = [rest(exchange).number for _ in range(3)]
    wait_until(exchange, START.replace(hour=23, minute=59))
    assert rest(exchange).number == first[-1] + 1
    wait_until(exchange, START.replace(hour=0) + timedelta(days=1))
    assert [rest(exchange).number for _ in range(3)] == first


def test_overseas_numbers_begin_anew_at_midnight_of_their_exchange(exchange: Exchange) -> None:
    first = rest(exchange, APPLE)
    wait_until(exchange, START.replace(hour=13, minute=59))
    assert rest(exchange, APPLE).number == first.number + 1
    wait_until(exchange, START.replace(hour=14))
    again = rest(exchange, APPLE)
    assert (again.number, again.day - first.day) == (first.number, timedelta(days=1))
    wait_until(exchange, START + timedelta(days=1))
    assert rest(exchange, APPLE).number == again.number + 1, "midnight in Korea is not theirs"


def test_domestic_and_overseas_orders_of_one_number_are_two(exchange: Exchange) -> None:
    domestic, overseas = rest(exchange), rest(exchange, APPLE)
    assert domestic.number == overseas.number
    assert exchange.find("kis", ACCOUNT, "domestic", domestic.number) is domestic
    assert find(exchange, overseas) is overseas
    cancelled = exchange.cancel(overseas)
    assert cancelled.number == overseas.number + 1
    assert (domestic.state, overseas.state) == (OrderState.WORKING, OrderState.CANCELLED)
    reserved = exchange.account("kis", ACCOUNT).reserved
    assert (reserved["KRW"] > 0, reserved["USD"]) == (True, 0)


def test_exchanges_on_different_dates_give_one_number_at_one_time(exchange: Exchange) -> None:
    american, chinese = rest(exchange, APPLE), rest(exchange, TENCENT)
    assert (american.number, american.key != chinese.key) == (chinese.number, True)
    assert find(exchange, american) is american
    assert find(exchange, chinese) is chinese


def test_exchanges_on_one_date_share_the_numbers(exchange: Exchange) -> None:
    wait_until(exchange, START.replace(hour=15))
    assert rest(exchange, TENCENT).number == rest(exchange, APPLE).number - 1


def test_number_names_the_order_of_today(exchange: Exchange) -> None:
    old = rest(exchange)
    wait_until(exchange, START + timedelta(days=1))
    new = rest(exchange)
    assert (new.number, find(exchange, old)) == (old.number, new)
    replaced = exchange.modify(new, price=61_000)
    assert (replaced.original, replaced.day) == (new.number, new.day)
    exchange.cancel(replaced)
    assert (old.state, new.state, replaced.state) == (
        OrderState.EXPIRED,
        OrderState.REPLACED,
        OrderState.CANCELLED,
    )
    assert set(exchange.account("kis", ACCOUNT).reserved.values()) == {0}


def test_nothing_is_left_of_an_order_whose_day_is_over(exchange: Exchange) -> None:
    old = rest(exchange)
    wait_until(exchange, START + timedelta(days=1))
    assert rest(exchange, account="87654321-01").number == old.number
    assert find(exchange, old) is old, "the number of today is another account's"
    with pytest.raises(OrderRefused, match=Refusal.NOTHING_LEFT):
        exchange.cancel(old)
    with pytest.raises(OrderRefused, match=Refusal.NOTHING_LEFT):
        exchange.modify(old, price=61_000)
    assert old.state is OrderState.EXPIRED


def test_other_clients_take_numbers_on_every_day() -> None:
    clock = fixed_start(START, lambda: START)
    clock.freeze()
    exchange = Exchange(Market(clock, 1), lambda: 5)
    first = [rest(exchange).number for _ in range(2)]
    clock.advance(86_400)
    assert [rest(exchange).number for _ in range(2)] == first == [1005, 1010]
