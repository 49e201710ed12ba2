"""The parts of the private node that need no node."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from broker_server.amqp.private_node import control_socket
from broker_server.amqp.private_node.broker_process import first_reason
from broker_server.amqp.private_node.layout import LARGEST_LOG, NodeFolder, Ports
from broker_server.amqp.private_node.ports import free_port, is_free
from broker_server.amqp.private_node.processes import command_line, end_leftovers, remember
from tests.support.waiting import wait_until

PORTS = Ports(amqp=21001, distribution=21002, epmd=21003, management=21004)


def test_free_port_is_free_and_below_the_ephemeral_range() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    port = free_port()
    assert is_free(port)
    assert port < lowest


def test_used_port_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_ports_differ_from_each_other() -> None:
    ports = Ports.choose(None)
    assert len({ports.amqp, ports.distribution, ports.epmd, ports.management}) == 4


def test_last_port_of_a_lasting_folder_is_taken_again(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path)
    folder.create()
    wanted = free_port()
    folder.write_settings(Ports.choose(wanted), ())
    assert folder.ports(None, lasting=True).amqp == wanted


def test_last_port_is_given_up_when_somebody_else_has_it(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path)
    folder.create()
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        folder.write_settings(Ports(taken, 1, 2, 3), ())
        assert folder.ports(None, lasting=True).amqp != taken


def test_damaged_ports_file_is_ignored(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path)
    folder.create()
    (tmp_path / "ports.json").write_text("[half")
    assert folder.ports(None, lasting=True).amqp > 0


def test_cookie_is_secret_and_stays_the_same(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path / "node")
    folder.create()
    cookie = folder.home / ".erlang.cookie"
    first = cookie.read_text()
    folder.create()
    assert cookie.read_text() == first
    assert len(first) >= 20
    assert cookie.stat().st_mode & 0o777 == 0o400


def test_settings_bind_to_loopback_only(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path)
    folder.create()
    folder.write_settings(PORTS, ("rabbitmq_management",))
    settings = (tmp_path / "rabbitmq.conf").read_text()
    assert "listeners.tcp.1 = 127.0.0.1:21001" in settings
    assert "management.tcp.ip = 127.0.0.1" in settings
    assert f"raft.wal_max_size_bytes = {LARGEST_LOG}" in settings
    assert (tmp_path / "enabled_plugins").read_text() == "[rabbitmq_management].\n"


def test_settings_of_the_callers_own_rabbitmq_do_not_leak_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_DEFAULT_USER", "somebody")
    monkeypatch.setenv("ERL_FLAGS", "-name other")
    environment = NodeFolder(tmp_path).environment(PORTS)
    assert "RABBITMQ_DEFAULT_USER" not in environment
    assert "ERL_FLAGS" not in environment
    assert "inet_dist_use_interface {127,0,0,1}" in environment["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"]


def test_leftover_process_of_ours_is_ended(tmp_path: Path) -> None:
    mark = str(tmp_path / "node")
    leftover = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()", mark], stdin=subprocess.PIPE
    )
    with leftover:
        remember(tmp_path / "processes.json", {leftover.pid: mark})
        # For a moment after its start a process has no command line.
        wait_until(lambda: mark in (command_line(leftover.pid) or ""))
        # The reaper makes the ended child disappear, as it would if its parent were gone.
        threading.Thread(target=leftover.wait, daemon=True).start()
        assert end_leftovers(tmp_path / "processes.json") == [leftover.pid]
        wait_until(lambda: leftover.returncode is not None)
    assert leftover.returncode != 0


def test_foreign_process_with_a_reused_id_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as other:
        remember(tmp_path / "processes.json", {other.pid: str(tmp_path / "node")})
        assert end_leftovers(tmp_path / "processes.json") == []
        assert other.poll() is None
        assert other.stdin is not None
        other.stdin.close()
        assert other.wait(60) == 0


@pytest.mark.parametrize("text", ["", "not json", "[1]", '{"x": "y"}', '{"1": ""}'])
def test_unreadable_process_file_ends_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "processes.json").write_text(text)
    assert end_leftovers(tmp_path / "processes.json") == []


@pytest.mark.parametrize("length", [10, 300])
def test_socket_works_in_folders_with_long_paths(tmp_path: Path, length: int) -> None:
    folder = tmp_path.joinpath(*["n" * 50] * (length // 50), "data")
    folder.mkdir(parents=True)
    path = folder / "keeper.sock"
    with control_socket.listen(path) as listener:
        connection = control_socket.connect(path, 60)
        assert connection is not None
        with connection:
            served, _ = listener.accept()
            with served:
                served.sendall(json.dumps({"fine": True}).encode() + b"\n")
                assert control_socket.ask(connection, {"op": "join"}) == {"fine": True}


def test_nobody_listening_is_not_an_error(tmp_path: Path) -> None:
    assert control_socket.connect(tmp_path / "keeper.sock", 60) is None
    with control_socket.listen(tmp_path / "keeper.sock"):
        pass
    assert control_socket.connect(tmp_path / "keeper.sock", 60) is None


def test_stale_socket_is_replaced(tmp_path: Path) -> None:
    with control_socket.listen(tmp_path / "keeper.sock"):
        pass
    with control_socket.listen(tmp_path / "keeper.sock"):
        connection = control_socket.connect(tmp_path / "keeper.sock", 60)
        assert connection is not None
        connection.close()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "2026-01-01 00:00:00.1+00:00 [info] <0.1.0> hello\nBOOT FAILED\n=====\nError: eaddrinuse",
            "Error: eaddrinuse",
        ),
        (
            "Error during startup: {error,\n     {badarg,\n      [x]}}",
            "Error during startup: {error, {badarg, [x]}}",
        ),
        ("only this\n\n", "only this"),
        ("", "it said nothing"),
    ],
)
def test_reason_of_a_failed_start_is_one_short_line(said: str, expected: str) -> None:
    assert first_reason(said) == expected
    assert len(first_reason(said * 200)) <= 300
