"""One epmd and one RabbitMQ node as children of the keeper."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pika
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import AMQPError

from broker_client.errors import BrokerUnreachable
from broker_server.amqp.private_node.layout import MANAGEMENT_PLUGIN, NodeFolder, Ports
from broker_server.amqp.private_node.ports import LOOPBACK, is_free
from broker_server.amqp.private_node.processes import dies_with_parent, end_leftovers, remember

START_PATIENCE = 90.0
"""Seconds a node may take until it accepts AMQP; 3 s is usual, 6 s on a busy machine."""
STOP_PATIENCE = 15.0
_POLL = 0.1
_LONGEST_REASON = 300
_EPMD_PLACES = ("/usr/lib/erlang/bin/epmd", "/usr/lib64/erlang/bin/epmd", "/opt/homebrew/bin/epmd")
_TELLING = re.compile(r"eaddrinuse|error|fail|cannot|not found|denied|incompatible|mismatch", re.IGNORECASE)
_DECORATION = re.compile(r"^\d{4}-\d\d-\d\d \S+ \[\w+\] <[\d.]+>\s*|^[=\s-]+$")


class PortTaken(BrokerUnreachable):
    """Somebody else took a port between choosing and using it."""


class BrokerProcess:
    """Starts, restarts and stops one node in one folder, always on the same ports.

    Args:
        folder: Where the node lives.
        server: The ``rabbitmq-server`` script.
        ports: The ports to listen on.
        plugins: Plugins to enable, such as ``rabbitmq_management``.
    """

    def __init__(self, folder: NodeFolder, server: Path, ports: Ports, plugins: tuple[str, ...]) -> None:
        self.folder = folder
        self.ports = ports
        self._server = server
        self._plugins = plugins
        self._node: asyncio.subprocess.Process | None = None
        self._epmd: asyncio.subprocess.Process | None = None

    @property
    def is_running(self) -> bool:
        """Whether the node's process lives."""
        return self._node is not None and self._node.returncode is None

    async def start(self) -> None:
        """Start the node and return once an AMQP connection really opens.

        Raises:
            PortTaken: A port is used by somebody else.
            BrokerUnreachable: The node ended, or did not accept a connection in 90 s; the message holds
                what its log says.
        """
        if self.is_running:
            return
        if self._epmd is None:
            end_leftovers(self.folder.process_file)
        if not is_free(self.ports.amqp):
            raise PortTaken(
                f"port {self.ports.amqp} on {LOOPBACK} is used by another program: choose another one"
            )
        self.folder.write_settings(self.ports, self._plugins)
        environment = self.folder.environment(self.ports)
        log_start = _size(self.folder.console_log)
        if self._epmd is None or self._epmd.returncode is not None:
            self._epmd = await self._spawn(
                [_find_epmd(), "-port", str(self.ports.epmd), "-address", LOOPBACK], environment
            )
            await self._until(lambda: _accepts(self.ports.epmd), self._epmd, log_start)
        self._node = await self._spawn([str(self._server)], environment)
        remember(
            self.folder.process_file,
            {self._epmd.pid: f"-port {self.ports.epmd}", self._node.pid: str(self.folder.root)},
        )
        await self._until(lambda: _opens(self.ports), self._node, log_start)
        if MANAGEMENT_PLUGIN in self._plugins:
            await self._until(lambda: _accepts(self.ports.management), self._node, log_start)

    async def wait(self) -> None:
        """Wait until the node's process has ended."""
        if self._node is not None:
            await self._node.wait()

    async def stop_node(self, *, hard: bool) -> None:
        """End the node: orderly, or at once as a power cut would."""
        await _end(self._node, signal.SIGKILL if hard else signal.SIGTERM)

    async def stop(self, *, hard: bool = False) -> None:
        """End the node and its epmd."""
        await self.stop_node(hard=hard)
        await _end(self._epmd, signal.SIGTERM)
        self.folder.process_file.unlink(missing_ok=True)

    async def _spawn(self, command: list[str], environment: dict[str, str]) -> asyncio.subprocess.Process:
        with self.folder.console_log.open("ab") as console:
            return await asyncio.create_subprocess_exec(
                *command,
                env=environment,
                cwd=self.folder.root,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                preexec_fn=dies_with_parent(),
            )

    async def _until(
        self, ready: Callable[[], bool], process: asyncio.subprocess.Process, log_start: int
    ) -> None:
        deadline = asyncio.get_running_loop().time() + START_PATIENCE
        while not await asyncio.to_thread(ready):
            if process.returncode is not None:
                self._raise_failure("RabbitMQ ended while starting", log_start)
            if asyncio.get_running_loop().time() > deadline:
                self._raise_failure(f"RabbitMQ did not accept AMQP within {START_PATIENCE:g} s", log_start)
            await asyncio.sleep(_POLL)

    def _raise_failure(self, what: str, log_start: int) -> None:
        with self.folder.console_log.open("rb") as console:
            console.seek(log_start)
            said = console.read().decode(errors="replace")
        reason = first_reason(said)
        kind = (
            PortTaken
            if "eaddrinuse" in said or "address already in use" in said.lower()
            else BrokerUnreachable
        )
        raise kind(f"{what}: {reason} (log: {self.folder.logs})")


def first_reason(said: str) -> str:
    """Why a node failed, from its console: the first telling lines as one, without time stamps."""
    lines = [_DECORATION.sub("", line).strip() for line in said.splitlines()]
    lines = [line for line in lines if line and line != "BOOT FAILED"]
    telling = next((number for number, line in enumerate(lines) if _TELLING.search(line)), None)
    if telling is None:
        return lines[-1][:_LONGEST_REASON] if lines else "it said nothing"
    # Erlang breaks a term over many lines; what matters is often on the second or third.
    return " ".join(lines[telling : telling + 8])[:_LONGEST_REASON]


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _find_epmd() -> str:
    found = shutil.which("epmd") or next((place for place in _EPMD_PLACES if Path(place).exists()), None)
    if found is None:
        raise BrokerUnreachable("epmd is not installed (package erlang-base): install it, or set BROKER_URL")
    return found


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0):
            return True
    except OSError:
        return False


def _opens(ports: Ports) -> bool:
    """Whether the node answers there: not another one that was quicker to take the port."""
    parameters = pika.URLParameters(ports.url)
    if not _accepts(parameters.port):
        return False
    # A node that is still booting refuses the handshake, which pika would log with a traceback.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    parameters.socket_timeout = parameters.stack_timeout = 5
    try:
        with pika.BlockingConnection(parameters) as connection:
            properties: dict[str, object] = connection._impl.server_properties  # pika has no public name
    except (AMQPError, AMQPConnectorException, OSError):
        return False
    return properties.get("cluster_name") == ports.cluster_name


async def _end(process: asyncio.subprocess.Process | None, first: signal.Signals) -> None:
    if process is None or process.returncode is not None:
        return
    process.send_signal(first)
    try:
        await asyncio.wait_for(process.wait(), STOP_PATIENCE)
    except TimeoutError:
        process.kill()
        await process.wait()
