"""``broker-client`` as its users run it: exit codes, what is on stdout, and what a terminal shows."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.integration.client.echo_worker import EchoWorker
from tests.support.processes import CommandProcess, run_client
from tests.support.waiting import wait_until

CLIENT = "from broker_client.cli import main"
ROOT = Path(__file__).resolve().parents[3]


def run(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_client(*arguments, environment={"BROKER_URL": url})


def run_in_terminal(url: str, *arguments: str) -> tuple[int, str]:
    """Exit code and what a terminal of 100 columns shows, both streams."""
    leader, follower = pty.openpty()
    environment: Mapping[str, str] = {
        **os.environ,
        "BROKER_URL": url,
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "100",
        "TERM": "xterm",
        "NO_COLOR": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "broker_client", *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=dict(environment),
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:  # Linux: the other end is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(leader)
    return process.wait(120), shown.decode()


def test_success_is_exit_0_and_one_json_line(clean_broker: str, worker: EchoWorker) -> None:
    done = run(clean_broker, "call", "echo.get-it", "ticker=005930", 'rows=[{"n": 1}]', "--json")
    assert done.returncode == 0
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    reply = json.loads(line)
    assert reply["status"] == "TASK_SUCCEED"
    assert reply["environment"] == "simulated"
    assert reply["result"][0]["parameters"] == {"ticker": "005930", "rows": [{"n": 1}]}


def test_failure_is_exit_1_with_the_reply_on_stdout_and_the_reason_on_stderr(
    clean_broker: str, worker: EchoWorker
) -> None:
    done = run(clean_broker, "call", "fail.get-it", "--json")
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["error"]["vendor_code"] == "40310000"
    assert "VENDOR_REJECTED" in done.stderr
    assert "주문 수량 초과" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_subscription_is_no_single_call(clean_broker: str) -> None:
    done = run(clean_broker, "call", "kis.subscribe-realtime-price", "ticker=005930")
    assert done.returncode == 2
    assert "broker-client watch" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("call",),
        ("call", "echo.get-it", "ticker"),
        ("call", "echo.get-it", "=1"),
        ("call", "echo.get-it", "a=1", "a=2"),
        ("call", "echo.get-it", "a={"),
        ("call", "echo.get-it", "--timeout", "0"),
        ("call", "echo.get-it", "--timeout", "soon"),
        ("call", "echo.get-it", "--timeout", "inf"),
        ("call", "echo.get-it", "--timeout", "nan"),
        ("methods", "--timeout", "1e12"),
        ("status", "--timeout", "1e9"),
        ("call", "echo.get-it", "--task-id", "x" * 256),
        ("call", "echo.get-it", "--url", "http://127.0.0.1"),
        ("nothing",),
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
def test_usage_errors_are_exit_2_and_send_nothing(
    clean_broker: str, worker: EchoWorker, arguments: tuple[str, ...]
) -> None:
    done = run(clean_broker, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr
    assert worker.received == []


def test_no_answer_is_exit_3_and_nothing_on_stdout(clean_broker: str, worker: EchoWorker) -> None:
    done = run(clean_broker, "call", "ignore.get-it", "--timeout", "5", "--json")
    assert (done.returncode, done.stdout) == (3, "")
    assert "no answer within 5 s" in done.stderr


def test_no_worker_is_exit_3_and_says_what_to_start(clean_broker: str) -> None:
    done = run(clean_broker, "call", "echo.get-it")
    assert (done.returncode, done.stdout) == (3, "")
    assert "broker-server run" in done.stderr


def test_an_unreachable_broker_is_exit_3_and_one_line_that_names_the_setting() -> None:
    done = run("amqp://someone:secret-word@127.0.0.1:1/%2F", "call", "echo.get-it")
    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert "BROKER_URL" in line
    assert "secret-word" not in line


def test_a_wrong_url_is_exit_2_and_one_line_that_names_the_setting() -> None:
    done = run("http://127.0.0.1", "call", "echo.get-it")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("BROKER_URL")


@pytest.mark.parametrize("command", [["call", "echo.get-it"], ["methods"], ["status"]])
def test_no_url_at_all_is_exit_2_and_one_line_that_names_the_setting(
    command: list[str], tmp_path: Path
) -> None:
    with CommandProcess(command, environment={"BROKER_URL": ""}, folder=tmp_path, program=CLIENT) as process:
        assert process.wait() == 2
        assert process.stdout_lines == []
        (line,) = process.stderr_lines
        assert line.startswith("BROKER_URL: not set")


def test_a_dotenv_in_another_encoding_is_exit_2_and_one_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("BROKER_URL=amqp://홍길동@h\n".encode("cp949"))
    with CommandProcess(
        ["call", "echo.get-it"], environment={"BROKER_URL": ""}, folder=tmp_path, program=CLIENT
    ) as process:
        assert process.wait() == 2
        (line,) = process.stderr_lines
        assert line.startswith(".env cannot be read: ")


def test_the_broker_url_is_read_from_dotenv(clean_broker: str, worker: EchoWorker, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"BROKER_URL={clean_broker}\n", encoding="utf-8")
    with CommandProcess(["call", "echo.get-it"], folder=tmp_path, program=CLIENT) as command:
        assert command.wait() == 0


def test_the_task_id_of_an_order_is_on_stderr_before_the_answer(
    clean_broker: str, worker: EchoWorker
) -> None:
    worker.hold_orders = True
    with CommandProcess(
        ["call", "kis.buy-order", "ticker=005930", "--json"],
        environment={"BROKER_URL": clean_broker},
        program=CLIENT,
    ) as command:
        task_id = command.wait_for_line("task_id: ").removeprefix("task_id: ")
        wait_until(lambda: worker.runs, what="the order at the worker")
        assert command.stdout_lines == []
        worker.release()
        assert command.wait() == 0
        assert json.loads(command.stdout_lines[0])["task_id"] == task_id


def test_an_order_without_an_answer_says_how_to_ask_again_and_runs_once(
    clean_broker: str, worker: EchoWorker
) -> None:
    worker.hold_orders = True
    first = run(clean_broker, "call", "kis.buy-order", "ticker=005930", "--timeout", "5")
    assert first.returncode == 3
    task_id = first.stderr.splitlines()[0].removeprefix("task_id: ")
    assert f"--task-id {task_id}" in first.stderr
    worker.hold_orders = False
    again = run(clean_broker, "call", "kis.buy-order", "ticker=005930", "--task-id", task_id)
    assert again.returncode == 0
    assert json.loads(again.stdout)["replayed"] is True
    assert worker.runs == {task_id: 1}


def test_ctrl_c_is_exit_130_without_a_traceback(clean_broker: str, worker: EchoWorker) -> None:
    worker.hold_orders = True
    with CommandProcess(
        ["call", "kis.buy-order", "ticker=005930"],
        environment={"BROKER_URL": clean_broker},
        program=CLIENT,
    ) as command:
        wait_until(lambda: worker.runs, what="the order at the worker")
        command.process.send_signal(signal.SIGINT)
        assert command.wait() == 130
        assert "Traceback" not in command.output
        assert "--task-id" in command.output
        assert command.stdout_lines == []


def test_methods_and_status_are_json_without_a_terminal(clean_broker: str, worker: EchoWorker) -> None:
    everything = run(clean_broker, "methods", "--timeout", "60")
    some = run(clean_broker, "methods", "kis.*", "--timeout", "60")
    none = run(clean_broker, "methods", "koscom", "--timeout", "60")
    status = run(clean_broker, "status", "--timeout", "60")
    assert [json.loads(line)["name"] for line in everything.stdout.splitlines()] == [
        "broker.ping",
        "kis.get-current-price",
    ]
    assert [json.loads(line)["name"] for line in some.stdout.splitlines()] == ["kis.get-current-price"]
    assert (none.returncode, none.stdout) == (1, "")
    assert json.loads(status.stdout)["worker"] == "echo"


def test_a_terminal_shows_a_table_with_progress_asked_for(clean_broker: str, worker: EchoWorker) -> None:
    code, shown = run_in_terminal(clean_broker, "call", "page.get-rows")
    assert code == 0
    assert "2 rows · simulated" in shown
    assert "truncated: page limit" in shown
    assert "┃" in shown
    assert worker.received[0][0].progress


def test_a_terminal_shows_a_panel_for_a_failure(clean_broker: str, worker: EchoWorker) -> None:
    code, shown = run_in_terminal(clean_broker, "call", "fail.get-it")
    assert code == 1
    assert "VENDOR_REJECTED" in shown
    assert "40310000 주문 수량 초과" in shown
    assert "╭" in shown


def test_a_terminal_shows_the_page_of_one_method(clean_broker: str, worker: EchoWorker) -> None:
    code, shown = run_in_terminal(clean_broker, "methods", "kis.get-current-price", "--timeout", "60")
    assert code == 0
    assert "broker-client call kis.get-current-price ticker=005930" in shown
    assert "required" in shown


def test_an_order_asks_for_no_progress_on_a_terminal(clean_broker: str, worker: EchoWorker) -> None:
    code, shown = run_in_terminal(clean_broker, "call", "kis.buy-order", "ticker=005930")
    assert code == 0
    assert "task_id: " in shown
    assert not worker.received[0][0].progress
