"""The blocking client against a real broker."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from queue import Queue

import pytest

from broker_client import (
    BrokerUnreachable,
    Client,
    ClientClosed,
    NoAnswer,
    OrderOutcomeUnknown,
    PendingTask,
    TaskQueueMissing,
    TaskResult,
    UnknownMethod,
    VendorRejected,
    WrongEnvironment,
)
from broker_client.protocol import TaskReply
from tests.integration.client.echo_worker import EchoWorker, delete_queue, queue_exists
from tests.support.waiting import wait_until


def test_a_call_returns_the_result(clean_broker: str, worker: EchoWorker) -> None:
    with Client(clean_broker) as client:
        result = client.call("echo.get-it", ticker="005930", price=Decimal("1.10"))
    assert result.first == {
        "method": "echo.get-it",
        "parameters": {"ticker": "005930", "price": "1.10"},
    }
    assert result.environment == "simulated"
    assert result.truncated is None


def test_a_success_of_another_environment_is_raised(clean_broker: str, worker: EchoWorker) -> None:
    with (
        Client(clean_broker, expected_environment="real") as client,
        pytest.raises(WrongEnvironment, match="the order was placed there"),
    ):
        client.call("kis.buy-order", ticker="005930")


def test_the_message_is_as_the_contract_says(clean_broker: str, worker: EchoWorker) -> None:
    before = datetime.now(UTC)
    with Client(clean_broker, timeout=20, expected_environment="simulated") as client:
        client.call("echo.get-it")
        client.call("kis.buy-order", ticker="005930")
    (read, of_read), (order, of_order) = worker.received
    for request, properties in worker.received:
        assert properties.delivery_mode == 2
        assert properties.content_type == "application/json"
        assert properties.reply_to.startswith("broker.client.")
        assert request.request_time is not None
        assert request.request_time >= before
        assert request.deadline == request.request_time + timedelta(seconds=20)
        assert request.expected_environment == "simulated"
    assert of_read.expiration == "20000"
    assert of_order.expiration is None
    assert read.task_id != order.task_id


def test_a_failed_reply_raises_its_own_class(clean_broker: str, worker: EchoWorker) -> None:
    with Client(clean_broker) as client:
        with pytest.raises(VendorRejected) as caught:
            client.call("fail.get-it", task_id="f-1")
        with pytest.raises(UnknownMethod):
            client.call("nobody.knows-this")
    assert caught.value.vendor_code == "40310000"
    assert caught.value.vendor_message == "주문 수량 초과"
    assert caught.value.task_id == "f-1"


def test_a_read_without_an_answer_raises_no_answer(clean_broker: str, worker: EchoWorker) -> None:
    with Client(clean_broker) as client, pytest.raises(NoAnswer) as caught:
        client.call("ignore.get-it", timeout=1, task_id="slow")
    assert caught.value.task_id == "slow"


def test_a_late_reply_is_dropped_and_the_client_goes_on(clean_broker: str, worker: EchoWorker) -> None:
    with Client(clean_broker) as client:
        with pytest.raises(NoAnswer):
            client.call("late.get-it", timeout=1)
        worker.release()
        assert client.call("echo.get-it").first


def test_a_second_reply_is_dropped(clean_broker: str, worker: EchoWorker) -> None:
    with Client(clean_broker) as client:
        assert client.call("twice.get-it", n="1").first["parameters"] == {"n": "1"}
        assert client.call("echo.get-it", n="2").first["parameters"] == {"n": "2"}


def test_progress_and_truncation_reach_the_caller(clean_broker: str, worker: EchoWorker) -> None:
    seen: list[TaskReply] = []
    with Client(clean_broker) as client:
        result = client.call("page.get-rows", on_progress=seen.append)
    assert [status.result[0]["done"] for status in seen] == [1, 2]
    assert worker.received[0][0].progress
    assert result.rows == [{"no": 1}, {"no": 2}]
    assert result.truncated == "page limit"


def test_ping_measures_the_worker(
    clean_broker: str, worker: EchoWorker, caplog: pytest.LogCaptureFixture
) -> None:
    with Client(clean_broker) as client:
        ping = client.ping()
    assert ping.worker == "echo"
    assert abs(ping.skew) <= ping.round_trip
    assert "clock" not in caplog.text


def test_ping_warns_of_a_worker_whose_clock_is_wrong(
    clean_broker: str, worker: EchoWorker, caplog: pytest.LogCaptureFixture
) -> None:
    worker.clock = lambda: datetime.now(UTC) - timedelta(minutes=1)
    with Client(clean_broker) as client, caplog.at_level(logging.WARNING, "broker_client"):
        assert client.ping().skew < -50
    assert "behind ours" in caplog.text


def test_many_threads_and_many_calls_each_get_their_own_answer(clean_broker: str, worker: EchoWorker) -> None:
    with Client(clean_broker) as client, ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(lambda n: client.call("echo.get-it", n=n).first["parameters"]["n"], range(400))
        )
    assert answers == list(range(400))


def test_a_hundred_calls_are_in_flight_at_once(clean_broker: str, worker: EchoWorker) -> None:
    with Client(clean_broker) as client:
        tasks = [client.send("late.get-it", n=n) for n in range(100)]
        wait_until(lambda: len(worker.received) == 100, what="all of them at the worker")
        assert not any(task.done() for task in tasks)
        worker.release()
        numbers = {task.result().first["parameters"]["n"] for task in as_completed(tasks, timeout=60)}
    assert numbers == set(range(100))


def test_the_task_id_of_an_order_is_known_before_the_wait(
    clean_broker: str, worker: EchoWorker, caplog: pytest.LogCaptureFixture
) -> None:
    shown: list[tuple[str, str]] = []
    worker.hold_orders = True
    with (
        Client(clean_broker, on_task_id=lambda *order: shown.append(order)) as client,
        caplog.at_level(logging.INFO, "broker_client"),
    ):
        task = client.send("kis.buy-order", ticker="005930")
        assert shown == [(task.task_id, "kis.buy-order")]
        assert task.task_id in caplog.text
        client.call("echo.get-it")
        wait_until(lambda: worker.runs, what="the order at the worker")
        worker.release()
        task.result()
    assert len(shown) == 1


def test_an_order_whose_task_id_could_not_be_shown_is_not_sent(clean_broker: str, worker: EchoWorker) -> None:
    def closed_terminal(task_id: str, method: str) -> None:
        raise BrokenPipeError

    with Client(clean_broker, on_task_id=closed_terminal) as client:
        with pytest.raises(BrokenPipeError):
            client.call("kis.buy-order", ticker="005930")
        client.call("echo.get-it")
    assert worker.methods_received() == ["echo.get-it"]


def test_a_callback_may_send_but_not_wait_for_its_own_client(clean_broker: str, worker: EchoWorker) -> None:
    tried: Queue[PendingTask | RuntimeError] = Queue()

    with Client(clean_broker) as client:

        def on_done(_: Future[TaskResult]) -> None:
            tried.put(client.send("echo.get-it", n="2"))
            try:
                client.call("echo.get-it")
            except RuntimeError as error:
                tried.put(error)

        client.send("echo.get-it", n="1").add_done_callback(on_done)
        second, refusal = tried.get(timeout=60), tried.get(timeout=60)
        assert isinstance(second, PendingTask)
        assert second.result().first["parameters"] == {"n": "2"}
        assert isinstance(refusal, RuntimeError)


def test_an_order_without_an_answer_is_resumed_under_its_own_id_and_runs_once(
    clean_broker: str, worker: EchoWorker
) -> None:
    worker.hold_orders = True
    with Client(clean_broker) as client:
        with pytest.raises(OrderOutcomeUnknown) as caught:
            client.call("kis.buy-order", timeout=1, ticker="005930", quantity=3)
        wait_until(lambda: worker.runs, what="the order at the worker")
        worker.hold_orders = False
        result = client.resume(caught.value.task_id)
    assert result.replayed
    assert worker.runs == {caught.value.task_id: 1}
    first, second = (request for request, _ in worker.received)
    assert (first.method, first.parameters) == (second.method, second.parameters)
    assert first.request_time == second.request_time


def test_an_order_is_resumed_by_another_process(clean_broker: str, worker: EchoWorker) -> None:
    with Client(clean_broker) as client:
        task_id = client.call("kis.buy-order", ticker="005930").task_id
    with Client(clean_broker) as other:
        with pytest.raises(LookupError, match="same parameters"):
            other.resume(task_id)
        assert other.resume(task_id, "kis.buy-order", ticker="005930").replayed
    assert worker.runs == {task_id: 1}


def test_without_a_task_queue_the_error_says_what_to_start(clean_broker: str) -> None:
    with (
        Client(clean_broker) as client,
        pytest.raises(TaskQueueMissing, match="broker-server run") as caught,
    ):
        client.call("echo.get-it")
    assert caught.value.queue == "tasks"


def test_an_order_never_falls_back_to_the_task_queue(clean_broker: str) -> None:
    with EchoWorker(clean_broker, queues=("tasks",)) as old_worker, Client(clean_broker) as client:
        with pytest.raises(TaskQueueMissing, match=r"tasks\.orders.*the order was not sent"):
            client.call("kis.buy-order", ticker="005930")
        client.call("echo.get-it")
        assert old_worker.methods_received() == ["echo.get-it"]


def test_closing_deletes_the_reply_queue_and_ends_waiting_calls(
    clean_broker: str, worker: EchoWorker
) -> None:
    client = Client(clean_broker)
    client.call("echo.get-it")
    reply_queue = worker.received[0][1].reply_to
    assert queue_exists(clean_broker, reply_queue)
    waiting = client.send("late.get-it")
    client.close()
    with pytest.raises(ClientClosed):
        waiting.result(timeout=60)
    assert not queue_exists(clean_broker, reply_queue)
    with pytest.raises(ClientClosed):
        client.call("echo.get-it")
    client.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("broker-client")]


def test_a_callback_may_close_the_client(clean_broker: str, worker: EchoWorker) -> None:
    client = Client(clean_broker)
    client.send("echo.get-it").add_done_callback(lambda _: client.close())
    wait_until(
        lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("broker-client")]
    )
    assert not queue_exists(clean_broker, worker.received[0][1].reply_to)


def test_a_deleted_reply_queue_is_declared_again(clean_broker: str, worker: EchoWorker) -> None:
    with Client(clean_broker) as client:
        client.call("echo.get-it")
        delete_queue(clean_broker, worker.received[0][1].reply_to)
        assert client.call("echo.get-it", n="2").first["parameters"] == {"n": "2"}


@pytest.mark.parametrize("count", [1, 2])
def test_an_unreachable_broker_is_one_clear_line_without_the_password(count: int) -> None:
    with pytest.raises(BrokerUnreachable) as caught:
        Client(["amqp://someone:secret-word@127.0.0.1:1/%2Fquotes"] * count, timeout=20)
    assert "127.0.0.1:1 (virtual host /quotes)" in str(caught.value)
    assert "secret-word" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_second_url_is_used_when_the_first_is_down(clean_broker: str, worker: EchoWorker) -> None:
    with Client(["amqp://guest:guest@127.0.0.1:1/%2F", clean_broker], timeout=20) as client:
        assert client.call("echo.get-it").first
