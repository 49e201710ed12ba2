"""A worker that dies at a named step of an order: what the next one makes of it, and what was booked."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.support.brokerage import BUY, LIST
from tests.support.order_floor import ORDERS, Floor
from tests.support.processes import CommandProcess
from tests.support.waiting import PATIENCE, wait_until

CHAOS = "from tests.support.chaos_worker import main"
STEPS = {
    "before_claim": (None, "TASK_SUCCEED"),
    "claimed": ("RECEIVED", "TASK_SUCCEED"),
    "before_sending": ("RECEIVED", "TASK_SUCCEED"),
    "sending": ("SENDING", "NOT_SENT"),
    "sent": ("SENDING", "ACCEPTED"),
    "recorded": ("ACCEPTED", "TASK_SUCCEED"),
    "confirmed": ("ACCEPTED", "TASK_SUCCEED"),
}
"""By step: what the journal says after the death, and the end: a reply, or a state that settles first."""
SETTINGS = {"LEASE_HEARTBEAT": "2"}


def start_mortal(floor: Floor, step: str, *, ready: bool = True) -> CommandProcess:
    """A worker that dies at that step."""
    return floor.start(ready=ready, program=CHAOS, settings=SETTINGS | {"CHAOS_STEP": step})


def wait_dead(worker: CommandProcess) -> None:
    """Wait until it has died of its step."""
    assert worker.wait(2 * PATIENCE) == -signal.SIGKILL, worker.output
    assert any(line.startswith("CHAOS died at") for line in worker.stderr_lines)


def limit(floor: Floor, quantity: int, ticker: str = "005930") -> dict[str, Any]:
    return {"ticker": ticker, "quantity": quantity, "price": floor.low_price(ticker)}


@pytest.mark.timeout(900)
@pytest.mark.same_on_every_journal
def test_order_survives_the_death_of_its_worker_at_every_step(new_floor: Floor) -> None:
    brokerage, wire = new_floor.brokerage, new_floor.wire
    sent: dict[str, str] = {}
    worker = start_mortal(new_floor, "before_claim step-0")
    for number, (step, (left, _)) in enumerate(STEPS.items()):
        task_id = f"step-{number}"
        sent[step] = task_id
        wire.send("kis.buy-order", limit(new_floor, 131 + number), task_id=task_id, to=ORDERS)
        wait_dead(worker)
        record = new_floor.journal.find(task_id)
        assert (None if record is None else record.order.state) == left, step
        following = list(STEPS)[number + 1] if number + 1 < len(STEPS) else "never"
        target = following if following == "confirmed" else f"{following} step-{number + 1}"
        if following == "confirmed":
            # That step names no order, and what is left of this one would reach it: let it be answered first.
            settler = new_floor.start(settings=SETTINGS)
            wire.wait(task_id, 2 * PATIENCE)
            wait_until(lambda: new_floor.record(f"step-{number}").replied, what="the note")  # noqa: B023
            assert settler.terminate() == 0
        worker = start_mortal(new_floor, target)

    for number, (step, (_, end)) in enumerate(STEPS.items()):
        task_id = sent[step]
        booked = brokerage.orders("005930", 131 + number)
        if end.startswith("TASK"):
            assert wire.wait(task_id, 2 * PATIENCE).json["status"] == end, step
            assert len(booked) == 1, step
        else:
            new_floor.wait_order(task_id, state=end)
            assert len(booked) == (end == "ACCEPTED"), step
            # Whoever waits was told that it is not known yet, and is told the end.
            last = "TASK_SUCCEED" if end == "ACCEPTED" else "TASK_FAILED"
            wait_until(lambda: _statuses(new_floor, task_id)[-1:] == [last], 2 * PATIENCE, step)  # noqa: B023
        record = new_floor.record(task_id)
        assert [record.order.order_no] == [each["order_no"] for each in booked] or not booked
    assert brokerage.calls(BUY) == len(brokerage.orders("005930")) == len(STEPS) - 1
    worker.kill()


def _statuses(floor: Floor, task_id: str) -> list[str]:
    floor.wire.connection.process_data_events(0)
    return [message.json["status"] for message in floor.wire.replies[task_id]]


@pytest.mark.same_on_every_journal
def test_outcome_whose_reply_was_never_confirmed_is_sent_on_start_without_its_message(
    new_floor: Floor,
) -> None:
    wire = new_floor.wire
    worker = start_mortal(new_floor, "recorded")
    task_id = new_floor.send("kis.buy-order", limit(new_floor, 141), correlation_id="mine")
    wait_dead(worker)
    wait_until(lambda: wire.depth(ORDERS) == 1, what="the message to be back in its queue")
    wire.channel.queue_purge(ORDERS)
    assert not new_floor.record(task_id).replied

    new_floor.start(settings=SETTINGS)
    reply = wire.wait(task_id, 2 * PATIENCE)
    (booked,) = new_floor.brokerage.orders("005930", 141)
    assert reply.json["status"] == "TASK_SUCCEED"
    assert reply.json["result"][0]["order_no"] == booked["order_no"]
    assert reply.json["replayed"] is True
    assert reply.properties.correlation_id == "mine"
    wait_until(lambda: new_floor.record(task_id).replied, what="the note that it arrived")

    # It arrived once, so another start sends it no second time.
    assert new_floor.worker.terminate() == 0
    new_floor.start(settings=SETTINGS)
    after = new_floor.send("kis.buy-order", limit(new_floor, 142))
    wire.wait(after)
    assert len(wire.replies[task_id]) == 1


@pytest.mark.same_on_every_journal
@pytest.mark.parametrize("ticker", ["005930", "000660"], ids=["of the same ticker", "of another ticker"])
def test_orders_behind_a_lost_one_leave_in_the_order_of_their_arrival(new_floor: Floor, ticker: str) -> None:
    worker = start_mortal(new_floor, "sending")
    lost = new_floor.send("kis.buy-order", limit(new_floor, 150, ticker))
    wait_dead(worker)
    # Of the same ticker they wait until it is settled, else until the start has looked into it.
    new_floor.brokerage.fault("latency", seconds=2, tr=LIST)
    sent = [new_floor.send("kis.buy-order", limit(new_floor, 151 + number)) for number in range(4)]
    new_floor.start(settings=SETTINGS)
    wait_until(lambda: new_floor.brokerage.calls(LIST), what="the list to be asked for")
    while not new_floor.brokerage.orders() and len(sent) < 90:
        sent.append(new_floor.send("kis.buy-order", limit(new_floor, 151 + len(sent))))
    new_floor.wire.wait_all(sent, 2 * PATIENCE)
    booked = [each["quantity"] for each in new_floor.brokerage.orders()]
    assert booked == list(range(151, 151 + len(sent)))
    assert new_floor.wait_order(lost, state="NOT_SENT")["order_no"] is None
