"""Kiwoom by OpenAPI+: the real adapter over a simulated control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tests.conformance.backends import LIVE, ControlExchange, ControlFloorBrokerage, KiwoomOpenApiPlus
from tests.conformance.cards import card
from tests.conformance.suite import AdapterConformance
from tests.support.live_data import BRISK, Gap, LiveFloor, Subscriber, check_sequences


class TestKiwoomOpenApiPlus(AdapterConformance):
    """No registration takes a place from another."""

    backend = KiwoomOpenApiPlus()
    open_brokerage = ControlFloorBrokerage
    open_exchange = ControlExchange
    settings = MappingProxyType({})
    exchange = MappingProxyType({})
    subscribe = "kiwoom.subscribe-realtime-price"
    unsubscribe = "kiwoom.unsubscribe-realtime-price"
    code = LIVE
    days_of_candles = 1000

    def gaps(self, messages: Sequence[Mapping[str, Any]]) -> list[Gap]:
        """None is counted: what the simulated control trades does not add up to its volume."""
        return []

    @card("S6", "S9")
    def test_broken_connection_is_back_with_everything_and_the_gap_is_told(
        self, floor: LiveFloor, consumer: Subscriber
    ) -> None:
        """A login that has ended comes back with the next worker, which the supervisor starts."""
        brokerage = floor.brokerage
        assert isinstance(brokerage, ControlFloorBrokerage)
        tasks = [self.start(consumer, ticker) for ticker in ("005930", "000660")]
        consumer.wait_new_events_of(tasks, 3)
        seen = {task_id: len(consumer.messages(task_id)) for task_id in tasks}
        brokerage.controls(lose_connection=-106)
        for task_id in tasks:
            consumer.wait_state(task_id, "reconnecting", after=seen[task_id])
        assert floor.worker.terminate() == 0, floor.logs()
        floor.start(program=BRISK)
        for task_id in tasks:
            consumer.wait_state(task_id, "live", after=seen[task_id])
        floor.exchange.wait_registered(*self.registered("005930", "000660"))
        consumer.wait_new_events_of(tasks, 3)
        for task_id in tasks:
            messages = consumer.messages(task_id)
            assert len(check_sequences(messages)) >= 2, "a new epoch shows the gap"
        assert floor.exchange.counts()["opened"] == 1
