from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_client.arguments import parse_parameters


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("ticker=005930", {"ticker": "005930"}),
        ("price=1e3", {"price": "1e3"}),
        ("raw=true", {"raw": "true"}),
        ("note=a=b", {"note": "a=b"}),
        ("note=", {"note": ""}),
        ("rows=[1, 2]", {"rows": [1, 2]}),
        ('arguments={"종목": "005930"}', {"arguments": {"종목": "005930"}}),
        (' name="quoted"', {"name": '"quoted"'}),
    ],
)
def test_a_value_is_text_unless_it_begins_like_json(argument: str, expected: dict[str, Any]) -> None:
    assert parse_parameters([argument]) == expected


@pytest.mark.parametrize(
    "arguments", [["ticker"], ["=1"], [" =1"], [""], ["a={"], ["a=[1,]"], ["a=1", "a=1"]]
)
def test_what_is_not_name_equals_value_is_refused(arguments: list[str]) -> None:
    with pytest.raises(ValueError, match=r"name=value|JSON|twice"):
        parse_parameters(arguments)


@given(st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: text[:1] not in ("{", "[")))
def test_any_other_text_survives_unchanged(text: str) -> None:
    assert parse_parameters([f"name={text}"]) == {"name": text}


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-(2**53), 2**53)))
def test_any_json_object_is_read(value: dict[str, int]) -> None:
    assert parse_parameters([f"name={orjson.dumps(value).decode()}"]) == {"name": value}
