from __future__ import annotations

import pickle
from datetime import date, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from broker_client.validation import describe_validation_error
from broker_server.vendors.kis.domestic_charts import DailyCandlesParameters, MinuteCandlesParameters
from broker_server.vendors.kis.order_parameters import OrderParameters, OverseasOrderParameters
from broker_server.vendors.parameters import TickerParameters

ORDER = {"ticker": "005930", "quantity": 1}
OVERSEAS = {"ticker": "AAPL", "exchange": "NASD", "quantity": 1}


def problem(model: type[Any], **arguments: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(arguments)
    return describe_validation_error(caught.value)


@pytest.mark.parametrize("ticker", ["005930", "00088K", "Q500001", "0001A0"])
def test_tickers_may_hold_letters(ticker: str) -> None:
    assert TickerParameters(ticker=ticker).ticker == ticker


@pytest.mark.parametrize(
    "ticker", [5930, 5930.0, True, None, "5930", "0059300", "00593k", "Q5000001", "A 5930", ""]
)
def test_a_ticker_is_text_of_six_characters(ticker: Any) -> None:
    assert problem(TickerParameters, ticker=ticker).startswith("ticker: must be")


def test_an_unknown_argument_is_refused() -> None:
    assert "tiker" in problem(TickerParameters, ticker="005930", tiker="x")


def test_text_from_a_command_line_is_converted() -> None:
    order = OrderParameters.model_validate({"ticker": "005930", "quantity": "10", "price": "70000"})
    assert (order.quantity, order.price) == (10, 70000)
    assert TickerParameters.model_validate({"ticker": "005930", "raw": "true"}).raw is True


def test_a_forgotten_price_is_refused_and_never_a_market_order() -> None:
    assert 'give a price, or say order_type: "market"' in problem(OrderParameters, **ORDER)
    assert "needs a price" in problem(OrderParameters, **ORDER, order_type="limit")
    assert "takes no price" in problem(OrderParameters, **ORDER, order_type="market", price=70000)
    assert "no plain market order" in problem(OverseasOrderParameters, **OVERSEAS)
    assert "order_type" in problem(OverseasOrderParameters, **OVERSEAS, order_type="market")


@pytest.mark.parametrize("quantity", [0, -1, 1.5, "1.5", True, None, "ten", 10**10])
def test_a_quantity_is_a_positive_whole_number(quantity: Any) -> None:
    assert problem(OrderParameters, ticker="005930", quantity=quantity, price=1).startswith("quantity:")


@pytest.mark.parametrize("price", [0, -5, 70000.5, True, "free"])
def test_a_won_price_is_a_positive_whole_number(price: Any) -> None:
    assert problem(OrderParameters, **ORDER, price=price).startswith("price:")


@pytest.mark.parametrize("price", [187.35, True, "0", "-1", "1e999999999", "1.123456789", "NaN", "1,000", ""])
def test_an_overseas_price_is_positive_decimal_text(price: Any) -> None:
    assert problem(OverseasOrderParameters, **OVERSEAS, price=price).startswith("price:")


@given(st.decimals(min_value="0.0001", max_value="99999999", places=4))
def test_an_overseas_price_is_taken_exactly(price: Any) -> None:
    assert OverseasOrderParameters(**OVERSEAS, price=str(price)).price == f"{price:f}"


@pytest.mark.parametrize("text", ["2026-11-20", "20261120"])
def test_dates_are_read_in_both_spellings(text: str) -> None:
    assert DailyCandlesParameters.model_validate({"ticker": "005930", "end": text}).end == date(2026, 11, 20)


@pytest.mark.parametrize(
    "text",
    ["2026-13-01", "20261320", "1763600000", 20261120, "", "2026-11-20T09:00", "2026-W01-1", "2026-1120"],
)
def test_other_dates_are_refused(text: Any) -> None:
    assert problem(DailyCandlesParameters, ticker="005930", start=text).startswith("start: must be a date")


def test_times_and_their_order_are_checked() -> None:
    good = MinuteCandlesParameters.model_validate({"ticker": "005930", "start": "09:00", "end": "15:30:00"})
    assert (good.start, good.end) == (time(9), time(15, 30))
    assert "must be a time" in problem(MinuteCandlesParameters, ticker="005930", start="9")
    assert "start must not be after end" in problem(
        MinuteCandlesParameters, ticker="005930", start="10:00", end="09:00"
    )
    assert "start must not be after end" in problem(
        DailyCandlesParameters, ticker="005930", start="2026-01-02", end="2026-01-01"
    )


def test_parameters_are_values() -> None:
    parameters = OrderParameters.model_validate({**ORDER, "price": 70000})
    assert pickle.loads(pickle.dumps(parameters)) == parameters  # noqa: S301 - our own bytes
