"""A real nginx in front of a gateway, from Debian's package, with the configuration that we ship."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from broker_server.amqp.private_node.debian import ensure_package
from broker_server.amqp.private_node.ports import free_port
from broker_server.amqp.private_node.processes import dies_with_parent

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "docker" / "nginx.conf"
_PATIENCE = 30.0
_PLACES = ("/usr/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx")

_MAIN = """
error_log stderr notice;
pid {folder}/nginx.pid;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/gateway.conf;
}}
"""


def find_nginx() -> Path | None:
    """Find nginx; None when there is none."""
    found = shutil.which("nginx") or next((each for each in _PLACES if os.access(each, os.X_OK)), None)
    return None if found is None else Path(found)


def ensure_nginx() -> Path:
    """Find nginx; where there is none, install Debian's package.

    Raises:
        NotInstalled: There is none and it cannot be installed; one line says what to do.
    """
    return ensure_package(
        find_nginx,
        title="nginx",
        package="nginx-light",
        otherwise="leave out tests/integration/test_nginx.py",
    )


class Nginx:
    """A server on loopback with our configuration. A context manager.

    Args:
        folder: For its files.
        gateway: Host and port behind it.

    Attributes:
        url: Where it is.
    """

    def __init__(self, folder: Path, gateway: str) -> None:
        port = free_port()
        shipped = SHIPPED.read_text(encoding="utf-8")
        for ours, here in (
            ("server gateway:5111;", f"server {gateway};"),
            ("listen 80;", f"listen 127.0.0.1:{port};"),
            ("access_log /dev/stdout gateway;", f"access_log {folder}/access.log gateway;"),
        ):
            assert shipped.count(ours) == 1, ours
            shipped = shipped.replace(ours, here)
        (folder / "gateway.conf").write_text(shipped, encoding="utf-8")
        (folder / "nginx.conf").write_text(_MAIN.format(folder=folder), encoding="utf-8")
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder
        self._port = port
        self._command = [
            str(ensure_nginx()),
            "-p",
            str(folder),
            "-c",
            str(folder / "nginx.conf"),
            "-e",
            "stderr",
        ]

    def __enter__(self) -> Self:
        """Start it, and wait until it accepts."""
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*self._command, "-g", "daemon off; master_process off;"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=dies_with_parent(signal.SIGTERM),
            )
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port)).close()
            except ConnectionRefusedError:
                assert self._process.poll() is None, self.log()
                assert time.monotonic() < deadline, self.log()
                time.sleep(0.02)
            else:
                return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(_PATIENCE)

    def check(self) -> str:
        """What ``nginx -t`` says of the configuration."""
        done = subprocess.run([*self._command, "-t"], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def log(self) -> str:
        """What it has said of itself."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def accesses(self) -> str:
        """The log of requests."""
        return (self.folder / "access.log").read_text(encoding="utf-8")
