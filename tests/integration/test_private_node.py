"""The private node as a whole: joined, left, killed, restarted, refused."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pika
import pytest
from pika.exceptions import AMQPError

from broker_client.errors import BrokerUnreachable
from broker_server.amqp.private_node import PrivateNode, broker_process
from broker_server.amqp.private_node.broker_process import BrokerProcess, PortTaken
from broker_server.amqp.private_node.install import ensure_rabbitmq
from broker_server.amqp.private_node.layout import NodeFolder, Ports
from broker_server.amqp.private_node.processes import command_line
from tests.support.processes import CommandProcess
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a private node needs Unix sockets")


def accepts_amqp(url: str) -> bool:
    try:
        pika.BlockingConnection(pika.URLParameters(url)).close()
    except AMQPError:
        return False
    return True


def processes_of(folder: Path) -> list[int]:
    """The ids of all processes that have the folder in their command line or environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if re.search(rb"[ =\0]" + re.escape(bytes(folder)), told):
                found.append(int(entry.name))
    return found


def descendants(pid: int) -> list[int]:
    """The ids of its children, and theirs; the node has some that soon end."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [found for child in children for found in (int(child), *descendants(int(child)))]


def listening_addresses(pid: int) -> set[str]:
    """Local addresses, in the kernel's hexadecimal form, on which a process listens; none once it is gone."""
    inodes, found = set(), set()
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                target = os.readlink(descriptor)
                if target.startswith("socket:["):
                    inodes.add(target[len("socket:[") : -1])
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[9] in inodes:
                    found.add(fields[1].split(":")[0])
    except (FileNotFoundError, ProcessLookupError):
        return set()
    return found


@pytest.fixture(scope="module")
def folder_with_spaces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return (
        tmp_path_factory.mktemp("data")
        / "a folder with spaces and a name that no socket address can hold"
        / "n"
    )


@pytest.fixture(scope="module")
def node(folder_with_spaces: Path) -> Iterator[PrivateNode]:
    with PrivateNode.start(folder_with_spaces) as started:
        yield started


def test_second_user_joins_and_the_first_may_leave(node: PrivateNode, folder_with_spaces: Path) -> None:
    second = PrivateNode.start(folder_with_spaces)
    assert second.joined
    assert not node.joined
    assert second.url == node.url
    second.stop()
    assert accepts_amqp(node.url)


def test_everything_listens_on_loopback_only(node: PrivateNode) -> None:
    addresses = set[str]()
    for pid in descendants(node.keeper_pid):
        addresses |= listening_addresses(pid)
    loopback4, loopback6 = "0100007F", "00000000000000000000000001000000"
    assert loopback4 in addresses
    assert addresses <= {loopback4, loopback6}


def test_restart_keeps_the_url_and_the_data(node: PrivateNode) -> None:
    with pika.BlockingConnection(pika.URLParameters(node.url)) as connection:
        connection.channel().queue_declare("kept", durable=True)
    node.restart()
    with pika.BlockingConnection(pika.URLParameters(node.url)) as connection:
        connection.channel().queue_declare("kept", passive=True)


@pytest.mark.chaos
def test_nothing_is_left_of_a_node_that_was_killed_and_restarted(tmp_path: Path) -> None:
    with PrivateNode.start(tmp_path / "node") as node:
        node.kill()
        node.restart()
        before = processes_of(tmp_path)
        assert set(descendants(node.keeper_pid)) >= {pid for pid in before if pid != node.keeper_pid}
    wait_until(lambda: not processes_of(tmp_path), what="keeper, epmd and node gone")


def test_data_folder_is_closed_to_others(node: PrivateNode) -> None:
    assert node.folder.stat().st_mode & 0o077 == 0
    assert node.log_file.stat().st_size > 0


def test_taken_port_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerUnreachable) as caught:
            PrivateNode.start(tmp_path / "node", port=port)
    message = str(caught.value)
    assert f"port {port}" in message
    assert "\n" not in message
    wait_until(lambda: not processes_of(tmp_path), what="nothing is left behind")


async def test_a_node_that_answers_at_the_port_in_its_place_is_not_taken_for_it(
    node: PrivateNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nodes that start at the same moment both find the usual port free, and one of them gets it."""
    monkeypatch.setattr(broker_process, "is_free", lambda port: True)
    folder = NodeFolder(tmp_path / "node")
    folder.create()
    ports = Ports.choose(pika.URLParameters(node.url).port)
    process = BrokerProcess(folder, ensure_rabbitmq(), ports, plugins=())
    try:
        with pytest.raises(PortTaken):
            await process.start()
    finally:
        await process.stop(hard=True)
    assert accepts_amqp(node.url)


def test_unusable_folder_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokerUnreachable) as caught:
        PrivateNode.start(tmp_path / "file" / "node")
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_node_stops_when_its_only_user_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from broker_server.amqp.private_node import PrivateNode\n"
        "node = PrivateNode.start(pathlib.Path(sys.argv[1]))\n"
        "print(node.url, flush=True)\n"
        "sys.stdin.read()\n"
    )
    user = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "node")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with user:
        assert user.stdout is not None
        url = user.stdout.readline().strip()
        assert accepts_amqp(url)
        assert len(processes_of(tmp_path)) >= 2
        user.kill()
    wait_until(lambda: not processes_of(tmp_path), what="keeper and node gone")
    assert not accepts_amqp(url)

    # The folder is usable again, with the same port.
    with PrivateNode.start(tmp_path / "node") as again:
        assert again.url == url


@pytest.mark.chaos
def test_killed_keeper_takes_the_node_down(tmp_path: Path) -> None:
    with PrivateNode.start() as node:
        children = descendants(node.keeper_pid)
        assert len(children) >= 2
        os.kill(node.keeper_pid, signal.SIGKILL)
        wait_until(lambda: not [pid for pid in children if command_line(pid)], what="epmd and node gone")
        with pytest.raises(BrokerUnreachable, match="ended"):
            node.restart()
    for leftover in sorted(node.folder.rglob("*"), reverse=True):
        leftover.unlink() if not leftover.is_dir() else leftover.rmdir()
    node.folder.rmdir()


def test_command_prints_its_url_first_and_ends_on_sigterm(tmp_path: Path) -> None:
    environment = {"XDG_DATA_HOME": str(tmp_path)}
    command = "from broker_server.amqp.private_node.cli import run_foreground as main"
    with CommandProcess([], environment=environment, program=command) as first:
        url = first.wait_for_line("amqp://")
        assert first.stdout_lines == [url]
        assert accepts_amqp(url)
        with CommandProcess([], environment=environment, program=command) as second:
            assert second.wait_for_line("amqp://") == url
            assert second.wait_for_line("joined")
            assert second.terminate() == 0
        assert accepts_amqp(url)
        assert first.terminate() == 0
    assert not accepts_amqp(url)


@pytest.mark.chaos
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_interrupted_while_the_node_starts_ends_at_once_and_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = "from broker_server.amqp.private_node.cli import run_foreground as main"
    with CommandProcess([], environment={"XDG_DATA_HOME": str(tmp_path)}, program=command) as foreground:
        folder = tmp_path / "sapi-broker" / "rabbitmq"
        wait_until(lambda: list(folder.rglob("keeper.sock")), what="the keeper of a starting node")
        foreground.process.send_signal(number)
        assert foreground.wait() == 0
        assert (foreground.stdout_lines, foreground.stderr_lines) == ([], [])
    wait_until(lambda: not processes_of(tmp_path), what="the end of the node")


@pytest.mark.chaos
def test_command_ends_with_1_when_the_node_dies(tmp_path: Path) -> None:
    command = "from broker_server.amqp.private_node.cli import run_foreground as main"
    with CommandProcess([], environment={"XDG_DATA_HOME": str(tmp_path)}, program=command) as foreground:
        foreground.wait_for_line("amqp://")
        node_ids = [pid for pid in processes_of(tmp_path) if "beam" in (command_line(pid) or "")]
        assert len(node_ids) == 1
        os.kill(node_ids[0], signal.SIGKILL)
        assert foreground.wait() == 1
        assert "ended by itself" in foreground.output
