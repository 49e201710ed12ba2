"""Cards of orders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from broker_client.errors import TaskFailed
from tests.conformance.cards import card
from tests.conformance.stand import MOST_SHARES, Stand, in_seconds
from tests.support.live_data import LiveFloor, Subscriber
from tests.support.waiting import wait_until

TICKER, READ = "005930", {"ticker": "005930"}
_quantities = count(11)
"""No two orders are alike, so the vendor's own list shows how often each of them is there."""


class OrderCards(Stand):
    """What orders owe."""

    def resting(self, floor: LiveFloor) -> dict[str, Any]:
        """An order that is like no other, and that the market does not fill."""
        return {"ticker": TICKER, "quantity": next(_quantities), "price": floor.low_price(TICKER)}

    def booked(self, floor: LiveFloor, order: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What the vendor has of it."""
        return floor.brokerage.orders(order["ticker"], order["quantity"])

    def place(self, floor: LiveFloor, order: Mapping[str, Any], **options: Any) -> str:
        """Send it; returns its task_id."""
        return floor.send(self.method("buy-order"), order, **options)

    def take_back(self, floor: LiveFloor, task_id: str) -> None:
        """Cancel it, so that nothing rests for the next test."""
        floor.call(self.method("cancel-order"), {"order_task_id": task_id})

    def first_error(self, floor: LiveFloor, task_id: str) -> dict[str, Any]:
        """Of its first reply."""
        floor.wire.wait(task_id)
        error: dict[str, Any] = floor.wire.replies[task_id][0].json["error"]
        return error

    @card("O1")
    def test_an_accepted_order_has_its_number_and_its_record(self, floor: LiveFloor) -> None:
        order = self.resting(floor)
        task_id = self.place(floor, order)
        reply = floor.wire.wait(task_id).json
        (taken,) = self.booked(floor, order)
        assert reply["status"] == "TASK_SUCCEED", reply
        assert reply["result"][0]["order_no"] == taken["order_no"]
        assert (taken["side"], taken["price"], taken["state"]) == ("buy", order["price"], "working")
        record = floor.wait_order(task_id, state="ACCEPTED", order_no=taken["order_no"])
        assert [each["event"] for each in record["history"]][:3] == ["Received", "Sending", "Accepted"]
        self.take_back(floor, task_id)

    @card("O2", "O3")
    def test_an_order_without_an_answer_is_on_record_before_it_leaves_and_found_at_the_vendor(
        self, floor: LiveFloor
    ) -> None:
        order = self.resting(floor)
        before = self.backend.orders_sent(floor.brokerage)
        self.backend.lose_order(floor.brokerage, booked=True)
        task_id = self.place(floor, order)
        wait_until(lambda: self.booked(floor, order), what="the order at the vendor")
        seen = floor.record(task_id).order.state.value
        assert seen in ("SENDING", "UNKNOWN"), "nobody has told yet what became of it"
        error = self.first_error(floor, task_id)
        assert (error["code"], error["retryable"]) == ("ORDER_OUTCOME_UNKNOWN", False)
        self.backend.calm(floor.brokerage)
        settled = floor.wire.wait(task_id, count=2).json
        (taken,) = self.booked(floor, order)
        assert settled["status"] == "TASK_SUCCEED", settled
        assert settled["result"][0]["order_no"] == taken["order_no"]
        record = floor.order(task_id)
        assert [each["event"] for each in record["history"]][:4] == [
            "Received",
            "Sending",
            "Lost",
            "Accepted",
        ]
        assert self.backend.orders_sent(floor.brokerage) == before + 1
        self.take_back(floor, task_id)

    @card("O4")
    def test_an_order_that_was_lost_on_its_way_is_settled_as_not_sent(self, floor: LiveFloor) -> None:
        order = self.resting(floor)
        before = self.backend.orders_sent(floor.brokerage)
        self.backend.lose_order(floor.brokerage, booked=False)
        task_id = self.place(floor, order)
        assert self.first_error(floor, task_id)["code"] == "ORDER_OUTCOME_UNKNOWN"
        self.backend.calm(floor.brokerage)
        error = floor.error(task_id, count=2)
        assert (error["code"], error["retryable"]) == ("VENDOR_UNAVAILABLE", False)
        assert floor.order(task_id)["state"] == "NOT_SENT"
        assert self.booked(floor, order) == []
        assert self.backend.orders_sent(floor.brokerage) == before + 1

    @card("O5")
    def test_a_refusal_is_final_and_in_the_vendor_s_words(self, floor: LiveFloor) -> None:
        order = self.resting(floor)
        code, text = self.backend.refuse_order(floor.brokerage)
        task_id = self.place(floor, order)
        error = floor.error(task_id)
        assert (error["code"], error["vendor_code"]) == ("VENDOR_REJECTED", code)
        assert error["vendor_message"] == text
        assert floor.order(task_id)["state"] == "REJECTED"
        self.backend.calm(floor.brokerage)
        again = self.repeat(floor, task_id, order)
        assert (again["error"]["code"], again["replayed"]) == ("VENDOR_REJECTED", True)
        assert self.booked(floor, order) == []

    def repeat(self, floor: LiveFloor, task_id: str, order: Mapping[str, Any]) -> dict[str, Any]:
        """The reply to the same task once more."""
        came = len(floor.wire.replies[task_id])
        _, body = floor.body(self.method("buy-order"), order, task_id=task_id)
        floor.wire.publish(body, to="tasks.orders")
        return floor.wire.wait(task_id, count=came + 1).json

    @card("O6")
    def test_a_refusal_before_it_was_taken_is_repeated_and_booked_once(self, floor: LiveFloor) -> None:
        order = self.resting(floor)
        before = self.backend.orders_sent(floor.brokerage)
        self.backend.overload_order(floor.brokerage)
        task_id = self.place(floor, order)
        reply = floor.wire.wait(task_id).json
        assert reply["status"] == "TASK_SUCCEED", reply
        assert [each["order_no"] for each in self.booked(floor, order)] == [reply["result"][0]["order_no"]]
        seen = 2 if self.backend.counts_overloaded_orders else 1
        assert self.backend.orders_sent(floor.brokerage) == before + seen
        self.take_back(floor, task_id)

    @card("O7")
    def test_the_same_task_again_is_answered_from_the_record(self, floor: LiveFloor) -> None:
        order = self.resting(floor)
        task_id = self.place(floor, order)
        first = floor.wire.wait(task_id).json
        again = self.repeat(floor, task_id, order)
        assert (again["result"], again["replayed"]) == (first["result"], True)
        other = self.repeat(floor, task_id, {**order, "quantity": next(_quantities)})
        assert other["error"]["code"] == "DUPLICATE_TASK_CONFLICT"
        assert len(self.booked(floor, order)) == 1
        self.take_back(floor, task_id)

    @card("O8", "O15")
    def test_a_market_order_must_say_so_and_its_fills_are_told_once(
        self, floor: LiveFloor, consumer: Subscriber
    ) -> None:
        news = consumer.subscribe(self.method("subscribe-executions"), {})
        order = {"ticker": TICKER, "quantity": next(_quantities)}
        before = self.backend.orders_sent(floor.brokerage)
        error = floor.refusal(self.method("buy-order"), order)
        assert error["code"] == "INVALID_PARAMETERS"
        assert "market" in error["message"]
        assert self.backend.orders_sent(floor.brokerage) == before
        receipt = floor.call(self.method("buy-order"), {**order, "order_type": "market"})
        (taken,) = self.booked(floor, order)
        assert taken["order_no"] == receipt["order_no"]

        def filled() -> int:
            events = consumer.wait_events(news, 1, event="fill", order_no=receipt["order_no"])
            return sum(each["result"][0]["quantity"] for each in events)

        wait_until(lambda: filled() >= order["quantity"], what="all of it to be filled")
        assert filled() == order["quantity"]
        (open_order,) = self.booked(floor, order)
        assert (open_order["state"], open_order["filled_quantity"]) == ("filled", order["quantity"])

    @card("O9")
    def test_a_guard_refuses_before_anything_leaves(self, floor: LiveFloor) -> None:
        order = {**self.resting(floor), "quantity": MOST_SHARES + 1}
        before = self.backend.orders_sent(floor.brokerage)
        task_id = self.place(floor, order)
        assert floor.error(task_id)["code"] == "ORDER_GUARD"
        assert floor.order(task_id)["state"] == "REFUSED"
        assert self.backend.orders_sent(floor.brokerage) == before

    @card("O10")
    def test_a_stale_order_never_leaves(self, floor: LiveFloor) -> None:
        order = self.resting(floor)
        old = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        for keys in ({"request_time": old}, {"deadline": old}):
            task_id = self.place(floor, order, keys=keys)
            assert floor.error(task_id)["code"] == "TASK_EXPIRED"
            assert floor.order(task_id)["state"] == "REFUSED"
        assert self.booked(floor, order) == []

    @card("O11")
    def test_an_order_is_changed_and_cancelled(self, floor: LiveFloor) -> None:
        order = self.resting(floor)
        task_id = self.place(floor, order)
        placed = floor.wire.wait(task_id).json["result"][0]
        changed = floor.call(
            self.method("modify-order"), {"order_task_id": task_id, "price": order["price"] + 1000}
        )
        assert changed["original_order_no"] == placed["order_no"]
        assert changed["order_no"] != placed["order_no"]
        open_orders = floor.rows(self.method("get-open-orders"), {"ticker": TICKER}, to="tasks")
        assert [each["order_no"] for each in open_orders] == [changed["order_no"]]
        cancelled = floor.call(self.method("cancel-order"), {"order_no": changed["order_no"]})
        assert cancelled["original_order_no"] == changed["order_no"]
        assert floor.brokerage.order(changed["order_no"])["state"] == "cancelled"
        assert floor.rows(self.method("get-open-orders"), {"ticker": TICKER}, to="tasks") == []
        again = floor.call(self.method("cancel-order"), {"order_no": changed["order_no"]})
        assert again["already_done"] is True

    @card("O12")
    def test_a_halt_stops_new_orders_and_no_cancel(self, floor: LiveFloor) -> None:
        task_id = self.place(floor, self.resting(floor))
        receipt = floor.wire.wait(task_id).json["result"][0]
        floor.call("broker.halt-orders", {"reason": "a card"})
        try:
            late = self.resting(floor)
            error = floor.refusal(self.method("buy-order"), late)
            assert error["code"] == "ORDERS_DISABLED"
            self.take_back(floor, task_id)
        finally:
            floor.call("broker.resume-orders", {"reason": "the card is done"})
        assert floor.brokerage.order(receipt["order_no"])["state"] == "cancelled"
        assert self.booked(floor, late) == []

    @card("O13")
    def test_an_order_does_not_wait_behind_reads_that_hang(self, floor: LiveFloor) -> None:
        reads = 16
        order = self.resting(floor)
        before = self.backend.prices_asked(floor.brokerage)
        self.backend.hang_prices(floor.brokerage, reads)
        hanging = [
            floor.send(self.method("get-current-price"), READ, to="tasks", keys=in_seconds(5))
            for _ in range(reads)
        ]
        wait_until(lambda: self.backend.prices_asked(floor.brokerage) > before, what="a read to hang")
        task_id = self.place(floor, order)
        reply = floor.wire.wait(task_id).json
        assert reply["status"] == "TASK_SUCCEED", reply
        assert not floor.wire.replies[hanging[-1]], "they hang still"
        self.take_back(floor, task_id)
        self.backend.calm(floor.brokerage)
        floor.wire.wait_all(hanging)

    @card("O14")
    def test_without_an_account_the_missing_setting_is_named(self, floor: LiveFloor, tmp_path: Path) -> None:
        (missing,) = self.backend.without_account
        with self.adapter(floor.brokerage, tmp_path, self.backend.without_account) as vendor:
            for noun, given in (
                ("get-balance", {}),
                ("get-open-orders", {}),
                ("buy-order", {"ticker": TICKER, "quantity": 1, "order_type": "market"}),
            ):
                with pytest.raises(TaskFailed, match=missing) as refused:
                    self.call(vendor, noun, given)
                assert refused.value.code == "AUTHENTICATION_FAILED", noun
            assert self.call(vendor, "get-current-price", READ).rows, "quotes need none"
