"""An epmd of the test's own for each node, which sends the node to the others by way of proxies.

Erlang nodes find each other by name through epmd ("Distribution Protocol" in the ERTS manual). A node asks
the one at ``ERL_EPMD_PORT``; here each has its own, which answers with the port of a proxy where it would
give another node's. So what two nodes say to each other can be held up or cut, without root rights.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

ALIVE2_REQ, ALIVE2_X_RESP = 120, 118
PORT_PLEASE2_REQ, PORT2_RESP = 122, 119
NAMES_REQ = 110
NORMAL_NODE, PROTOCOL_TCP = 77, 0
VERSIONS = (6, 5)


class PortMapper:
    """One epmd on loopback.

    Args:
        find: The port at which this epmd's node reaches a node of that name; ``None`` for one unknown here.

    Attributes:
        port: For ``ERL_EPMD_PORT``.
        registered: The ports of the nodes that registered here, by name.
    """

    def __init__(self, find: Callable[[str], int | None]) -> None:
        self.registered: dict[str, int] = {}
        self._find = find
        self._creation = 1
        mapper = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError, struct.error):
                    mapper._serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, connection: Any) -> None:
        (size,) = struct.unpack(">H", _read(connection, 2))
        request = _read(connection, size)
        if request[0] == ALIVE2_REQ:
            self._register(connection, request)
        elif request[0] == PORT_PLEASE2_REQ:
            connection.sendall(self._answer(request[1:].decode()))
        elif request[0] == NAMES_REQ:
            lines = [f"name {name} at port {port}\n" for name, port in self.registered.items()]
            connection.sendall(struct.pack(">I", self.port) + "".join(lines).encode())

    def _register(self, connection: Any, request: bytes) -> None:
        (port,) = struct.unpack_from(">H", request, 1)
        (length,) = struct.unpack_from(">H", request, 9)
        name = request[11 : 11 + length].decode()
        self.registered[name] = port
        self._creation += 1
        connection.sendall(struct.pack(">BBI", ALIVE2_X_RESP, 0, self._creation))
        with suppress(OSError):
            while connection.recv(1024):  # it is registered for as long as it holds the connection
                pass
        if self.registered.get(name) == port:
            del self.registered[name]

    def _answer(self, name: str) -> bytes:
        port = self.registered.get(name) or self._find(name)
        if port is None:
            return bytes([PORT2_RESP, 1])
        encoded = name.encode()
        head = struct.pack(
            ">BBHBBHHH", PORT2_RESP, 0, port, NORMAL_NODE, PROTOCOL_TCP, *VERSIONS, len(encoded)
        )
        return head + encoded + struct.pack(">H", 0)


def _read(connection: Any, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise OSError("the node hung up")
        data += chunk
    return data
