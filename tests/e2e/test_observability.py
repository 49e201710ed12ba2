"""A worker as those see it who watch it: Prometheus, a probe, systemd, a collector of traces."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from broker_client import Client
from broker_client.errors import TaskFailed
from broker_server.amqp.private_node.ports import free_port
from tests.support.broker_cleaning import clean
from tests.support.processes import CommandProcess, start_server
from tests.support.span_collector import SpanCollector
from tests.support.task_wire import TaskWire
from tests.support.waiting import PATIENCE, wait_until

PRICE = ("kis.get-current-price", {"ticker": "005930"})
OF_A_PRICE = "FHKST01010100"


@dataclass
class Watched:
    """A worker and everything that watches it."""

    url: str
    worker: CommandProcess
    port: int
    collector: SpanCollector
    told: list[str]

    def get(self, path: str, port: int | None = None) -> requests.Response:
        return requests.get(f"http://127.0.0.1:{port or self.port}{path}", timeout=PATIENCE)

    def samples(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        families = text_string_to_metric_families(self.get("/metrics").text)
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        wanted = set(labels.items())
        return sum(value for (each, has), value in self.samples().items() if each == name and wanted <= has)


def hear(manager: socket.socket, told: list[str]) -> None:
    while message := manager.recv(4096).decode():
        told.append(message)


def start(url: str, folder: Path, port: int, **more: str) -> CommandProcess:
    folder.mkdir(exist_ok=True)
    settings = {
        "BROKER_URL": url,
        "JOURNAL_URL": f"sqlite:///{folder / 'journal.sqlite3'}",
        "METRICS_PORT": str(port),
        "LOG_FORMAT": "json",
        **more,
    }
    return start_server("run", "--simulate", environment=settings)


@pytest.fixture(scope="module")
def watched(_test_broker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    clean(_test_broker.url, _test_broker.management)
    folder = tmp_path_factory.mktemp("watched")
    with SpanCollector() as collector, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        told: list[str] = []
        # As systemd does: its socket has room for few messages.
        hearing = threading.Thread(target=hear, args=(manager, told))
        hearing.start()
        port = free_port()
        worker = start(
            _test_broker.url,
            folder / "worker",
            port,
            TRACING="true",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_BSP_SCHEDULE_DELAY="50",
            NOTIFY_SOCKET=str(folder / "notify"),
            WATCHDOG_USEC="200000",
        )
        with worker:
            worker.wait_ready()
            yield Watched(_test_broker.url, worker, port, collector, told)
        manager.shutdown(socket.SHUT_RDWR)
        hearing.join()
    clean(_test_broker.url, _test_broker.management)


def test_tasks_and_calls_are_counted_by_names_that_exist(watched: Watched) -> None:
    with Client(watched.url) as client:
        client.call(PRICE[0], **PRICE[1])
        with pytest.raises(TaskFailed):
            client.call(PRICE[0], ticker="no such")
        with pytest.raises(TaskFailed):
            client.call("kis.invented-by-a-client")
    assert watched.value("sapi_task_seconds_count", method=PRICE[0], status="TASK_SUCCEED") >= 1
    assert watched.value("sapi_task_seconds_count", method=PRICE[0], status="INVALID_PARAMETERS") >= 1
    assert watched.value("sapi_task_seconds_count", method="other", status="UNKNOWN_METHOD") == 1
    assert watched.value("sapi_vendor_call_seconds_count", operation=OF_A_PRICE, code="OK") >= 1
    assert watched.value("sapi_vendor_slot_wait_seconds_count", vendor="kis", lane="quote") >= 1
    assert watched.value("sapi_task_wait_seconds_count", lane="quote") >= 1
    assert watched.value("sapi_owner_fresh", vendor="kis", account="default") == 1
    assert "invented" not in watched.get("/metrics").text


def test_an_order_and_live_data_are_counted(watched: Watched) -> None:
    with Client(watched.url) as client:
        client.call("kis.buy-order", ticker="005930", quantity=1, order_type="market")
        with client.stream("kis.subscribe-realtime-price", ticker="005930") as events:
            next(iter(events))
            wait_until(lambda: watched.value("sapi_subscriptions", state="confirmed") >= 1)
    assert watched.value("sapi_journal_orders", vendor="kis", state="ACCEPTED") == 1
    assert watched.value("sapi_journal_pending", vendor="kis", state="UNKNOWN") == 0
    assert watched.value("sapi_tick_seconds_count", vendor="kis") >= 1
    assert watched.value("sapi_ticks_total", fate="published") >= 1
    assert watched.value("sapi_live_connected", vendor="kis") == 1


def test_a_probe_hears_that_it_is_ready_and_alive(watched: Watched) -> None:
    answer = watched.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["consumers"]["tasks.kis"] == 1
    assert answer.json()["vendors"]["kis"]["up"]
    assert watched.get("/healthz").text == "alive\n"
    assert watched.get("/nothing").status_code == 404
    with Client(watched.url) as client:
        (row,) = client.call("broker.get-status").rows
    assert row["health"]["ready"]
    assert row["health"]["endpoint"] == f"http://127.0.0.1:{watched.port}"


def test_systemd_is_told_that_it_is_ready_and_shown_that_it_lives(watched: Watched) -> None:
    wait_until(lambda: watched.told.count("WATCHDOG=1") >= 3)
    assert "READY=1\nSTATUS=consuming" in watched.told


def test_a_trace_goes_from_the_caller_through_the_worker_to_the_brokerage(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, mine = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(mine))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    with Client(watched.url) as client, provider.get_tracer("strategy").start_as_current_span("decide"):
        result = client.call(PRICE[0], **PRICE[1])
    call, decide = mine.get_finished_spans()
    assert call.parent is not None
    assert decide.context is not None
    assert call.context is not None
    assert call.parent.span_id == decide.context.span_id
    here = f"{decide.context.trace_id:032x}"
    wait_until(lambda: len(watched.collector.of_trace(here)) >= 2)
    task = next(span for span in watched.collector.of_trace(here) if span.name == PRICE[0])
    vendor = next(span for span in watched.collector.of_trace(here) if span.name == f"kis {OF_A_PRICE}")
    assert task.parent == f"{call.context.span_id:016x}"
    assert vendor.parent == task.id
    assert task.attributes["messaging.message.conversation_id"] == result.task_id
    assert task.resource["deployment.environment.name"] == "simulated"


def test_a_task_without_a_trace_begins_one_and_a_wrong_header_does_no_harm(watched: Watched) -> None:
    wire = TaskWire(watched.url)
    task_id = wire.send("broker.ping", headers={"traceparent": "nonsense", "more": 7})
    assert wire.wait(task_id).json["status"] == "TASK_SUCCEED"

    def spans() -> list[str]:
        name = "messaging.message.conversation_id"
        return [span.parent for span in list(watched.collector.spans) if span.attributes.get(name) == task_id]

    assert wait_until(spans) == [""]
    wire.connection.close()


def test_the_span_of_a_failed_read_has_its_code(watched: Watched) -> None:
    with Client(watched.url) as client, pytest.raises(TaskFailed) as failed:
        client.call(PRICE[0], ticker="999999")

    def codes() -> list[str]:
        name = "messaging.message.conversation_id"
        spans = list(watched.collector.spans)
        return [
            str(span.attributes["error.type"])
            for span in spans
            if span.attributes.get(name) == failed.value.task_id
        ]

    assert wait_until(codes) == [failed.value.code]


def test_every_line_of_the_log_is_json_and_those_of_a_task_name_it(watched: Watched) -> None:
    with Client(watched.url) as client:
        result = client.call(PRICE[0], **PRICE[1])
    watched.worker.wait_for_log(result.task_id)
    lines = [json.loads(line) for line in list(watched.worker.stderr_lines)]
    of_tasks = [line for line in lines if line["event"] == "task done"]
    assert of_tasks
    assert all(line["task_id"] for line in of_tasks)


def test_who_stands_by_is_healthy_and_not_ready_until_it_takes_over(watched: Watched, tmp_path: Path) -> None:
    port = free_port()
    with start(watched.url, tmp_path, port) as second:
        second.wait_for_line("standby")
        answer = watched.get("/readyz", port)
        assert answer.status_code == 503
        assert answer.json()["reasons"] == ["standing by: another worker owns kis/default"]
        assert watched.get("/healthz", port).status_code == 200
        assert watched.worker.terminate() == 0
        wait_until(lambda: "STOPPING=1\nSTATUS=finishing what runs" in watched.told)
        second.wait_ready()
        wait_until(lambda: watched.get("/readyz", port).status_code == 200)


def test_a_port_that_is_taken_is_one_line(clean_broker: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with start(clean_broker, tmp_path, taken.getsockname()[1]) as worker:
            assert worker.wait() == 2
    assert worker.stderr_lines[-1].startswith("broker-server: METRICS_PORT: nothing can listen at 127.0.0.1:")


def test_nothing_of_it_is_imported_where_it_is_off() -> None:
    look = (
        "import sys, broker_server.run, broker_client.client, broker_client.aio;"
        "print([each for each in sys.modules if each.startswith(('opentelemetry', 'prometheus_client'))])"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
