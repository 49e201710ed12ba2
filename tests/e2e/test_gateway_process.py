"""The gateway as a process: by itself, and beside a worker which it cannot harm."""

from __future__ import annotations

import json
import os
import signal
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from broker_server.gateway.serving import listen
from tests.support.processes import CommandProcess, run_client, start_server
from tests.support.waiting import wait_until


@pytest.fixture
def environment(clean_broker: str, tmp_path: Path) -> dict[str, str]:
    return {
        "BROKER_URL": clean_broker,
        "JOURNAL_URL": f"sqlite:///{tmp_path / 'journal.sqlite3'}",
        "PRICES_URL": f"sqlite:///{tmp_path / 'prices.sqlite3'}",
        "GATEWAY_PORT": "0",
        "XDG_DATA_HOME": str(tmp_path),
    }


@pytest.fixture
def worker(environment: dict[str, str], tmp_path: Path) -> Iterator[CommandProcess]:
    """With a gateway beside it, and with the broker's URL in a file as a secret is."""
    secret = tmp_path / "broker_url"
    secret.write_text(environment["BROKER_URL"], encoding="utf-8")
    secret.chmod(0o600)
    others = {name: value for name, value in environment.items() if name != "BROKER_URL"}
    settings = {**others, "BROKER_URL_FILE": str(secret)}
    with start_server("run", "--simulate", "--gateway", environment=settings) as running:
        running.wait_ready()
        yield running


def fetch(address: str, path: str) -> Any:
    with urllib.request.urlopen(f"{address}{path}", timeout=20) as answer:  # noqa: S310 - our own
        return json.load(answer)


def addresses(worker: CommandProcess) -> list[str]:
    lines = list(worker.stdout_lines)
    return [line.removeprefix("gateway=") for line in lines if line.startswith("gateway=")]


def test_it_serves_prices_of_a_worker_and_ends_in_order(environment: dict[str, str]) -> None:
    with (
        start_server("run", "--simulate", environment=environment) as worker,
        start_server("gateway", "--simulate", environment=environment) as gateway,
    ):
        worker.wait_ready()
        ready = gateway.wait_ready()
        assert ready.startswith("ready gateway=http://127.0.0.1:")
        address = ready.partition("=")[2]
        wait_until(lambda: _is_ready(address), what="the gateway's connection")
        price = fetch(address, "/api/kr/stocks/005930/realtime-price")
        assert (price["ticker"], price["vendor"]) == ("005930", "kis")
        assert fetch(address, "/api/kr/data-gaps")["tickers"] == 0
        assert gateway.terminate() == 0, gateway.output
        assert "Traceback" not in gateway.output


@pytest.fixture
def taken_port() -> Iterator[int]:
    """Of loopback, with a free one behind it."""
    for _ in range(20):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with suppress(OSError), socket.create_server(("127.0.0.1", port + 1)) as behind:
                behind.close()
                yield port
                return
    pytest.fail("no two ports in a row are free")


def test_who_named_a_port_that_is_taken_is_told_and_who_tries_it_out_gets_the_next(
    environment: dict[str, str], taken_port: int
) -> None:
    named = environment | {"GATEWAY_PORT": str(taken_port)}
    with start_server("gateway", "--simulate", environment=named) as gateway:
        assert gateway.wait() == 2
        assert (
            f"GATEWAY_PORT: cannot listen at 127.0.0.1:{taken_port}: Address already in use" in gateway.output
        )
    listener = listen("127.0.0.1", taken_port, other_ports=5)
    with listener:
        assert taken_port < listener.getsockname()[1] <= taken_port + 5
    with pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", taken_port)


def _is_ready(address: str) -> bool:
    try:
        return bool(fetch(address, "/readyz"))
    except OSError:
        return False


def test_one_that_dies_beside_a_worker_is_started_again(
    worker: CommandProcess, environment: dict[str, str]
) -> None:
    first = wait_until(lambda: addresses(worker), what="the gateway's address")
    os.kill(_child(worker), signal.SIGKILL)
    wait_until(lambda: len(addresses(worker)) == 2, what="another gateway")
    assert first[0] == addresses(worker)[0]
    worker.wait_for_log("the gateway has ended", "signal 9")
    assert fetch(addresses(worker)[1], "/healthz")
    answer = run_client("call", "broker.ping", environment=environment)
    assert answer.returncode == 0, answer.stderr
    assert worker.terminate() == 0, worker.output
    assert "Traceback" not in worker.output
    with pytest.raises(OSError, match="refused"):
        fetch(addresses(worker)[1], "/healthz")


def test_it_ends_with_a_worker_that_is_killed(worker: CommandProcess) -> None:
    wait_until(lambda: addresses(worker), what="the gateway's address")
    child = _child(worker)
    worker.kill()
    wait_until(lambda: not Path(f"/proc/{child}").exists(), what="the gateway's end")


def _child(worker: CommandProcess) -> int:
    """The gateway's process id."""
    pid = worker.process.pid
    children = [
        int(child)
        for thread in Path(f"/proc/{pid}/task").iterdir()
        for child in (thread / "children").read_text().split()
    ]
    found = [
        child for child in children if b"gateway" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
    ]
    assert len(found) == 1, children
    return found[0]


def test_a_missing_broker_is_said_in_one_line(tmp_path: Path) -> None:
    with start_server("gateway", "--simulate", environment={"BROKER_URL": ""}) as gateway:
        assert gateway.wait() == 2
        assert gateway.stderr_lines == [
            "broker-server: BROKER_URL: not set; name the RabbitMQ of your workers"
        ]


def test_what_is_wrong_with_its_settings_is_said_before_the_worker_starts(
    environment: dict[str, str],
) -> None:
    settings = {**environment, "GATEWAY_HOST": "0.0.0.0"}  # noqa: S104 - to be refused
    with start_server("run", "--simulate", "--gateway", environment=settings) as worker:
        assert worker.wait() == 2
        assert len(worker.stderr_lines) == 1
        assert "GATEWAY_API_KEYS" in worker.stderr_lines[0]
        assert worker.stdout_lines == []
