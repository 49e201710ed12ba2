"""Free TCP ports on loopback."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Collection
from pathlib import Path

from broker_client.errors import BrokerUnreachable

LOOPBACK = "127.0.0.1"
_PORT_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 20_000
_USUAL_FIRST_EPHEMERAL = 32_768
_ATTEMPTS = 200


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(taken: Collection[int] = ()) -> int:
    """A free loopback port below the ephemeral range.

    A port of the ephemeral range would be lost while the node restarts: clients that reconnect to it in
    the meantime can be given that very port as their own end, and even connect to themselves.

    Args:
        taken: Ports that are promised to somebody else already.

    Raises:
        BrokerUnreachable: No port was free in 200 attempts.
    """
    highest = max(_first_ephemeral_port(), _LOWEST + 1_000)
    for _ in range(_ATTEMPTS):
        port = _LOWEST + secrets.randbelow(highest - _LOWEST)
        if port not in taken and is_free(port):
            return port
    raise BrokerUnreachable(f"no free port on {LOOPBACK} between {_LOWEST} and {highest}")


def _first_ephemeral_port() -> int:
    try:
        return int(_PORT_RANGE_FILE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _USUAL_FIRST_EPHEMERAL
