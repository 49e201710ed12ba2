"""Waiting for an order to be settled, in a time of its own."""

from __future__ import annotations

import pytest

from broker_client.errors import (
    BrokerError,
    BrokerUnreachable,
    ClientClosed,
    InternalError,
    InvalidParameters,
    NoAnswer,
    OrderNotSettled,
    TaskQueueMissing,
    UnknownMethod,
    VendorUnavailable,
)
from broker_client.order_records import OrderRecord
from broker_client.settling import ASK_SECONDS, wait_settled, wait_settled_async
from tests.support.order_rows import order_row


def order(state: str, **fields: object) -> OrderRecord:
    return OrderRecord.model_validate(order_row(state=state, status=None, **fields))


class Worker:
    """Gives its answers in turn, the last one for ever; time passes only by pauses and slow answers."""

    def __init__(self, *answers: OrderRecord | BrokerError, seconds: float = 0.0) -> None:
        self.answers = list(answers)
        self.seconds = seconds
        self.now = 1000.0
        self.patience: list[float] = []
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def ask(self, patience: float) -> OrderRecord:
        self.patience.append(patience)
        self.now += min(self.seconds, patience)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BrokerError):
            raise answer
        return answer

    def wait(self, seconds: float = 60.0) -> OrderRecord:
        return wait_settled(self.ask, "t-1", seconds, monotonic=self.monotonic, pause=self.pause)

    async def wait_async(self, seconds: float = 60.0) -> OrderRecord:
        async def ask(patience: float) -> OrderRecord:
            return self.ask(patience)

        async def pause(seconds: float) -> None:
            self.pause(seconds)

        return await wait_settled_async(ask, "t-1", seconds, monotonic=self.monotonic, pause=pause)


@pytest.mark.parametrize("state", ["ACCEPTED", "REJECTED", "NOT_SENT", "REFUSED"])
def test_a_settled_order_is_returned_at_once(state: str) -> None:
    worker = Worker(order(state))
    assert worker.wait().state == state
    assert worker.pauses == []


def test_it_asks_again_less_and_less_often_until_the_order_is_settled() -> None:
    worker = Worker(*[order("UNKNOWN")] * 8, order("ACCEPTED"))
    assert worker.wait().state == "ACCEPTED"
    assert len(worker.pauses) == 8
    for number, pause in enumerate(worker.pauses):
        assert min(5.0, 0.2 * 2**number) / 2 <= pause <= min(5.0, 0.2 * 2**number)


@pytest.mark.parametrize(
    "trouble",
    [
        NoAnswer("q", "broker.get-order", 10.0),
        BrokerUnreachable("gone"),
        InvalidParameters("task_id: no order t-1 is on record"),
        VendorUnavailable("later"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_missing_worker_and_an_order_on_its_way_are_waited_for(trouble: BrokerError) -> None:
    assert Worker(trouble, trouble, order("ACCEPTED")).wait().state == "ACCEPTED"


@pytest.mark.parametrize(
    "trouble",
    [
        UnknownMethod("an older worker"),
        InternalError("a defect"),
        ClientClosed("closed"),
        TaskQueueMissing("q", "broker.get-order", "tasks", is_order=False),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_asking_again_cannot_mend_is_raised(trouble: BrokerError) -> None:
    worker = Worker(trouble)
    with pytest.raises(type(trouble)):
        worker.wait()
    assert worker.pauses == []


def test_the_time_out_says_what_is_known() -> None:
    worker = Worker(order("UNKNOWN", reason="two candidates", stuck=True))
    with pytest.raises(OrderNotSettled, match=r"broker\.resolve-order") as caught:
        worker.wait(20)
    assert (caught.value.task_id, caught.value.state, caught.value.stuck) == ("t-1", "UNKNOWN", True)
    assert "not settled within 20 s, it is UNKNOWN (two candidates). Do not send a new one" in str(
        caught.value
    )
    assert 20 <= worker.now - 1000 < 20.001
    assert len(worker.pauses) < 15


def test_the_time_out_of_an_order_that_nobody_has_says_so() -> None:
    worker = Worker(InvalidParameters("task_id: no order t-1 is on record"))
    with pytest.raises(OrderNotSettled, match=r"no worker told of it .*no order t-1 is on record") as caught:
        worker.wait(5)
    assert caught.value.state is None
    assert isinstance(caught.value.__cause__, InvalidParameters)


def test_no_answer_is_waited_for_longer_than_the_whole() -> None:
    worker = Worker(NoAnswer("q", "broker.get-order", 1.0), seconds=ASK_SECONDS)
    with pytest.raises(OrderNotSettled):
        worker.wait(25)
    assert max(worker.patience) == ASK_SECONDS
    assert worker.now - 1000 <= 25.001


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), 1e9])
def test_a_time_out_of_range_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        Worker(order("ACCEPTED")).wait(seconds)


async def test_the_asynchronous_face_does_the_same() -> None:
    worker = Worker(order("UNKNOWN"), NoAnswer("q", "broker.get-order", 1.0), order("REJECTED"))
    assert (await worker.wait_async()).state == "REJECTED"
    assert len(worker.pauses) == 2
    with pytest.raises(OrderNotSettled):
        await Worker(order("SENDING")).wait_async(3)
    with pytest.raises(UnknownMethod):
        await Worker(UnknownMethod("an older worker")).wait_async()
