"""The calls in flight under any order of events."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from broker_client.call import Answer, Call, CallState, Outcome
from broker_client.calls import CallBook
from broker_client.errors import BrokerUnreachable, NoAnswer, OrderOutcomeUnknown, TaskQueueMissing
from broker_client.protocol import decode_request, encode_reply

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


class CallMachine(RuleBasedStateMachine):
    """A broker that takes, refuses, returns, loses and answers in any order."""

    calls = Bundle("calls")
    on_the_wire = Bundle("on_the_wire")

    def __init__(self) -> None:
        super().__init__()
        self.book = CallBook()
        self.outcomes: dict[str, list[Outcome]] = {}
        self.handed_over: dict[str, int] = {}
        self.bodies: dict[str, bytes] = {}
        self.all_calls: list[Call] = []

    @rule(target=calls, order=st.booleans())
    def open(self, order: bool) -> Call:
        task_id = f"t-{len(self.all_calls)}"
        outcomes = self.outcomes.setdefault(task_id, [])
        call = self.book.open(
            "kis.buy-order" if order else "broker.ping",
            {"n": len(self.all_calls)},
            task_id=task_id,
            correlation_id=f"c-{task_id}",
            now=NOW,
            timeout=5.0,
            on_settled=outcomes.append,
        )
        self.all_calls.append(call)
        self.bodies[task_id] = call.body
        self.handed_over[task_id] = 0
        return call

    @rule(target=on_the_wire)
    def flush(self) -> object:
        calls = self.book.take_queued()
        for call in calls:
            assert call.state is CallState.PUBLISHED
            assert not self.outcomes[call.task_id], "a finished task was sent"
            assert call.body == self.bodies[call.task_id]
            assert decode_request(call.body).task_id == call.task_id
            self.handed_over[call.task_id] += 1
        assert [call.is_order for call in calls] == sorted((call.is_order for call in calls), reverse=True)
        return multiple(*calls)

    @rule(call=on_the_wire)
    def confirm(self, call: Call) -> None:
        self.book.confirmed(call)

    @rule(call=consumes(on_the_wire))
    def refuse(self, call: Call) -> None:
        self.book.refused(call)

    @rule(call=consumes(on_the_wire))
    def hand_back(self, call: Call) -> None:
        self.book.returned(call.correlation_id)

    @rule()
    def lose_the_connection(self) -> None:
        self.book.connection_lost()

    @rule(call=on_the_wire, correlated=st.booleans())
    def answer(self, call: Call, correlated: bool) -> None:
        body = encode_reply(call.task_id, [], now=NOW, environment="simulated")
        self.book.message(body, call.correlation_id if correlated else None)

    @rule(call=calls)
    def expire(self, call: Call) -> None:
        self.book.expire(call)

    @invariant()
    def every_call_ends_once_and_truthfully(self) -> None:
        for call in self.all_calls:
            outcomes = self.outcomes[call.task_id]
            assert (call.state is CallState.DONE) == (len(outcomes) == 1)
            if not outcomes:
                continue
            outcome, times = outcomes[0], self.handed_over[call.task_id]
            if type(outcome) is BrokerUnreachable:
                assert times == 0
            elif isinstance(outcome, TaskQueueMissing):
                assert times == 1 or not call.is_order
            elif isinstance(outcome, OrderOutcomeUnknown):
                assert call.is_order
                assert times
            elif isinstance(outcome, NoAnswer):
                assert not call.is_order
                assert times
            else:
                assert isinstance(outcome, Answer)

    @invariant()
    def only_open_calls_are_kept(self) -> None:
        assert len(self.book) == sum(call.state is not CallState.DONE for call in self.all_calls)


CallMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestCallMachine = CallMachine.TestCase
