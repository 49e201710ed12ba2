"""Tells systemd how the worker is: ready, stopping, and still alive (sd_notify(3), ``Type=notify``).

Nothing happens where ``NOTIFY_SOCKET`` is not set.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import suppress

SOCKET = "NOTIFY_SOCKET"
WATCHDOG = "WATCHDOG_USEC"


class ServiceManager:
    """Sends what systemd wants to know.

    Args:
        environment: Of the process.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get(SOCKET) or None
        self._alive_every = int(environment.get(WATCHDOG) or 0) / 2_000_000
        self._beat: asyncio.TimerHandle | None = None

    def ready(self, status: str) -> None:
        """The worker serves, or stands by; from now on the event loop shows that it is alive.

        Args:
            status: One line for ``systemctl status``.
        """
        self._send(f"READY=1\nSTATUS={status}")
        if self._alive_every and self._beat is None:
            self._show_life(asyncio.get_running_loop())

    def stopping(self) -> None:
        """The worker drains."""
        self._send("STOPPING=1\nSTATUS=finishing what runs")

    def close(self) -> None:
        """Show no more life."""
        if self._beat is not None:
            self._beat.cancel()

    def _show_life(self, loop: asyncio.AbstractEventLoop) -> None:
        self._send("WATCHDOG=1")
        self._beat = loop.call_later(self._alive_every, self._show_life, loop)

    def _send(self, text: str) -> None:
        if self._address is None:
            return
        # An abstract socket is written with an @.
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with suppress(OSError, AttributeError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(text.encode(), address)
