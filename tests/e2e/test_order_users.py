"""Who sent an order is what RabbitMQ verified, and nothing that a client writes into its message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pika.exceptions import ChannelClosedByBroker

from tests.support.broker_cleaning import AddUser
from tests.support.order_floor import Floor, open_floor
from tests.support.task_wire import TaskWire

USERS = ("trader", "stranger")
ACCOUNT_QUEUE = "tasks.kis.default.orders"


@pytest.fixture
def guarded(clean_broker: str, add_user: AddUser, tmp_path: Path) -> Iterator[Floor]:
    """A floor at a broker with two more users, whose worker takes orders of one of them only."""
    for user in USERS:
        add_user(user, f"{user}-password")
    journal = f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    with open_floor(clean_broker, tmp_path, journal, settings={"ORDER_USERS": "trader"}) as floor:
        floor.start()
        yield floor


def login(floor: Floor, user: str) -> TaskWire:
    """A client of that user."""
    return TaskWire(f"amqp://{user}:{user}-password@{floor.url.rpartition('@')[2]}")


def order(quantity: int) -> dict[str, Any]:
    return {"ticker": "005930", "quantity": quantity, "order_type": "market"}


@pytest.mark.timeout(900)
def test_only_the_named_user_orders_and_no_header_helps(guarded: Floor) -> None:
    with login(guarded, "trader") as trader, login(guarded, "stranger") as stranger:
        to = "tasks.orders"
        placed = trader.send("kis.buy-order", order(81), to=to, user_id="trader", task_id="by-trader")
        receipt = trader.wait(placed).json["result"][0]
        shown = stranger.call("broker.get-order", {"task_id": placed})["result"][0]
        assert (shown["user"], shown["state"]) == ("trader", "ACCEPTED")

        forged = {"x-sapi-user": "trader", "x-sapi-hops": 1}
        attempts: list[dict[str, Any]] = [
            {"to": to},
            {"to": to, "user_id": "stranger"},
            {"to": to, "headers": forged},
            {"to": to, "headers": forged, "user_id": "stranger"},
            {"to": "tasks", "headers": forged, "user_id": "stranger"},
            {"to": ACCOUNT_QUEUE, "headers": forged},
            {"to": ACCOUNT_QUEUE, "headers": forged, "user_id": "stranger"},
        ]
        for number, attempt in enumerate(attempts):
            task_id = stranger.send("kis.buy-order", order(82), task_id=f"forged-{number}", **attempt)
            error = stranger.wait(task_id).json["error"]
            assert (error["code"], error["retryable"]) == ("ORDER_GUARD", False), attempt
            assert "ORDER_USERS" in error["message"]
            verified = attempt.get("user_id")
            assert guarded.record(task_id).order.user == verified
        error = stranger.error("broker.cancel-all-orders", to=to, user_id="stranger", task_id="stop")
        assert error["code"] == "ORDER_GUARD"

        # Anybody halts; who may not order may not let orders through again, nor settle one.
        reason = {"reason": "a stranger"}
        assert stranger.call("broker.halt-orders", reason)["status"] == "TASK_SUCCEED"
        error = stranger.error("broker.resume-orders", reason, user_id="stranger")
        assert (error["code"], "ORDER_USERS" in error["message"]) == ("ORDER_GUARD", True)
        reply = trader.call("broker.resume-orders", {"reason": "the trader"}, user_id="trader")
        assert reply["status"] == "TASK_SUCCEED"
        hand = {"task_id": placed, "state": "REJECTED", **reason}
        error = stranger.error("broker.resolve-order", hand, user_id="stranger")
        assert (error["code"], "ORDER_USERS" in error["message"]) == ("ORDER_GUARD", True)

        # A user may not even repeat the order of another: the outcome is told, nothing is sent.
        again = stranger.send("kis.buy-order", order(81), to=to, user_id="stranger", task_id=placed)
        assert stranger.wait(again).json["replayed"] is True
        assert guarded.record(placed).order.user == "trader"

        with pytest.raises(ChannelClosedByBroker, match="user_id"):
            stranger.send("kis.buy-order", order(83), to=to, user_id="trader")

        low = guarded.low_price("000660")
        resting = trader.send(
            "kis.buy-order",
            {"ticker": "000660", "quantity": 84, "price": low},
            to=to,
            user_id="trader",
            task_id="resting",
        )
        trader.wait(resting)
        rows = trader.call("broker.cancel-all-orders", to=to, user_id="trader", task_id="all")["result"]
        assert [row["cancelled"] for row in rows] == [True]
        assert guarded.record(rows[0]["task_id"]).order.user == "trader"
    booked = guarded.brokerage.orders()
    assert [each["quantity"] for each in booked] == [81, 84]
    assert booked[0]["order_no"] == receipt["order_no"]
