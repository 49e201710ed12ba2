"""The keeper: the process that owns one private node and stops it when its last user is gone.

Every user holds a connection to the keeper's Unix socket. The system closes that connection however the
user ended, so a killed user is noticed like any other. The keeper's own children carry a death signal,
so that a killed keeper takes them down too. Requests and answers are JSON lines::

    {"op": "join"}                      {"url": …, "management_url": …, "pid": …}
    {"op": "restart", "hard": false}    {}
    {"op": "kill"}                      {}

An answer with the key ``error`` says in one line what went wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import shutil
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

from broker_client.errors import BrokerUnreachable
from broker_server.amqp.private_node import control_socket
from broker_server.amqp.private_node.broker_process import BrokerProcess, PortTaken
from broker_server.amqp.private_node.layout import MANAGEMENT_PLUGIN, NodeFolder

LOCK_IS_HELD = 3
"""Exit code: another keeper owns the folder."""
_FIRST_USER_PATIENCE = 10.0
_START_ATTEMPTS = 3
_BETWEEN_LOOKS = 0.1


class Keeper:
    """Serves the users of one node.

    Args:
        folder: The node's folder, locked by this process.
        server: The ``rabbitmq-server`` script.
        port: The AMQP port that was asked for, or None.
        plugins: Plugins to enable.
        temporary: Remove the folder when the node has stopped.
    """

    def __init__(
        self, folder: NodeFolder, server: Path, port: int | None, plugins: tuple[str, ...], *, temporary: bool
    ) -> None:
        self._folder = folder
        self._server = server
        self._port = port
        self._plugins = plugins
        self._temporary = temporary
        self._users = 0
        self._answering: set[asyncio.Task[None]] = set()
        self._leaving = asyncio.Event()
        self._changing = asyncio.Lock()
        self._was_killed = False
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._broker = self._new_broker()

    async def run(self, listener: socket.socket) -> None:
        """Start the node, serve its users, and stop it when the last one has left.

        The users' connections stay open: they are closed by the end of this process, which the users
        read as "the node has stopped and its folder is free".
        """
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._leaving.set)
        loop.add_signal_handler(signal.SIGINT, self._leaving.set)
        first_user_deadline = loop.call_later(_FIRST_USER_PATIENCE, self._leave_if_unused)
        life = asyncio.create_task(self._live())
        server = await asyncio.start_unix_server(self._serve, sock=listener)
        await self._leaving.wait()
        first_user_deadline.cancel()
        server.close()
        self._folder.socket.unlink(missing_ok=True)
        life.cancel()
        self._started.cancel()
        await asyncio.gather(life, *self._answering, return_exceptions=True)
        # Data that is thrown away needs no orderly end, which takes seconds.
        await self._broker.stop(hard=self._temporary)
        if self._temporary:
            shutil.rmtree(self._folder.root, ignore_errors=True)

    def _new_broker(self) -> BrokerProcess:
        ports = self._folder.ports(self._port, lasting=not self._temporary)
        return BrokerProcess(self._folder, self._server, ports, self._plugins)

    async def _start(self) -> None:
        for attempt in range(1, _START_ATTEMPTS + 1):
            try:
                await self._broker.start()
                return
            except PortTaken:
                await self._broker.stop()
                if self._port is not None or attempt == _START_ATTEMPTS:
                    raise
                self._broker = self._new_broker()

    async def _live(self) -> None:
        """Start the node and leave when it ends without having been told to.

        A node that cannot start is told to whoever waits for it, who then leaves.
        """
        try:
            await self._start()
        except Exception as error:
            traceback.print_exc()
            known = isinstance(error, BrokerUnreachable)
            self._started.set_exception(error if known else BrokerUnreachable(repr(error)))
            return
        self._started.set_result(None)
        while self._broker.is_running or self._was_killed:
            await self._broker.wait()
            await asyncio.sleep(_BETWEEN_LOOKS)
            async with self._changing:
                pass
        sys.stderr.write("the node ended by itself\n")
        self._leaving.set()

    def _leave_if_unused(self) -> None:
        if self._users == 0:
            self._leaving.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._users += 1
        try:
            while line := await reader.readline():
                answering = asyncio.create_task(self._reply(line, writer))
                self._answering.add(answering)
                answering.add_done_callback(self._answering.discard)
                await answering
        except (ConnectionError, ValueError) as error:
            sys.stderr.write(f"a user was dropped: {error!r}\n")
        finally:
            self._users -= 1
            if self._users == 0:
                self._leaving.set()
            if not self._leaving.is_set():
                writer.close()

    async def _reply(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        answer = await self._answer(json.loads(line))
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()

    async def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            await asyncio.shield(self._started)
            async with self._changing:
                if request["op"] == "restart":
                    await self._broker.stop_node(hard=bool(request["hard"]))
                    await self._broker.start()
                    self._was_killed = False
                elif request["op"] == "kill":
                    self._was_killed = True
                    await self._broker.stop_node(hard=True)
                elif request["op"] != "join":
                    return {"error": f"unknown operation {request['op']!r}"}
        except BrokerUnreachable as error:
            return {"error": str(error)}
        if self._leaving.is_set():
            raise ConnectionAbortedError("the node is stopping: its next user starts a new one")
        ports = self._broker.ports
        management = ports.management_url if MANAGEMENT_PLUGIN in self._plugins else None
        return {"url": ports.url, "management_url": management, "pid": os.getpid()}


def main(arguments: list[str]) -> int:
    """Become the keeper of a folder; returns once somebody can connect to it.

    Returns:
        0 when a keeper listens, `LOCK_IS_HELD` when another one owns the folder.
    """
    parser = argparse.ArgumentParser(prog="keeper", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--server", type=Path, required=True)
    parser.add_argument("--port", type=int)
    parser.add_argument("--plugins", default="")
    parser.add_argument("--temporary", action="store_true")
    options = parser.parse_args(arguments)

    folder = NodeFolder(options.folder.resolve())
    folder.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = folder.lock.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return LOCK_IS_HELD
    folder.create()  # by one keeper only
    listener = control_socket.listen(folder.socket)
    if os.fork():
        return 0
    _detach(folder)
    try:
        asyncio.run(_keep(folder, options, listener))
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


async def _keep(folder: NodeFolder, options: argparse.Namespace, listener: socket.socket) -> None:
    plugins = tuple(name for name in options.plugins.split(",") if name)
    keeper = Keeper(folder, options.server, options.port, plugins, temporary=options.temporary)
    await keeper.run(listener)


def _detach(folder: NodeFolder) -> None:
    """Let go of the caller's terminal and pipes, which would otherwise stay open as long as the node."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(folder.keeper_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, target in enumerate((nothing, log, log)):
        os.dup2(target, number)
    os.chdir("/")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
