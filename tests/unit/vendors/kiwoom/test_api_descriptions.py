"""Every api-id that we list: what is said of it, and what is asked for with its example."""

from __future__ import annotations

from typing import Any

import pytest

from broker_client.errors import InvalidParameters
from broker_server.vendors.kiwoom.api_descriptions import describe_api, list_apis, listed_apis
from tests.support.kiwoom_backend import FakeBackend
from tests.unit.vendors.kiwoom.test_reads import call

ORDERS = {name for name, entry in listed_apis().items() if entry["path"].endswith("ordr")}
NO_QUERIES = {name for name, entry in listed_apis().items() if not entry["path"].startswith("/api/dostk/")}
NO_QUERIES |= {name for name, entry in listed_apis().items() if entry["path"] == "/api/dostk/websocket"}


def test_all_of_the_table_are_listed() -> None:
    lines = list_apis()
    assert [line.api for line in lines] == list(listed_apis())
    assert len(lines) == 46
    by_method = {line.api: line.method for line in lines}
    assert {name for name, method in by_method.items() if method == "kiwoom.request-tr"} == (
        by_method.keys() - ORDERS - NO_QUERIES
    )
    assert by_method["kt10003"] == "kiwoom.cancel-order"
    assert "credit orders are not offered" in by_method["kt10006"]


@pytest.mark.parametrize("name", listed_apis())
def test_each_one_asks_for_what_the_table_says_or_is_refused(name: str) -> None:
    entry, described, fake = listed_apis()[name], describe_api(name.upper()), FakeBackend()
    assert (described.api, described.path) == (name, entry["path"])
    assert entry["name"] in described.title
    assert [each.key for each in described.inputs] == [each["key"] for each in entry["request"]]
    assert all(each.description for each in described.inputs)
    if name in ORDERS | NO_QUERIES:
        assert described.example is None
        with pytest.raises(InvalidParameters, match="its own method" if name in ORDERS else "is no query"):
            call(fake, "request-tr", tr=name, inputs={})
        assert fake.asked == []
        return
    assert described.example is not None
    given: dict[str, str] = described.example["inputs"]
    assert given.keys() == {each["key"] for each in entry["request"] if each["required"]}
    assert all(len(given[each.key]) <= (each.length or 99) for each in described.inputs if each.key in given)
    (page,) = call(fake, "request-tr", **described.example)
    (asked,), (tr,) = fake.asked, fake.trs
    assert asked == (name, given, None)
    assert (tr.api_id, tr.path, tr.code) == (name, entry["path"], None)
    many = [each for each in entry["response"] if each.get("type") == "list"]
    assert tr.rows_key == described.rows_key == (many[0]["key"] if many else None)
    of_a_row = many[0]["children"] if many else entry["response"]
    assert (
        list(page.rows[0]) == [each["key"] for each in of_a_row] == [each.key for each in described.outputs]
    )
    beside = [each["key"] for each in entry["response"] if each not in many] if many else []
    assert list(tr.summary) == beside == [each.key for each in described.summary]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("일봉차트", {"ka10081"}),
        ("KT1000", {"kt10000", "kt10001", "kt10002", "kt10003", "kt10006", "kt10007", "kt10008", "kt10009"}),
        ("tdy_trde_qty", {"ka10030"}),
        ("nothing like it", set()),
    ],
)
def test_they_are_found_by_id_name_path_and_fields(pattern: str, found: set[str]) -> None:
    assert found <= {line.api for line in list_apis(pattern)}
    assert bool(list_apis(pattern)) is bool(found)


def test_it_is_a_method_too() -> None:
    (described,) = call(FakeBackend(), "describe-api", api="ka10001")
    assert described.example == {"tr": "ka10001", "inputs": {"stk_cd": "005930"}}
    assert "ka10081" in {line.api for line in call(FakeBackend(), "describe-api", pattern="차트")}
    with pytest.raises(InvalidParameters, match="not both"):
        call(FakeBackend(), "describe-api", api="ka10001", pattern="x")
    with pytest.raises(InvalidParameters, match="did you mean ka10"):
        call(FakeBackend(), "describe-api", api="ka1001")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"tr": "ka10001", "inputs": {"stk_cdd": "005930"}},
            "stk_cdd is no input of ka10001; did you mean stk_cd",
        ),
        ({"tr": "ka10001", "inputs": {"stk_cd": "005930"}, "fields": ["cur_prcc"]}, "did you mean cur_prc"),
        ({"tr": "ka10011", "inputs": {}}, "did you mean ka10"),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidParameters, match=says):
        call(FakeBackend(), "request-tr", **given)
