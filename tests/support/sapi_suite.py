"""The contract of the original server as tests that any way to Kiwoom must pass, whatever its data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Protocol

import pytest

from broker_server.vendors.kiwoom.backend import Backend
from tests.support.sapi_server import SapiServer

CONTRACT: Mapping[str, Any] = json.loads(
    (resources.files("broker_server.vendors.kiwoom") / "data/sapi_contract.json").read_text("utf-8")
)["methods"]
TRANSACTIONS = [name for name, method in CONTRACT.items() if method["type"] == "TRANSACTION"]
BARS = ["request-minute-candle", "request-day-candle", "request-short-trend"]
TIME = {"request-minute-candle": "timestamp", "request-day-candle": "day", "request-short-trend": "day"}
MENDED = {39: "offhour_top_total_buy_remaining_volume",
          40: "offhour_top_total_buy_remaining_volume_constart_previous",
          42: "offhour_closing_sign"}  # fmt: skip


@dataclass(frozen=True)
class Known:
    """What a way to Kiwoom is known to have.

    Attributes:
        stock_code: An instrument.
        name: Its name.
        first: A day on which and after which there are candles; ``last`` one up to which there are.
    """

    stock_code: str
    name: str
    first: str
    last: str


def expected_names(method: str) -> list[str]:
    """The right names of a transaction's columns, in order."""
    fields = CONTRACT[method]["result_fields"]
    if method != "request-offhour-single-trade-info":
        return [field["name"] for field in fields]
    return [MENDED.get(field["position"], field["name"]) for field in fields]


class Caller(Protocol):
    """Whoever answers tasks."""

    def call(self, method: str, /, **parameters: Any) -> dict[str, Any]:
        """The reply of a task with these parameters."""


class SapiContractSuite:
    """Inherit it, and give the fixtures ``known`` and ``backend``, or ``server`` and ``original``."""

    @pytest.fixture
    def backend(self) -> Backend:
        """The way to Kiwoom."""
        raise NotImplementedError

    @pytest.fixture
    def known(self) -> Known:
        """What it has."""
        raise NotImplementedError

    @pytest.fixture
    def server(self, backend: Backend) -> Caller:
        """A worker of our contract."""
        return SapiServer(backend, compat=False)

    @pytest.fixture
    def original(self, backend: Backend) -> Caller:
        """A worker with SAPI_COMPAT."""
        return SapiServer(backend, compat=True)

    def arguments(self, method: str, known: Known) -> dict[str, Any]:
        """Arguments of a transaction; of a list of values the first."""
        given: dict[str, Any] = {}
        for parameter in CONTRACT[method]["parameters"]:
            values = parameter.get("enum")
            given[parameter["name"]] = values[0]["value"] if values else known.stock_code
        if method in BARS:
            given |= {"from": known.first, "to": known.last}
        if method == "request-short-trend":
            given["query_type"] = "1"
        return given

    @pytest.mark.parametrize("method", TRANSACTIONS)
    def test_rows_have_the_names_of_the_contract(self, server: Caller, known: Known, method: str) -> None:
        reply = server.call(method, **self.arguments(method, known))
        assert reply["status"] == "TASK_SUCCEED", reply
        assert reply["result"], "the way to Kiwoom has nothing to test with"
        for row in reply["result"]:
            assert list(row) == expected_names(method)
            assert all(isinstance(value, str) for value in row.values())

    @pytest.mark.parametrize("method", TRANSACTIONS)
    def test_the_original_has_the_same_values_by_its_own_names(
        self, server: Caller, original: Caller, known: Known, method: str
    ) -> None:
        arguments = self.arguments(method, known)
        if method == "request-minute-candle":
            arguments["to"] += "235959"
        right, as_it_was = server.call(method, **arguments), original.call(method, **arguments)
        assert set(as_it_was) == {"task_id", "result", "response_time", "status"}
        assert as_it_was["status"] == "TASK_SUCCEED"
        fields = CONTRACT[method]["result_fields"]
        for row, old in zip(right["result"], as_it_was["result"], strict=True):
            assert list(old) == CONTRACT[method]["emitted_keys"]
            values = list(row.values())
            assert old == {field["name"]: values[field["position"]] for field in fields}

    @pytest.mark.parametrize("method", BARS)
    def test_rows_are_newest_first_and_inside_the_period(
        self, server: Caller, known: Known, method: str
    ) -> None:
        rows = server.call(method, **self.arguments(method, known))["result"]
        times = [row[TIME[method]].strip() for row in rows]
        assert times == sorted(times, reverse=True)
        assert all(known.first <= time[:8] <= known.last for time in times)

    def test_the_last_day_of_minute_candles_is_included_and_the_original_left_it_out(
        self, server: Caller, original: Caller, known: Known
    ) -> None:
        arguments = self.arguments("request-minute-candle", known)
        rows = server.call("request-minute-candle", **arguments)["result"]
        assert any(row["timestamp"].strip().startswith(known.last) for row in rows)
        old = original.call("request-minute-candle", **arguments)["result"]
        assert all(not row["timestamp"].strip().startswith(known.last) for row in old)
        day = [row for row in rows if not row["timestamp"].strip().startswith(known.last)]
        assert old == day

    def test_a_name(self, server: Caller, original: Caller, known: Known) -> None:
        assert server.call("get-stock-name", stock_code=known.stock_code)["result"] == [known.name]
        assert original.call("get-stock-name", stock_code=known.stock_code)["result"] == known.name

    def test_an_unknown_code(self, server: Caller, original: Caller) -> None:
        for method in ("get-stock-name", "get-stock-states"):
            reply = server.call(method, stock_code="9Z9Z9Z")
            assert reply["error"]["code"] == "INVALID_PARAMETERS"
            old = original.call(method, stock_code="9Z9Z9Z")
            assert (old["status"], old["result"]) == ("TASK_SUCCEED", "")

    def test_codes_are_elements_and_were_one_text(
        self, server: Caller, original: Caller, known: Known
    ) -> None:
        codes = server.call("get-stock-codes", market="0")["result"]
        assert known.stock_code in codes
        assert all(len(code) == 6 for code in codes)
        assert original.call("get-stock-codes", market="0")["result"] == ";".join(codes) + ";"

    def test_states_are_elements_and_were_one_text(
        self, server: Caller, original: Caller, known: Known
    ) -> None:
        states = server.call("get-stock-states", stock_code=known.stock_code)["result"]
        assert all(isinstance(state, str) and "|" not in state for state in states)
        assert original.call("get-stock-states", stock_code=known.stock_code)["result"] == "|".join(states)

    @pytest.mark.parametrize("method", ["request-minute-candle", "request-day-candle"])
    def test_numbers_do_as_texts(self, server: Caller, known: Known, method: str) -> None:
        arguments = self.arguments(method, known)
        numbers = {name: value if name == "stock_code" else int(value) for name, value in arguments.items()}
        assert server.call(method, **numbers)["result"] == server.call(method, **arguments)["result"]
