"""What the workers' refusals mean."""

from __future__ import annotations

import pytest

from broker_client.errors import InvalidParameters
from broker_server.prices.model import State
from broker_server.prices.translation import refusal_of


@pytest.mark.parametrize(
    "text",
    [
        "ticker: KIS knows no domestic stock 999999",
        "ticker: Kiwoom knows no stock 999999",
        "Kiwoom knows no such instrument or market: 입력 값 오류입니다[1902:종목 정보가 없습니다.]",
        "KOSCOM knows no issue 999999",
        "KOSCOM knows no such issue: 01",
    ],
)
def test_what_vendors_say_of_a_ticker_that_they_do_not_know(text: str) -> None:
    assert refusal_of(InvalidParameters(text)) is State.UNKNOWN


@pytest.mark.parametrize("text", ["parameters.exchange: must be KRX", "KIS knows no domestic exchange NYSE"])
def test_a_refusal_of_something_else_is_not_taken_for_an_unknown_ticker(text: str) -> None:
    assert refusal_of(InvalidParameters(text)) is State.UNAVAILABLE
