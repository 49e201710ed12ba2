"""`PrivateNode`: the handle that one user of a private RabbitMQ node holds."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import platformdirs

import broker_server
from broker_client.errors import BrokerUnreachable
from broker_server.amqp.private_node import control_socket
from broker_server.amqp.private_node.install import ensure_rabbitmq
from broker_server.amqp.private_node.layout import NodeFolder

_KEEPER = "broker_server.amqp.private_node.keeper"
_PACKAGE_ROOT = Path(broker_server.__file__).resolve().parent.parent
_LOCK_IS_HELD = 3
_RETRY = 0.1


def default_folder() -> Path:
    """Where the node of the commands keeps its data: ``rabbitmq`` in the user's data folder."""
    return platformdirs.user_data_path("sapi-broker") / "rabbitmq"


class PrivateNode:
    """A RabbitMQ node of our own on loopback, running for as long as somebody uses it.

    Made by `start`, never directly. Usable from several threads; a context manager.

    Attributes:
        url: The AMQP URL, default virtual host.
        management_url: Where the management plugin answers; None unless it is enabled.
        folder: The node's data, settings and log.
        joined: Whether the node ran already when `start` was called.
    """

    def __init__(
        self, connection: socket.socket, folder: NodeFolder, answer: dict[str, Any], *, joined: bool
    ) -> None:
        self.url: str = answer["url"]
        self.management_url: str | None = answer["management_url"]
        self.keeper_pid: int = answer["pid"]
        self.folder = folder.root
        self.joined = joined
        self._layout = folder
        self._connection: socket.socket | None = connection
        self._one_at_a_time = threading.Lock()

    @classmethod
    def start(
        cls,
        folder: Path | None = None,
        *,
        port: int | None = None,
        plugins: tuple[str, ...] = (),
        keep: bool = True,
        timeout: float = 120.0,
    ) -> Self:
        """Start a node, or join the one that runs in ``folder``.

        Args:
            folder: The node's data folder. None: a temporary one, removed when the node stops.
            port: The AMQP port. None: a folder's last port or 5672 if free, else any free one. A running
                node that is joined keeps its port and plugins.
            plugins: Plugins to enable, for example ``("rabbitmq_management",)``.
            keep: Keep the folder when the node stops; a node whose folder goes is simply killed.
            timeout: Seconds to wait for a node that is starting or stopping.

        Raises:
            BrokerUnreachable: There is no RabbitMQ to start, or it does not start; the message is one
                line with the reason.
        """
        if not hasattr(socket, "AF_UNIX") or sys.platform == "win32":
            raise BrokerUnreachable("a private RabbitMQ node needs Linux or macOS: set BROKER_URL instead")
        temporary = folder is None or not keep
        root = Path(tempfile.mkdtemp(prefix="sapi-rabbitmq-")) if folder is None else folder
        layout = NodeFolder(root.expanduser().absolute().resolve())
        deadline = time.monotonic() + timeout
        launched = False
        while True:
            connection = control_socket.connect(layout.socket, timeout)
            if connection is not None:
                answer = _join(connection)
                if answer is not None:
                    return cls(connection, layout, answer, joined=not launched)
            if time.monotonic() > deadline:
                raise BrokerUnreachable(f"the RabbitMQ node in {layout.root} neither runs nor stops")
            launched = _launch_keeper(layout, port, plugins, temporary=temporary)
            if not launched:
                time.sleep(_RETRY)

    @property
    def log_file(self) -> Path:
        """The node's log."""
        return self._layout.node_log

    def restart(self, *, hard: bool = False) -> None:
        """Stop the node and start it again on the same ports and data.

        Args:
            hard: End it as a power cut would, instead of orderly.

        Raises:
            BrokerUnreachable: It did not start again.
        """
        self._request({"op": "restart", "hard": hard})

    def kill(self) -> None:
        """End the node at once, as a power cut would; `restart` brings it back."""
        self._request({"op": "kill"})

    def stop(self) -> None:
        """Leave the node. It stops when nobody else uses it, and then this waits until it has."""
        with self._one_at_a_time:
            connection, self._connection = self._connection, None
        if connection is None:
            return
        with connection:
            try:
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1024):
                    pass
            except OSError:
                # The keeper is gone already, and the node with it.
                return

    def wait(self) -> None:
        """Block until the node is gone, although it was not stopped by this user."""
        connection = self._connection
        if connection is None:
            return
        connection.settimeout(None)
        try:
            connection.recv(1)
        except OSError:
            return

    def _request(self, request: dict[str, Any]) -> None:
        with self._one_at_a_time:
            if self._connection is None:
                raise BrokerUnreachable("this user has left the RabbitMQ node already")
            answer = control_socket.ask(self._connection, request)
        if answer is None:
            raise BrokerUnreachable(f"the RabbitMQ node has ended; its log is in {self._layout.logs}")
        if "error" in answer:
            raise BrokerUnreachable(answer["error"])

    def __enter__(self) -> Self:
        """Return the node itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the node."""
        self.stop()


def _join(connection: socket.socket) -> dict[str, Any] | None:
    try:
        answer = control_socket.ask(connection, {"op": "join"})
        if answer is not None and "error" in answer:
            raise BrokerUnreachable(answer["error"])
    except TimeoutError:
        connection.close()
        raise BrokerUnreachable("the RabbitMQ node did not become ready in time") from None
    except BaseException:
        connection.close()
        raise
    if answer is None:
        connection.close()
    return answer


def _launch_keeper(
    layout: NodeFolder, port: int | None, plugins: tuple[str, ...], *, temporary: bool
) -> bool:
    """Start a keeper for the folder. False: another keeper holds the folder's lock."""
    command = [sys.executable, "-m", _KEEPER, str(layout.root), "--server", str(ensure_rabbitmq())]
    if port is not None:
        command += ["--port", str(port)]
    if plugins:
        command += ["--plugins", ",".join(plugins)]
    if temporary:
        command.append("--temporary")
    # The keeper must be of the same package as this process, wherever that was imported from.
    search_path = [str(_PACKAGE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(  # noqa: S603 - our own module
        command,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(search_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    if done.returncode == _LOCK_IS_HELD:
        return False
    if done.returncode != 0:
        last_line = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BrokerUnreachable(f"the RabbitMQ node in {layout.root} cannot be started: {last_line}")
    return True
