"""What a worker does with the tasks of a vendor that it does not serve."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from pika.spec import BasicProperties

from broker_client.errors import TaskFailed
from broker_server.amqp.counters import Counters
from broker_server.amqp.delivery import Delivery, ReplyAddress
from broker_server.amqp.forwarding import DEFAULT_VENDOR
from broker_server.amqp.intake import Intake, Rules
from broker_server.amqp.neighbours import Neighbour, Neighbours
from broker_server.amqp.publisher import Fate
from broker_server.core.methods import MethodRegistry
from broker_server.orders.admin_models import CancelAllOrders

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PASSED = "2026-11-20T08:59:00+00:00"


class OpenChannel:
    """A consuming channel."""

    is_open = True


class FakeAcks:
    """Forgets what is acked."""

    def add(self, tag: int) -> None:
        pass


class FakeForwarder:
    """Confirms what is published."""

    def __init__(self) -> None:
        self.queues: list[str] = []

    def publish(
        self, queue: str, body: bytes, properties: BasicProperties, on_fate: Callable[[Fate], None]
    ) -> None:
        self.queues.append(queue)
        on_fate(Fate.CONFIRMED)


class FakeReplier:
    """Keeps the codes of the errors that are answered."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def encode(self, task_id: str, rows: list[object], *, error: TaskFailed, style: object) -> bytes:
        return error.code.encode()

    def send(self, delivery: Delivery, address: ReplyAddress, reply: bytes) -> None:
        self.codes.append(reply.decode())


def taken(method: str, neighbours: Neighbours | None = None, **keys: object) -> tuple[list[str], list[str]]:
    """The queues that a task is forwarded to, and the codes that it is answered with."""
    forwarder, replier = FakeForwarder(), FakeReplier()
    intake = Intake(
        registry=MethodRegistry(),
        rules=Rules(environment="paper", accounts=(), max_body_bytes=10_000),
        counters=Counters(),
        replier=replier,  # type: ignore[arg-type]
        forwarder=forwarder,  # type: ignore[arg-type]
        runner=None,  # type: ignore[arg-type]
        clock=lambda: NOW,
        neighbours=neighbours or Neighbours(),
        call_later=lambda *_: None,
    )
    body = json.dumps({"task_id": "t", "method": method, "parameters": {}, **keys}).encode()
    properties = BasicProperties(reply_to="replies")
    channel, acks = OpenChannel(), FakeAcks()
    intake.take(Delivery(channel, acks, 1, "tasks", False, properties, body))  # type: ignore[arg-type]
    return forwarder.queues, replier.codes


@pytest.mark.parametrize("method", ["kis.buy-order", "kis.modify-order", "kis.cancel-order"])
@pytest.mark.parametrize("late", [{"deadline": PASSED}, {"expected_environment": "real"}])
def test_an_order_is_forwarded_whatever_a_check_would_say(method: str, late: dict[str, str]) -> None:
    assert taken(method, **late) == (["tasks.kis.default.orders"], []), "its owner may have it on record"


@pytest.mark.parametrize(
    ("late", "code"),
    [({"deadline": PASSED}, "TASK_EXPIRED"), ({"expected_environment": "real"}, "ORDER_GUARD")],
)
def test_a_read_that_is_not_wanted_any_more_is_answered_here(late: dict[str, str], code: str) -> None:
    assert taken("kis.get-current-price", **late) == ([], [code])
    assert taken("kis.get-current-price") == (["tasks.kis"], [])


@pytest.mark.parametrize("here", [True, False])
@pytest.mark.parametrize("fleeting", [True, False])
def test_the_bare_names_are_handed_to_a_kiwoom_that_is_known(here: bool, fleeting: bool) -> None:
    neighbours = Neighbours(["kiwoom"], fleeting=fleeting)
    assert not neighbours.claims("kiwoom")
    neighbours.seen("kiwoom", Neighbour(here=here))
    assert neighbours.claims("kiwoom") is (here or not fleeting)
    assert neighbours.records_away() == ([] if here or fleeting else ["kiwoom"])
    assert taken("get-stock-name", neighbours) == (["tasks.kiwoom"], [])
    neighbours.seen("kiwoom", None)
    assert not neighbours.claims("kiwoom"), "its queue was deleted"


@pytest.mark.parametrize(
    ("parameters", "vendor"), [({}, "kis"), ({"vendor": "kis"}, "kis"), ({"vendor": "kiwoom"}, "kiwoom")]
)
def test_cancel_all_goes_to_the_vendor_that_it_names(parameters: dict[str, str], vendor: str) -> None:
    method = "broker.cancel-all-orders"
    assert taken(method, parameters=parameters) == ([f"tasks.{vendor}.default.orders"], [])


def test_who_is_named_when_nobody_is_named_is_the_method_s_own_default() -> None:
    assert CancelAllOrders().vendor == DEFAULT_VENDOR
