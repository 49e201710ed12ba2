"""Cards of quotes and reads."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.conformance.backend import RestBackend
from tests.conformance.cards import card
from tests.conformance.stand import Stand, in_seconds
from tests.support.live_data import LiveFloor

KNOWN, OTHER, UNKNOWN = {"ticker": "005930"}, {"ticker": "000660"}, {"ticker": "9Z9Z9Z"}


class QuoteCards(Stand):
    """What reads owe."""

    @card("Q1", "Q4")
    def test_a_price_is_typed_and_says_where_it_is_from(self, floor: LiveFloor) -> None:
        reply = floor.wire.call(self.method("get-current-price"), KNOWN)
        (row,) = reply["result"]
        assert (reply["kind"], reply["environment"]) == ("reply", "simulated")
        assert (row["ticker"], row["venue"]) == ("005930", "KRX")
        for name in ("price", "change", "open", "high", "low", "volume"):
            assert type(row[name]) is int, (name, row)
        assert row["low"] <= row["price"] <= row["high"]
        assert type(row["change_rate"]) in (int, float)
        assert row["change_rate"] * row["change"] >= 0
        elsewhere = floor.wire.error(
            self.method("get-current-price"), KNOWN, keys={"expected_environment": "real"}
        )
        assert elsewhere["code"] == "ORDER_GUARD"

    @card("Q2")
    def test_an_order_book_has_ten_levels_in_order(self, floor: LiveFloor) -> None:
        row = floor.call(self.method("get-order-book"), KNOWN, to="tasks")
        asks, bids = row["asks"], row["bids"]
        assert (row["ticker"], row["venue"], len(asks), len(bids)) == ("005930", "KRX", 10, 10)
        for level in (*asks, *bids):
            assert {type(level["price"]), type(level["quantity"])} == {int}, level
        prices = [level["price"] for level in asks], [level["price"] for level in bids]
        assert prices == (sorted(prices[0]), sorted(prices[1], reverse=True))
        assert bids[0]["price"] < asks[0]["price"]

    @card("Q3")
    def test_candles_of_several_pages_come_whole(self, floor: LiveFloor) -> None:
        last = datetime.now(UTC).date() - timedelta(days=2)
        first = last - timedelta(days=self.days_of_candles)
        before = floor.brokerage.calls()
        given = {**KNOWN, "start": first.isoformat(), "end": last.isoformat()}
        reply = floor.wire.call(self.method("get-daily-candles"), given)
        assert reply["status"] == "TASK_SUCCEED", reply
        days = [date.fromisoformat(row["date"]) for row in reply["result"]]
        assert days == sorted(set(days))
        assert first <= days[0] < first + timedelta(days=12), "from its first trading day"
        assert last - timedelta(days=12) < days[-1] <= last
        assert len(days) > (last - first).days * 0.6, "no page is missing"
        assert max(one - other for one, other in zip(days[1:], days, strict=False)) < timedelta(days=12)
        assert reply.get("complete", True) is True
        assert {type(row[name]) for row in reply["result"] for name in ("open", "close", "volume")} == {int}
        assert self.backend.pages_asked(floor.brokerage, before) >= 2, "several pages"

    @card("Q5")
    @pytest.mark.parametrize("noun", ["get-current-price", "get-order-book", "get-daily-candles"])
    def test_an_unknown_ticker_is_a_wrong_parameter(self, floor: LiveFloor, noun: str) -> None:
        error = floor.wire.error(self.method(noun), UNKNOWN)
        assert error["code"] == "INVALID_PARAMETERS", error
        assert "9Z9Z9Z" in error["message"]

    @card("Q6")
    def test_a_wrong_parameter_is_refused_by_name_and_nothing_is_sent(self, floor: LiveFloor) -> None:
        before = self.backend.prices_asked(floor.brokerage)
        for given, named in (({"tickr": "005930"}, "tickr"), ({"ticker": 5930}, "ticker"), ({}, "ticker")):
            error = floor.wire.error(self.method("get-current-price"), given)
            assert error["code"] == "INVALID_PARAMETERS"
            assert named in error["message"]
        assert self.backend.prices_asked(floor.brokerage) == before

    @card("Q7")
    def test_the_vendor_s_code_and_text_arrive_untouched(self, floor: LiveFloor) -> None:
        code, text = self.backend.refuse_price(floor.brokerage)
        error = floor.wire.error(self.method("get-current-price"), KNOWN)
        assert (error["code"], error["vendor"]) == ("VENDOR_REJECTED", self.backend.vendor), error
        assert error["vendor_message"] == text
        assert error["vendor_code"] == code

    @card("Q8")
    def test_a_read_whose_answer_is_lost_is_sent_again(self, floor: LiveFloor) -> None:
        assert isinstance(self.backend, RestBackend)
        before = self.backend.prices_asked(floor.brokerage)
        self.backend.lose_price(floor.brokerage)
        assert floor.call(self.method("get-current-price"), KNOWN, to="tasks")["price"] > 0
        assert self.backend.prices_asked(floor.brokerage) == before + 2

    @card("Q9")
    def test_an_unreadable_answer_is_an_error(self, floor: LiveFloor) -> None:
        self.backend.garble_prices(floor.brokerage)
        error = floor.wire.error(self.method("get-current-price"), KNOWN, keys=in_seconds(10))
        assert (error["code"], error["vendor"]) == ("VENDOR_UNAVAILABLE", self.backend.vendor), error

    @card("Q10")
    def test_a_read_that_hangs_holds_up_no_other(self, floor: LiveFloor) -> None:
        self.backend.hang_prices(floor.brokerage, 1)
        mute = floor.send(self.method("get-current-price"), KNOWN, to="tasks", keys=in_seconds(3))
        book = floor.wire.call(self.method("get-order-book"), OTHER)
        assert book["status"] == "TASK_SUCCEED", book
        assert not floor.wire.replies[mute], "the other one did not wait for it"
        self.assert_ended(floor.wire.wait(mute).json)

    @card("Q11")
    def test_a_burst_stays_inside_the_published_limit(self, floor: LiveFloor, tmp_path: Any) -> None:
        brokerage = floor.brokerage
        self.backend.set_published_limit(brokerage)
        before, asked = self.backend.refused_for_pace(brokerage), self.backend.prices_asked(brokerage)
        with self.adapter(brokerage, tmp_path, self.backend.pace) as vendor:
            self.call_at_once(vendor, "get-current-price", [KNOWN] * self.burst)
        assert self.backend.prices_asked(brokerage) == asked + self.burst
        assert self.backend.refused_for_pace(brokerage) == before
        brokerage.limits(**brokerage.unlimited)

    @card("Q12")
    def test_a_refusal_for_too_many_calls_is_waited_out_or_told(self, floor: LiveFloor) -> None:
        self.backend.overload_prices(floor.brokerage)
        reply = floor.wire.call(self.method("get-current-price"), KNOWN)
        if reply["status"] == "TASK_SUCCEED":
            assert reply["result"][0]["price"] > 0
        else:
            assert reply["error"]["code"] == "RATE_LIMITED"
