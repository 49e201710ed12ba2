"""``broker-client orders``, ``halt`` and ``resume`` as their users run them."""

from __future__ import annotations

import json

import pytest

from tests.integration.client.echo_worker import EchoWorker
from tests.integration.client.test_cli import run, run_in_terminal
from tests.support.order_rows import order_row

UNKNOWN = {"state": "UNKNOWN", "status": None, "order_no": None, "average_price": None, "filled_quantity": 0}
HISTORY = [
    {
        "at": "2026-11-25T17:37:00.736Z",
        "event": "Received",
        "by": "w-1",
        "state": "RECEIVED",
        "status": None,
        "filled_quantity": 0,
        "reason": None,
    }
]


@pytest.fixture
def records(worker: EchoWorker) -> None:
    worker.records["o-1"] = order_row("o-1", history=HISTORY)
    worker.records["o-2"] = order_row("o-2", **UNKNOWN, reason="같은 주문이 둘입니다")
    worker.records["o-3"] = order_row("o-3", order_no="0000001009")


@pytest.mark.usefixtures("records")
def test_in_a_pipe_there_is_one_json_line_per_order_newest_first(clean_broker: str) -> None:
    done = run(clean_broker, "orders")
    assert done.returncode == 0
    assert [json.loads(line)["task_id"] for line in done.stdout.splitlines()] == ["o-3", "o-2", "o-1"]
    assert done.stderr == ""


@pytest.mark.usefixtures("records")
def test_a_terminal_shows_a_table_with_what_is_open_first(clean_broker: str) -> None:
    code, shown = run_in_terminal(clean_broker, "orders")
    assert code == 0
    assert shown.index("o-2") < shown.index("o-3") < shown.index("o-1")
    assert "같은 주문이 둘입니다" in shown
    assert "3 orders · 1 open · 1 not settled" in shown


@pytest.mark.usefixtures("records")
def test_the_options_become_parameters(clean_broker: str, worker: EchoWorker) -> None:
    run(clean_broker, "orders", "--json", "--open", "--ticker", "005930", "--state", "not-sent",
        "--day", "2026-11-25", "--limit", "7")  # fmt: skip
    (request, _) = worker.received[-1]
    assert request.method == "broker.list-orders"
    assert request.parameters == {
        "open": True,
        "ticker": "005930",
        "state": "NOT_SENT",
        "day": "2026-11-25",
        "limit": 7,
    }


@pytest.mark.usefixtures("records")
def test_a_list_that_is_cut_says_so(clean_broker: str) -> None:
    done = run(clean_broker, "orders", "--limit", "1")
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == "truncated: only the newest 1 are shown"


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize("which", [("o-1",), ("--order-no", "0000001007")])
def test_one_order_is_shown_with_its_history(clean_broker: str, which: tuple[str, ...]) -> None:
    done = run(clean_broker, "orders", *which, "--json")
    assert json.loads(done.stdout)["history"] == HISTORY
    code, shown = run_in_terminal(clean_broker, "orders", *which)
    assert code == 0
    assert "02:37:00.736 ● Received   RECEIVED" in shown


def test_an_order_that_is_not_on_record_is_exit_1_and_says_what_to_type(
    clean_broker: str, worker: EchoWorker
) -> None:
    done = run(clean_broker, "orders", "nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no order nobody is on record" in done.stderr
    assert done.stderr.endswith("next: See which orders are on record: broker-client orders")


@pytest.mark.parametrize(
    "arguments", [("o-1", "--order-no", "7"), ("o-1", "--open"), ("--order-no", "7", "--ticker", "005930")]
)
def test_contradicting_arguments_are_exit_2(
    clean_broker: str, worker: EchoWorker, arguments: tuple[str, ...]
) -> None:
    assert run(clean_broker, "orders", *arguments).returncode == 2
    assert worker.received == []


def test_the_kill_switch(clean_broker: str, worker: EchoWorker) -> None:
    assert json.loads(run(clean_broker, "halt", "runs wild").stdout) == {"reason": "runs wild"}
    assert json.loads(run(clean_broker, "resume").stdout) == {"reason": "broker-client resume"}
    code, shown = run_in_terminal(clean_broker, "halt")
    assert code == 0
    assert "broker-client halt" in shown
    done = run(clean_broker, "call", "broker.halt-orders", "reason=runs wild", "--json")
    assert json.loads(done.stdout)["result"] == [{"reason": "runs wild"}]
    assert worker.methods_received() == [
        "broker.halt-orders",
        "broker.resume-orders",
        "broker.halt-orders",
        "broker.halt-orders",
    ]


def test_warnings_are_on_stderr_one_per_line(clean_broker: str, worker: EchoWorker) -> None:
    done = run(clean_broker, "call", "odd.get-it", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["warnings"] == ["the market is closed", "시장"]
    assert done.stderr.splitlines() == ["warning: the market is closed", "warning: 시장"]
    _, shown = run_in_terminal(clean_broker, "call", "odd.get-it")
    assert "warning: the market is closed" in shown


def test_an_order_of_unknown_outcome_names_the_command_that_shows_it(
    clean_broker: str, worker: EchoWorker
) -> None:
    worker.lose_orders = True
    done = run(clean_broker, "call", "kis.buy-order", "ticker=005930", "--task-id", "lost")
    assert done.returncode == 1
    assert "Do NOT send it again. See what became of it: broker-client orders lost" in done.stderr


def test_an_order_without_an_answer_names_it_too(clean_broker: str, worker: EchoWorker) -> None:
    worker.hold_orders = True
    done = run(clean_broker, "call", "kis.buy-order", "ticker=005930", "--task-id", "a b", "--timeout", "1")
    assert done.returncode == 3
    assert (
        "broker-client orders 'a b', or ask again with the same arguments and --task-id 'a b'" in done.stderr
    )
