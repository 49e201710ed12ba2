"""Invariants of matching: nothing is created, lost or filled twice."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from broker_server.simulator.accounts import STARTING_CASH, costs, won_per_minor_unit
from broker_server.simulator.clock import KST, fixed_start
from broker_server.simulator.market import Market
from broker_server.simulator.matching import Exchange
from broker_server.simulator.orders import (
    Order,
    OrderRefused,
    OrderRequest,
    OrderState,
    OrderType,
    Refusal,
    Side,
    TimeInForce,
)
from broker_server.simulator.ticks import step

START = datetime(2026, 11, 20, 10, 0, tzinfo=KST)
ACCOUNT = "12345678-01"


def make_exchange() -> Exchange:
    clock = fixed_start(START, lambda: START)
    clock.freeze()
    return Exchange(Market(clock, 1))


class Trading(RuleBasedStateMachine):
    """Random orders, changes and time; the books must balance after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.exchange = make_exchange()
        market = self.exchange.market
        self.instruments = [
            market.instruments.find("005930"),
            market.instruments.find("069500"),
            market.instruments.find("AAPL", "NASD"),
        ]
        for instrument in self.instruments:
            market.set_liquidity(instrument, 7)

    @rule(
        which=st.integers(0, 2),
        side=st.sampled_from(list(Side)),
        quantity=st.integers(1, 60),
        ticks=st.integers(-3, 3),
        kind=st.sampled_from([OrderType.LIMIT, OrderType.MARKET, OrderType.BEST, OrderType.TOP]),
        force=st.sampled_from(list(TimeInForce)),
    )
    def place(self, which, side, quantity, ticks, kind, force):
        instrument = self.instruments[which]
        price = step(instrument.tick_table, self.exchange.market.quote(instrument).price, ticks)
        request = OrderRequest(
            vendor="kis",
            account=ACCOUNT,
            instrument=instrument,
            side=side,
            quantity=quantity,
            price=price if kind is OrderType.LIMIT else None,
            type=kind,
            time_in_force=force,
        )
        try:
            order = self.exchange.place(request)
        except OrderRefused:
            return
        assert force is TimeInForce.DAY or not order.is_open
        assert force is not TimeInForce.FOK or order.filled in (0, quantity)

    def named(self, order: Order) -> Order:
        """What an order's number names now: the order itself, or one of a later day."""
        instrument = order.request.instrument
        found = self.exchange.find("kis", ACCOUNT, instrument.market, order.number, instrument)
        assert found is order or found.day > order.day
        return found

    @rule(position=st.integers(0, 200), quantity=st.none() | st.integers(1, 20))
    def cancel(self, position, quantity):
        orders = self.exchange.orders_of("kis", ACCOUNT)
        if orders:
            try:
                self.exchange.cancel(self.named(orders[position % len(orders)]), quantity)
            except OrderRefused:
                return

    @rule(position=st.integers(0, 200), ticks=st.integers(-3, 3))
    def modify(self, position, ticks):
        orders = self.exchange.orders_of("kis", ACCOUNT)
        if orders:
            order = orders[position % len(orders)]
            quote = self.exchange.market.quote(order.request.instrument)
            price = step(order.request.instrument.tick_table, quote.price, ticks)
            try:
                self.exchange.modify(self.named(order), price=price, type=OrderType.LIMIT)
            except OrderRefused:
                return

    @rule(seconds=st.sampled_from([1, 5, 60, 3600, 86400]))
    def wait(self, seconds):
        self.exchange.market.clock.advance(seconds)
        self.exchange.advance()

    @invariant()
    def money_and_shares_are_conserved(self):
        account = self.exchange.account("kis", ACCOUNT)
        worth = sum(Decimal(cash) * won_per_minor_unit(currency) for currency, cash in STARTING_CASH.items())
        shares: dict[tuple[str, str], int] = {}
        for order in self.exchange.orders_of("kis", ACCOUNT):
            request = order.request
            sign = -1 if request.side is Side.BUY else 1
            rate = won_per_minor_unit(request.instrument.currency)
            assert order.filled == sum(fill.quantity for fill in order.fills)
            for fill in order.fills:
                amount = fill.price * fill.quantity
                worth += rate * (sign * amount - costs(request.instrument, request.side, amount))
                key = request.instrument.key
                shares[key] = shares.get(key, 0) - sign * fill.quantity
        now = sum(Decimal(cash) * won_per_minor_unit(currency) for currency, cash in account.cash.items())
        assert abs(now - worth) < len(self.exchange.orders) + 1, "exchanging won rounds to whole won"
        for key, holding in account.holdings.items():
            assert holding.quantity == shares.get(key, 0) >= 0

    @invariant()
    def what_is_set_aside_belongs_to_open_orders(self):
        account = self.exchange.account("kis", ACCOUNT)
        open_orders = [order for order in self.exchange.orders.values() if order.is_open]
        buys = {order.request.instrument.currency for order in open_orders if order.request.side is Side.BUY}
        for currency, amount in account.reserved.items():
            assert (amount > 0) == (currency in buys)
            assert account.cash.get(currency, 0) >= 0
        for holding in account.holdings.values():
            waiting = sum(
                order.remaining
                for order in open_orders
                if order.request.side is Side.SELL and order.request.instrument is holding.instrument
            )
            assert holding.reserved == waiting <= holding.quantity

    @invariant()
    def numbers_rise_within_a_market_and_day(self):
        last: dict[tuple[str, object], int] = {}
        for key, order in self.exchange.orders.items():
            assert key == order.key
            assert key.number == last.get(key[1:3], 1000) + 1
            last[key[1:3]] = key.number

    @invariant()
    def orders_add_up(self):
        for order in self.exchange.orders.values():
            assert order.filled + order.removed + order.remaining == order.request.quantity
            assert order.remaining >= 0
            assert order.is_open == (order.remaining > 0)
            if order.filled == order.request.quantity:
                assert order.state is OrderState.FILLED
            if order.state is OrderState.FILLED:
                assert order.filled == order.request.quantity - order.removed > 0


TestTrading = Trading.TestCase
TestTrading.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)


def request_for(exchange: Exchange, **changes) -> OrderRequest:
    instrument = exchange.market.instruments.find("005930")
    given = {"vendor": "kis", "account": ACCOUNT, "instrument": instrument, "side": Side.BUY, "quantity": 10}
    return OrderRequest(**{**given, **changes})


def test_buys_never_pay_more_than_their_limit():
    exchange = make_exchange()
    instrument = exchange.market.instruments.find("005930")
    exchange.market.set_liquidity(instrument, 2)
    limit = step("krx", exchange.market.quote(instrument).price, 3)
    order = exchange.place(request_for(exchange, price=limit))
    assert [fill.price for fill in order.fills] == [step("krx", limit, n) for n in (-2, -1, 0)]
    assert order.remaining == 4


def test_two_orders_in_one_second_share_the_book():
    exchange = make_exchange()
    instrument = exchange.market.instruments.find("005930")
    exchange.market.set_liquidity(instrument, 10)
    limit = step("krx", exchange.market.quote(instrument).price, 1)
    first = exchange.place(request_for(exchange, price=limit))
    second = exchange.place(request_for(exchange, price=limit))
    assert (first.filled, second.filled) == (10, 0)


def test_unfilled_order_expires_with_the_day():
    exchange = make_exchange()
    order = exchange.place(request_for(exchange, price=60_000))
    exchange.market.clock.advance(86_400)
    exchange.advance()
    assert order.state is OrderState.EXPIRED
    assert exchange.account("kis", ACCOUNT).free_cash("KRW") == STARTING_CASH["KRW"]


def test_accounts_and_vendors_do_not_mix():
    exchange = make_exchange()
    order = exchange.place(request_for(exchange, price=60_000))
    assert exchange.find("kis", ACCOUNT, "domestic", order.number) is order
    with pytest.raises(OrderRefused, match=Refusal.UNKNOWN_ORDER):
        exchange.find("kis", "87654321-01", "domestic", order.number)
    with pytest.raises(OrderRefused, match=Refusal.UNKNOWN_ORDER):
        exchange.find("kiwoom", ACCOUNT, "domestic", order.number)
