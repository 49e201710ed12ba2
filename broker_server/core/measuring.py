"""What a worker measures of itself: plain counts in memory that cost little, read when somebody looks.

Nothing here knows how they are shown. Every label has a bounded number of values: what comes beyond the bound
is counted as `OTHER`, so that no client and no vendor can make a worker's memory grow.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from broker_server.core.methods import Lane

OTHER = "other"
MOST_SERIES = 1_000
TASK_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
CALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
TICK_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5)


@dataclass(frozen=True, slots=True)
class Series:
    """One histogram, as it is at one moment.

    Attributes:
        labels: Their values.
        buckets: How many took at most so long, one per bound and one for all, each including those before.
        total: Seconds of all together.
    """

    labels: tuple[str, ...]
    buckets: Sequence[int]
    total: float

    @property
    def count(self) -> int:
        """How many there were."""
        return self.buckets[-1]


class Timings:
    """How long something took, by labels. Safe to use from many threads.

    Args:
        bounds: Of the buckets, in seconds, rising.
        most: How many series there may be; `OTHER` takes the rest.
    """

    def __init__(self, bounds: Sequence[float], *, most: int = MOST_SERIES) -> None:
        self.bounds = tuple(bounds)
        self._most = most
        self._series: dict[tuple[str, ...], list[float]] = {}
        self._lock = threading.Lock()

    def add(self, labels: tuple[str, ...], seconds: float) -> None:
        """Count one."""
        with self._lock:
            series = self._series.get(labels)
            if series is None:
                series = self._open(labels)
            series[bisect_left(self.bounds, seconds)] += 1
            series[-1] += seconds

    def read(self) -> list[Series]:
        """Every series as it is now."""
        with self._lock:
            copies = [(labels, list(values)) for labels, values in self._series.items()]
        return [
            Series(labels, [int(count) for count in accumulate(values[:-1])], values[-1])
            for labels, values in copies
        ]

    def _open(self, labels: tuple[str, ...]) -> list[float]:
        if len(self._series) >= self._most:
            labels = tuple(OTHER for _ in labels)
        return self._series.setdefault(labels, [0.0] * (len(self.bounds) + 2))


class Meter:
    """Everything that a worker measures.

    Attributes:
        tasks: From a message's arrival to its reply, by method and status.
        deliveries: From a task's ``request_time`` to its arrival, by the clocks of two machines.
        waits: From a task's arrival to its beginning, by lane.
        calls: Of vendors, by vendor, operation and code.
        slots: How long calls waited for a vendor's rate limit, by vendor and lane.
        ticks: From an event's arrival to its way out to the broker, by vendor.
    """

    def __init__(self) -> None:
        self.tasks = Timings(TASK_SECONDS, most=3 * MOST_SERIES)
        self.deliveries = Timings(TASK_SECONDS)
        self.waits = Timings(TASK_SECONDS)
        self.calls = Timings(CALL_SECONDS)
        self.slots = Timings(CALL_SECONDS)
        self.ticks = Timings(TICK_SECONDS)

    def task_done(self, method: str, status: str, seconds: float) -> None:
        """A task was answered.

        Args:
            method: Of the registry, or `OTHER`: never what a client wrote.
            status: ``TASK_SUCCEED``, or the code of its error.
        """
        self.tasks.add((method, status), seconds)

    def task_delivered(self, seconds: float) -> None:
        """A task arrived so long after its ``request_time``; a negative time says that clocks differ."""
        self.deliveries.add((), max(0.0, seconds))

    def task_begun(self, lane: Lane, seconds: float) -> None:
        """A thread took a task up."""
        self.waits.add((LANES[lane],), seconds)

    def call_done(self, vendor: str, operation: str, code: str, seconds: float) -> None:
        """A vendor answered, or did not.

        Args:
            operation: The vendor's own name of it: a TR id.
            code: The vendor's own; or what became of a call without an answer.
        """
        self.calls.add((vendor, operation, code), seconds)

    def slot_taken(self, vendor: str, lane: Lane, seconds: float) -> None:
        """A call got its slot of the vendor's rate limit."""
        self.slots.add((vendor, LANES[lane]), seconds)

    def tick_timer(self, vendor: str, monotonic: Callable[[], float]) -> TickTimer:
        """What times the events of one vendor."""
        return TickTimer(self.ticks, vendor, monotonic)


class TickTimer:
    """Times events on their way out.

    Args:
        timings: Where they are counted.
        vendor: Theirs.
        monotonic: Seconds.
    """

    def __init__(self, timings: Timings, vendor: str, monotonic: Callable[[], float]) -> None:
        self._add = timings.add
        self._labels = (vendor,)
        self._monotonic = monotonic

    def now(self) -> float:
        """When an event came, for `sent`."""
        return self._monotonic()

    def sent(self, came: float) -> None:
        """Count the time of an event that came then and is sent now."""
        self._add(self._labels, self._monotonic() - came)


LANES = {lane: lane.name.lower() for lane in Lane}
