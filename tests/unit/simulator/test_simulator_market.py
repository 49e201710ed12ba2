"""The market: equal seeds, consistent bars, changes from outside."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_server.simulator.candles import combine, unadjusted
from broker_server.simulator.clock import KST, SimulatedClock, fixed_start
from broker_server.simulator.market import Market, MarketError
from broker_server.simulator.ticks import is_on_tick, price_limits

START = datetime(2026, 11, 20, 10, 0, tzinfo=KST)


def make_market(seed: int = 0, *, hours: bool = False, start: datetime = START) -> Market:
    clock = fixed_start(start, lambda: start)
    clock.freeze()
    return Market(clock, seed, hours=hours)


def find(market, symbol, exchange="KRX"):
    instrument = market.instruments.find(symbol, exchange)
    assert instrument is not None
    return instrument


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 50), st.integers(0, 3 * 86400), st.sampled_from(["005930", "Q500001", "247540"]))
def test_quote_is_inside_the_days_range_and_limits(seed, seconds, symbol):
    market = make_market(seed)
    market.clock.advance(seconds)
    instrument = find(market, symbol)
    quote = market.quote(instrument)
    assert quote.low <= quote.price <= quote.high
    assert quote.low <= quote.open <= quote.high
    assert (quote.lower, quote.upper) == price_limits(instrument.tick_table, quote.base, 30)
    assert quote.lower <= quote.low <= quote.high <= quote.upper
    assert is_on_tick(instrument.tick_table, quote.price)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 20), st.integers(0, 86400))
def test_order_book_is_sorted_around_the_price(seed, seconds):
    market = make_market(seed)
    market.clock.advance(seconds)
    for instrument in list(market.instruments)[::12]:
        book, quote = market.order_book(instrument), market.quote(instrument)
        asks, bids = [level.price for level in book.asks], [level.price for level in book.bids]
        assert asks == sorted(asks)
        assert bids == sorted(bids, reverse=True)
        assert not asks or not bids or bids[0] < asks[0]
        assert all(quote.lower <= price <= quote.upper for price in asks + bids)
        assert all(level.quantity > 0 for level in book.asks + book.bids)


def test_equal_seeds_and_times_give_equal_prices_in_any_order():
    one, other = make_market(7), make_market(7)
    symbols = ["005930", "000660", "035720"]
    first = [one.quote(find(one, symbol)).price for symbol in symbols]
    second = [other.quote(find(other, symbol)).price for symbol in reversed(symbols)]
    assert first == second[::-1]
    assert first != [make_market(8).quote(find(one, symbol)).price for symbol in symbols]


def test_market_moves_with_its_clock_alone():
    market = make_market()
    instrument = find(market, "005930")
    before = market.quote(instrument)
    assert market.quote(instrument) == before
    market.clock.advance(3600)
    assert market.quote(instrument).volume > before.volume


def test_bars_form_a_chain_of_closes_and_bases():
    market = make_market()
    bars = market.daily_bars(find(market, "005930"), date(2025, 1, 1), date(2026, 11, 20))
    for before, after in pairwise(bars):
        assert after.base == before.close
        assert after.low <= min(after.open, after.close) <= max(after.open, after.close) <= after.high


def test_every_day_of_the_liveliest_instruments_is_inside_their_limits():
    market = make_market()
    liveliest = sorted(market.instruments, key=lambda each: each.volatility / (each.limit_percent or 100))[
        -6:
    ]
    for instrument in liveliest:
        bars = market.daily_bars(instrument, date(2020, 1, 2), date(2026, 11, 19))
        assert len(bars) > 1_600
        for bar in bars[1:]:
            lower, upper = price_limits(instrument.tick_table, bar.base, instrument.limit_percent)
            assert lower <= bar.low <= bar.high <= upper


def test_a_day_is_the_same_in_whatever_order_days_are_asked_for():
    late, all_days = make_market(), make_market()
    instrument = find(late, "005930")
    (newest,) = late.daily_bars(instrument, date(2026, 11, 19), date(2026, 11, 19))
    (oldest,) = late.daily_bars(instrument, date(2020, 3, 2), date(2020, 3, 2))
    bars = all_days.daily_bars(instrument, date(2020, 1, 2), date(2026, 11, 19))
    assert bars[-1] == newest
    assert oldest in bars


def test_weeks_hold_their_days():
    market = make_market()
    days = market.daily_bars(find(market, "005930"), date(2026, 11, 9), date(2026, 11, 13))
    (week,) = combine(days, "week")
    assert (week.day, week.open, week.close) == (date(2026, 11, 13), days[0].open, days[-1].close)
    assert week.volume == sum(day.volume for day in days)


def test_split_divides_prices_and_multiplies_volume():
    market = make_market()
    instrument = find(market, "058470")
    before, after = market.daily_bars(instrument, date(2026, 10, 7), date(2026, 10, 8))
    assert unadjusted(instrument, before).close == 5 * before.close
    assert unadjusted(instrument, after) == after


def test_held_price_stays_until_released():
    market = make_market()
    instrument = find(market, "005930")
    market.set_price(instrument, 71_000, hold=True)
    market.clock.advance(7200)
    assert market.quote(instrument).price == 71_000
    market.release_price(instrument)
    assert market.quote(instrument).price == 71_000
    prices = set()
    for _ in range(24):
        market.clock.advance(600)
        prices.add(market.quote(instrument).price)
    assert len(prices) > 1


def test_set_price_shows_in_the_days_range_and_the_next_base():
    market = make_market()
    instrument = find(market, "005930")
    top = market.quote(instrument).upper
    market.set_price(instrument, top, hold=True)
    market.clock.advance(60)
    assert market.quote(instrument).high == top
    market.clock.advance(86_400)
    assert market.quote(instrument).base == top


@pytest.mark.parametrize("price", [70_001, 1_000_000, 100])
def test_impossible_price_is_refused(price):
    market = make_market()
    with pytest.raises(MarketError):
        market.set_price(find(market, "005930"), price, hold=True)


def test_hours_open_and_close():
    market = make_market(hours=True)
    samsung, apple = find(market, "005930"), find(market, "AAPL", "NASD")
    assert market.is_open(samsung)
    assert not market.is_open(apple)
    market.clock.advance(14 * 3600)
    assert market.is_open(apple)
    assert not market.is_open(samsung)


def test_before_the_open_the_price_is_yesterdays_close():
    market = make_market(hours=True, start=datetime(2026, 11, 20, 8, 0, tzinfo=KST))
    quote = market.quote(find(market, "005930"))
    assert (quote.price, quote.open, quote.volume) == (quote.base, 0, 0)


def test_around_the_clock_means_weekends_too():
    market = make_market(start=datetime(2026, 11, 22, 3, 0, tzinfo=KST))
    instrument = find(market, "005930")
    assert market.quote(instrument).volume > 0
    assert len(market.minute_bars(instrument, date(2026, 11, 22), time(3, 0), 30)) == 30


def test_suspended_instrument_has_a_price_but_no_book():
    market = make_market()
    instrument = find(market, "091990")
    assert market.quote(instrument).price > 0
    assert market.order_book(instrument).asks == ()


def test_clock_runs_freezes_and_jumps():
    real = [datetime(2026, 1, 1, tzinfo=KST)]
    clock = SimulatedClock(lambda: real[0])
    clock.advance(60)
    real[0] += timedelta(seconds=5)
    assert clock.now() == datetime(2026, 1, 1, 0, 1, 5, tzinfo=KST)
    clock.freeze()
    real[0] += timedelta(hours=1)
    assert clock.now() == datetime(2026, 1, 1, 0, 1, 5, tzinfo=KST)
    clock.run()
    real[0] += timedelta(seconds=1)
    assert clock.now() == datetime(2026, 1, 1, 0, 1, 6, tzinfo=KST)
