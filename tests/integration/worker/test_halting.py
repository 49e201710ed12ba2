"""The kill switch reaches every worker, stays on record, and never claims more than it has done."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pika
import pytest
from sqlalchemy import Engine

from broker_server.journal.database import open_database
from broker_server.journal.halts import Halt, Halts
from broker_server.journal.owners import Owners
from tests.integration.worker.conftest import StartWorker
from tests.support.processes import CommandProcess
from tests.support.task_wire import TaskWire
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until
from tests.support.workers import Gate

ENVIRONMENT = "paper"


def name_of(worker: CommandProcess) -> str:
    return f"{socket.gethostname()}-{worker.process.pid}"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two workers' folders: each has a journal of its own, as on two hosts."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    return first, second


@pytest.fixture
def new_worker(new_worker: StartWorker) -> StartWorker:
    """Workers without an account, so that two of them serve at the same time."""

    def start(url: str, settings: dict[str, str] | None = None, **options: Any) -> CommandProcess:
        return new_worker(url, settings={"STUB_ORDERS": "off"} | (settings or {}), **options)

    return start


@contextmanager
def journal(folder: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{folder / 'journal.sqlite3'}")
    try:
        yield engine
    finally:
        engine.dispose()


def halt_on_record(folder: Path) -> Halt | None:
    with journal(folder) as engine:
        return Halts(engine, ENVIRONMENT).current()


@contextmanager
def frozen(worker: CommandProcess) -> Iterator[None]:
    """A process that does nothing any more, while its connection and its consumers look alive."""
    worker.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        worker.process.send_signal(signal.SIGCONT)


def ask_whoever_lives(wire: TaskWire, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The first answer. The broker deals tasks out in turn, so of two at least one finds a living worker."""
    task_ids = [wire.send(method, parameters) for _ in range(2)]

    def answered() -> list[str]:
        wire.connection.process_data_events(0)
        return [task_id for task_id in task_ids if wire.replies[task_id]]

    return wire.wait(wait_until(answered, 30)[0]).json


def switch(wire: TaskWire, method: str, reason: str) -> dict[str, Any]:
    """Repeat until it succeeds, as its error says; a busy machine may need more than the two seconds."""

    def succeeded() -> dict[str, Any] | None:
        reply = wire.call(method, {"reason": reason})
        assert reply["status"] == "TASK_SUCCEED", reply
        row: dict[str, Any] = reply["result"][0]
        return row

    row = wait_until(succeeded, 30)
    assert row is not None
    return row


def halted_by_status(wire: TaskWire, workers: int) -> list[Any]:
    def complete() -> list[Any] | None:
        rows = wire.call("broker.get-status")["result"]
        assert len([row for row in rows if row["worker"]]) == len(rows) == workers, rows
        return [row["halted"] for row in rows]

    rows = wait_until(complete, 30)
    assert rows is not None
    return rows


def test_halt_is_acknowledged_by_both_on_record_and_survives_a_restart(
    clean_broker: str, new_worker: StartWorker, folders: tuple[Path, Path]
) -> None:
    workers = [new_worker(clean_broker, folder=folder) for folder in folders]
    with TaskWire(clean_broker) as wire:
        assert halted_by_status(wire, 2) == [None, None]
        row = switch(wire, "broker.halt-orders", "시험")
        assert row["halted"] is True
        assert row["reason"] == "시험"
        assert row["by"].startswith("a client of ")
        assert row["acknowledged"] == sorted(map(name_of, workers))
        for folder in folders:
            halt = halt_on_record(folder)
            assert halt is not None
            assert (halt.by, halt.reason) == (row["by"], "시험")
            assert halt.at.isoformat(timespec="milliseconds").replace("+00:00", "Z") == row["since"]
        expected = {name: row[name] for name in ("since", "by", "reason")}
        assert halted_by_status(wire, 2) == [expected, expected]

        assert [worker.terminate() for worker in workers] == [0, 0]
        workers = [new_worker(clean_broker, folder=folder) for folder in folders]
        assert halted_by_status(wire, 2) == [expected, expected]

        row = switch(wire, "broker.resume-orders", "over")
        assert (row["halted"], row["reason"]) == (False, "over")
        assert row["acknowledged"] == sorted(map(name_of, workers))
        assert halted_by_status(wire, 2) == [None, None]
        assert [halt_on_record(folder) for folder in folders] == [None, None]


def test_two_workers_may_share_a_journal(clean_broker: str, new_worker: StartWorker, tmp_path: Path) -> None:
    workers = [new_worker(clean_broker) for _ in range(2)]
    with TaskWire(clean_broker) as wire:
        for method, halted in (("broker.halt-orders", True), ("broker.resume-orders", False)) * 2:
            row = switch(wire, method, "shared")
            assert row["acknowledged"] == sorted(map(name_of, workers))
            assert (halt_on_record(tmp_path) is not None) is halted


def test_frozen_worker_is_named_the_others_halt_and_it_halts_when_it_wakes(
    clean_broker: str, new_worker: StartWorker, folders: tuple[Path, Path]
) -> None:
    awake, asleep = (new_worker(clean_broker, folder=folder) for folder in folders)
    with TaskWire(clean_broker) as wire:
        assert halted_by_status(wire, 2) == [None, None]
        with frozen(asleep):
            reply = ask_whoever_lives(wire, "broker.halt-orders", {"reason": "frozen"})
            assert (reply["status"], reply["error"]["code"]) == ("TASK_FAILED", "TIMEOUT")
            assert reply["error"]["retryable"] is True
            assert f"no answer within 2 s from {name_of(asleep)}" in reply["error"]["message"]
            assert f"halted on {name_of(awake)} only" in reply["error"]["message"]
            assert halt_on_record(folders[0]) is not None
            assert halt_on_record(folders[1]) is None

            rows = ask_whoever_lives(wire, "broker.get-status", {})["result"]
            assert [row["worker"] for row in rows] == [name_of(awake), None]
            assert rows[0]["halted"]["reason"] == "frozen"
            assert rows[1]["error"] == f"1 of 2 workers did not answer within 1 s: {name_of(asleep)}"
        wait_until(lambda: halt_on_record(folders[1]) is not None, 30)
        assert len(switch(wire, "broker.resume-orders", "awake again")["acknowledged"]) == 2


def test_owner_in_the_journal_that_is_not_there_is_named(
    clean_broker: str, new_worker: StartWorker, tmp_path: Path
) -> None:
    worker = new_worker(clean_broker)
    with TaskWire(clean_broker) as wire, journal(tmp_path) as engine:
        owners = Owners(engine, ENVIRONMENT)
        owner = {"host": "elsewhere", "process": 1, "heartbeat": 5, "now": datetime(2026, 11, 20, tzinfo=UTC)}
        epoch, _ = owners.take("kis", "default", name="elsewhere-1", **owner)
        owners.take("kis", "pension", name=name_of(worker), **owner)
        reply = wire.call("broker.halt-orders", {"reason": "owner away"})
        assert reply["error"]["code"] == "TIMEOUT"
        assert "elsewhere-1 (owner of kis/default)" in reply["error"]["message"]
        assert halt_on_record(tmp_path) is not None
        owners.release("kis", "default", epoch)
        assert switch(wire, "broker.halt-orders", "owner gone")["acknowledged"] == [name_of(worker)]


def test_worker_that_was_away_learns_of_the_halt_before_it_consumes(
    clean_broker: str, new_worker: StartWorker, folders: tuple[Path, Path]
) -> None:
    new_worker(clean_broker, folder=folders[0])
    with TaskWire(clean_broker) as wire:
        row = switch(wire, "broker.halt-orders", "before it came")
        new_worker(clean_broker, folder=folders[1])
        learnt, original = halt_on_record(folders[1]), halt_on_record(folders[0])
        assert learnt == original
        assert learnt is not None
        assert learnt.by == row["by"]


def test_worker_that_lost_the_broker_meanwhile_learns_of_the_halt_when_it_is_back(
    clean_broker: str, new_worker: StartWorker, folders: tuple[Path, Path]
) -> None:
    target = pika.URLParameters(clean_broker)
    with TcpProxy(target.host, target.port) as proxy, TaskWire(clean_broker) as wire:
        new_worker(clean_broker, folder=folders[0])
        address = f"amqp://guest:guest@127.0.0.1:{proxy.port}/{clean_broker.rpartition('/')[2]}"
        new_worker(address, folder=folders[1])
        proxy.refuse()
        wait_until(lambda: wire.consumers(f"broker.environment.{ENVIRONMENT}") == 1, 30)
        assert len(switch(wire, "broker.halt-orders", "while it was away")["acknowledged"]) == 1
        assert halt_on_record(folders[1]) is None
        proxy.resume()
        wait_until(lambda: wire.consumers("tasks") == 2, 30)
        assert halt_on_record(folders[1]) == halt_on_record(folders[0])


def test_worker_with_a_later_word_keeps_it(
    clean_broker: str, new_worker: StartWorker, folders: tuple[Path, Path]
) -> None:
    new_worker(clean_broker, folder=folders[0])
    with TaskWire(clean_broker) as wire:
        switch(wire, "broker.halt-orders", "early")
        with journal(folders[1]) as engine:
            Halts(engine, ENVIRONMENT).set(halted=False, now=datetime.now(UTC), by="later")
        new_worker(clean_broker, folder=folders[1])
        assert halt_on_record(folders[1]) is None


def test_reason_is_required(clean_broker: str, new_worker: StartWorker) -> None:
    new_worker(clean_broker)
    with TaskWire(clean_broker) as wire:
        for parameters in ({}, {"reason": ""}, {"reason": "x" * 1001}):
            assert wire.call("broker.halt-orders", parameters)["error"]["code"] == "INVALID_PARAMETERS"
        assert halted_by_status(wire, 1) == [None]


def test_halt_does_not_wait_behind_reads_orders_and_cancels(
    clean_broker: str, new_worker: StartWorker, tmp_path: Path
) -> None:
    new_worker(clean_broker, settings={"STUB_ORDERS": "on"})
    gate = Gate(tmp_path)
    with TaskWire(clean_broker) as wire:
        methods = ("stub.buy-order", "stub.cancel-order", *["stub.account-echo"] * 20)
        waiting = [wire.send(method, gate.hold(number)) for number, method in enumerate(methods)]
        gate.wait_begun(0)
        row = switch(wire, "broker.halt-orders", "now")
        assert row["halted"] is True
        assert not any(wire.replies[task_id] for task_id in waiting)
        gate.open()
        wire.wait_all(waiting)
