"""Threads for blocking work, by lane: waiting reads never hold up an order, and cancels go before all.

Orders have one thread, so those of an account leave in the order of arrival. Cancels have some, so that one
which the vendor does not answer holds up no other. Account reads, quotes and bulk reads have threads of their
own, so that twenty long histories hold up neither a balance nor a price. Subscriptions wait for the live
connection in threads of their own. Commands such as the kill switch wait for none of these. Tasks suspected
of killing a worker run alone.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from broker_server.core.methods import Lane

Job = Callable[[], None]
CANCEL_THREADS = 3
STREAM_THREADS = 8


class LanePool:
    """Threads that take the oldest waiting job first."""

    def __init__(self, name: str, threads: int) -> None:
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._stopped = False
        self._running = 0
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job. It must not raise."""
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()

    @property
    def waiting(self) -> int:
        """Jobs that have not begun."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Jobs that have begun and not ended."""
        return self._running

    def drop_waiting(self) -> None:
        """Forget the jobs that have not begun."""
        with self._changed:
            self._waiting.clear()

    def stop(self) -> None:
        """Forget what waits and let the threads end after what runs."""
        with self._changed:
            self._waiting.clear()
            self._stopped = True
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._stopped:
                    self._changed.wait()
                if self._stopped:
                    return
                job = self._waiting.popleft()
                self._running += 1
            try:
                job()
            finally:
                with self._changed:
                    self._running -= 1


class LaneExecutor:
    """The pools of a worker.

    Args:
        read_threads: How many reads may wait for vendors at the same time; half of them are for quotes, a
            quarter each for account and bulk reads.
    """

    def __init__(self, read_threads: int) -> None:
        self._commands = LanePool("commands", 1)
        self._cancels = LanePool("cancels", CANCEL_THREADS)
        self._orders = LanePool("orders", 1)
        self._suspects = LanePool("suspects", 1)
        self._reads = {
            Lane.ACCOUNT: LanePool("account", max(1, read_threads // 4)),
            Lane.QUOTE: LanePool("quotes", max(1, read_threads // 2)),
            Lane.BULK: LanePool("bulk", max(1, read_threads // 4)),
            Lane.STREAM: LanePool("streams", STREAM_THREADS),
        }
        self._pools = {
            "commands": self._commands,
            "cancels": self._cancels,
            "orders": self._orders,
            "account": self._reads[Lane.ACCOUNT],
            "quotes": self._reads[Lane.QUOTE],
            "bulk": self._reads[Lane.BULK],
            "streams": self._reads[Lane.STREAM],
            "suspects": self._suspects,
        }

    def submit(self, lane: Lane, job: Job, *, suspect: bool = False) -> None:
        """Queue a job in its lane, or in the lane of suspects, which runs one at a time."""
        if suspect and lane > Lane.ORDER:
            self._suspects.submit(job)
        elif lane is Lane.CONTROL:
            self._commands.submit(job)
        elif lane is Lane.CANCEL:
            self._cancels.submit(job)
        elif lane is Lane.ORDER:
            self._orders.submit(job)
        else:
            self._reads[lane].submit(job)

    @property
    def running(self) -> int:
        """Jobs that have begun and not ended, in all lanes."""
        return sum(pool.running for pool in self._pools.values())

    def status(self) -> dict[str, dict[str, int]]:
        """Waiting and running jobs by pool."""
        return {
            name: {"waiting": pool.waiting, "running": pool.running} for name, pool in self._pools.items()
        }

    def drop_waiting(self) -> None:
        """Forget the jobs that have not begun."""
        for pool in self._pools.values():
            pool.drop_waiting()

    def stop(self) -> None:
        """Let every thread end after what it runs."""
        for pool in self._pools.values():
            pool.stop()
