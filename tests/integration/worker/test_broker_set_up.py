"""What a worker finds on, and makes of, the broker: queues, environments, other vendors' tasks, rights."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.worker.conftest import StartWorker
from tests.support.broker_cleaning import AddUser
from tests.support.task_wire import TaskWire
from tests.support.workers import orders_placed

QUORUM = {"x-queue-type": "quorum"}
REAL = {"KIS_ENVIRONMENT": "real"}


def test_second_worker_of_another_environment_ends_with_one_line(
    clean_broker: str, new_worker: StartWorker
) -> None:
    new_worker(clean_broker)
    other = new_worker(clean_broker, ready=False, settings=REAL)
    assert other.wait() == 2
    (line,) = [line for line in other.stderr_lines if line.startswith("broker-server:")]
    assert "this worker is real, but paper workers serve the same vhost" in line
    assert "Traceback" not in other.output
    new_worker(clean_broker, settings={"STUB_ORDERS": "off"})
    with TaskWire(clean_broker) as wire:
        assert wire.consumers("tasks") == 2
        assert wire.call("broker.ping")["environment"] == "paper"


def test_marker_that_a_dead_worker_left_blocks_nobody(clean_broker: str, new_worker: StartWorker) -> None:
    with TaskWire(clean_broker) as wire:
        wire.channel.queue_declare("broker.environment.paper", durable=True, auto_delete=True)
    new_worker(clean_broker, settings=REAL)


def test_existing_queues_with_other_arguments_are_used_with_a_warning(
    clean_broker: str, new_worker: StartWorker
) -> None:
    with TaskWire(clean_broker) as wire:
        wire.channel.queue_declare("tasks", durable=True)
        wire.channel.queue_declare("sapi-kiwoom")
        wire.channel.exchange_declare("broker.events", "direct", durable=True)
        worker = new_worker(clean_broker)
        for name in ("tasks", "sapi-kiwoom", "broker.events"):
            worker.wait_for_log("used as it is", f'"{name}"')
        wire.send("broker.ping", reply_to=None)
        assert wire.take("sapi-kiwoom").json["status"] == "TASK_SUCCEED"


def test_legacy_queues_serve_clients_that_declare_them_and_refuse_orders(
    clean_broker: str, new_worker: StartWorker, tmp_path: Path
) -> None:
    new_worker(clean_broker, settings={"LEGACY_QUEUES": "true"})
    with TaskWire(clean_broker) as wire:
        wire.channel.queue_declare("tasks")
        wire.channel.queue_declare("sapi-kiwoom")
        wire.send("broker.ping", reply_to=None)
        assert wire.take("sapi-kiwoom").json["status"] == "TASK_SUCCEED"
        error = wire.error("stub.buy-order", {"value": "never"})
        assert error["code"] == "ORDERS_DISABLED"
        assert "LEGACY_QUEUES" in error["message"]
        assert orders_placed(tmp_path) == []


def test_forwarded_task_keeps_what_its_reply_needs(clean_broker: str, new_worker: StartWorker) -> None:
    new_worker(clean_broker)
    with TaskWire(clean_broker) as wire:
        wire.channel.queue_declare("tasks.kis", durable=True, arguments=QUORUM)
        wire.channel.queue_declare("tasks.kis.default.orders", durable=True, arguments=QUORUM)
        wire.send(
            "kis.get-balance", task_id="far", correlation_id="c-1", expiration="60000", user_id="guest",
            message_id="m-1", headers={"trace": "t-1"},
        )  # fmt: skip
        copy = wire.take("tasks.kis")
        assert copy.json["task_id"] == "far"
        properties = copy.properties
        assert (properties.reply_to, properties.correlation_id) == (wire.queue, "c-1")
        assert properties.message_id == "m-1"
        kept = {key: properties.headers[key] for key in ("trace", "x-sapi-hops")}
        assert kept == {"trace": "t-1", "x-sapi-hops": 1}
        assert 0 < int(properties.expiration) <= 60_000
        # The worker's own user, as RabbitMQ verified it, says whose task it is.
        assert (properties.user_id, properties.headers["x-sapi-user"]) == ("guest", "guest")

        wire.send("kis.buy-order", task_id="far-order", to="tasks.orders")
        assert wire.take("tasks.kis.default.orders").json["task_id"] == "far-order"

        error = wire.error("kis.get-balance", headers={"x-sapi-hops": 2})
        assert error["code"] == "VENDOR_NOT_CONFIGURED"
        assert wire.depth("tasks.kis") == 0


def test_user_without_the_right_to_configure_serves_what_exists(
    clean_broker: str, add_user: AddUser, new_worker: StartWorker
) -> None:
    assert new_worker(clean_broker).terminate() == 0
    configure = r"^(broker\.(environment|owner)\.|amq\.gen-).*"
    worker = new_worker(add_user("least", "least-password", configure=configure))
    with TaskWire(clean_broker) as wire:
        reply = wire.call("stub.echo", {"value": json.dumps("x")})
        assert reply["status"] == "TASK_SUCCEED"
    assert "least-password" not in worker.output
