"""Cards of live data: what a subscriber is owed, whichever vendor they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.conformance.cards import card
from tests.conformance.stand import Stand
from tests.support.live_data import BRISK, Gap, LiveFloor, Subscriber, check_sequences, gaps
from tests.support.order_events import Listener
from tests.support.waiting import wait_until

FIRST, SECOND, THIRD, FOURTH, FIFTH = "005930", "000660", "015760", "035720", "035420"


class StreamCards(Stand):
    """What live data owe; on the live connection there is room for four instruments."""

    def gaps(self, messages: Sequence[Mapping[str, Any]]) -> list[Gap]:
        """Where trades were missed, and whether a consumer could tell."""
        return gaps(messages)

    def registered(self, *tickers: str) -> list[tuple[str, str]]:
        """What is to be seen at the vendor."""
        return [(self.code, ticker) for ticker in tickers]

    def start(
        self, consumer: Subscriber, ticker: str, *, more: Mapping[str, Any] = {}, **options: Any
    ) -> str:
        """Subscribe, and wait for the acknowledgement; returns the task_id."""
        return consumer.subscribe(self.subscribe, self.parameters(ticker, **(more or {})), **options)

    @card("S1")
    def test_acknowledgement_then_the_state_then_updates_in_sequence(
        self, floor: LiveFloor, consumer: Subscriber
    ) -> None:
        vendor = floor.brokerage.vendor
        task_id = self.start(consumer, FIRST, task_id="first", correlation_id="mine")
        consumer.wait_events(task_id, 6)
        ack, *events = consumer.messages(task_id)
        (told,) = ack["result"]
        assert ack["kind"] == "ack"
        assert (told["subscription"], told["ticker"], told["mode"]) == ("first", FIRST, "realtime")
        assert {(each["kind"], each["status"]) for each in events} == {("event", "TASK_SUCCEED")}
        assert {(each["key"], each["environment"]) for each in events} == {(told["key"], "simulated")}
        assert len(check_sequences(events)) == 1
        state, *updates = [each["result"][0] for each in events]
        assert state["snapshot"] is True
        if self.tells_the_state:
            assert updates.pop(0)["snapshot"] is True
        assert not [each for each in updates if "snapshot" in each or "mode" in each]
        assert {(each["vendor"], each["ticker"]) for each in (state, *updates)} == {(vendor, FIRST)}
        volumes = [each["volume"] for each in updates]
        assert volumes == sorted(volumes)
        assert all(each["quantity"] > 0 for each in updates)
        properties = consumer.replies[task_id][-1].properties
        assert (properties.correlation_id, properties.delivery_mode, properties.expiration) == (
            "mine",
            1,
            "10000",
        )
        assert floor.exchange.registrations() == self.registered(FIRST)

    @card("S2")
    def test_tasks_on_one_ticker_are_one_registration_until_the_last_ends(
        self, floor: LiveFloor, consumer: Subscriber
    ) -> None:
        floor.exchange.clear_counts()
        tasks = [self.start(consumer, FIRST) for _ in range(10)]
        for task_id in tasks:
            consumer.wait_events(task_id, 3)
        assert floor.exchange.registrations() == self.registered(FIRST)
        assert floor.exchange.counts()["registrations"] == 1
        for task_id in tasks[:9]:
            consumer.send(self.unsubscribe, task_id=task_id)
        consumer.wait_new_events(tasks[9], 3)
        assert floor.exchange.registrations() == self.registered(FIRST)
        assert floor.exchange.counts()["unregistrations"] == 0
        assert len(check_sequences(consumer.messages(tasks[9]))) == 1
        consumer.send(self.unsubscribe, task_id=tasks[9])
        floor.exchange.wait_registered(what="nothing to be registered any more")

    @card("S3")
    def test_unsubscribing_ends_it_at_once_and_at_the_vendor(
        self, floor: LiveFloor, consumer: Subscriber
    ) -> None:
        task_id = self.start(consumer, FIRST)
        consumer.wait_events(task_id, 3)
        consumer.send(self.unsubscribe, self.parameters(FIRST), task_id=task_id)
        wait_until(lambda: consumer.messages(task_id, "reply"), what="the reply to unsubscribing")
        floor.exchange.wait_registered(what="nothing to be registered any more")
        with Subscriber(floor.url) as other:  # the worker and the simulator have gone on meanwhile
            other.wait_events(self.start(other, SECOND), 4)
        last = consumer.messages(task_id)[-1]
        assert (last["kind"], last["result"]) == ("reply", [{"subscription": task_id, "ticker": FIRST}])

    @card("S4")
    def test_over_the_limit_says_how_many_there_are(self, floor: LiveFloor, consumer: Subscriber) -> None:
        for ticker in (FIRST, SECOND, THIRD, FOURTH):
            self.start(consumer, ticker, more={"polling": False})
        error = consumer.error(self.subscribe, self.parameters(FIFTH, polling=False))
        assert error["code"] == "SUBSCRIPTION_LIMIT"
        assert str(len(floor.exchange.registrations(own=True))) in error["message"]
        listed = {each["ticker"] for each in floor.rows("broker.list-subscriptions")}
        assert listed == {FIRST, SECOND, THIRD, FOURTH}
        self.start(consumer, FIRST, more={"polling": False})  # that one is registered anyway

    @card("S5")
    def test_over_the_limit_is_polled_and_live_again_when_a_slot_is_free(
        self, floor: LiveFloor, consumer: Subscriber
    ) -> None:
        tasks = [self.start(consumer, ticker) for ticker in (FIRST, SECOND, THIRD, FOURTH, FIFTH)]
        polled = tasks[4]
        assert consumer.messages(polled)[0]["result"][0]["mode"] == "polling"
        found = consumer.wait_events(polled, 2, mode="polling")
        assert {each["result"][0]["ticker"] for each in found} == {FIFTH}
        assert {each["result"][0]["quantity"] for each in found} == {None}
        assert sorted(floor.exchange.registrations()) == sorted(self.registered(FIRST, SECOND, THIRD, FOURTH))
        modes = {each["ticker"]: each["mode"] for each in floor.rows("broker.list-subscriptions")}
        assert [ticker for ticker, mode in modes.items() if mode == "polling"] == [FIFTH]
        consumer.send(self.unsubscribe, task_id=tasks[0])
        consumer.wait_state(polled, "live")
        consumer.wait_new_events(polled, 4)
        messages = consumer.messages(polled)
        live = messages[[each["kind"] for each in messages].index("status") :]
        assert live[0]["result"][0]["state"] == "live"
        assert not [each for each in live if "mode" in each["result"][0]]
        epochs = check_sequences(messages)
        assert len(epochs) == 2
        assert {each["epoch"] for each in live if each["kind"] == "event"} == {epochs[1]}

    @card("S6", "S9")
    @pytest.mark.parametrize(
        "fault",
        ["drop", pytest.param("close", marks=pytest.mark.chaos), "half_open"],
    )
    def test_broken_connection_is_back_with_everything_and_the_gap_is_told(
        self, floor: LiveFloor, consumer: Subscriber, fault: str
    ) -> None:
        tasks = [self.start(consumer, ticker) for ticker in (FIRST, SECOND)]
        consumer.wait_new_events_of(tasks, 3)
        floor.exchange.clear_counts()
        seen = {task_id: len(consumer.messages(task_id)) for task_id in tasks}
        floor.brokerage.fault(fault)
        for task_id in tasks:
            consumer.wait_state(task_id, "reconnecting", after=seen[task_id])
        floor.brokerage.calm()
        for task_id in tasks:
            consumer.wait_state(task_id, "live", after=seen[task_id])
        floor.exchange.wait_registered(*self.registered(FIRST, SECOND))
        consumer.wait_new_events_of(tasks, 3)
        for task_id in tasks:
            messages = consumer.messages(task_id)
            assert len(check_sequences(messages)) >= 2
            found = self.gaps(messages)
            assert found or fault != "half_open", "shares were traded meanwhile"
            assert [gap for gap in found if not gap.is_visible] == []
        assert floor.exchange.counts()["opened"] == 1

    @card("S7")
    def test_mute_ticker_is_told_and_healed_while_the_others_go_on(
        self, floor: LiveFloor, consumer: Subscriber
    ) -> None:
        vendor = floor.brokerage.vendor
        mute, *others = [self.start(consumer, ticker) for ticker in (FIRST, SECOND, THIRD)]
        consumer.wait_new_events_of((mute, *others), 2)
        seen = len(consumer.messages(mute))
        floor.exchange.clear_counts()
        key = consumer.messages(mute)[0]["result"][0]["key"]
        with Listener(floor.url, f"stream.{vendor}.*") as listener:
            floor.brokerage.fault("mute", symbol=FIRST)
            status = consumer.wait_state(mute, "stale", after=seen)["result"][0]
            assert status["ticker"] == FIRST
            event = listener.wait(f"stream.{vendor}.stale")
            assert (event["vendor"], event["type"], event["key"]) == (vendor, "stream", key)
            assert floor.feed()["stale"] == 1
            # Only that one was registered again, on the same connection.
            wait_until(
                lambda: floor.exchange.counts().get("registrations", 0) >= 1, what="a new registration"
            )
            wait_until(lambda: len(consumer.states(mute)) >= 3, what="its registration to be told")
            consumer.wait_new_events_of(others, 2)
            assert set(consumer.states(mute)) == {"stale", "reconnecting"}  # registered is not live
            assert [consumer.states(task_id) for task_id in others] == [[], []]
            floor.brokerage.calm()
            consumer.wait_state(mute, "live", after=seen)
            assert listener.wait(f"stream.{vendor}.live")["key"] == key
        consumer.wait_new_events(mute, 2)
        assert floor.feed()["stale"] == 0
        assert floor.exchange.counts().get("opened", 0) == 0
        messages = consumer.messages(mute)
        assert len(check_sequences(messages)) >= 2
        found = self.gaps(messages)
        assert found
        assert all(each.is_visible for each in found)

    @card("S8")
    @pytest.mark.parametrize("way", ["killed", pytest.param("terminated", marks=pytest.mark.chaos)])
    def test_subscription_goes_on_in_the_next_worker(
        self, floor: LiveFloor, consumer: Subscriber, way: str
    ) -> None:
        tasks = [self.start(consumer, ticker, correlation_id="mine") for ticker in (FIRST, SECOND)]
        consumer.wait_new_events_of(tasks, 3)
        floor.exchange.change(**self.after_a_crash)
        floor.exchange.clear_counts()
        seen = {task_id: len(consumer.messages(task_id)) for task_id in tasks}
        if way == "killed":
            floor.worker.kill()
        else:
            assert floor.worker.terminate() == 0
        floor.start(program=BRISK)
        for task_id in tasks:
            consumer.wait_state(task_id, "live", after=seen[task_id])
            consumer.wait_new_events(task_id, 3)
            messages = consumer.messages(task_id)
            assert len(check_sequences(messages)) == 2
            assert all(each.is_visible for each in self.gaps(messages))
            assert consumer.replies[task_id][-1].properties.correlation_id == "mine"
            assert [each["kind"] for each in messages].count("ack") == 1
        assert sorted(floor.exchange.registrations()) == sorted(self.registered(FIRST, SECOND))
        counts = floor.exchange.counts()
        assert counts["opened"] == 1
        assert counts["rejected"] <= (2 if way == "killed" and self.after_a_crash else 0)
        floor.exchange.change(**dict.fromkeys(self.after_a_crash, 0))
