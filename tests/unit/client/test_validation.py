"""A refused message is told in the contract's words, never in the validation library's."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from broker_client.errors import MalformedMessage
from broker_client.protocol import decode_request
from broker_client.validation import describe_validation_error

LIBRARY_WORDS = re.compile(
    r"input should|inputs are|valid (dictionary|string|integer)|should have|pydantic", re.I
)


class Example(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ticker: str = Field(default="005930", min_length=1, max_length=12, pattern="[0-9A-Z]+")
    quantity: Annotated[int, Field(ge=1, lt=100)] = 1
    price: Annotated[float, Field(gt=0)] = 1
    order_type: Literal["limit", "market"] = "limit"
    day: date | None = None
    adjusted: bool = True
    extra: dict[str, Any] = {}
    tickers: list[str] = []


def told(**values: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        Example.model_validate(values)
    return describe_validation_error(caught.value, known=Example.model_fields)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ticker": 5}, "ticker: must be text"),
        ({"ticker": "A" * 13}, "ticker: must have at most 12 characters"),
        ({"quantity": 0}, "quantity: must be at least 1"),
        ({"quantity": 100}, "quantity: must be less than 100"),
        ({"quantity": 1.5}, "quantity: must be a whole number"),
        ({"price": "much"}, "price: must be a number"),
        ({"price": 0}, "price: must be more than 0.0"),
        ({"order_type": "stop"}, "order_type: must be 'limit' or 'market'"),
        ({"day": "yesterday"}, "day: must be a date such as 2026-11-20"),
        ({"adjusted": "perhaps"}, "adjusted: must be true or false"),
        ({"extra": []}, "extra: must be a JSON object"),
        ({"tickers": "005930"}, "tickers: must be a JSON array"),
        ({"quantiy": 1}, "quantiy: is not a parameter of this method; did you mean quantity?"),
        ({"x": 1}, "x: is not a parameter of this method"),
    ],
)
def test_a_problem_is_told_in_plain_words(values: dict[str, Any], words: str) -> None:
    assert told(**values) == words


def test_many_problems_are_counted() -> None:
    assert told(ticker=5, quantity=0, price=0, adjusted=5, extra=1).endswith("; and 2 more")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"task_id": 5, "method": "a.b"}', "task_id: must be text"),
        (b'{"task_id": "t", "method": "a.b", "parameters": []}', "parameters: must be a JSON object"),
        (b'{"task_id": "t"}', "method: field required"),
    ],
)
def test_an_envelope_is_refused_in_plain_words(body: bytes, words: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        decode_request(body)
    assert caught.value.message == words


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())


@given(values=st.dictionaries(st.sampled_from([*Example.model_fields, "unknown"]), VALUES))
def test_no_refusal_has_the_librarys_words(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Example.model_validate({**values, "certainly wrong": 1})
    assert not LIBRARY_WORDS.search(describe_validation_error(caught.value, limit=20))
