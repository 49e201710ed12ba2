"""Two workers at a cluster, a client that never stops, and how long each takeover took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.brokerage import Brokerage
from tests.support.cluster_load import ClusterLoad
from tests.support.processes import CommandProcess
from tests.support.rabbitmq_cluster import Cluster, ClusterNode
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until
from tests.support.wiretap import Wiretap

HEARTBEAT = 2
LEASE = "broker.owner.kis.default"
READY_SECONDS = 240.0


class ClusterWorker:
    """A worker whose way to each node, and to the brokerage, goes through proxies.

    Attributes:
        tap: Counts the orders that it sends itself.
    """

    def __init__(self, floor: ClusterFloor, first: ClusterNode, number: int) -> None:
        self._floor = floor
        self._number = number
        self._stack = ExitStack()
        self.tap = self._stack.enter_context(Wiretap(floor.brokerage))
        self._ways: list[TcpProxy] = []
        urls = []
        for url in floor.cluster.url_from(first).split(","):
            target = urlsplit(url)
            assert target.hostname is not None
            assert target.port is not None
            way = self._stack.enter_context(TcpProxy(target.hostname, target.port))
            self._ways.append(way)
            urls.append(f"amqp://guest:guest@127.0.0.1:{way.port}/%2F")
        self.url = ",".join(urls)
        self.process = self.start()

    def start(self) -> CommandProcess:
        """Start its process, the first one or another."""
        folder = self._floor.folder
        self.process = CommandProcess(
            ["run", "--simulate"],
            folder=folder,
            environment={
                **self._floor.brokerage.settings(),
                **self._floor.brokerage.live_settings(),
                **self.tap.settings,
                "BROKER_URL": self.url,
                "JOURNAL_URL": self._floor.journal_url,
                "XDG_DATA_HOME": str(folder / f"data-{self._number}"),
                "LOG_FORMAT": "json",
                "VENDORS": "kis",
                "LEASE_HEARTBEAT": str(HEARTBEAT),
                "ORDER_POLL_SECONDS": "0.5",
                "RECONCILE_SETTLE": "2",
                "ORDER_MAX_AGE": "600",
                "ORDER_MAX_PER_DAY": "none",
                "ORDER_MAX_NOTIONAL": "none",
                "KIS_RATE_LIMIT": "200",
            },
        )
        return self.process

    @property
    def leases(self) -> int:
        """How often it took the lease so far."""
        return sum("lease taken" in line for line in list(self.process.stderr_lines))

    def cut_off(self) -> None:
        """Let nothing through between it and every node, in silence."""
        for way in self._ways:
            way.pause()

    def heal(self) -> None:
        """Let everything through again."""
        for way in self._ways:
            way.resume()

    def stop(self) -> int | None:
        """End it in order, if it still runs; its exit code. A second time does nothing."""
        code = None
        if self.process.process.poll() is None:
            self.heal()
            code = self.process.terminate()
        self._stack.close()
        return code


class ClusterFloor:
    """Where two workers serve one account.

    Attributes:
        owner: The worker that had the lease when the test began; its lease is on ``lease_node``.
        standby: The other one.
        load: The client.
    """

    def __init__(self, cluster: Cluster, brokerage: Brokerage, folder: Path, journal_url: str) -> None:
        self.cluster = cluster
        self.brokerage = brokerage
        self.folder = folder
        self.journal_url = journal_url
        one, two, three = cluster.nodes
        self.lease_node = one
        self.owner = ClusterWorker(self, one, 1)
        self.owner.process.wait_ready(READY_SECONDS)
        self.standby = ClusterWorker(self, two, 2)
        self.standby.process.wait_for_line("standby", READY_SECONDS)
        assert cluster.home(LEASE) is one
        self.load = ClusterLoad(cluster.url_from(three), folder.name)

    @property
    def workers(self) -> tuple[ClusterWorker, ClusterWorker]:
        """Both."""
        return self.owner, self.standby

    def takeover(self, before: Mapping[int, int], began: float) -> float:
        """Wait until somebody takes the lease; seconds since the fault.

        Args:
            before: How often each worker had taken it, by its place in `workers`.
            began: When the fault was made, on the monotonic clock.
        """

        def taken() -> bool:
            return any(worker.leases > before[at] for at, worker in enumerate(self.workers))

        wait_until(taken, 120, "somebody to take the lease")
        return time.monotonic() - began

    def leases(self) -> dict[int, int]:
        """How often each worker has taken the lease."""
        return {at: worker.leases for at, worker in enumerate(self.workers)}

    def slowest(self, began: float) -> str:
        """The slowest read and order, and when they began, after the fault."""
        found = self.load.longest.items()
        return ", ".join(f"{what} {took:.1f} s (from {at - began:+.1f} s)" for what, (took, at) in found)

    def restore(self) -> None:
        """A whole cluster, and a way to it."""
        for worker in self.workers:
            worker.heal()
        self.cluster.restore()

    def finish(self) -> None:
        """End everything and check what became of each task."""
        for worker in self.workers:
            assert worker.stop() in (0, None), worker.process.output[-5000:]
            assert "Traceback" not in worker.process.output, worker.process.output[-8000:]
        self.load.check(self.brokerage.orders())


def tell(text: str) -> None:
    """Show a figure to whoever runs the tests with ``-s``."""
    sys.stdout.write(f"\n{text}\n")


@contextmanager
def running_floor(cluster: Cluster, folder: Path, journal_url: str) -> Iterator[ClusterFloor]:
    """A floor with its two workers; the cluster is whole again afterwards."""
    with Brokerage() as brokerage:
        floor = ClusterFloor(cluster, brokerage, folder, journal_url)
        try:
            yield floor
        finally:
            for worker in floor.workers:
                worker.stop()
            cluster.restore()
