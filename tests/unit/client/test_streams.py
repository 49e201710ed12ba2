"""What came in on a stream: order, repeats, statuses, the end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from broker_client.errors import ClientClosed, StreamEnded, WrongEnvironment
from broker_client.protocol import Environment, decode_reply, encode_reply, unsubscribe_method
from broker_client.streams import STREAM_PREFETCH, Inbox, StreamEvent, StreamStatus

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


class Box:
    """An inbox with what it said."""

    def __init__(self, *, expected: Environment | None = None) -> None:
        self.woken = 0
        self.said: list[StreamStatus] = []
        self.inbox = Inbox(
            "t-1",
            "kis.subscribe-realtime-price",
            clock=lambda: NOW,
            from_the_start=True,
            expected_environment=expected,
            wake=self._wake,
            on_status=self.said.append,
        )

    def _wake(self) -> None:
        self.woken += 1

    def event(
        self, sequence: int | None, token: Any = 0, *, key: str | None = "trade.1", **data: Any
    ) -> bool:
        extra = {
            name: value for name, value in {"key": key, "epoch": "e", "sequence": sequence}.items() if value
        }
        body = encode_reply("t-1", [data], now=NOW, environment="paper", kind="event", extra=extra)
        return self.inbox.event(decode_reply(body), body, token)

    def status(
        self, state: str, reason: str | None = None, *, key: str | None = "trade.1", token: Any = 0
    ) -> bool:
        body = encode_reply(
            "t-1",
            [{"type": "status", "state": state, "reason": reason}],
            now=NOW,
            environment="paper",
            kind="status",
            extra={"key": key},
        )
        return self.inbox.status(decode_reply(body), body, token)

    def pop(self) -> StreamEvent | None:
        item, _ = self.inbox.pop(only_events=True)
        assert not isinstance(item, StreamStatus)
        return item


def test_an_event_says_what_it_is() -> None:
    box = Box()
    box.event(1, snapshot=True, mode="polling", price=5)
    box.event(2, recovered=True)
    first, second = box.pop(), box.pop()
    assert first
    assert second
    assert (first.snapshot, first.mode, first.recovered, first.data["price"]) == (True, "polling", False, 5)
    assert (second.snapshot, second.mode, second.recovered) == (False, "realtime", True)
    assert (first.key, first.epoch, first.sequence, first.received_at) == ("trade.1", "e", 1, NOW)
    assert box.woken == 2
    with pytest.raises(AttributeError):
        first.missed = 3  # type: ignore[misc]


def test_events_without_a_number_are_all_taken() -> None:
    box = Box()
    assert not box.event(None)
    assert not box.event(None)
    events = box.pop(), box.pop()
    assert [event and event.missed for event in events] == [0, 0]


def test_what_is_delivered_again_before_it_was_taken_gives_the_new_token_back() -> None:
    box = Box()
    assert not box.event(1, "old")
    assert not box.event(1, "new")
    assert box.inbox.pop(only_events=True)[1] == "new"
    assert box.event(1, "third")
    assert box.inbox.pop(only_events=True) == (None, None)


def test_a_status_passed_over_is_acknowledged_all_the_same() -> None:
    box = Box()
    box.status("stale", "quiet", token="s1")
    box.status("stale", "quiet", token="s2")
    assert box.inbox.pop(only_events=True) == (None, "s2")
    assert [status.reason for status in box.said] == ["quiet"]


def test_the_end_comes_after_what_came_before_it() -> None:
    box = Box()
    box.event(1)
    box.status("dropped", "by hand", token="s")
    assert box.event(2), "after the end nothing is kept"
    assert box.pop()
    assert box.pop() is None, "only the status"
    with pytest.raises(StreamEnded, match="dropped: by hand"):
        box.pop()
    box.inbox.end(ClientClosed("later"))
    assert isinstance(box.inbox.ended, StreamEnded)


def test_of_several_subjects_all_must_be_gone() -> None:
    box = Box()
    box.inbox.subjects = 2
    box.status("dropped", key="trade.1")
    assert box.inbox.ended is None
    box.status("live", key="trade.1")
    box.status("refused", key="trade.2")
    assert box.inbox.ended is None
    box.event(1, key="trade.2")
    box.status("refused", "again", key="trade.1")
    assert box.inbox.ended is None
    box.status("refused", "too", key="trade.2")
    assert isinstance(box.inbox.ended, StreamEnded)


def test_a_status_without_a_key_is_about_everything() -> None:
    box = Box()
    box.inbox.subjects = 2
    box.status("dropped", key=None)
    assert isinstance(box.inbox.ended, StreamEnded)


def test_another_environment_ends_it() -> None:
    box = Box(expected="real")
    assert box.event(1)
    assert isinstance(box.inbox.ended, WrongEnvironment)


def test_own_statuses_are_bounded_where_nobody_takes_them() -> None:
    box = Box()
    for _ in range(5000):
        box.inbox.own_status("disconnected", "cut")
    taken = 0
    while box.inbox.pop(only_events=False)[0]:
        taken += 1
    assert taken == 1000
    assert len(box.inbox.statuses) == 100
    box.inbox.own_status("connected")
    item, token = box.inbox.pop(only_events=False)
    assert isinstance(item, StreamStatus)
    assert (item.state, item.reason, item.message, token) == ("connected", None, None, None)


def test_it_is_full_when_the_broker_holds_back_what_comes() -> None:
    box = Box()
    box.inbox.own_status("disconnected")
    for sequence in range(1, STREAM_PREFETCH):
        box.event(sequence)
    assert not box.inbox.is_full
    box.event(STREAM_PREFETCH)
    assert box.inbox.is_full
    box.inbox.pop(only_events=True)
    assert not box.inbox.is_full


@pytest.mark.parametrize(
    ("method", "other"),
    [
        ("kis.subscribe", "kis.unsubscribe"),
        ("kis.subscribe-realtime-price", "kis.unsubscribe-realtime-price"),
        ("kis.subscribe-overseas-order-book", "kis.unsubscribe-overseas-order-book"),
        ("subscribe-realtime", "unsubscribe-realtime"),
    ],
)
def test_the_method_that_ends_a_subscription(method: str, other: str) -> None:
    assert unsubscribe_method(method) == other


@pytest.mark.parametrize("method", ["kis.get-balance", "kis.unsubscribe", "subscribe", "kis.subscribed", ""])
def test_other_methods_are_no_subscriptions(method: str) -> None:
    with pytest.raises(ValueError, match="no subscription"):
        unsubscribe_method(method)


class DeliveryMachine(RuleBasedStateMachine):
    """A queue that gives back what was not acknowledged at each cut, and a program that takes."""

    def __init__(self) -> None:
        super().__init__()
        self.box = Box()
        self.sent = 0
        self.queue: list[int] = []
        self.unacknowledged: list[tuple[int, int]] = []
        self.tag = 0
        self.connection = 0
        self.seen: list[int] = []
        self.missed = 0

    @rule(count=st.integers(1, 5))
    def publish(self, count: int) -> None:
        self.queue += range(self.sent + 1, self.sent + count + 1)
        self.sent += count

    @precondition(lambda self: self.queue)
    @rule()
    def deliver(self) -> None:
        sequence = self.queue.pop(0)
        self.tag += 1
        if not self.box.event(sequence, (self.connection, self.tag)):
            self.unacknowledged.append((self.tag, sequence))

    @precondition(lambda self: self.queue)
    @rule()
    def expire(self) -> None:
        self.queue.pop(0)

    @rule()
    def take(self) -> None:
        item, token = self.box.inbox.pop(only_events=True)
        if isinstance(item, StreamEvent):
            assert item.sequence is not None
            assert item.missed is not None
            self.seen.append(item.sequence)
            self.missed += item.missed
            connection, tag = token
            if connection == self.connection:
                self.unacknowledged = [pair for pair in self.unacknowledged if pair[0] > tag]

    @rule()
    def cut(self) -> None:
        self.queue = [sequence for _, sequence in self.unacknowledged] + self.queue
        self.unacknowledged = []
        self.connection += 1
        self.tag = 0

    @invariant()
    def in_order_and_never_twice_and_every_gap_is_told(self) -> None:
        assert self.seen == sorted(set(self.seen))
        if self.seen:
            assert len(self.seen) + self.missed == self.seen[-1]


TestDeliveryMachine = DeliveryMachine.TestCase
TestDeliveryMachine.settings = settings(max_examples=80, stateful_step_count=40)
