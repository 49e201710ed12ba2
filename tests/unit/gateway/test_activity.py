"""What the page is told of workers, orders and events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from broker_client.aio import AsyncClient
from broker_server.gateway.activity import MOST_EVENTS, MOST_ORDERS, Activity

NOW = datetime(2026, 11, 26, 1, 2, 3, tzinfo=UTC)


def an_activity() -> Activity:
    return Activity("amqp://nowhere", AsyncClient("amqp://nowhere"), lambda: NOW)


def order_event(task: str, **more: Any) -> bytes:
    event = {"type": "order", "vendor": "kis", "task_id": task, "time": "2026-11-26T01:00:00Z", **more}
    return orjson.dumps(event)


def listed_order(task: str, **more: Any) -> dict[str, Any]:
    return {"vendor": "kis", "task_id": task, "received_at": "2026-11-25T01:00:00Z", "sent_at": None, **more}


def test_an_order_is_shown_as_it_is_now_the_newest_first() -> None:
    activity = an_activity()
    for body in (order_event("a", state="SENDING"), order_event("b"), order_event("a", state="ACCEPTED")):
        activity.take(body)
    orders = activity.document()["orders"]
    assert [(each["task_id"], each["state"]) for each in orders] == [("a", "ACCEPTED"), ("b", None)]
    assert len(activity.document()["events"]) == 3


def test_earlier_orders_come_behind_and_never_replace_what_events_told() -> None:
    activity = an_activity()
    activity.take(order_event("b", state="ACCEPTED", status="filled"))
    activity.take_earlier(
        [listed_order("c"), listed_order("b", state="SENDING"), listed_order("a"), "nonsense"]
    )
    orders = activity.document()["orders"]
    assert [each["task_id"] for each in orders] == ["b", "c", "a"]
    assert orders[0]["status"] == "filled"
    assert orders[1]["time"] == "2026-11-25T01:00:00Z"


def test_what_is_kept_is_bounded() -> None:
    activity = an_activity()
    for number in range(MOST_EVENTS + 7):
        activity.take(order_event(f"{number}"))
    activity.take_earlier([listed_order(f"earlier {number}") for number in range(MOST_ORDERS)])
    document = activity.document()
    assert len(document["events"]) == MOST_EVENTS
    assert len(document["orders"]) == MOST_ORDERS
    assert document["orders"][0]["task_id"] == f"{MOST_EVENTS + 6}"
    assert not [each for each in document["orders"] if each["task_id"].startswith("earlier")]


def test_what_is_no_event_is_left_out() -> None:
    activity = an_activity()
    for body in (b"\xff", b"[1]", b"nonsense"):
        activity.take(body)
    assert activity.document()["events"] == []


def test_workers_say_when_they_answered() -> None:
    activity = an_activity()
    assert activity.document()["trouble"]
    assert activity.document()["answered_at"] is None
    activity.take_workers([{"worker": "desk-1"}, "nonsense"])
    document = activity.document()
    assert document["workers"] == [{"worker": "desk-1"}]
    assert document["trouble"] is None
    assert document["answered_at"] == NOW.isoformat()
