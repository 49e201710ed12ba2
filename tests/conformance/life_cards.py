"""Cards of keys and tokens, of the life of a worker, and of secrecy."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from broker_client.errors import AuthenticationFailed, VendorUnavailable
from tests.conformance.backend import RestBackend
from tests.conformance.cards import card
from tests.conformance.stand import Stand, in_seconds
from tests.support.live_data import BRISK, LiveFloor, Subscriber
from tests.support.waiting import wait_until

READ = {"ticker": "005930"}
SECRET = {"app_key", "app_secret", "api_key", "account"}


class LifeCards(Stand):
    """What an adapter owes from its start to its end."""

    @card("T1")
    def test_a_token_that_ended_is_renewed_once_for_all(self, floor: LiveFloor) -> None:
        assert isinstance(self.backend, RestBackend)
        floor.call(self.method("get-current-price"), READ, to="tasks")
        issued = self.backend.tokens_issued(floor.brokerage)
        self.backend.end_token(floor.brokerage)
        tasks = [floor.send(self.method("get-current-price"), READ, to="tasks") for _ in range(8)]
        floor.wire.wait_all(tasks)
        replies = [floor.wire.replies[each][-1].json for each in tasks]
        assert {each["status"] for each in replies} == {"TASK_SUCCEED"}, replies
        assert self.backend.tokens_issued(floor.brokerage) == issued + 1

    @card("T2")
    def test_a_wrong_key_is_told_and_not_tried_over_and_over(self, floor: LiveFloor, tmp_path: Path) -> None:
        before = floor.brokerage.calls()
        with self.adapter(floor.brokerage, tmp_path, self.backend.wrong_key) as vendor:
            for _ in range(2):
                with pytest.raises(AuthenticationFailed):
                    self.call(vendor, "get-current-price", READ)
        assert floor.brokerage.calls() - before <= 4

    @card("L1")
    def test_what_is_under_way_is_answered_before_the_worker_ends(self, floor: LiveFloor) -> None:
        before = self.backend.prices_asked(floor.brokerage)
        self.backend.hang_prices(floor.brokerage, 1)
        task_id = floor.send(self.method("get-current-price"), READ, to="tasks", keys=in_seconds(3))
        wait_until(lambda: self.backend.prices_asked(floor.brokerage) > before, what="the read at the vendor")
        assert not floor.wire.replies[task_id]
        assert floor.worker.terminate() == 0, floor.logs()
        self.assert_ended(floor.wire.wait(task_id).json)
        self.backend.calm(floor.brokerage)
        floor.start(program=BRISK)
        floor.wait_own()

    @card("L2")
    def test_a_vendor_that_cannot_be_reached_is_told(self, floor: LiveFloor, tmp_path: Path) -> None:
        with (
            self.backend.unreachable(floor.brokerage) as changes,
            self.adapter(floor.brokerage, tmp_path, changes) as vendor,
        ):
            assert vendor.methods()
            with pytest.raises(VendorUnavailable) as refused:
                self.call(vendor, "get-current-price", READ)
        assert refused.value.vendor == self.backend.vendor

    @card("L3")
    def test_a_closed_adapter_leaves_no_thread(self, floor: LiveFloor, tmp_path: Path) -> None:
        before = set(threading.enumerate())
        with self.adapter(floor.brokerage, tmp_path) as vendor:
            self.call(vendor, "get-current-price", READ)
        wait_until(lambda: set(threading.enumerate()) <= before, what="its threads to end")

    @card("X1")
    def test_nothing_secret_is_in_logs_and_errors(
        self, floor: LiveFloor, consumer: Subscriber, tmp_path: Path
    ) -> None:
        keys = floor.brokerage.simulator.credentials[self.backend.vendor]["real"]
        secrets = [keys[name].partition("-")[0] for name in keys.keys() & SECRET]
        consumer.wait_events(consumer.subscribe(self.subscribe, self.parameters("005930")), 1)
        told: list[Any] = [consumer.messages(each) for each in consumer.replies]
        self.backend.refuse_price(floor.brokerage)
        told.append(floor.wire.error(self.method("get-current-price"), READ))
        if "O1" not in self.backend.not_offered:
            self.backend.refuse_order(floor.brokerage)
            order = {"ticker": "005930", "quantity": 1, "order_type": "market"}
            told.append(floor.refusal(self.method("buy-order"), order))
        told.append(floor.call("broker.get-status"))
        for secret in secrets:
            assert secret not in str(told)
        floor.assert_discreet()
