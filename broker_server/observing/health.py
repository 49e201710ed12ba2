"""Whether a worker can do its work (readiness), and whether it still reacts at all (liveness).

Ready means: its consumers exist at the broker, and each vendor's session is up, or the adapter says what is
wrong with it. A brokerage that is closed at night makes no worker unready: its tasks are answered with the
reason, which is what a client is to hear.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import structlog
from pydantic import BaseModel

log = structlog.get_logger(__name__)

ASK_SECONDS = 3.0
ALIVE_SECONDS = 5.0
KEPT_SECONDS = 1.0
"""An answer is this old at most: whoever asks often does not load the broker."""
_UP_STATES = ("READY", "OVERLOADED", "ACCOUNT_PASSWORD_NOT_SET")
_DOWN_SESSIONS = ("waiting", "refused")


class NotConsuming(Exception):
    """The worker takes no tasks now; the message says why."""


class VendorHealth(BaseModel):
    """One vendor.

    Attributes:
        up: Whether its session is, as far as it is needed by now.
        session: What the adapter says: a state of its program, of its token, or the code of a failure.
        live: The state of each connection for live data.
    """

    up: bool
    session: str
    live: list[str] = []


class Health(BaseModel):
    """How a worker is.

    Attributes:
        ready: Whether it can do its work.
        reasons: Why not.
        consumers: By queue: how many consumers the broker shows, those of other workers included.
        vendors: Those that it serves, more accounts of one as ``kis/second``.
    """

    ready: bool
    reasons: list[str] = []
    consumers: dict[str, int] = {}
    vendors: dict[str, VendorHealth] = {}


class HealthReport(Health):
    """The same for ``broker.get-status``.

    Attributes:
        endpoint: Where the worker's metrics and health are; null without ``METRICS_PORT``.
    """

    endpoint: str | None = None


class HealthCheck:
    """Finds out how the worker is. Safe to use from any thread but the event loop's.

    Args:
        loop: The worker's event loop.
        consumers: Asks the broker, on that loop; raises `NotConsuming` or whatever the broker says.
        places: What is served: a vendor, or an account such as ``kis/second``.
        status: What an adapter says of itself.
        streams: What live data say of themselves, likewise.
        monotonic: Seconds.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        consumers: Callable[[], Coroutine[Any, Any, Mapping[str, int]]],
        places: Sequence[str],
        status: Callable[[str], Mapping[str, Any]],
        streams: Callable[[], Mapping[str, Any]],
        monotonic: Callable[[], float],
    ) -> None:
        self._loop = loop
        self._consumers = consumers
        self._places = places
        self._status = status
        self._streams = streams
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: tuple[float, Health] | None = None

    def ready(self) -> Health:
        """How it is, now or a moment ago. Blocks for at most some seconds."""
        with self._lock:
            known = self._known
            if known is None or self._monotonic() - known[0] > KEPT_SECONDS:
                known = self._known = (self._monotonic(), self._look())
            return known[1]

    def alive(self) -> bool:
        """Whether the event loop reacts. Blocks for at most `ALIVE_SECONDS`."""
        return self._ask(_nothing, ALIVE_SECONDS) is not None

    def _look(self) -> Health:
        reasons: list[str] = []
        consumers: Mapping[str, int] = {}
        try:
            found = self._ask(self._consumers, ASK_SECONDS)
            if found is None:
                reasons.append(f"the broker shows nothing within {ASK_SECONDS:g} s")
            else:
                consumers = found
                reasons += [f"no consumer on {queue}" for queue, count in found.items() if not count]
        except NotConsuming as error:
            reasons.append(str(error))
        except Exception as error:
            reasons.append(f"the broker cannot be asked: {error or type(error).__name__}")
        vendors, streams = {}, self._streams()
        for name in self._places:
            try:
                vendors[name] = vendor_health(self._status(name), streams.get(name) or {})
            except Exception as error:
                log.warning("an adapter cannot say how it is", vendor=name, exc_info=error)
                reasons.append(f"{name} says nothing of itself")
        return Health(ready=not reasons, reasons=reasons, consumers=dict(consumers), vendors=vendors)

    def _ask(
        self, make: Callable[[], Coroutine[Any, Any, Mapping[str, int]]], seconds: float
    ) -> Mapping[str, int] | None:
        """Run something on the event loop; ``None`` when that takes too long."""
        asked = make()
        try:
            future = asyncio.run_coroutine_threadsafe(asked, self._loop)
        except RuntimeError:  # it has ended
            asked.close()
            return None
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            return None


def vendor_health(status: Mapping[str, Any], streams: Mapping[str, Any]) -> VendorHealth:
    """How a vendor's sessions are, from what its adapter and its live data say.

    Args:
        status: Of the adapter: ``state`` of a program of the vendor's, or ``token``.
        streams: Of its live data; empty while they are not served.
    """
    sessions = streams.get("feed", {}).get("sessions", ())
    live = [str(each.get("state")) for each in sessions]
    up = not any(state in _DOWN_SESSIONS for state in live)
    token = status.get("token") or {}
    if "state" in status:
        session = str(status["state"])
        up = up and session in _UP_STATES
    else:
        session = str(token.get("failure") or token.get("state", "unknown"))
        up = up and token.get("failure") is None
    return VendorHealth(up=up, session=session, live=live)


async def _nothing() -> Mapping[str, int]:
    return {}
