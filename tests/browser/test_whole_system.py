"""The page on the whole system: simulated brokerage, worker, RabbitMQ and the gateway beside the worker."""

from __future__ import annotations

import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from playwright.sync_api import expect

from broker_server.amqp.private_node.ports import free_port
from tests.support.chromium import OpenPage
from tests.support.processes import CommandProcess, run_client, start_server


@pytest.fixture
def environment(clean_broker: str, tmp_path: Path) -> dict[str, str]:
    return {
        "BROKER_URL": clean_broker,
        "JOURNAL_URL": f"sqlite:///{tmp_path / 'journal.sqlite3'}",
        "PRICES_URL": f"sqlite:///{tmp_path / 'prices.sqlite3'}",
        "GATEWAY_PORT": str(free_port()),
        "XDG_DATA_HOME": str(tmp_path),
    }


@pytest.fixture
def system(environment: dict[str, str]) -> Iterator[CommandProcess]:
    with start_server("run", "--simulate", "--gateway", environment=environment) as running:
        running.wait_for_line("gateway=")
        yield running
        running.terminate()


def trade_at(system: CommandProcess, price: int) -> None:
    """The simulated market trades at this price from now on."""
    (ready,) = (line for line in system.stdout_lines if line.startswith("ready"))
    control = dict(part.partition("=")[::2] for part in ready.split())["control"]
    body = orjson.dumps({"ticker": "005930", "price": price})
    with urllib.request.urlopen(f"{control}/market", body, timeout=20) as answer:  # noqa: S310 - our own
        assert answer.status == 200


def test_a_live_price_and_a_gateway_that_is_killed(
    environment: dict[str, str], system: CommandProcess, open_page: OpenPage, complaints: list[str]
) -> None:
    page = open_page(system.wait_for_line("gateway=").partition("=")[2])
    page.evaluate("window.isTheSamePage = true")
    row = page.locator('#prices tr[data-ticker="005930"]')
    expect(row.locator(".c-source")).to_contain_text("live · KIS")
    for price in (71_000, 71_500):
        trade_at(system, price)
        expect(row.locator(".price")).to_have_text(f"{price:,}")
    expect(page.locator("#workers")).to_contain_text("live data: connected")
    order = ("kis.buy-order", "ticker=005930", "quantity=2", "order_type=market")
    done = run_client("call", *order, environment=environment)
    assert done.returncode == 0, done.stderr
    expect(page.locator("#orders tbody")).to_contain_text("filled")

    (gateway,) = children(system.process.pid)
    os.kill(gateway, signal.SIGKILL)
    expect(page.locator("#banner")).to_contain_text("lost since")
    system.wait_for_log("the gateway has ended")
    trade_at(system, 72_000)
    expect(row.locator(".price")).to_have_text("72,000")
    expect(page.locator("#banner")).to_be_hidden()
    # What was ordered before the new gateway is there too: the workers are asked.
    expect(page.locator("#orders tbody tr")).to_have_count(1)
    assert page.evaluate("window.isTheSamePage")
    complaints.clear()  # of refused connections


def children(pid: int) -> list[int]:
    """The processes whose parent this one is and which run the gateway."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if parent == pid and b"gateway" in command:
            found.append(int(folder.name))
    return found
