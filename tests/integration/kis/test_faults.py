from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from broker_client.errors import RateLimited, VendorRejected, VendorUnavailable

from .conftest import QUICK, MakeMarket, Market

PRICE = {"ticker": "005930"}


@pytest.mark.parametrize("fault", ["reset", "bad_gateway", "rate_limit", "expired_token"])
def test_a_read_survives_a_passing_fault(market: Market, fault: str) -> None:
    market.fault(fault, path="inquire-price")
    assert market.one("kis.get-current-price", **PRICE)["price"] > 0


@pytest.mark.parametrize("fault", ["reset", "bad_gateway"])
def test_a_lasting_fault_is_reported_after_three_tries(real: Market, fault: str) -> None:
    real.fault(fault, path="inquire-price", count=None)
    with pytest.raises(VendorUnavailable) as caught:
        real.outcome("kis.get-current-price", **PRICE)
    assert caught.value.retryable
    (state,) = real.control("GET", "/faults")["faults"]
    assert state["hits"] == 3


def test_a_silent_server_is_given_up(make_market: MakeMarket) -> None:
    market = make_market("real", QUICK)
    market.one("kis.get-stock-info", **PRICE)  # the token is there
    market.fault("blackhole", path="inquire-price", count=None)
    with pytest.raises(VendorUnavailable, match="no answer within the time-out"):
        market.outcome("kis.get-current-price", **PRICE)


@pytest.mark.parametrize("fault", ["malformed_body", "empty_body"])
def test_an_unreadable_answer_is_reported(real: Market, fault: str) -> None:
    real.fault(fault, path="inquire-price")
    with pytest.raises(VendorUnavailable, match="unreadable"):
        real.outcome("kis.get-current-price", **PRICE)


def test_a_lasting_rate_limit_is_reported(real: Market) -> None:
    real.fault("rate_limit", path="inquire-price", count=None)
    with pytest.raises(RateLimited) as caught:
        real.outcome("kis.get-current-price", **PRICE)
    assert caught.value.vendor_code == "EGW00201"


def test_a_business_error_is_passed_on_untouched(real: Market) -> None:
    real.fault("business_error", path="inquire-price", code="APBK9999", message="시험 거절   ")
    with pytest.raises(VendorRejected) as caught:
        real.outcome("kis.get-current-price", **PRICE)
    assert (caught.value.vendor_code, caught.value.vendor_message) == ("APBK9999", "시험 거절   ")


def test_the_published_limits_are_never_exceeded(make_market: MakeMarket) -> None:
    market = make_market("real", rate_limit=None)
    market.control("POST", "/faults", {"limits": {"real_per_second": 18}})
    market.one("kis.get-current-price", **PRICE)

    def ask(number: int) -> Any:
        method = "kis.get-balance" if number % 3 == 0 else "kis.get-current-price"
        return market.one(method, **({} if number % 3 == 0 else PRICE))

    def no_call_is_refused() -> bool:
        market.control("DELETE", "/calls")
        with ThreadPoolExecutor(8) as pool:
            assert len(list(pool.map(ask, range(48)))) == 48
        return bool(market.control("GET", "/calls")["total"] == 48)

    # The server counts arrivals: when this machine stalls it, calls that left in time arrive in one burst.
    assert any(no_call_is_refused() for _ in range(5))
