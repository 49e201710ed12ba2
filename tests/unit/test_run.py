"""What a worker is started with."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import cast

import pytest

from broker_server import run
from broker_server.core.accounts import AccountKey
from broker_server.settings import Settings, load_settings


@pytest.mark.parametrize(
    ("simulate", "hours", "kept"), [(True, False, False), (True, True, True), (False, False, True)]
)
def test_only_a_simulated_market_trades_around_the_clock(
    monkeypatch: pytest.MonkeyPatch, simulate: bool, hours: bool, kept: bool
) -> None:
    def with_simulator(settings: Settings, *_: object, **__: object) -> tuple[Settings, None]:
        return settings, None

    monkeypatch.setattr(run, "with_simulator", with_simulator)
    monkeypatch.setattr(run, "simulator_instances", lambda *_: {AccountKey("kis"): "instance"})
    monkeypatch.setattr(run, "account_identities", lambda settings: {})
    monkeypatch.setattr(run, "make_vendors", lambda settings, **_: [])
    settings = load_settings(env_file=None, broker_url="amqp://localhost")
    with run.prepared(settings, simulate=simulate, hours=hours) as parts:
        assert parts.hours is kept, "silence outside the hours of a market proves nothing"


def test_a_reader_that_is_gone_does_not_end_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8", closefd=False) as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        monkeypatch.setattr(run, "_words", lambda parts: ["environment=paper"])
        run.announce_standby(cast("run.Prepared", None), "kis/default")
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)


def test_windows_own_way_to_ask_a_process_to_end_is_heard() -> None:
    assert {signal.SIGINT, signal.SIGTERM} <= set(run.STOP_SIGNALS)
    windows = getattr(signal, "SIGBREAK", None)
    assert windows is None or windows in run.STOP_SIGNALS


@pytest.mark.parametrize("like_windows", [False, True])
async def test_a_signal_to_end_is_a_drain(monkeypatch: pytest.MonkeyPatch, like_windows: bool) -> None:
    """On Windows an event loop takes no signals; SIGUSR1 stands for its SIGBREAK."""
    loop = asyncio.get_running_loop()

    def no_signals(*_: object) -> None:
        raise NotImplementedError

    before = signal.getsignal(signal.SIGUSR1)
    if like_windows:
        monkeypatch.setattr(loop, "add_signal_handler", no_signals)
    stop = asyncio.Event()
    try:
        run.stop_on_signal(stop, [signal.SIGUSR1])
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.wait_for(stop.wait(), 10)
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)
        signal.signal(signal.SIGUSR1, before)


def test_a_supervised_worker_stops_when_its_supervisor_is_gone() -> None:
    program = (
        "import asyncio\n"
        "from broker_server.run import stop_without_supervisor\n"
        "async def main():\n"
        "    stop = asyncio.Event()\n"
        "    stop_without_supervisor(stop)\n"
        "    await asyncio.wait_for(stop.wait(), 60)\n"
        "asyncio.run(main())\n"
    )
    environment = {**os.environ, "KIWOOM_SUPERVISED": "1"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, input=b"", check=False, timeout=90)
    assert done.returncode == 0
