"""``broker-client watch`` as its users run it."""

from __future__ import annotations

import json
import signal

import pytest

from broker_client.errors import SubscriptionLimit
from tests.integration.client.echo_worker import EchoWorker
from tests.integration.client.stream_script import Event, Status, events
from tests.integration.client.test_cli import CLIENT, run, run_in_terminal
from tests.support.processes import CommandProcess
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until

PRICES = "kis.subscribe-realtime-price"


def test_json_is_every_message_as_it_came(clean_broker: str, worker: EchoWorker) -> None:
    worker.script = [Event(1), Status("stale", "조용함"), *events(2, 4, 5)]
    done = run(clean_broker, "watch", PRICES, "ticker=005930", "--json", "--count", "3")
    assert (done.returncode, done.stderr) == (0, "")
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert [message["kind"] for message in messages] == ["ack", "event", "status", "event", "event"]
    assert messages[0]["result"][0]["ticker"] == "005930"
    assert messages[2]["result"][0]["reason"] == "조용함"
    assert [message.get("sequence") for message in messages] == [None, 1, None, 2, 4]
    assert "조용함" in done.stdout
    assert worker.subscriptions == {}, "it has unsubscribed"


def test_without_a_terminal_an_event_is_a_line(clean_broker: str, worker: EchoWorker) -> None:
    more = {"time": "2026-11-20T09:00:01+09:00", "change": -500, "venue": "NXT"}
    worker.script = [Status("live", "이제"), Event(1, more=more), Event(4), Event(1, epoch="e2")]
    done = run(clean_broker, "watch", PRICES, "--count", "3")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "09:00:01 trade 005930 NXT price=71,500 change=-500",
        "trade 005930 price=71,500 missed=2",
        "trade 005930 price=71,500 missed=?",
    ]
    assert done.stderr == "status: live 005930: 이제"


def test_a_refusal_is_exit_1_with_the_reply_on_stdout(clean_broker: str, worker: EchoWorker) -> None:
    worker.refusal = SubscriptionLimit("41 of 41 taken", vendor="kis")
    done = run(clean_broker, "watch", PRICES, "--json")
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["error"]["code"] == "SUBSCRIPTION_LIMIT"
    assert "SUBSCRIPTION_LIMIT" in done.stderr


def test_a_stream_that_is_dropped_is_exit_1(clean_broker: str, worker: EchoWorker) -> None:
    worker.script = [Event(1), Status("dropped", "by hand")]
    done = run(clean_broker, "watch", PRICES)
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["trade 005930 price=71,500"]
    assert "the stream was dropped: by hand" in done.stderr


def test_what_is_no_subscription_is_exit_2_and_sends_nothing(clean_broker: str, worker: EchoWorker) -> None:
    for arguments in (["kis.get-balance"], [PRICES, "ticker"], [PRICES, "--count", "0"]):
        done = run(clean_broker, "watch", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
    assert worker.received == []


def test_no_acknowledgement_is_exit_3(clean_broker: str, worker: EchoWorker) -> None:
    worker.mute = True
    done = run(clean_broker, "watch", PRICES, "--timeout", "2")
    assert (done.returncode, done.stdout) == (3, "")
    assert "no answer within" in done.stderr


def test_ctrl_c_unsubscribes_and_is_exit_0(clean_broker: str, worker: EchoWorker) -> None:
    worker.script = [Event(1)]
    with CommandProcess(
        ["watch", PRICES], environment={"BROKER_URL": clean_broker}, program=CLIENT
    ) as command:
        wait_until(lambda: command.stdout_lines, what="the first event")
        command.process.send_signal(signal.SIGINT)
        assert command.wait() == 0
        assert "Traceback" not in command.output
    assert worker.methods_received() == [PRICES, "kis.unsubscribe-realtime-price"]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_what_this_side_notices_is_on_stderr(
    proxied_url: str, proxy: TcpProxy, worker: EchoWorker, options: list[str]
) -> None:
    worker.script = [Event(1)]
    with CommandProcess(
        ["watch", PRICES, *options], environment={"BROKER_URL": proxied_url}, program=CLIENT
    ) as command:
        wait_until(lambda: command.stdout_lines, what="the first event")
        proxy.cut()
        command.wait_for_line("status: disconnected: ")
        command.wait_for_line("status: connected")
        command.process.send_signal(signal.SIGINT)
        assert command.wait() == 0


def test_a_terminal_shows_a_table(clean_broker: str, worker: EchoWorker) -> None:
    more = {"time": "2026-11-20T09:00:01+09:00", "change": 500, "change_rate": 0.7, "volume": 1_234_567}
    worker.script = [Event(1, more=more), Status("stale", "조용함"), Event(3, more=more)]
    code, shown = run_in_terminal(clean_broker, "watch", PRICES, "--count", "2")
    assert code == 0
    for text in ("005930", "71,500", "+500", "+0.7", "1,234,567", "09:00:01", "missed 1", "조용함", "┃"):
        assert text in shown
