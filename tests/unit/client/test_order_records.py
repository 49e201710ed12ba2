from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from broker_client.errors import MalformedMessage
from broker_client.order_records import OrderRecord, OrderStep, read_order
from broker_client.protocol import TaskReply
from broker_client.results import TaskResult
from broker_server.core.orders import OPEN, UNSETTLED, State, Status
from broker_server.orders.admin_models import OrderChange, OrderView
from tests.support.order_rows import order_row


def record(**fields: Any) -> OrderRecord:
    return OrderRecord.model_validate(order_row(**fields))


def test_an_order_has_the_fields_that_a_worker_writes() -> None:
    assert set(OrderRecord.model_fields) == set(OrderView.model_fields)
    assert set(OrderStep.model_fields) == set(OrderChange.model_fields)


def test_what_a_worker_writes_can_be_read() -> None:
    written = OrderView.model_validate(order_row(price="231.10", currency="USD")).model_dump(mode="json")
    read = OrderRecord.model_validate(written)
    assert (read.price, read.average_price) == (Decimal("231.10"), Decimal(74900))
    assert read.received_at == datetime(2026, 11, 25, 17, 37, 0, 736342, UTC)
    assert read.history is None


def test_a_key_of_a_newer_worker_is_ignored() -> None:
    assert record(weather="fine").task_id == "t-1"


@pytest.mark.parametrize("state", list(State))
def test_settled_is_what_the_state_machine_calls_so(state: State) -> None:
    pending = state in UNSETTLED or state is State.RECEIVED
    assert record(state=state.value, status=None).is_settled == (not pending)
    assert record(state=state.value, status=None).is_open == pending


@pytest.mark.parametrize("status", list(Status))
def test_an_accepted_order_is_open_until_the_market_is_done_with_it(status: Status) -> None:
    assert record(status=status.value).is_open == (status in OPEN)


@pytest.mark.parametrize("rows", [[], ["한국전력"], [{"task_id": "t-1"}]])
def test_another_row_is_malformed(rows: list[Any]) -> None:
    reply = TaskReply(
        task_id="q", result=rows, response_time=datetime(2026, 11, 20, tzinfo=UTC), status="TASK_SUCCEED"
    )
    with pytest.raises(MalformedMessage, match=r"broker\.get-order"):
        read_order(TaskResult.from_reply(reply))
