"""Which streams are checked, and how the steps are printed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from broker_server.core.stream_requests import Registration
from broker_server.stream_check.texts import Sight

_SHORTEST_SECRET = 4


class StreamName(NamedTuple):
    """What ``--stream`` names.

    Attributes:
        tr_key: ``None`` for notices.
    """

    vendor: str
    tr_id: str
    tr_key: str | None


class Wanted(NamedTuple):
    """One stream to check, and what is seen of it."""

    name: StreamName
    registration: Registration
    sight: Sight


class Report:
    """Prints the steps, each with the seconds since the start. For any thread.

    Args:
        out: Prints a line.
        secrets: Never printed.
        monotonic: Seconds.

    Attributes:
        names_streams: There are several, so each step says which one it is about.
    """

    def __init__(
        self,
        out: Callable[[str], None],
        secrets: Iterable[str],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.names_streams = False
        self._out = out
        self._secrets = sorted(
            {each for each in secrets if len(each) >= _SHORTEST_SECRET}, key=len, reverse=True
        )
        self._monotonic = monotonic
        self._begun = monotonic()
        self._lock = threading.Lock()

    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._monotonic() - self._begun

    def step(self, text: str, sight: Sight | None = None) -> None:
        """Print a step.

        Args:
            sight: Of the stream that it is about; ``None`` for all.
        """
        about = f"{sight.label}: " if sight is not None and self.names_streams else ""
        self.line(f"{self.elapsed():6.1f} s  {about}{text}")

    def line(self, text: str) -> None:
        """Print a line."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        with self._lock:
            self._out(text)
