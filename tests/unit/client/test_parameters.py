from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_client.parameters import plain_parameters

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), JSON))
def test_json_values_stay_as_they_are(parameters: dict[str, Any]) -> None:
    assert plain_parameters(parameters) == parameters


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_keeps_its_exact_value_as_text(value: Decimal) -> None:
    assert Decimal(plain_parameters({"price": value})["price"]) == value


def test_the_copy_does_not_change_with_the_original() -> None:
    original = {"tickers": ["005930"]}
    copy = plain_parameters(original)
    original["tickers"].append("000660")
    assert copy == {"tickers": ["005930"]}


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        [1.0, -math.inf],
        {"a": (math.nan,)},
        Decimal("NaN"),
        Decimal("Infinity"),
        pytest.param(object(), id="an object"),
    ],
    ids=repr,
)
def test_a_value_without_a_json_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        plain_parameters({"price": value})


def test_what_is_written_is_one_json_object() -> None:
    assert orjson.dumps(plain_parameters({})) == b"{}"
