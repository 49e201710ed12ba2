"""Limits of orders."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from broker_server.core.guards import Limits, broken_limit, needs_price
from broker_server.core.orders import OrderDetails
from tests.support.sample_orders import BUY

OPEN = Limits(quantity=None, notional=None, per_day=None, tickers=None)


def broken(details: OrderDetails, limits: Limits, sent_today: int = 0) -> str | None:
    return broken_limit(details, limits, unit_price=details.price, sent_today=sent_today)


@pytest.mark.parametrize(
    ("limits", "setting"),
    [
        (replace(OPEN, quantity=9), "ORDER_MAX_QUANTITY"),
        (replace(OPEN, notional={"KRW": Decimal(749_999)}), "ORDER_MAX_NOTIONAL"),
        (replace(OPEN, notional={"USD": Decimal(1_000_000)}), "ORDER_MAX_NOTIONAL has no limit for KRW"),
        (replace(OPEN, per_day=5), "ORDER_MAX_PER_DAY"),
        (replace(OPEN, tickers=frozenset({"000660"})), "ORDER_TICKERS"),
    ],
)
def test_a_broken_limit_names_its_setting(limits: Limits, setting: str) -> None:
    problem = broken(BUY, limits, sent_today=5)
    assert problem is not None
    assert setting in problem


def test_at_the_limit_is_within() -> None:
    limits = Limits(quantity=10, notional={"KRW": Decimal(750_000)}, per_day=6, tickers=frozenset({"005930"}))
    assert broken(BUY, limits, sent_today=5) is None


def test_lifted_limits_break_nothing() -> None:
    assert broken(replace(BUY, quantity=10**9), OPEN, sent_today=10**6) is None


def test_a_cancel_breaks_nothing() -> None:
    assert broken(replace(BUY, action="cancel"), Limits(quantity=0, per_day=0, tickers=frozenset())) is None


def test_only_an_order_without_a_price_needs_one() -> None:
    assert needs_price(replace(BUY, price=None), Limits())
    assert not needs_price(BUY, Limits())
    assert not needs_price(replace(BUY, price=None), OPEN)


def test_an_order_without_a_price_counts_at_what_it_may_cost() -> None:
    details = replace(BUY, price=None, quantity=1_000)
    limits = replace(OPEN, notional={"KRW": Decimal(97_000_000)})
    assert broken_limit(details, limits, unit_price=Decimal(97_000), sent_today=0) is None
    assert broken_limit(details, limits, unit_price=Decimal(97_500), sent_today=0) is not None
