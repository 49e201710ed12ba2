"""The product as its users run it: commands in processes of their own, a real broker, the simulators."""

from __future__ import annotations

import json
import re
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pika
import pytest

from broker_client import Client, OrdersDisabled
from tests.support.processes import CommandProcess, run_client, run_original_client, start_server

IDLE_LIMIT_BYTES = 120 * 1000 * 1000


def run_simulated(url: str) -> CommandProcess:
    return start_server("run", "--simulate", environment={"BROKER_URL": url})


def test_demo_succeeds_on_a_node_of_its_own() -> None:
    of_the_caller = {"LEGACY_QUEUES": "true", "TASK_PREFETCH": "0", "COLUMNS": "80"}
    with start_server("demo", environment=of_the_caller) as demo:
        assert demo.wait(300) == 0, demo.output
        assert "✗" not in demo.output
        assert "한국전력" in demo.output
        assert "삼성전자" in demo.output


def test_the_original_documentation_client_works_unmodified(clean_broker: str) -> None:
    with run_simulated(clean_broker) as worker:
        worker.wait_ready()
        shown = run_original_client(clean_broker)
    assert "'task_id': 'custom-task-id'" in shown
    assert "'result': ['한국전력']" in shown
    assert "'status': 'TASK_SUCCEED'" in shown


def test_ready_names_no_password_and_sigterm_ends_with_zero(clean_broker: str) -> None:
    with run_simulated(clean_broker) as worker:
        ready = worker.wait_ready()
        assert ready.startswith("ready environment=simulated broker=amqp://")
        assert "guest:guest" not in ready
        assert worker.terminate() == 0, worker.output


def test_an_idle_worker_stays_below_its_memory_limit(clean_broker: str) -> None:
    with run_simulated(clean_broker) as worker:
        worker.wait_ready()
        status = Path(f"/proc/{worker.process.pid}/status").read_text(encoding="utf-8")
        resident = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert resident is not None
        assert int(resident.group(1)) * 1024 < IDLE_LIMIT_BYTES


def test_a_worker_of_another_environment_refuses_to_start(clean_broker: str) -> None:
    keys = {"KIS_APP_KEY": "K" * 36, "KIS_APP_SECRET": "S" * 180}
    with run_simulated(clean_broker) as worker:
        worker.wait_ready()
        with start_server("run", environment={"BROKER_URL": clean_broker, **keys}) as other:
            assert other.wait() == 2
            line = next(line for line in other.stderr_lines if line.startswith("broker-server:"))
            assert "this worker is paper, but simulated workers serve the same vhost" in line
            assert "BROKER_URL" in line


def test_a_second_worker_of_the_same_vendor_stands_by_and_takes_over(clean_broker: str) -> None:
    """Two would spend one key's rate limit twice, and two simulated markets would fill one order twice."""
    with run_simulated(clean_broker) as worker:
        worker.wait_ready()
        with run_simulated(clean_broker) as other:
            other.wait_for_line("standby")
            assert worker.terminate() == 0
            other.wait_ready()
            assert other.terminate() == 0


def test_a_trial_sends_orders_to_nothing_but_a_simulator(clean_broker: str) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as somebody:
        threading.Thread(target=somebody.serve_forever, daemon=True).start()
        environment = {"BROKER_URL": clean_broker, "KIS_REST_URL": f"http://127.0.0.1:{somebody.server_port}"}
        with start_server("run", "--simulate", environment=environment) as worker:
            assert worker.wait() == 2
            assert "is no simulator of this project" in worker.stderr_lines[-1]
        somebody.shutdown()


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "BROKER_URL: not set"),
        ({"BROKER_URL": "amqp://127.0.0.1"}, "KIS_APP_KEY and KIS_APP_SECRET: not set"),
        ({"BROKER_URL": "http://localhost"}, "BROKER_URL: a broker URL looks like amqp://"),
        ({"BROKER_URL": "amqp://h:99999999/"}, "BROKER_URL: a broker URL looks like amqp://"),
        ({"VENDORS": "kiwum"}, "VENDORS: 'kiwum' is not served"),
        ({"VENDORS": ","}, "VENDORS: name at least one"),
    ],
)
def test_bad_settings_are_one_line_and_exit_code_two(environment: dict[str, str], says: str) -> None:
    with start_server("run", environment=environment) as worker:
        assert worker.wait() == 2
        assert worker.stdout_lines == []
        assert len(worker.stderr_lines) == 1
        assert says in worker.stderr_lines[0]


def test_a_price_order_and_balance_through_the_commands(clean_broker: str) -> None:
    environment = {"BROKER_URL": clean_broker}
    with run_simulated(clean_broker) as worker:
        worker.wait_ready()
        price = run_client(
            "call", "kis.get-current-price", "ticker=005930", "--json", environment=environment
        )
        assert price.returncode == 0, price.stderr
        reply = json.loads(price.stdout)
        assert reply["environment"] == "simulated"
        row = reply["result"][0]
        assert row["ticker"] == "005930"
        assert isinstance(row["price"], int)
        assert row["venue"] == "KRX"
        order = run_client(
            "call", "kis.buy-order", "ticker=005930", "quantity=3", "order_type=market", "--json",
            environment=environment,
        )  # fmt: skip
        assert order.returncode == 0, order.stderr
        assert "task_id: " in order.stderr
        balance = run_client("call", "kis.get-balance", "--json", environment=environment)
        holdings = json.loads(balance.stdout)["result"][0]["holdings"]
        assert [(one["ticker"], one["quantity"]) for one in holdings] == [("005930", 3)]


@pytest.mark.parametrize(
    ("environment", "allowed", "placed"),
    [("paper", "false", True), ("real", "false", False), ("real", "true", True)],
)
def test_orders_move_real_money_only_when_asked_for_twice(
    clean_broker: str, environment: str, allowed: str, placed: bool
) -> None:
    with start_server("simulate", "--json") as simulator:
        urls = json.loads(simulator.wait_for_line("{"))
        keys = urls["credentials"]["kis"][environment]
        settings = {
            "BROKER_URL": clean_broker,
            "KIS_ENVIRONMENT": environment,
            "ALLOW_LIVE_ORDERS": allowed,
            "KIS_REST_URL": urls["kis"]["rest"],
            "KIS_WS_URL": urls["kis"]["ws"],
            "KIS_APP_KEY": keys["app_key"],
            "KIS_APP_SECRET": keys["app_secret"],
            "KIS_ACCOUNT": keys["account"],
        }
        with start_server("run", environment=settings) as worker, Client(clean_broker) as client:
            worker.wait_ready()
            assert client.call("broker.ping").environment == environment
            if placed:
                order = client.call("kis.buy-order", ticker="005930", quantity=1, order_type="market")
                assert order.first["state"] == "accepted"
            else:
                with pytest.raises(OrdersDisabled, match="ALLOW_LIVE_ORDERS"):
                    client.call("kis.buy-order", ticker="005930", quantity=1, order_type="market")


def test_simulate_prints_its_addresses_as_one_json_line() -> None:
    with start_server("simulate", "--json", "--seed", "7") as simulator:
        urls = json.loads(simulator.wait_for_line("{"))
        assert urls["kis"]["rest"].startswith("http://127.0.0.1:")
        assert urls["control"].startswith("http://127.0.0.1:")
        assert simulator.terminate() == 0


def test_rabbitmq_prints_its_url_first_and_accepts_connections() -> None:
    with start_server("rabbitmq") as node:
        url = node.wait_for_line("amqp://")
        assert node.stdout_lines[0] == url
        pika.BlockingConnection(pika.URLParameters(url)).close()
        assert node.terminate() == 0


def test_check_says_what_works_and_what_does_not(clean_broker: str) -> None:
    with start_server("simulate", "--json") as simulator:
        urls = json.loads(simulator.wait_for_line("{"))
        keys = urls["credentials"]["kis"]["real"]
        environment = {
            "BROKER_URL": clean_broker,
            "KIS_ENVIRONMENT": "real",
            "KIS_REST_URL": urls["kis"]["rest"],
            "KIS_WS_URL": urls["kis"]["ws"],
            "KIS_APP_KEY": keys["app_key"],
            "KIS_APP_SECRET": keys["app_secret"],
            "KIS_ACCOUNT": keys["account"],
        }
        with start_server("check", environment=environment) as good:
            assert good.wait() == 0, good.output
            assert sum(line.startswith("ok") for line in good.stdout_lines) >= 4
            assert keys["app_secret"] not in good.output
        with start_server("check", environment=environment | {"BROKER_URL": "amqp://127.0.0.1:1"}) as bad:
            assert bad.wait() == 1
            assert any(line.startswith("FAIL") and "RabbitMQ" in line for line in bad.stdout_lines)


def test_methods_lists_every_method_with_its_schema() -> None:
    with start_server("methods", "--json") as listing:
        assert listing.wait() == 0
        methods = {method["name"]: method for method in json.loads("".join(listing.stdout_lines))}
    assert "ticker" in methods["kis.get-current-price"]["parameters"]["properties"]
    assert {"broker.ping", "get-stock-name", "kis.buy-order", "kis.get-overseas-price"} <= set(methods)
