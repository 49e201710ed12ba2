"""A message that comes again long after: what is on record answers, never a later check."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from broker_server.journal.tables import orders
from tests.support.order_floor import TASKS, Floor

pytestmark = pytest.mark.same_on_every_journal
TICKER = "005380"
AN_HOUR_AGO = timedelta(hours=1)


@pytest.fixture
def halted(floor: Floor) -> Iterator[None]:
    """Orders are halted while the test runs, unless it lets them through again itself."""
    floor.call("broker.halt-orders", {"reason": "a test"})
    yield
    floor.call("broker.resume-orders", {"reason": "the test is over"})


def market(quantity: int) -> dict[str, Any]:
    return {"ticker": TICKER, "quantity": quantity, "order_type": "market"}


def place(floor: Floor, quantity: int, **keys: Any) -> tuple[str, dict[str, Any]]:
    """Publish a market order; its id and its first reply."""
    task_id, body = floor.body("kis.buy-order", market(quantity), **keys)
    floor.wire.publish(body, to="tasks.orders")
    return task_id, floor.wire.wait(task_id).json


def again(floor: Floor, task_id: str, quantity: int, *, to: str = TASKS, **keys: Any) -> dict[str, Any]:
    """Publish it again; the reply to that."""
    before = len(floor.wire.replies[task_id])
    _, body = floor.body("kis.buy-order", market(quantity), task_id=task_id, **keys)
    floor.wire.publish(body, to=to)
    return floor.wire.wait(task_id, count=before + 1).json


def test_replay_after_a_halt_and_after_the_resume_is_the_recorded_outcome(floor: Floor) -> None:
    task_id, first = place(floor, 21)
    floor.call("broker.halt-orders", {"reason": "a test"})
    refused_id, refused = place(floor, 22)
    assert refused["error"]["code"] == "ORDERS_DISABLED"
    assert "a test" in refused["error"]["message"]
    while_halted = again(floor, task_id, 21)
    floor.call("broker.resume-orders", {"reason": "the test is over"})
    for replay in (while_halted, again(floor, task_id, 21)):
        assert (replay["status"], replay["result"]) == ("TASK_SUCCEED", first["result"])
        assert replay["replayed"] is True
    # What a halt refused stays refused: a stray copy must not run when nobody expects it any more.
    stray = again(floor, refused_id, 22)
    assert stray["error"]["code"] == "ORDERS_DISABLED"
    assert stray["error"]["retryable"] is False
    assert stray["replayed"] is True
    assert floor.order(refused_id)["state"] == "REFUSED"
    assert len(floor.brokerage.orders(TICKER, 21)) == 1
    assert floor.brokerage.orders(TICKER, 22) == []


def test_replay_after_its_deadline_is_the_recorded_outcome(floor: Floor) -> None:
    task_id, first = place(floor, 23)
    old = (datetime.now(UTC) - AN_HOUR_AGO).isoformat()
    replay = again(floor, task_id, 23, deadline=old, request_time=old)
    assert (replay["status"], replay["result"]) == ("TASK_SUCCEED", first["result"])
    assert replay["replayed"] is True
    assert len(floor.brokerage.orders(TICKER, 23)) == 1


@pytest.mark.parametrize("stale", ["deadline", "request_time"])
def test_what_expired_once_stays_expired(floor: Floor, stale: str) -> None:
    old = (datetime.now(UTC) - AN_HOUR_AGO).isoformat()
    quantity = 24 if stale == "deadline" else 25
    task_id, first = place(floor, quantity, **{stale: old})
    assert first["error"]["code"] == "TASK_EXPIRED"
    replay = again(floor, task_id, quantity)
    assert replay["error"]["code"] == "TASK_EXPIRED"
    assert replay["replayed"] is True
    assert floor.brokerage.orders(TICKER, quantity) == []


def test_replay_on_the_next_day_is_a_conflict_that_names_the_old_order(floor: Floor) -> None:
    task_id, first = place(floor, 26)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with floor.engine.begin() as connection:
        # The worker's clock is the machine's, so the day of the row is moved instead of today.
        connection.execute(
            update(orders)
            .where(orders.c.task_id == task_id)
            .values(
                received_at=yesterday,
                trading_day=(yesterday + timedelta(hours=9)).date().isoformat(),
                version=orders.c.version + 1,  # the keeper may be about to write the row as it was
            )
        )
    error = again(floor, task_id, 26)["error"]
    assert error["code"] == "DUPLICATE_TASK_CONFLICT"
    assert "another trading day" in error["message"]
    assert first["result"][0]["order_no"] in error["message"]
    assert "ACCEPTED" in error["message"]
    assert yesterday.isoformat()[:19] in error["message"]
    assert len(floor.brokerage.orders(TICKER, 26)) == 1


@pytest.mark.parametrize("state", ["ACCEPTED", "REFUSED"])
def test_another_order_under_the_same_id_is_a_conflict(floor: Floor, state: str) -> None:
    quantity = 27 if state == "ACCEPTED" else 28
    keys = {} if state == "ACCEPTED" else {"deadline": (datetime.now(UTC) - AN_HOUR_AGO).isoformat()}
    task_id, _ = place(floor, quantity, **keys)
    error = again(floor, task_id, 127)["error"]
    assert error["code"] == "DUPLICATE_TASK_CONFLICT"
    assert state in error["message"]
    assert error["retryable"] is False
    assert floor.brokerage.orders(TICKER, 127) == []
    # The order itself is still there for the one who asked for it.
    assert again(floor, task_id, quantity)["replayed"] is True


def test_replay_goes_to_whoever_asks_again(floor: Floor) -> None:
    task_id, first = place(floor, 29)
    queue = floor.wire.channel.queue_declare("", exclusive=True).method.queue
    _, body = floor.body("kis.buy-order", market(29), task_id=task_id)
    floor.wire.publish(body, to=TASKS, reply_to=queue, correlation_id="again")
    message = floor.wire.take(queue)
    assert message.properties.correlation_id == "again"
    assert message.json["result"] == first["result"]
    assert message.json["replayed"] is True


@pytest.mark.usefixtures("halted")
def test_halt_outlives_its_worker(floor: Floor) -> None:
    assert floor.worker.terminate() == 0
    floor.start()
    task_id, reply = place(floor, 30)
    assert reply["error"]["code"] == "ORDERS_DISABLED"
    assert floor.order(task_id)["state"] == "REFUSED"
    assert floor.brokerage.orders(TICKER, 30) == []
