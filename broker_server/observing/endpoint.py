"""The HTTP of metrics and health: ``/metrics``, ``/readyz``, ``/healthz``. No login: for this machine alone.

A thread of its own answers, so that a busy event loop is seen instead of hiding itself.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from broker_server.observing.collector import WorkerCollector
from broker_server.observing.health import HealthCheck
from broker_server.observing.sources import Sources
from broker_server.settings import SettingsError

log = structlog.get_logger(__name__)

REQUEST_SECONDS = 10.0
_PLAIN, _JSON = "text/plain; charset=utf-8", "application/json"
Reply = tuple[int, str, bytes]


class Endpoint:
    """Answers over HTTP until closed.

    Args:
        host: The address to listen at.
        port: Its port.
        sources: Where everything is known.
        check: Tells how the worker is.

    Raises:
        SettingsError: The port cannot be had.
    """

    def __init__(self, host: str, port: int, *, sources: Sources, check: HealthCheck) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(WorkerCollector(sources))
        self._check = check
        self._scraping = threading.Lock()
        pages = {"/metrics": self._metrics, "/readyz": self._ready, "/healthz": self._alive}
        try:
            self._server = _Server((host, port), _handler(pages))
        except OSError as error:
            raise SettingsError(
                f"METRICS_PORT: nothing can listen at {host}:{port}: {error.strerror or error}"
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)

    @property
    def url(self) -> str:
        """Where it is."""
        host, port = self._server.server_address[:2]
        shown = str(host)
        return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def _metrics(self, accept: str) -> Reply:
        encode, content_type = choose_encoder(accept)
        with self._scraping:
            return 200, content_type, encode(self._registry)

    def _ready(self, _: str) -> Reply:
        health = self._check.ready()
        return 200 if health.ready else 503, _JSON, health.model_dump_json().encode() + b"\n"

    def _alive(self, _: str) -> Reply:
        if self._check.alive():
            return 200, _PLAIN, b"alive\n"
        return 503, _PLAIN, b"the event loop does not react\n"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind, without asking a name server for this machine's name as the base class does."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


def _handler(pages: dict[str, Callable[[str], Reply]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_SECONDS
        server_version = "sapi-broker"
        sys_version = ""

        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            if page is None:
                self._send(404, _PLAIN, f"there are {', '.join(pages)}\n".encode())
                return
            try:
                self._send(*page(self.headers.get("Accept", "")))
            except OSError:
                self.close_connection = True  # whoever asked is gone
            except Exception:
                log.exception("metrics or health cannot be told", path=self.path[:100])
                self._send(500, _PLAIN, b"a defect; the worker's log has its details\n")

        def log_message(self, format: str, *args: Any) -> None:
            """Requests are not logged: there is one every few seconds."""

        def _send(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

    return Handler
