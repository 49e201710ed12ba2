"""Details of the bare methods: what is asked, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from broker_server.amqp.forwarding import ORIGINAL_METHODS
from broker_server.vendors.kiwoom.sapi_contract import contract
from broker_server.vendors.kiwoom.sapi_parameters import model_of
from tests.support.kiwoom_backend import FakeBackend
from tests.support.sapi_server import SapiServer, make_vendor
from tests.support.sapi_suite import CONTRACT

MINUTES = {"stock_code": "015760", "tick": "1", "is_adjusted": "1", "from": "20210325", "to": "20210326"}
DAYS = {"stock_code": "015760", "is_adjusted": "1", "from": "20210301", "to": "20210326"}
LIMITS = {
    "market": "000", "query_type": "1", "sort_type": "1", "filter_type": "0", "volume_type": "00000",
    "credit_type": "0", "price_type": "0",
}  # fmt: skip


def test_the_eleven_are_there(fake: FakeBackend) -> None:
    declared = {method.name for method in make_vendor(fake).methods() if "." not in method.name}
    assert declared == set(contract()) == set(CONTRACT) == ORIGINAL_METHODS


@pytest.mark.parametrize("name", sorted(CONTRACT))
def test_parameters_are_those_of_the_contract(name: str) -> None:
    schema = model_of(contract()[name]).model_json_schema()
    declared = CONTRACT[name]["parameters"]
    assert list(schema["properties"]) == [each["name"] for each in declared]
    assert set(schema["required"]) == {each["name"] for each in declared if each["required"]}
    for each in declared:
        values = [value["value"] for value in each.get("enum", [])]
        newer = ["7"] if each["name"] == "credit_type" else []
        assert schema["properties"][each["name"]].get("enum", []) == values + newer


def test_pages_are_read_until_the_period_is_covered(fake: FakeBackend) -> None:
    fake.answers["ka10081"] = [
        [{"day": "20210326"}], [{"day": "20210301"}], [{"day": "20210226"}], [{"day": "20210225"}]
    ]  # fmt: skip
    reply = SapiServer(fake, compat=False).call("request-day-candle", **DAYS)
    assert [row["day"] for row in reply["result"]] == ["20210326", "20210301"]
    assert [after for _, _, after in fake.asked] == [None, "1"]
    assert fake.asked[0][1] == {"stock_code": "015760", "to": "20210326", "is_adjusted": "1"}


def test_an_empty_page_ends_it(fake: FakeBackend) -> None:
    fake.answers["ka10080"] = [[], [{"timestamp": "20210325090000"}]]
    for compat in (False, True):
        reply = SapiServer(fake, compat=compat).call("request-minute-candle", **MINUTES)
        assert (reply["status"], reply["result"]) == ("TASK_SUCCEED", [])


def test_other_transactions_read_one_page(fake: FakeBackend) -> None:
    fake.answers["ka10017"] = [[{"stock_code": "000001"}], [{"stock_code": "000002"}]]
    reply = SapiServer(fake, compat=False).call("request-upper-and-low", **LIMITS)
    assert [row["stock_code"] for row in reply["result"]] == ["000001"]
    assert fake.trs[0].fixed == {"stex_tp": "1"}


def test_a_method_of_one_page_says_that_there_are_more(fake: FakeBackend) -> None:
    fake.answers["ka10017"] = [[{"stock_code": "000001"}], [{"stock_code": "000002"}]]
    reply = SapiServer(fake, compat=False).call("request-upper-and-low", **LIMITS)
    assert "reads the first one" in reply["truncated"]
    assert len(fake.asked) == 1
    newer = SapiServer(fake, compat=False).call("request-upper-and-low", **LIMITS | {"credit_type": 7})
    assert newer["status"] == "TASK_SUCCEED"
    fake.answers["ka10014"] = [[{"day": "20210326"}, {"day": "20210324"}], [{"day": "20210323"}]]
    short = {"stock_code": "015760", "query_type": "1", "from": "20210325", "to": "20210326"}
    reply = SapiServer(fake, compat=False).call("request-short-trend", **short)
    assert "truncated" not in reply, "what is asked for is on the first page"


def test_a_page_that_ends_in_empty_rows_is_not_the_last(fake: FakeBackend) -> None:
    fake.answers["ka10081"] = [[{"day": "20210326"}, {"day": " "}], [{"day": "20210325"}, {"day": ""}]]
    reply = SapiServer(fake, compat=False).call("request-day-candle", **DAYS | {"to": "20210326"})
    assert [row["day"] for row in reply["result"]] == ["20210326", "20210325"]


def test_the_closing_price_after_hours_is_kept(fake: FakeBackend) -> None:
    row = {
        "offhour_closing": "+24500",
        "offhour_closing_sign": "2",
        "offhour_top_total_buy_remaining_volume": "1000",
        "offhour_top_total_buy_remaining_volume_constart_previous": "-20",
    }
    fake.answers["ka10087"] = [[row]]
    (right,) = SapiServer(fake, compat=False).call("request-offhour-single-trade-info", stock_code="015760")[
        "result"
    ]
    assert right.items() >= row.items()
    (old,) = SapiServer(fake, compat=True).call("request-offhour-single-trade-info", stock_code="015760")[
        "result"
    ]
    assert old["offhour_closing"] == "2"
    assert old["offhour_top_total_buy_remaining_volume"] == "-20"
    assert old["offhour_top_total_buy_remaining_volume_constart_previous"] == "1000"
    assert "offhour_closing_sign" not in old


@pytest.mark.parametrize(
    ("method", "given", "says"),
    [
        ("get-stock-name", {}, "stock_code: field required"),
        ("get-stock-name", {"stock_code": 15760}, "a number would lose its zeros"),
        ("get-stock-codes", {"market": "1"}, 'market: must be one of "0" (장내)'),
        ("get-stock-codes", {"market": True}, "market: must be one of"),
        ("request-minute-candle", MINUTES | {"tick": "2"}, "tick: must be one of"),
        ("request-minute-candle", MINUTES | {"from": "2021-03-25"}, "from: must be a day such as"),
        ("request-minute-candle", MINUTES | {"to": "202103262561"}, "to: must be a day such as"),
        ("request-minute-candle", MINUTES | {"to": "20210324"}, "from must not be after to"),
        ("request-day-candle", DAYS | {"to": "20210326153000"}, "to: must be a day such as"),
        ("request-day-candle", DAYS | {"extra": 1}, "extra: is not a parameter"),
    ],
)
def test_wrong_arguments_are_told(fake: FakeBackend, method: str, given: dict[str, Any], says: str) -> None:
    reply = SapiServer(fake, compat=False).call(method, **given)
    assert reply["error"]["code"] == "INVALID_PARAMETERS"
    assert says in reply["error"]["message"]
    assert fake.asked == []


@pytest.mark.parametrize(
    ("given", "sent"), [(0, "00000"), (10, "00010"), (1000, "01000"), ("00050", "00050")]
)
def test_a_number_finds_its_padded_value(fake: FakeBackend, given: object, sent: str) -> None:
    SapiServer(fake, compat=False).call("request-upper-and-low", **LIMITS | {"volume_type": given})
    assert fake.asked[0][1]["volume_type"] == sent


@pytest.mark.parametrize("to", ["202103251530", 202103251530, "20210325153059"])
def test_a_moment_is_a_bound_as_well(fake: FakeBackend, to: object) -> None:
    fake.answers["ka10080"] = [[{"timestamp": f"202103251530{second}"} for second in ("59", "30", "00")]]
    reply = SapiServer(fake, compat=False).call("request-minute-candle", **MINUTES | {"to": to})
    assert len(reply["result"]) == 3
