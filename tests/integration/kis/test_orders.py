from __future__ import annotations

import time
from urllib.parse import urlsplit

import pytest

from broker_client.errors import (
    InvalidParameters,
    OrderOutcomeIsUnknown,
    Unsupported,
    VendorRejected,
)
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until

from .conftest import MakeMarket, Market

TICKER = "000660"


def low_price(market: Market) -> int:
    price: int = market.one("kis.get-current-price", ticker=TICKER)["lower_limit"]
    return price


def place(market: Market, **more: object) -> str:
    """An order that rests in the book."""
    arguments = {"ticker": TICKER, "quantity": 10, "price": low_price(market), **more}
    order_no: str = market.one("kis.buy-order", **arguments)["order_no"]
    return order_no


def test_a_market_order_is_filled_and_shows_in_balance_and_history(market: Market) -> None:
    receipt = market.one("kis.buy-order", ticker=TICKER, quantity=3, order_type="market")
    truth = market.truth("domestic", receipt["order_no"])
    assert (truth["quantity"], truth["state"]) == (3, "filled")
    (record,) = [
        each for each in market.rows("kis.get-order-history") if each["order_no"] == receipt["order_no"]
    ]
    assert (record["side"], record["filled_quantity"], record["state"]) == ("buy", 3, "filled")
    holdings = market.one("kis.get-balance")["holdings"]
    assert any(holding["ticker"] == TICKER and holding["quantity"] >= 3 for holding in holdings)


def test_an_open_order_can_be_changed_and_cancelled(market: Market) -> None:
    order_no = place(market)
    (listed,) = [each for each in market.rows("kis.get-open-orders") if each["order_no"] == order_no]
    assert (listed["remaining_quantity"], listed["state"], listed["venue"]) == (10, "working", "KRX")

    tick = market.one("kis.get-current-price", ticker=TICKER)["tick_size"]
    changed = market.one("kis.modify-order", order_no=order_no, price=listed["price"] + tick)
    assert changed["original_order_no"] == order_no
    assert changed["order_no"] != order_no

    cancelled = market.one("kis.cancel-order", order_no=changed["order_no"])
    assert (cancelled["already_done"], cancelled["quantity"]) == (False, 10)
    assert all(each["order_no"] != changed["order_no"] for each in market.rows("kis.get-open-orders"))


def test_the_old_number_of_a_changed_order_cancels_what_it_became(market: Market) -> None:
    order_no = place(market)
    tick = market.one("kis.get-current-price", ticker=TICKER)["tick_size"]
    changed = market.one("kis.modify-order", order_no=order_no, price=low_price(market) + tick)
    cancelled = market.one("kis.cancel-order", order_no=order_no)
    assert cancelled["original_order_no"] == changed["order_no"]
    left = {each["order_no"] for each in market.rows("kis.get-open-orders")}
    assert left.isdisjoint({order_no, changed["order_no"]})


def test_a_repeated_cancel_is_a_success_that_says_so(market: Market) -> None:
    order_no = place(market)
    market.one("kis.cancel-order", order_no=order_no)
    again = market.one("kis.cancel-order", order_no=order_no.lstrip("0"))
    assert (again["already_done"], again["order_no"], again["state"]) == (True, None, "cancelled")


def test_part_of_an_order_can_be_cancelled(market: Market) -> None:
    order_no = place(market)
    market.one("kis.cancel-order", order_no=order_no, quantity=4)
    (left,) = [each for each in market.rows("kis.get-open-orders") if each["order_no"] == order_no]
    assert left["remaining_quantity"] == 6
    with pytest.raises(InvalidParameters, match="only 6 shares"):
        market.outcome("kis.cancel-order", order_no=order_no, quantity=7)
    market.one("kis.cancel-order", order_no=order_no)


def test_cancelling_an_order_that_never_was_is_an_error(market: Market) -> None:
    with pytest.raises(InvalidParameters, match="no domestic order 7777777"):
        market.outcome("kis.cancel-order", order_no="7777777")


def test_a_business_refusal_carries_the_vendors_words(market: Market) -> None:
    with pytest.raises(VendorRejected) as caught:
        market.outcome("kis.sell-order", ticker=TICKER, quantity=900_000, order_type="market")
    assert caught.value.vendor_code
    assert caught.value.vendor_message
    assert caught.value.vendor_message in caught.value.message


def test_overseas_orders_are_placed_changed_and_cancelled(market: Market) -> None:
    order = {"ticker": "AAPL", "exchange": "NASD", "quantity": 2, "price": "1.00"}
    placed = market.one("kis.buy-overseas-order", **order)
    (listed,) = [
        each for each in market.rows("kis.get-overseas-open-orders") if each["order_no"] == placed["order_no"]
    ]
    assert (listed["price"], listed["remaining_quantity"]) == ("1", 2)
    changed = market.one("kis.modify-overseas-order", order_no=placed["order_no"], price="1.01")
    cancelled = market.one("kis.cancel-overseas-order", order_no=placed["order_no"])
    assert not cancelled["already_done"]
    assert market.one("kis.cancel-overseas-order", order_no=placed["order_no"])["already_done"]
    left = {each["order_no"] for each in market.rows("kis.get-overseas-open-orders")}
    assert left.isdisjoint({placed["order_no"], changed["order_no"]})


@pytest.mark.parametrize(("exchange", "ticker"), [("NASD", "AAPL"), ("SEHK", "00700")])
def test_overseas_sales_use_their_markets_ids(market: Market, exchange: str, ticker: str) -> None:
    price = market.one("kis.get-overseas-price", ticker=ticker, exchange=exchange)["price"]
    order = {"ticker": ticker, "exchange": exchange, "quantity": 100, "price": price}
    market.control("POST", "/market", {"ticker": ticker, "exchange": exchange, "price": price})
    market.one("kis.buy-overseas-order", **order)
    sold = market.one("kis.sell-overseas-order", **order)
    truth = market.truth("overseas", sold["order_no"], ticker=ticker)
    assert truth["side"] == "sell"
    market.control("POST", "/market", {"ticker": ticker, "exchange": exchange, "price": None})


def test_paper_takes_neither_other_venues_nor_special_overseas_orders(paper: Market) -> None:
    with pytest.raises(Unsupported, match="KRX only"):
        paper.outcome("kis.buy-order", ticker=TICKER, quantity=1, price=70000, exchange="NXT")
    order = {"ticker": "AAPL", "exchange": "NASD", "quantity": 1, "price": "1.00"}
    with pytest.raises(Unsupported, match="limit order"):
        paper.outcome("kis.buy-overseas-order", **order, order_type="limit_on_open")


@pytest.mark.parametrize("fault", ["reset", "blackhole", "malformed_body", "empty_body", "bad_gateway"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_order_without_a_verdict_is_unknown_and_never_repeated(
    make_market: MakeMarket, fault: str, when: str
) -> None:
    real = make_market("real", order_timeout=2.0 if fault == "blackhole" else 60.0)
    price, before = low_price(real), len(real.orders())
    real.fault(fault, path="order-cash", when=when)
    with pytest.raises(OrderOutcomeIsUnknown, match="do not send it again"):
        real.outcome("kis.buy-order", ticker=TICKER, quantity=1, price=price)
    wait_until(lambda: real.control("GET", "/faults")["faults"] == [], what="the call at the server")
    assert len(real.orders()) - before == (1 if when == "after" else 0)
    assert real.gate.events == ["before"]


@pytest.mark.parametrize("code", ["EGW00301", "EGW00302", "EGW00202", "EGW00001"])
def test_a_gateway_code_off_the_safe_list_is_unknown(real: Market, code: str) -> None:
    before = len(real.orders())
    real.fault("error", path="order-cash", when="after", code=code)
    with pytest.raises(OrderOutcomeIsUnknown) as caught:
        real.outcome("kis.buy-order", ticker=TICKER, quantity=1, price=low_price(real))
    assert caught.value.vendor_code == code
    assert len(real.orders()) == before + 1


@pytest.mark.parametrize("fault", ["rate_limit", "expired_token"])
def test_an_order_refused_before_it_was_taken_is_sent_again_once_only(real: Market, fault: str) -> None:
    price, before = low_price(real), len(real.orders())
    real.fault(fault, path="order-cash")
    real.one("kis.buy-order", ticker=TICKER, quantity=1, price=price)
    assert len(real.orders()) == before + 1
    assert real.gate.events == ["before", "not taken", "before"]


def test_an_order_ends_in_its_time_and_does_not_arrive_later(make_market: MakeMarket) -> None:
    target = urlsplit(make_market("real").simulator.kis_rest_url)
    with TcpProxy(str(target.hostname), target.port or 0) as proxy:
        market = make_market("real", rest_url=f"http://127.0.0.1:{proxy.port}", order_timeout=1.0)
        price, before = low_price(market), len(market.orders())
        proxy.pause()
        began = time.monotonic()
        with pytest.raises(OrderOutcomeIsUnknown, match="no answer within the time-out"):
            market.outcome("kis.buy-order", ticker=TICKER, quantity=1, price=price)
        assert 0.9 < time.monotonic() - began < 2
        proxy.resume()
        wait_until(lambda: proxy.open_connections <= 1)
        market.outcome("kis.buy-order", ticker=TICKER, quantity=1, price=price)
        assert len(market.orders()) == before + 1
