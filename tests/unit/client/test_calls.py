"""The calls in flight, without a broker."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from broker_client.call import Answer, Call, CallState, Outcome
from broker_client.calls import CallBook
from broker_client.cli_support import resume_advice
from broker_client.errors import (
    BrokerUnreachable,
    ClientClosed,
    DuplicateTaskConflict,
    MalformedMessage,
    NoAnswer,
    OrderOutcomeIsUnknown,
    OrderOutcomeUnknown,
    TaskExpired,
    TaskFailed,
    TaskQueueMissing,
    VendorRejected,
    VendorUnavailable,
    WrongEnvironment,
)
from broker_client.memory import MAX_REMEMBERED_ORDERS
from broker_client.protocol import TaskReply, decode_request, encode_reply

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
READ = "kis.get-current-price"
ORDER = "kis.buy-order"


class Desk:
    """A book, and what came out of it."""

    def __init__(self, book: CallBook | None = None) -> None:
        self.book = CallBook() if book is None else book
        self.outcomes: dict[str, list[Outcome]] = {}
        self.progress: list[TaskReply] = []

    def open(self, method: str = READ, task_id: str = "t-1", **options: Any) -> Call:
        correlation_id = options.pop("correlation_id", f"c-{task_id}")
        outcomes = self.outcomes.setdefault(correlation_id, [])
        return self.book.open(
            method,
            options.pop("parameters", {"ticker": "005930"}),
            task_id=task_id,
            correlation_id=correlation_id,
            now=options.pop("now", NOW),
            timeout=options.pop("timeout", 30.0),
            on_settled=outcomes.append,
            **options,
        )

    def outcome(self, call: Call) -> Outcome:
        (outcome,) = self.outcomes[call.correlation_id]
        return outcome

    def reply(self, call: Call, *, correlation_id: str | None = None, **options: Any) -> None:
        body = encode_reply(
            call.task_id, options.pop("result", [1]), now=NOW, environment="simulated", **options
        )
        self.book.message(body, correlation_id)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def sent(desk: Desk, method: str = READ, **options: Any) -> Call:
    call = desk.open(method, **options)
    assert call in desk.book.take_queued()
    return call


def test_the_message_carries_request_time_and_deadline_with_an_offset(desk: Desk) -> None:
    call = desk.open(timeout=12.5)
    document = orjson.loads(call.body)
    assert datetime.fromisoformat(document["request_time"]) == NOW
    assert datetime.fromisoformat(document["deadline"]) == NOW + timedelta(seconds=12.5)
    assert decode_request(call.body).parameters == {"ticker": "005930"}


def test_the_expected_environment_and_the_wish_for_progress_travel() -> None:
    desk = Desk(CallBook(expected_environment="paper"))
    plain = orjson.loads(desk.open().body)
    wishing = orjson.loads(desk.open(task_id="t-2", on_progress=desk.progress.append).body)
    assert plain["expected_environment"] == "paper"
    assert "progress" not in plain
    assert wishing["progress"] is True


@pytest.mark.parametrize("method", [ORDER, "kis.cancel-order", "kis.sell-overseas-order"])
def test_an_order_goes_to_the_order_queue_and_never_expires_in_it(desk: Desk, method: str) -> None:
    call = desk.open(method)
    assert call.queue == "tasks.orders"
    assert call.expiration is None


def test_a_read_goes_to_the_task_queue_and_expires_with_its_deadline(desk: Desk) -> None:
    call = desk.open(timeout=1.5)
    assert call.queue == "tasks"
    assert call.expiration == "1500"


def test_orders_leave_before_reads_that_waited_longer(desk: Desk) -> None:
    desk.open(task_id="read-1")
    desk.open(task_id="read-2")
    desk.open(ORDER, task_id="order")
    assert [call.task_id for call in desk.book.take_queued()] == ["order", "read-1", "read-2"]
    assert desk.book.take_queued() == []


@pytest.mark.parametrize(("method", "consequence"), [(READ, "do not use"), (ORDER, "order was placed")])
def test_a_success_from_another_environment_is_an_error(method: str, consequence: str) -> None:
    desk = Desk(CallBook(expected_environment="paper"))
    call = sent(desk, method)
    desk.reply(call, result=[{"order_no": "7"}])
    outcome = desk.outcome(call)
    assert isinstance(outcome, WrongEnvironment)
    assert (outcome.environment, outcome.expected_environment) == ("simulated", "paper")
    assert outcome.result == [{"order_no": "7"}]
    assert consequence in str(outcome)


def test_a_success_of_the_expected_environment_and_a_refusal_of_another_are_answers() -> None:
    same = Desk(CallBook(expected_environment="simulated"))
    call = sent(same)
    same.reply(call)
    assert isinstance(same.outcome(call), Answer)
    other = Desk(CallBook(expected_environment="real"))
    call = sent(other)
    other.reply(call, result=[], error=TaskExpired("late"))
    assert isinstance(other.outcome(call), Answer)


def test_a_reply_is_matched_by_its_correlation_id(desk: Desk) -> None:
    call = sent(desk)
    desk.book.message(
        encode_reply("unknown", [], now=NOW, environment="real", error=MalformedMessage("no")), "c-t-1"
    )
    outcome = desk.outcome(call)
    assert isinstance(outcome, Answer)
    assert outcome.reply.status == "TASK_FAILED"


def test_a_reply_without_correlation_id_is_matched_by_its_task_id(desk: Desk) -> None:
    call = sent(desk)
    desk.reply(call)
    assert isinstance(desk.outcome(call), Answer)
    assert call.state is CallState.DONE
    assert len(desk.book) == 0


def test_a_second_reply_and_one_for_an_unknown_task_are_dropped(desk: Desk) -> None:
    call = sent(desk)
    desk.reply(call, correlation_id="c-t-1")
    desk.reply(call, correlation_id="c-t-1", result=[2])
    desk.book.message(encode_reply("other", [], now=NOW, environment="real"), "c-other")
    outcome = desk.outcome(call)
    assert isinstance(outcome, Answer)
    assert outcome.reply.result == [1]


def test_status_messages_go_to_on_progress_and_do_not_end_the_call(desk: Desk) -> None:
    call = sent(desk, on_progress=desk.progress.append)
    desk.reply(call, kind="status", result=[{"type": "progress", "done": 1, "total": None}])
    desk.reply(call, kind="event")
    assert [status.result[0]["done"] for status in desk.progress] == [1]
    assert desk.outcomes["c-t-1"] == []
    desk.reply(call, kind="ack")
    assert isinstance(desk.outcome(call), Answer)


def test_an_on_progress_that_raises_does_not_end_the_call(desk: Desk) -> None:
    def broken(status: TaskReply) -> None:
        raise RuntimeError("the caller's own mistake")

    call = sent(desk, on_progress=broken)
    desk.reply(call, kind="status")
    desk.reply(call)
    assert isinstance(desk.outcome(call), Answer)


def test_an_unreadable_reply_ends_a_read_but_not_an_order(desk: Desk) -> None:
    read = sent(desk)
    order = sent(desk, ORDER, task_id="order")
    desk.book.message(b"{", "c-t-1")
    desk.book.message(b"{", "c-order")
    desk.book.message(b"{", None)
    assert isinstance(desk.outcome(read), MalformedMessage)
    assert desk.outcomes["c-order"] == []
    assert order.state is CallState.PUBLISHED


def test_an_unconfirmed_call_is_sent_again_unchanged_after_a_reconnect(desk: Desk) -> None:
    call = sent(desk, ORDER)
    body = call.body
    desk.book.connection_lost()
    assert desk.book.take_queued() == [call]
    assert call.body is body
    assert call.attempts == 2


def test_a_confirmed_call_is_not_sent_again_after_a_reconnect(desk: Desk) -> None:
    call = sent(desk)
    desk.book.confirmed(call)
    desk.book.connection_lost()
    assert desk.book.take_queued() == []
    desk.reply(call)
    assert isinstance(desk.outcome(call), Answer)


def test_a_call_that_the_broker_refused_is_sent_again(desk: Desk) -> None:
    call = sent(desk)
    desk.book.refused(call)
    assert desk.book.take_queued() == [call]


def test_an_answered_call_is_not_sent_again_though_its_confirm_was_lost(desk: Desk) -> None:
    call = sent(desk)
    desk.reply(call)
    desk.book.connection_lost()
    desk.book.refused(call)
    assert desk.book.take_queued() == []


def test_a_read_without_an_answer_is_no_answer(desk: Desk) -> None:
    call = sent(desk)
    desk.book.expire(call)
    error = desk.outcome(call)
    assert isinstance(error, NoAnswer)
    assert (error.task_id, error.method) == ("t-1", READ)


@pytest.mark.parametrize("confirmed", [True, False])
def test_an_order_without_an_answer_has_an_unknown_outcome(desk: Desk, confirmed: bool) -> None:
    call = sent(desk, ORDER)
    if confirmed:
        desk.book.confirmed(call)
    desk.book.expire(call)
    error = desk.outcome(call)
    assert isinstance(error, OrderOutcomeUnknown)
    assert error.task_id == "t-1"


@pytest.mark.parametrize(
    ("method", "effect", "is_warned"),
    [
        ("kis.sell-overseas-order", "the order may have been placed", True),
        ("kis.modify-overseas-order", "the order may have been changed", True),
        ("kis.call-order", "the order may have been placed or changed", True),
        ("kiwoom.cancel-order", "the order may have been cancelled", False),
        ("kis.call-cancel", "the order may have been cancelled", False),
        ("broker.cancel-all-orders", "orders may have been cancelled", False),
    ],
)
def test_what_may_have_happened_is_told_by_what_was_asked_for(
    desk: Desk, method: str, effect: str, is_warned: bool
) -> None:
    call = sent(desk, method)
    desk.book.expire(call)
    told = str(desk.outcome(call))
    assert f"s, {effect}. " in told
    assert ("Do not send a new one" in told) is is_warned
    assert resume_advice("t-1", method).startswith(effect.capitalize())


def test_an_order_whose_only_confirm_was_lost_has_an_unknown_outcome(desk: Desk) -> None:
    call = sent(desk, ORDER)
    desk.book.connection_lost()
    desk.book.expire(call)
    assert isinstance(desk.outcome(call), OrderOutcomeUnknown)


@pytest.mark.parametrize("method", [READ, ORDER])
def test_a_task_that_never_left_was_not_sent_and_never_will_be(desk: Desk, method: str) -> None:
    call = desk.open(method)
    desk.book.expire(call, trouble="connection refused")
    error = desk.outcome(call)
    assert type(error) is BrokerUnreachable
    assert "not sent" in str(error)
    assert "connection refused" in str(error)
    assert desk.book.take_queued() == []


def test_a_resumed_order_that_never_left_again_still_has_an_unknown_outcome(desk: Desk) -> None:
    first = sent(desk, ORDER)
    desk.book.expire(first)
    again = desk.open(ORDER, correlation_id="c-2")
    desk.book.expire(again)
    assert isinstance(desk.outcome(again), OrderOutcomeUnknown)


@pytest.mark.parametrize(("method", "queue"), [(READ, "tasks"), (ORDER, "tasks.orders")])
def test_a_returned_task_names_the_missing_queue(desk: Desk, method: str, queue: str) -> None:
    call = sent(desk, method)
    desk.book.returned("c-t-1")
    desk.book.confirmed(call)
    error = desk.outcome(call)
    assert isinstance(error, TaskQueueMissing)
    assert error.queue == queue
    assert "broker-server run" in str(error)
    assert ("the order was not sent" in str(error)) is (method == ORDER)


def test_an_order_returned_on_its_second_attempt_has_an_unknown_outcome(desk: Desk) -> None:
    call = sent(desk, ORDER)
    desk.book.connection_lost()
    desk.book.take_queued()
    desk.book.returned("c-t-1")
    assert isinstance(desk.outcome(call), OrderOutcomeUnknown)


def test_a_return_for_nobody_is_ignored(desk: Desk) -> None:
    desk.book.returned(None)
    desk.book.returned("c-none")
    assert len(desk.book) == 0


def test_a_task_id_in_flight_cannot_be_used_twice(desk: Desk) -> None:
    sent(desk)
    with pytest.raises(DuplicateTaskConflict):
        desk.open(correlation_id="c-2")


@pytest.mark.parametrize(
    "options",
    [
        {"task_id": ""},
        {"task_id": "x" * 256},
        {"timeout": 0.0},
        {"timeout": -1.0},
        {"timeout": float("nan")},
        {"timeout": 1e9},
    ],
)
def test_an_argument_out_of_range_is_refused_before_anything_is_kept(
    desk: Desk, options: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"task_id|timeout"):
        desk.open(**options)
    assert len(desk.book) == 0


def test_recall_gives_method_and_parameters_of_an_unanswered_task(desk: Desk) -> None:
    call = sent(desk, parameters={"ticker": "000660"})
    desk.book.expire(call)
    assert desk.book.recall("t-1") == (READ, {"ticker": "000660"})


def test_recall_forgets_an_answered_read_but_keeps_an_answered_order(desk: Desk) -> None:
    desk.reply(sent(desk))
    desk.reply(sent(desk, ORDER, task_id="order"))
    assert desk.book.recall("order")[0] == ORDER
    with pytest.raises(LookupError, match="resume"):
        desk.book.recall("t-1")


def test_recall_keeps_a_bounded_number_of_answered_orders_and_every_unanswered_one(desk: Desk) -> None:
    desk.book.expire(sent(desk, ORDER, task_id="unanswered"))
    for number in range(MAX_REMEMBERED_ORDERS + 1):
        desk.reply(sent(desk, ORDER, task_id=f"o-{number}"))
    assert desk.book.recall("unanswered")
    assert desk.book.recall("o-1")
    with pytest.raises(LookupError):
        desk.book.recall("o-0")


def test_a_resumed_order_keeps_the_age_of_the_first_call(desk: Desk) -> None:
    desk.book.expire(sent(desk, ORDER))
    later = NOW + timedelta(minutes=5)
    again = decode_request(desk.open(ORDER, correlation_id="c-2", now=later).body)
    assert again.request_time == NOW
    assert again.deadline == later + timedelta(seconds=30)


def test_a_repeated_read_is_as_young_as_it_is(desk: Desk) -> None:
    desk.book.expire(sent(desk))
    later = NOW + timedelta(minutes=5)
    again = decode_request(desk.open(correlation_id="c-2", now=later).body)
    assert again.request_time == later


def test_the_late_refusal_of_an_earlier_copy_does_not_end_the_resumed_order(desk: Desk) -> None:
    desk.book.expire(sent(desk, ORDER))
    again = sent(desk, ORDER, correlation_id="c-2", resumed=True)
    desk.reply(again, correlation_id="c-t-1", error=TaskExpired("too late"), result=[])
    assert desk.outcomes["c-2"] == []
    desk.reply(again, correlation_id="c-2", extra={"replayed": True})
    outcome = desk.outcome(again)
    assert isinstance(outcome, Answer)
    assert outcome.reply.replayed


def test_the_late_success_of_an_earlier_copy_ends_the_resumed_order(desk: Desk) -> None:
    desk.book.expire(sent(desk, ORDER))
    again = sent(desk, ORDER, correlation_id="c-2", resumed=True)
    desk.reply(again, correlation_id="c-t-1", result=[{"order_no": "1"}])
    assert isinstance(desk.outcome(again), Answer)


@pytest.mark.parametrize("error", [None, VendorRejected("refused"), VendorUnavailable("not sent")])
def test_an_outcome_that_is_found_out_later_ends_the_resumed_order(
    desk: Desk, error: TaskFailed | None
) -> None:
    unknown = OrderOutcomeIsUnknown("nobody knows")
    first = sent(desk, ORDER)
    desk.reply(first, correlation_id="c-t-1", error=unknown, result=[])
    again = sent(desk, ORDER, correlation_id="c-2", resumed=True)
    desk.reply(again, correlation_id="c-t-1", error=unknown, result=[], extra={"replayed": True})
    assert desk.outcomes["c-2"] == []
    desk.reply(again, correlation_id="c-t-1", error=error, extra={"replayed": True})
    outcome = desk.outcome(again)
    assert isinstance(outcome, Answer)
    assert outcome.reply.status == ("TASK_SUCCEED" if error is None else "TASK_FAILED")


def test_an_outcome_that_is_found_out_later_makes_no_noise_when_nobody_waits(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    call = sent(desk, ORDER)
    desk.reply(call, correlation_id="c-t-1", error=OrderOutcomeIsUnknown("nobody knows"), result=[])
    with caplog.at_level(logging.INFO, "broker_client"):
        for correlation_id in ("c-t-1", "c-0", None):
            desk.reply(call, correlation_id=correlation_id, extra={"replayed": True})
    assert not caplog.messages
    assert len(desk.outcomes["c-t-1"]) == 1
    assert len(desk.book) == 0


def test_the_outcome_of_an_order_is_no_answer_to_another_under_the_same_id(desk: Desk) -> None:
    desk.book.expire(sent(desk, ORDER))
    other = sent(desk, ORDER, correlation_id="c-2", parameters={"ticker": "000660"})
    desk.reply(other, correlation_id="c-t-1", result=[{"order_no": "1"}])
    desk.reply(other, correlation_id="c-t-1", error=VendorRejected("no"), extra={"replayed": True})
    assert desk.outcomes["c-2"] == []
    desk.reply(other, correlation_id="c-2", error=DuplicateTaskConflict("used"), result=[])
    assert isinstance(desk.outcome(other), Answer)


@pytest.mark.parametrize(
    ("method", "named"),
    [
        (ORDER, True),
        ("kis.cancel-overseas-order", True),
        ("broker.cancel-all-orders", True),
        ("broker.halt-orders", True),
        ("broker.resume-orders", True),
        ("broker.resolve-order", True),
        ("broker.get-order", False),
        (READ, False),
    ],
)
def test_what_is_done_to_orders_names_its_user(desk: Desk, method: str, named: bool) -> None:
    assert desk.open(method).names_its_user == named


def test_closing_ends_every_call_by_how_far_it_got(desk: Desk) -> None:
    read = sent(desk, task_id="read")
    order = sent(desk, ORDER, task_id="order")
    unsent = desk.open(ORDER, task_id="unsent")
    desk.book.close()
    assert isinstance(desk.outcome(read), ClientClosed)
    assert isinstance(desk.outcome(order), OrderOutcomeUnknown)
    assert isinstance(desk.outcome(unsent), ClientClosed)
    with pytest.raises(ClientClosed):
        desk.open(task_id="late")


def test_a_task_that_may_not_be_sent_ends_and_an_order_only_where_that_is_certain(desk: Desk) -> None:
    alone = desk.open(ORDER)
    desk.book.take_queued()
    desk.book.forbidden("no right")
    error = desk.outcome(alone)
    assert isinstance(error, BrokerUnreachable)
    assert str(error) == "kis.buy-order (t-1) was not sent: no right"

    confirmed, order, read = desk.open(ORDER, "t-2"), desk.open(ORDER, "t-3"), desk.open(READ, "t-4")
    desk.book.take_queued()
    desk.book.confirmed(confirmed)
    desk.book.forbidden("no right")
    assert desk.outcomes[confirmed.correlation_id] == []
    assert isinstance(desk.outcome(order), OrderOutcomeUnknown)
    assert isinstance(desk.outcome(read), BrokerUnreachable)

    again = desk.open(ORDER, "t-5", resumed=True)
    desk.book.take_queued()
    desk.book.forbidden("no right")
    assert isinstance(desk.outcome(again), OrderOutcomeUnknown)
